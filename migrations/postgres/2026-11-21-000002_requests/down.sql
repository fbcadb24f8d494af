-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
CREATE OR REPLACE FUNCTION payments_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := now();
    END IF;
    IF NEW.status IN ('transferred', 'netted') THEN
        IF OLD.status = NEW.status AND (NEW.refunded_amount, NEW.dispute_requested)
            IS DISTINCT FROM (OLD.refunded_amount, OLD.dispute_requested)
        THEN
            NEW.next_check_at := to_timestamp(0);
        END IF;
    ELSIF NEW.status <> 'releasing' AND
        (NEW.livemode, NEW.collection, NEW.stripe_charge_id, NEW.mentor_id, NEW.currency, NEW.settlement_currency,
         NEW.amount, NEW.mentor_amount, NEW.refunded_amount, NEW.fee_conflict, NEW.dispute_period_ends,
         NEW.dispute_requested, NEW.charge_disputed, NEW.destination_charge)
        IS DISTINCT FROM
        (OLD.livemode, OLD.collection, OLD.stripe_charge_id, OLD.mentor_id, OLD.currency, OLD.settlement_currency,
         OLD.amount, OLD.mentor_amount, OLD.refunded_amount, OLD.fee_conflict, OLD.dispute_period_ends,
         OLD.dispute_requested, OLD.charge_disputed, OLD.destination_charge)
    THEN
        NEW.next_check_at := to_timestamp(0);
    -- payoutd itself says when to look next where it moves a payment; a person who moves one need not.
    ELSIF NEW.status NOT IN ('releasing', 'failed')
        AND NEW.next_check_at IS NOT DISTINCT FROM OLD.next_check_at
        AND (NEW.status, NEW.wait_until) IS DISTINCT FROM (OLD.status, OLD.wait_until)
    THEN
        NEW.next_check_at := to_timestamp(0);
    END IF;
    RETURN NEW;
END $$;
DROP TABLE refund_requests;
DROP FUNCTION wake_payment_of_request();
DROP FUNCTION refund_requests_kept();
ALTER TABLE payments DROP COLUMN session_starts_at, DROP COLUMN session_ends_at, DROP COLUMN session_completed_at,
    DROP COLUMN authorized_at;
ALTER TABLE emails DROP CONSTRAINT emails_recipient_check;
ALTER TABLE emails ADD CONSTRAINT emails_recipient_check CHECK (recipient IN ('admin', 'mentor'));
ALTER TABLE payments DROP CONSTRAINT payments_collection_known;
ALTER TABLE payments ADD CONSTRAINT payments_collection_known
    CHECK (collection IN ('awaiting', 'failed', 'canceled', 'paid'));
ALTER TABLE payments DROP CONSTRAINT payments_status_known;
ALTER TABLE payments ADD CONSTRAINT payments_status_known
    CHECK (status IN ('unpaid', 'pending', 'held', 'refunded', 'releasing', 'failed', 'transferred', 'netted'));
