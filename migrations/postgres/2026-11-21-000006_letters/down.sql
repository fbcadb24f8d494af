DROP INDEX mentor_debts_open;
DROP INDEX disputes_not_over;
DROP INDEX refunds_told;
DROP INDEX operations_ended;
DROP INDEX payments_unfinished;
CREATE INDEX payments_unfinished ON payments (status, hold_reasons) WHERE status <> 'transferred';
DROP INDEX payments_on_the_platform;
DROP TABLE daily_chores;
ALTER TABLE disputes DROP COLUMN evidence_due_by;
