-- The ledger: double entry, append-only. What is posted is the difference between what a payment's entries should come
-- to and what they do, so a journal is never corrected but by another.

CREATE TABLE ledger_journals (
    id         BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    key        TEXT        NOT NULL CONSTRAINT ledger_journals_once UNIQUE, -- payment, kind, and the how-manieth
    payment_id BIGINT      REFERENCES payments (id),
    kind       TEXT        NOT NULL CONSTRAINT ledger_journals_kind_known
        CHECK (kind IN ('charge', 'fee', 'refund', 'transfer', 'reversal', 'dispute', 'debt', 'withdrawal')),
    at         TIMESTAMPTZ NOT NULL, -- when it was posted
    note       TEXT
);
-- Serves: what is posted for a payment.
CREATE INDEX ledger_journals_by_payment ON ledger_journals (payment_id);

CREATE TABLE ledger_entries (
    id         BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    journal_id BIGINT NOT NULL REFERENCES ledger_journals (id),
    account    TEXT   NOT NULL CONSTRAINT ledger_entries_account_known
        CHECK (account IN ('platform_balance', 'connected_balance', 'platform_revenue', 'mentor_payable', 'mentor_funds',
                           'mentor_debt', 'disputed', 'dispute_fees')),
    mentor_id  TEXT, -- on the mentors' accounts, where it is known
    currency   TEXT   NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    amount     BIGINT NOT NULL CONSTRAINT ledger_entries_not_nothing CHECK (amount <> 0) -- debit positive, credit negative
);
CREATE INDEX ledger_entries_by_journal ON ledger_entries (journal_id);
-- Serves: a mentor's balances.
CREATE INDEX ledger_entries_by_mentor ON ledger_entries (mentor_id, currency) WHERE mentor_id IS NOT NULL;
-- Serves: the audit of debts.
CREATE INDEX ledger_entries_of_debts ON ledger_entries (mentor_id, currency) WHERE account = 'mentor_debt';

CREATE TRIGGER ledger_journals_append_only BEFORE UPDATE OR DELETE ON ledger_journals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_journals_no_truncate BEFORE TRUNCATE ON ledger_journals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_no_truncate BEFORE TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Both sides of a journal are written by one statement, and each statement must balance: then every journal does, always,
-- and checking it reads nothing but what is being written.
CREATE FUNCTION ledger_entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    uneven RECORD;
BEGIN
    SELECT journal_id, currency, sum(amount) AS amount INTO uneven
    FROM new_entries GROUP BY journal_id, currency HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not balance: its % entries come to %', uneven.journal_id, uneven.currency,
            uneven.amount USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_balance';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS new_entries FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_balance();

-- What each mentor has, by currency. Nothing here is stored: it is the sum of entries, told apart by where the payments
-- stand now. earned = pending + held + available + paid - owed.
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
