-- Four entries are written for each payment that is made or paid: what each of them costs counts.

-- That their journals exist is looked up once for each journal, where both sides are added up, and not for each entry, whose foreign
-- key would also lock the journal each time. A journal is never taken away (ledger_journals_append_only), so that is all of it.
-- Each is looked up by itself: a join might read all of them, where there were few when they were last counted.
CREATE OR REPLACE FUNCTION ledger_entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    odd RECORD;
BEGIN
    SELECT * INTO odd
    FROM (SELECT journal_id, currency, sum(amount) AS amount,
                 (SELECT TRUE FROM ledger_journals WHERE id = journal_id) AS is_known
          FROM new_entries GROUP BY journal_id, currency) AS sums
    WHERE amount <> 0 OR is_known IS NULL LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF odd.is_known IS NULL THEN
        RAISE EXCEPTION 'journal % does not exist: the foreign key journal_id has to name one', odd.journal_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_entries_of_a_journal';
    END IF;
    RAISE EXCEPTION 'journal % does not balance: its % entries come to %', odd.journal_id, odd.currency,
        odd.amount USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_balance';
END $$;
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_journal_id_fkey;

-- One index for what were two: a journal's entries.
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_pkey, ADD PRIMARY KEY (journal_id, id);
DROP INDEX ledger_entries_by_journal;
