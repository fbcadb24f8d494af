-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
DROP VIEW mentor_balances;
-- What each mentor has, by currency. Nothing here is stored: it is the sum of entries, told apart by where the payments
-- stand now. earned = pending + held + available + paid - owed.
CREATE VIEW mentor_balances AS
SELECT mentor_id, currency,
       CAST(sum(earned) AS BIGINT)    AS earned,    -- their part of what customers paid, after refunds and lost disputes
       CAST(sum(pending) AS BIGINT)   AS pending,   -- not transferred: the window is open
       CAST(sum(held) AS BIGINT)      AS held,      -- not transferred: something speaks against it
       CAST(sum(available) AS BIGINT) AS available, -- not transferred: due now, or on its way
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

DROP INDEX ledger_entries_of_credits;
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_account_known;
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_account_known
    CHECK (account IN ('platform_balance', 'connected_balance', 'platform_revenue', 'mentor_payable', 'mentor_funds',
                       'mentor_debt', 'disputed', 'dispute_fees'));
ALTER TABLE ledger_journals DROP CONSTRAINT ledger_journals_kind_known;
ALTER TABLE ledger_journals ADD CONSTRAINT ledger_journals_kind_known
    CHECK (kind IN ('charge', 'fee', 'refund', 'transfer', 'reversal', 'dispute', 'debt', 'withdrawal'));
ALTER TABLE debt_entries DROP CONSTRAINT debt_entries_kind_known;
ALTER TABLE debt_entries ADD CONSTRAINT debt_entries_kind_known
    CHECK (kind IN ('owed', 'netted', 'returned', 'forgiven', 'repayable'));
ALTER TABLE mentor_debts DROP COLUMN credit;
ALTER TABLE payments DROP CONSTRAINT payments_status_known;
ALTER TABLE payments ADD CONSTRAINT payments_status_known CHECK (status IN
    ('unpaid', 'authorized', 'pending', 'held', 'refunded', 'releasing', 'failed', 'transferred', 'netted'));
CREATE OR REPLACE FUNCTION payments_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := now();
    END IF;
    IF NEW.status IN ('transferred', 'netted') THEN
        IF OLD.status = NEW.status AND (NEW.refunded_amount, NEW.dispute_requested)
            IS DISTINCT FROM (OLD.refunded_amount, OLD.dispute_requested)
        THEN
            NEW.next_check_at := to_timestamp(0);
        END IF;
    ELSIF NEW.status <> 'releasing' AND
        (NEW.livemode, NEW.collection, NEW.stripe_charge_id, NEW.mentor_id, NEW.currency, NEW.settlement_currency,
         NEW.amount, NEW.mentor_amount, NEW.refunded_amount, NEW.fee_conflict, NEW.dispute_period_ends,
         NEW.dispute_requested, NEW.charge_disputed, NEW.destination_charge, NEW.session_starts_at, NEW.session_ends_at,
         NEW.session_completed_at, NEW.authorized_at)
        IS DISTINCT FROM
        (OLD.livemode, OLD.collection, OLD.stripe_charge_id, OLD.mentor_id, OLD.currency, OLD.settlement_currency,
         OLD.amount, OLD.mentor_amount, OLD.refunded_amount, OLD.fee_conflict, OLD.dispute_period_ends,
         OLD.dispute_requested, OLD.charge_disputed, OLD.destination_charge, OLD.session_starts_at, OLD.session_ends_at,
         OLD.session_completed_at, OLD.authorized_at)
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
ALTER TABLE disputes DROP COLUMN fee_currency;
ALTER TABLE payments DROP COLUMN settlement_amount;
