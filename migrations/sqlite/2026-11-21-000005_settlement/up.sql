-- Charges that settled in another currency than they were made in, and parts that are too small to be sent alone.

-- SQLite cannot change a CHECK. Its own way for a change that touches no row is to write the new text of the table:
-- https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    '''transferred'', ',
    '''transferred'', ''carried'', ')
WHERE type = 'table' AND name = 'payments';
UPDATE sqlite_schema SET sql = replace(sql,
    '''owed'', ',
    '''owed'', ''carried'', ''taken'', ''put_back'', ''offset'', ')
WHERE type = 'table' AND name = 'debt_entries';
UPDATE sqlite_schema SET sql = replace(sql,
    'kind IN (''charge'', ',
    'kind IN (''carry'', ''charge'', ')
WHERE type = 'table' AND name = 'ledger_journals';
UPDATE sqlite_schema SET sql = replace(sql,
    '''mentor_debt'', ',
    '''mentor_debt'', ''mentor_credit'', ')
WHERE type = 'table' AND name = 'ledger_entries';
PRAGMA writable_schema = RESET;

-- What came in for the charge, before Stripe's fees: the mentor's part is converted by it.
ALTER TABLE payments ADD COLUMN settlement_amount BIGINT
    CONSTRAINT payments_settlement_amount_not_negative CHECK (settlement_amount >= 0);
-- What the fee of a dispute was taken in; NULL: the dispute's currency.
ALTER TABLE disputes ADD COLUMN fee_currency TEXT CHECK (fee_currency GLOB '[a-z][a-z][a-z]');
-- What was carried over and goes out with a later transfer. A mentor never has a credit and a debt in one currency.
ALTER TABLE mentor_debts ADD COLUMN credit BIGINT NOT NULL DEFAULT 0
    CONSTRAINT mentor_debts_credit_never_below_zero CHECK (credit >= 0);
-- Serves: the audit of credits.
CREATE INDEX ledger_entries_of_credits ON ledger_entries (mentor_id, currency) WHERE account = 'mentor_credit';

CREATE TRIGGER payments_wake_settlement AFTER UPDATE OF settlement_amount ON payments
    FOR EACH ROW WHEN NEW.status NOT IN ('transferred', 'netted', 'carried', 'releasing')
        AND OLD.settlement_amount IS NOT NEW.settlement_amount
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z' WHERE id = NEW.id;
END;

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
                     AND p.dispute_period_ends > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN -e.amount ELSE 0 END AS pending,
           CASE WHEN e.account = 'mentor_payable' AND p.status NOT IN ('unpaid', 'pending', 'releasing')
                THEN -e.amount ELSE 0 END AS held,
           CASE WHEN e.account = 'mentor_payable' AND (p.status = 'releasing' OR p.status IN ('unpaid', 'pending')
                     AND (p.dispute_period_ends IS NULL OR p.dispute_period_ends <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))
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
