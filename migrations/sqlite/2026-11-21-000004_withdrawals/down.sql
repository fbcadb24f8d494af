-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
DROP VIEW mentor_balances;
DROP TRIGGER operations_frozen;
CREATE TRIGGER operations_frozen BEFORE UPDATE ON operations
    FOR EACH ROW WHEN OLD.idempotency_key <> NEW.idempotency_key OR OLD.parameters <> NEW.parameters
        OR OLD.amount <> NEW.amount OR OLD.currency <> NEW.currency
BEGIN
    SELECT RAISE(ABORT, 'an operation''s parameters never change under a key');
END;
DROP INDEX ledger_journals_by_payout;
ALTER TABLE ledger_journals DROP COLUMN payout_id;
DROP INDEX accounts_to_schedule;
ALTER TABLE accounts DROP COLUMN charges_enabled;
ALTER TABLE accounts DROP COLUMN requirements;
ALTER TABLE accounts DROP COLUMN payout_interval;
DROP TRIGGER mentors_own_payouts;
DROP TRIGGER mentors_own_payouts_new;
DROP TRIGGER payouts_changed;
DROP TRIGGER payouts_whose;
DROP INDEX payouts_by_account;
DROP INDEX payouts_to_post;
ALTER TABLE payouts DROP COLUMN mentor_id;
ALTER TABLE payouts DROP COLUMN operation_key;
ALTER TABLE payouts DROP COLUMN arrives_at;
ALTER TABLE payouts DROP COLUMN to_post;
DROP INDEX operations_one_account_at_once;
DROP INDEX operations_one_a_payout_generation;
DROP INDEX operations_one_payout_at_once;
DROP INDEX operations_one_live_payout;
ALTER TABLE operations DROP COLUMN withdrawal_id;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(sql,
    'payment_id        BIGINT      REFERENCES payments (id)', 'payment_id        BIGINT      NOT NULL REFERENCES payments (id)'),
    'amount            BIGINT      CONSTRAINT', 'amount            BIGINT      NOT NULL CONSTRAINT'),
    'currency          TEXT        CHECK', 'currency          TEXT        NOT NULL CHECK'),
    '''cancel'', ''payout'', ''account'', ''schedule''))', '''cancel'', ''payout''))')
WHERE type = 'table' AND name = 'operations';
PRAGMA writable_schema = RESET;
DROP TABLE payout_requests;
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
                     AND p.dispute_period_ends > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN -e.amount ELSE 0 END AS pending,
           CASE WHEN e.account = 'mentor_payable' AND p.status NOT IN ('unpaid', 'pending', 'releasing')
                THEN -e.amount ELSE 0 END AS held,
           CASE WHEN e.account = 'mentor_payable' AND (p.status = 'releasing' OR p.status IN ('unpaid', 'pending')
                     AND (p.dispute_period_ends IS NULL OR p.dispute_period_ends <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))
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
