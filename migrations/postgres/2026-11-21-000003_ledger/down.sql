DROP VIEW mentor_balances;
DROP TABLE ledger_entries, ledger_journals;
DROP FUNCTION ledger_entries_balance();
