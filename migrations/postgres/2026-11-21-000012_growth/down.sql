DROP TRIGGER payments_before_update ON payments;
CREATE TRIGGER payments_before_update BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION payments_before_update();
CREATE INDEX ledger_entries_by_mentor ON ledger_entries (mentor_id, currency) WHERE mentor_id IS NOT NULL;
DROP INDEX operations_stripe_id_key;
ALTER TABLE operations ADD CONSTRAINT operations_stripe_id_key UNIQUE (stripe_id);
DROP INDEX payments_stripe_checkout_session_id_key;
ALTER TABLE payments ADD CONSTRAINT payments_stripe_checkout_session_id_key UNIQUE (stripe_checkout_session_id);
DROP INDEX payments_transfer_id_key;
ALTER TABLE payments ADD CONSTRAINT payments_transfer_id_key UNIQUE (transfer_id);
DROP INDEX emails_failed;
DROP TRIGGER operation_attempts_kept ON operation_attempts;
DROP TRIGGER operation_attempts_append_only ON operation_attempts;
CREATE TRIGGER operation_attempts_append_only BEFORE UPDATE OR DELETE ON operation_attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP FUNCTION operation_attempts_kept();
DROP INDEX api_writes_by_time;
DROP TABLE retention;
DROP INDEX payments_on_the_platform;
CREATE INDEX payments_on_the_platform ON payments (paid_at, id)
    WHERE collection = 'paid' AND status IN ('pending', 'held', 'releasing', 'failed');
DROP INDEX payments_at_rest;
CREATE INDEX payments_unfinished ON payments (status, hold_reasons, paid_at) WHERE status <> 'transferred';
DROP TRIGGER payments_count_gone ON payments;
DROP TRIGGER payments_count_moved ON payments;
DROP TRIGGER payments_count_new ON payments;
DROP FUNCTION count_payments();
DROP TABLE payment_counts;
