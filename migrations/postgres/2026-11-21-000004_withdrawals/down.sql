-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
DROP VIEW mentor_balances;
ALTER TABLE ledger_journals DROP COLUMN payout_id;
DROP INDEX accounts_to_schedule;
ALTER TABLE accounts DROP COLUMN charges_enabled, DROP COLUMN requirements, DROP COLUMN payout_interval;
DROP TRIGGER mentors_own_payouts ON mentors;
DROP FUNCTION payouts_of_new_mentor();
DROP TRIGGER payouts_before_write ON payouts;
DROP FUNCTION payouts_before_write();
DROP INDEX payouts_by_account;
ALTER TABLE payouts DROP COLUMN mentor_id, DROP COLUMN operation_key, DROP COLUMN arrives_at, DROP COLUMN to_post;
DROP TRIGGER operations_frozen ON operations;
CREATE TRIGGER operations_frozen BEFORE UPDATE ON operations
    FOR EACH ROW WHEN (OLD.idempotency_key <> NEW.idempotency_key OR OLD.parameters::text <> NEW.parameters::text
                       OR OLD.amount <> NEW.amount OR OLD.currency <> NEW.currency)
    EXECUTE FUNCTION operations_frozen();
DROP INDEX operations_one_account_at_once, operations_one_payout_at_once;
ALTER TABLE operations DROP CONSTRAINT operations_money_where_any;
ALTER TABLE operations DROP CONSTRAINT operations_about_one_thing;
ALTER TABLE operations DROP CONSTRAINT operations_kind_known;
ALTER TABLE operations ADD CONSTRAINT operations_kind_known CHECK (kind IN
    ('transfer', 'restore', 'reversal', 'refund', 'capture', 'cancel', 'payout'));
ALTER TABLE operations DROP COLUMN withdrawal_id;
ALTER TABLE operations ALTER COLUMN payment_id SET NOT NULL;
ALTER TABLE operations ALTER COLUMN amount SET NOT NULL;
ALTER TABLE operations ALTER COLUMN currency SET NOT NULL;
DROP TABLE payout_requests;
DROP FUNCTION payout_requests_kept();
DROP FUNCTION wake_payout_request();
CREATE VIEW mentor_balances AS
SELECT mentor_id, currency,
       CAST(sum(earned) AS BIGINT)    AS earned,    -- their part of what customers paid, after refunds and lost disputes
       CAST(sum(pending) AS BIGINT)   AS pending,   -- not transferred: the window is open
       CAST(sum(held) AS BIGINT)      AS held,      -- not transferred: something speaks against it
       CAST(sum(available) AS BIGINT) AS available, -- not transferred: due now, or on its way
       CAST(sum(paid) AS BIGINT)      AS paid,      -- transferred, less what was taken back
       CAST(sum(withdrawn) AS BIGINT) AS withdrawn, -- paid out to their bank
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
           0 AS withdrawn,
           CASE WHEN e.account = 'mentor_debt' THEN e.amount ELSE 0 END AS owed
    FROM ledger_entries AS e
    JOIN ledger_journals AS j ON j.id = e.journal_id
    JOIN payments AS p ON p.id = j.payment_id
    WHERE e.mentor_id IS NOT NULL
    UNION ALL
    SELECT m.id, o.currency, 0, 0, 0, 0, 0, o.amount, 0
    FROM payouts AS o
    JOIN mentors AS m ON m.stripe_account_id = o.stripe_account_id
    WHERE o.status = 'paid'
) AS parts
GROUP BY mentor_id, currency;
