DROP VIEW mentor_balances;
DROP TABLE ledger_entries;
DROP TABLE ledger_journals;
