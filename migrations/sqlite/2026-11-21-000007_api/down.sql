DROP INDEX payments_of_mentor;
DROP INDEX ledger_entries_history;
DROP TABLE api_writes;
