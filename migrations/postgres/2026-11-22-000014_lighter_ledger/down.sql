CREATE INDEX ledger_entries_by_journal ON ledger_entries (journal_id);
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_pkey, ADD PRIMARY KEY (id);
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_journal_id_fkey
    FOREIGN KEY (journal_id) REFERENCES ledger_journals (id);
CREATE OR REPLACE FUNCTION ledger_entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
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
