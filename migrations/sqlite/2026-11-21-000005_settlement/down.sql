-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
DROP VIEW mentor_balances;
DROP TRIGGER payments_wake_settlement;
DROP INDEX ledger_entries_of_credits;
ALTER TABLE mentor_debts DROP COLUMN credit;
ALTER TABLE disputes DROP COLUMN fee_currency;
ALTER TABLE payments DROP COLUMN settlement_amount;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    '''transferred'', ''carried'', ',
    '''transferred'', ')
WHERE type = 'table' AND name = 'payments';
UPDATE sqlite_schema SET sql = replace(sql,
    '''owed'', ''carried'', ''taken'', ''put_back'', ''offset'', ',
    '''owed'', ')
WHERE type = 'table' AND name = 'debt_entries';
UPDATE sqlite_schema SET sql = replace(sql,
    'kind IN (''carry'', ''charge'', ',
    'kind IN (''charge'', ')
WHERE type = 'table' AND name = 'ledger_journals';
UPDATE sqlite_schema SET sql = replace(sql,
    '''mentor_debt'', ''mentor_credit'', ',
    '''mentor_debt'', ')
WHERE type = 'table' AND name = 'ledger_entries';
PRAGMA writable_schema = RESET;
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
                     AND p.dispute_period_ends > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN -e.amount ELSE 0 END AS pending,
           CASE WHEN e.account = 'mentor_payable' AND p.status NOT IN ('unpaid', 'pending', 'releasing')
                THEN -e.amount ELSE 0 END AS held,
           CASE WHEN e.account = 'mentor_payable' AND (p.status = 'releasing' OR p.status IN ('unpaid', 'pending')
                     AND (p.dispute_period_ends IS NULL OR p.dispute_period_ends <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))
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
