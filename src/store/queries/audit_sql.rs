//! What the audit asks in plain SQL, without the rules that post: a second opinion. The same text serves both databases;
//! `$1` and `$2` are the page's bounds, the first excluded.

/// Payments of which an account's balance in a currency is not what the rows make of it. A charge that settled in another
/// currency than it was made in stands there as what it settled as, and its parts in proportion.
pub(super) const BALANCES: &str = "
    WITH page AS (
        SELECT id, stripe_charge_id, collection, currency, amount, refunded_amount,
            CASE WHEN settlement_currency <> currency AND settlement_amount IS NOT NULL AND amount > 0
                THEN settlement_currency ELSE currency END AS booked_in,
            CASE WHEN settlement_currency <> currency AND settlement_amount IS NOT NULL AND amount > 0
                THEN settlement_amount ELSE amount END AS settled
        FROM payments WHERE id > $1 AND id <= $2
    )
    SELECT id, account, currency, CAST(sum(should) AS BIGINT) AS should, CAST(sum(found) AS BIGINT) AS found
    FROM (
        SELECT p.id, 'platform_balance' AS account, p.booked_in AS currency,
            p.settled - CASE WHEN p.booked_in = p.currency THEN p.refunded_amount
                ELSE (p.refunded_amount * p.settled + p.amount / 2) / p.amount END AS should, 0 AS found
        FROM page AS p WHERE p.collection = 'paid'
        UNION ALL
        SELECT p.id, 'platform_balance', coalesce(d.fee_currency, d.currency), -d.fee, 0
        FROM page AS p JOIN disputes AS d ON d.stripe_charge_id = p.stripe_charge_id WHERE p.collection = 'paid'
        UNION ALL
        SELECT p.id, 'platform_balance', CASE WHEN d.currency = p.currency THEN p.booked_in ELSE d.currency END,
            -CASE WHEN d.currency <> p.currency OR p.booked_in = p.currency THEN d.amount
                ELSE (d.amount * p.settled + p.amount / 2) / p.amount END, 0
        FROM page AS p JOIN disputes AS d ON d.stripe_charge_id = p.stripe_charge_id
        WHERE p.collection = 'paid' AND d.status IN ('needs_response', 'under_review', 'lost', 'appeal_needs_response',
            'appeal_under_review')
        UNION ALL
        SELECT p.id, a.account, t.currency, a.sign * (t.amount - t.amount_reversed), 0
        FROM page AS p JOIN transfers AS t ON t.stripe_charge_id = p.stripe_charge_id
        CROSS JOIN (SELECT 'platform_balance' AS account, -1 AS sign UNION ALL SELECT 'connected_balance', 1) AS a
        UNION ALL
        SELECT p.id, 'mentor_funds', t.currency, t.amount_reversed - t.amount, 0
        FROM page AS p JOIN transfers AS t ON t.stripe_charge_id = p.stripe_charge_id
        JOIN operations AS o ON o.idempotency_key = t.operation_key AND o.payment_id = p.id
        UNION ALL
        SELECT p.id, 'mentor_debt', g.currency, CASE WHEN g.kind IN ('owed', 'returned', 'repayable') THEN g.amount
            WHEN g.kind IN ('netted', 'forgiven', 'offset') THEN -g.amount ELSE 0 END, 0
        FROM page AS p JOIN debt_entries AS g ON g.payment_id = p.id
        UNION ALL
        SELECT p.id, 'mentor_credit', g.currency, CASE WHEN g.kind IN ('carried', 'put_back') THEN -g.amount
            WHEN g.kind IN ('taken', 'offset') THEN g.amount ELSE 0 END, 0
        FROM page AS p JOIN debt_entries AS g ON g.payment_id = p.id
        UNION ALL
        SELECT p.id, e.account, e.currency, 0, e.amount
        FROM page AS p JOIN ledger_journals AS j ON j.payment_id = p.id JOIN ledger_entries AS e ON e.journal_id = j.id
        WHERE e.account IN ('platform_balance', 'connected_balance', 'mentor_funds', 'mentor_debt', 'mentor_credit')
    ) AS sums
    GROUP BY id, account, currency HAVING sum(should) <> sum(found) ORDER BY id, account, currency";

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

/// Debts and credits whose sum is not that of their entries, or not that of the ledger.
pub(super) const DEBTS: &str = "
    SELECT what, mentor_id, currency, CAST(sum(outstanding) AS BIGINT) AS outstanding,
        CAST(sum(entered) AS BIGINT) AS entered, CAST(sum(posted) AS BIGINT) AS posted
    FROM (
        SELECT 'owed' AS what, mentor_id, currency, outstanding, 0 AS entered, 0 AS posted FROM mentor_debts
        UNION ALL
        SELECT 'owed', mentor_id, currency, 0, CASE WHEN kind IN ('owed', 'returned', 'repayable') THEN amount
            WHEN kind IN ('netted', 'forgiven', 'offset') THEN -amount ELSE 0 END, 0
        FROM debt_entries
        UNION ALL
        SELECT 'owed', coalesce(mentor_id, ''), currency, 0, 0, amount FROM ledger_entries WHERE account = 'mentor_debt'
        UNION ALL
        SELECT 'carried over', mentor_id, currency, credit, 0, 0 FROM mentor_debts
        UNION ALL
        SELECT 'carried over', mentor_id, currency, 0, CASE WHEN kind IN ('carried', 'put_back') THEN amount
            WHEN kind IN ('taken', 'offset') THEN -amount ELSE 0 END, 0
        FROM debt_entries
        UNION ALL
        SELECT 'carried over', coalesce(mentor_id, ''), currency, 0, 0, -amount FROM ledger_entries
        WHERE account = 'mentor_credit'
    ) AS sums
    GROUP BY what, mentor_id, currency
    HAVING sum(outstanding) <> sum(entered) OR sum(outstanding) <> sum(posted)
    ORDER BY mentor_id, currency, what LIMIT 1000";

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
        CAST(pending + held + available + carried + paid - owed AS BIGINT) AS found
    FROM mentor_balances WHERE earned <> pending + held + available + carried + paid - owed
    ORDER BY mentor_id, currency LIMIT 1000";
