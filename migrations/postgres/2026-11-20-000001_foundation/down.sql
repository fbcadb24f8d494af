DROP TABLE audit_log, runs, emails, webhook_events, operation_attempts, operations, holds, payouts, transfers, disputes,
    refunds, payments, payment_sources, accounts, mentors CASCADE;
DROP FUNCTION payments_before_update, payments_audit_flag, wake_payments_of_hold, wake_payments_of_charge,
    wake_payments_of_mentor, wake_payments_of_account, refuse_change, operations_frozen;
