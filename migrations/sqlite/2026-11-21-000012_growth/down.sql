DROP INDEX emails_failed;
DROP TRIGGER operation_attempts_no_delete;
CREATE TRIGGER operation_attempts_no_delete BEFORE DELETE ON operation_attempts
BEGIN
    SELECT RAISE(ABORT, 'operation_attempts is append-only: rows are never changed or deleted');
END;
DROP INDEX api_writes_by_time;
DROP TABLE retention;
DROP INDEX payments_on_the_platform;
CREATE INDEX payments_on_the_platform ON payments (paid_at, id)
    WHERE collection = 'paid' AND status IN ('pending', 'held', 'releasing', 'failed');
DROP INDEX payments_at_rest;
CREATE INDEX payments_unfinished ON payments (status, hold_reasons, paid_at) WHERE status <> 'transferred';
DROP TRIGGER payments_count_gone;
DROP TRIGGER payments_count_moved;
DROP TRIGGER payments_count_new;
DROP TABLE payment_counts;
