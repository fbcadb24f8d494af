-- Charges that settled in another currency than they were made in, and parts that are too small to be sent alone.

-- What came in for the charge, before Stripe's fees: the mentor's part is converted by it.
ALTER TABLE payments ADD COLUMN settlement_amount BIGINT
    CONSTRAINT payments_settlement_amount_not_negative CHECK (settlement_amount >= 0);
-- What the fee of a dispute was taken in; NULL: the dispute's currency.
ALTER TABLE disputes ADD COLUMN fee_currency TEXT CHECK (fee_currency ~ '^[a-z]{3}$');

ALTER TABLE payments DROP CONSTRAINT payments_status_known;
ALTER TABLE payments ADD CONSTRAINT payments_status_known CHECK (status IN
    ('unpaid', 'authorized', 'pending', 'held', 'refunded', 'releasing', 'failed', 'transferred', 'carried', 'netted'));

-- What was carried over and goes out with a later transfer. A mentor never has a credit and a debt in one currency.
ALTER TABLE mentor_debts ADD COLUMN credit BIGINT NOT NULL DEFAULT 0
    CONSTRAINT mentor_debts_credit_never_below_zero CHECK (credit >= 0);
ALTER TABLE debt_entries DROP CONSTRAINT debt_entries_kind_known;
ALTER TABLE debt_entries ADD CONSTRAINT debt_entries_kind_known CHECK (kind IN
    ('owed', 'carried', 'taken', 'put_back', 'offset', 'netted', 'returned', 'forgiven', 'repayable'));
ALTER TABLE ledger_journals DROP CONSTRAINT ledger_journals_kind_known;
ALTER TABLE ledger_journals ADD CONSTRAINT ledger_journals_kind_known
    CHECK (kind IN ('carry', 'charge', 'fee', 'refund', 'transfer', 'reversal', 'dispute', 'debt', 'withdrawal'));
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_account_known;
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_account_known
    CHECK (account IN ('platform_balance', 'connected_balance', 'platform_revenue', 'mentor_payable', 'mentor_funds',
                       'mentor_debt', 'mentor_credit', 'disputed', 'dispute_fees'));
-- Serves: the audit of credits.
CREATE INDEX ledger_entries_of_credits ON ledger_entries (mentor_id, currency) WHERE account = 'mentor_credit';

CREATE OR REPLACE FUNCTION payments_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := now();
    END IF;
    IF NEW.status IN ('transferred', 'netted', 'carried') THEN
        IF OLD.status = NEW.status AND (NEW.refunded_amount, NEW.dispute_requested)
            IS DISTINCT FROM (OLD.refunded_amount, OLD.dispute_requested)
        THEN
            NEW.next_check_at := to_timestamp(0);
        END IF;
    ELSIF NEW.status <> 'releasing' AND
        (NEW.livemode, NEW.collection, NEW.stripe_charge_id, NEW.mentor_id, NEW.currency, NEW.settlement_currency,
         NEW.amount, NEW.mentor_amount, NEW.refunded_amount, NEW.fee_conflict, NEW.dispute_period_ends,
         NEW.dispute_requested, NEW.charge_disputed, NEW.destination_charge, NEW.session_starts_at, NEW.session_ends_at,
         NEW.session_completed_at, NEW.authorized_at, NEW.settlement_amount)
        IS DISTINCT FROM
        (OLD.livemode, OLD.collection, OLD.stripe_charge_id, OLD.mentor_id, OLD.currency, OLD.settlement_currency,
         OLD.amount, OLD.mentor_amount, OLD.refunded_amount, OLD.fee_conflict, OLD.dispute_period_ends,
         OLD.dispute_requested, OLD.charge_disputed, OLD.destination_charge, OLD.session_starts_at, OLD.session_ends_at,
         OLD.session_completed_at, OLD.authorized_at, OLD.settlement_amount)
    THEN
        NEW.next_check_at := to_timestamp(0);
    -- payoutd itself says when to look next where it moves a payment; a person who moves one need not.
    ELSIF NEW.status NOT IN ('releasing', 'failed')
        AND NEW.next_check_at IS NOT DISTINCT FROM OLD.next_check_at
        AND (NEW.status, NEW.wait_until) IS DISTINCT FROM (OLD.status, OLD.wait_until)
    THEN
        NEW.next_check_at := to_timestamp(0);
    END IF;
    RETURN NEW;
END $$;

DROP VIEW mentor_balances;
-- What each mentor has, by currency. Nothing here is stored: it is the sum of entries, told apart by where the payments
-- stand now. earned = pending + held + available + carried + paid - owed.
CREATE VIEW mentor_balances AS
SELECT mentor_id, currency,
       CAST(sum(earned) AS BIGINT)    AS earned,    -- their part of what customers paid, after refunds and lost disputes
       CAST(sum(pending) AS BIGINT)   AS pending,   -- not transferred: the window is open
       CAST(sum(held) AS BIGINT)      AS held,      -- not transferred: something speaks against it
       CAST(sum(available) AS BIGINT) AS available, -- not transferred: due now, or on its way
       CAST(sum(carried) AS BIGINT)   AS carried,   -- too small to be sent alone: goes out with a later transfer
       CAST(sum(paid) AS BIGINT)      AS paid,      -- transferred, less what was taken back
       CAST(sum(withdrawn) AS BIGINT) AS withdrawn, -- sent on to their bank, by payoutd or by other hands
       CAST(sum(owed) AS BIGINT)      AS owed       -- their debt
FROM (
    SELECT e.mentor_id, e.currency,
           CASE WHEN e.account = 'mentor_payable' AND j.kind IN ('charge', 'fee', 'refund', 'dispute')
                THEN -e.amount ELSE 0 END AS earned,
           CASE WHEN e.account = 'mentor_payable' AND p.status IN ('unpaid', 'pending')
                     AND p.dispute_period_ends > now() THEN -e.amount ELSE 0 END AS pending,
           CASE WHEN e.account = 'mentor_payable' AND p.status NOT IN ('unpaid', 'pending', 'releasing')
                THEN -e.amount ELSE 0 END AS held,
           CASE WHEN e.account = 'mentor_payable' AND (p.status = 'releasing' OR p.status IN ('unpaid', 'pending')
                     AND (p.dispute_period_ends IS NULL OR p.dispute_period_ends <= now()))
                THEN -e.amount ELSE 0 END AS available,
           CASE WHEN e.account = 'mentor_credit' THEN -e.amount ELSE 0 END AS carried,
           CASE WHEN e.account = 'mentor_funds' AND j.kind IN ('transfer', 'reversal')
                THEN -e.amount ELSE 0 END AS paid,
           CASE WHEN e.account = 'mentor_funds' AND j.kind = 'withdrawal' THEN e.amount ELSE 0 END AS withdrawn,
           CASE WHEN e.account = 'mentor_debt' THEN e.amount ELSE 0 END AS owed
    FROM ledger_entries AS e
    JOIN ledger_journals AS j ON j.id = e.journal_id
    LEFT JOIN payments AS p ON p.id = j.payment_id
    WHERE e.mentor_id IS NOT NULL
) AS parts
GROUP BY mentor_id, currency;
