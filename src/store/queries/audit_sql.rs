//! What the audit asks in plain SQL, without the rules that post: a second opinion. The same text serves both databases;
//! `$1` and `$2` are the page's bounds, the first excluded.

/// What four accounts should come to for each payment, by the rows, and what they do. `[should, is]` for each.
pub(super) const BALANCES: &str = "
    SELECT p.id,
        CAST(CASE WHEN p.collection = 'paid' THEN p.amount - p.refunded_amount - coalesce((
                SELECT sum(d.fee + CASE WHEN d.status IN ('needs_response', 'under_review', 'lost',
                    'appeal_needs_response', 'appeal_under_review') THEN d.amount ELSE 0 END)
                FROM disputes AS d WHERE d.stripe_charge_id = p.stripe_charge_id), 0) ELSE 0 END
            - coalesce((SELECT sum(t.amount - t.amount_reversed) FROM transfers AS t
                WHERE t.stripe_charge_id = p.stripe_charge_id), 0) AS BIGINT) AS platform_should,
        CAST(coalesce((SELECT sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payment_id = p.id AND e.account = 'platform_balance'), 0) AS BIGINT) AS platform_is,
        CAST(coalesce((SELECT sum(t.amount - t.amount_reversed) FROM transfers AS t
            WHERE t.stripe_charge_id = p.stripe_charge_id), 0) AS BIGINT) AS connected_should,
        CAST(coalesce((SELECT sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payment_id = p.id AND e.account = 'connected_balance'), 0) AS BIGINT) AS connected_is,
        CAST(coalesce((SELECT sum(t.amount_reversed - t.amount) FROM transfers AS t
            JOIN operations AS o ON o.idempotency_key = t.operation_key AND o.payment_id = p.id
            WHERE t.stripe_charge_id = p.stripe_charge_id), 0) AS BIGINT) AS funds_should,
        CAST(coalesce((SELECT sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payment_id = p.id AND e.account = 'mentor_funds'), 0) AS BIGINT) AS funds_is,
        CAST(coalesce((SELECT sum(CASE WHEN g.kind IN ('owed', 'returned', 'repayable') THEN g.amount ELSE -g.amount END)
            FROM debt_entries AS g WHERE g.payment_id = p.id), 0) AS BIGINT) AS debt_should,
        CAST(coalesce((SELECT sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payment_id = p.id AND e.account = 'mentor_debt'), 0) AS BIGINT) AS debt_is
    FROM payments AS p WHERE p.id > $1 AND p.id <= $2 ORDER BY p.id";

/// Journals of these payments whose sides differ, or that have none.
pub(super) const JOURNALS: &str = "
    SELECT j.id, e.currency, CAST(coalesce(sum(e.amount), 0) AS BIGINT) AS amount
    FROM ledger_journals AS j LEFT JOIN ledger_entries AS e ON e.journal_id = j.id
    WHERE j.payment_id > $1 AND j.payment_id <= $2
    GROUP BY j.id, e.currency HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) = 0 ORDER BY j.id";

/// The same, of journals that name no payment.
pub(super) const OTHER_JOURNALS: &str = "
    SELECT j.id, e.currency, CAST(coalesce(sum(e.amount), 0) AS BIGINT) AS amount
    FROM ledger_journals AS j LEFT JOIN ledger_entries AS e ON e.journal_id = j.id
    WHERE j.payment_id IS NULL
    GROUP BY j.id, e.currency HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) = 0 ORDER BY j.id LIMIT 1000";

/// Confirmed transfers that Stripe has not told of, or told of otherwise than they were ordered.
pub(super) const TRANSFERS: &str = "
    SELECT o.payment_id AS id, o.stripe_id AS name, o.amount AS should, t.amount AS found
    FROM operations AS o LEFT JOIN transfers AS t
        ON t.stripe_transfer_id = o.stripe_id AND t.operation_key = o.idempotency_key AND t.currency = o.currency
    WHERE o.kind IN ('transfer', 'restore') AND o.state = 'confirmed' AND o.payment_id > $1 AND o.payment_id <= $2
        AND (t.amount IS NULL OR t.amount <> o.amount)
    ORDER BY o.id";

/// Payments of which payoutd took back more than Stripe has told of as reversed.
pub(super) const REVERSALS: &str = "
    SELECT p.id, CAST(r.asked AS BIGINT) AS should, CAST(coalesce((SELECT sum(t.amount_reversed) FROM transfers AS t
        JOIN operations AS f ON f.idempotency_key = t.operation_key WHERE f.payment_id = p.id), 0) AS BIGINT) AS found
    FROM payments AS p JOIN (
        SELECT payment_id, sum(amount) AS asked FROM operations
        WHERE kind = 'reversal' AND state = 'confirmed' AND payment_id > $1 AND payment_id <= $2 GROUP BY payment_id
    ) AS r ON r.payment_id = p.id
    WHERE r.asked > coalesce((SELECT sum(t.amount_reversed) FROM transfers AS t
        JOIN operations AS f ON f.idempotency_key = t.operation_key WHERE f.payment_id = p.id), 0)
    ORDER BY p.id";

/// Debts whose sum is not that of their entries, or not that of the ledger.
pub(super) const DEBTS: &str = "
    SELECT mentor_id, currency, CAST(sum(outstanding) AS BIGINT) AS outstanding, CAST(sum(entered) AS BIGINT) AS entered,
        CAST(sum(posted) AS BIGINT) AS posted
    FROM (
        SELECT mentor_id, currency, outstanding, 0 AS entered, 0 AS posted FROM mentor_debts
        UNION ALL
        SELECT mentor_id, currency, 0, CASE WHEN kind IN ('owed', 'returned', 'repayable') THEN amount ELSE -amount END, 0
        FROM debt_entries
        UNION ALL
        SELECT coalesce(mentor_id, ''), currency, 0, 0, amount FROM ledger_entries WHERE account = 'mentor_debt'
    ) AS sums
    GROUP BY mentor_id, currency
    HAVING sum(outstanding) <> sum(entered) OR sum(outstanding) <> sum(posted)
    ORDER BY mentor_id, currency LIMIT 1000";

/// Payouts of connected accounts whose entries are not what their rows say: `should` is what has left the account.
pub(super) const PAYOUTS: &str = "
    SELECT o.stripe_payout_id AS name, o.should,
        CAST(coalesce((SELECT -sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payout_id = o.stripe_payout_id AND e.account = 'connected_balance' AND e.currency = o.currency), 0)
            AS BIGINT) AS connected,
        CAST(coalesce((SELECT sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payout_id = o.stripe_payout_id AND e.account = 'mentor_funds' AND e.currency = o.currency
                AND coalesce(e.mentor_id, '') = coalesce(o.mentor_id, '')), 0) AS BIGINT) AS funds
    FROM (SELECT stripe_payout_id, mentor_id, currency,
            CASE WHEN stripe_account_id IS NULL OR status IN ('failed', 'canceled') THEN 0 ELSE amount END AS should
        FROM payouts) AS o
    WHERE o.should <> coalesce((SELECT -sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payout_id = o.stripe_payout_id AND e.account = 'connected_balance' AND e.currency = o.currency), 0)
        OR o.should <> coalesce((SELECT sum(e.amount) FROM ledger_journals AS j JOIN ledger_entries AS e ON e.journal_id = j.id
            WHERE j.payout_id = o.stripe_payout_id AND e.account = 'mentor_funds' AND e.currency = o.currency
                AND coalesce(e.mentor_id, '') = coalesce(o.mentor_id, '')), 0)
    ORDER BY o.stripe_payout_id LIMIT 1000";

/// Withdrawals that are not what their operation and what Stripe told say: confirmed without a payout, of another amount,
/// or standing otherwise than their payout.
pub(super) const WITHDRAWALS: &str = "
    SELECT r.id, r.state, p.status, CAST(coalesce(o.amount, r.paid_out) AS BIGINT) AS should, p.amount AS found
    FROM payout_requests AS r
    LEFT JOIN operations AS o ON o.withdrawal_id = r.id AND o.state = 'confirmed'
    LEFT JOIN payouts AS p ON p.stripe_payout_id = coalesce(o.stripe_id, r.stripe_payout_id)
    WHERE (o.id IS NOT NULL OR r.stripe_payout_id IS NOT NULL) AND (
        p.amount IS NULL OR r.paid_out IS NULL OR r.paid_out <> p.amount OR o.amount <> p.amount
        OR r.stripe_payout_id <> p.stripe_payout_id
        OR r.state <> CASE p.status WHEN 'paid' THEN 'paid' WHEN 'failed' THEN 'failed' WHEN 'canceled' THEN 'canceled'
            ELSE 'in_transit' END)
        OR (o.id IS NULL AND r.stripe_payout_id IS NULL AND r.state IN ('in_transit', 'paid'))
    ORDER BY r.id LIMIT 1000";

/// Mentors whose balances do not add up.
pub(super) const MENTORS: &str = "
    SELECT mentor_id, currency, earned AS should,
        CAST(pending + held + available + paid - owed AS BIGINT) AS found
    FROM mentor_balances WHERE earned <> pending + held + available + paid - owed
    ORDER BY mentor_id, currency LIMIT 1000";
