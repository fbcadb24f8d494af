-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
DROP TRIGGER refunds_wake_new ON refunds;
DROP TRIGGER refunds_wake ON refunds;
DROP TRIGGER disputes_wake_new ON disputes;
DROP TRIGGER disputes_wake ON disputes;
DROP TRIGGER transfers_wake_new ON transfers;
DROP TRIGGER transfers_wake ON transfers;
CREATE OR REPLACE FUNCTION payments_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := now();
    END IF;
    IF NEW.status NOT IN ('transferred', 'releasing') AND
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
    ELSIF NEW.status NOT IN ('transferred', 'releasing', 'failed')
        AND NEW.next_check_at IS NOT DISTINCT FROM OLD.next_check_at
        AND (NEW.status, NEW.wait_until) IS DISTINCT FROM (OLD.status, OLD.wait_until)
    THEN
        NEW.next_check_at := to_timestamp(0);
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION wake_payments_of_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments SET next_check_at = to_timestamp(0)
    WHERE status NOT IN ('transferred', 'releasing')
      AND stripe_charge_id IN (OLD.stripe_charge_id, NEW.stripe_charge_id);
    RETURN NULL;
END $$;
CREATE TRIGGER disputes_wake AFTER INSERT OR UPDATE OF status, stripe_charge_id OR DELETE ON disputes
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_charge();
CREATE TRIGGER transfers_wake
    AFTER INSERT OR UPDATE OF amount, amount_reversed, stripe_charge_id, operation_key OR DELETE ON transfers
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_charge();
DROP TABLE debt_entries, mentor_debts;
DROP INDEX operations_one_a_generation, operations_one_adjustment, operations_by_mentor;
ALTER TABLE operations DROP CONSTRAINT operations_kind_known;
ALTER TABLE operations ADD CONSTRAINT operations_kind_known CHECK (kind IN ('transfer'));
ALTER TABLE operations DROP COLUMN cause;
ALTER TABLE operations ADD CONSTRAINT operations_payment_id_kind_generation_key UNIQUE (payment_id, kind, generation);
ALTER TABLE disputes DROP COLUMN fee;
ALTER TABLE payments DROP CONSTRAINT payments_status_known;
ALTER TABLE payments ADD CONSTRAINT payments_status_known
    CHECK (status IN ('unpaid', 'pending', 'held', 'refunded', 'releasing', 'failed', 'transferred'));
