-- What follows a transfer: reversals, restores, and what a mentor owes because Stripe would not give it back.

ALTER TABLE payments DROP CONSTRAINT payments_status_known;
ALTER TABLE payments ADD CONSTRAINT payments_status_known
    CHECK (status IN ('unpaid', 'pending', 'held', 'refunded', 'releasing', 'failed', 'transferred', 'netted'));

-- Stripe's fee for a dispute, in the dispute's currency.
ALTER TABLE disputes ADD COLUMN fee BIGINT NOT NULL DEFAULT 0 CHECK (fee >= 0);

-- An operation may follow a transfer because of something: a refund's or dispute's id, or the flag.
ALTER TABLE operations ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE operations DROP CONSTRAINT operations_kind_known;
ALTER TABLE operations ADD CONSTRAINT operations_kind_known CHECK (kind IN ('transfer', 'restore', 'reversal', 'refund', 'capture', 'cancel', 'payout'));
ALTER TABLE operations DROP CONSTRAINT operations_payment_id_kind_generation_key;
CREATE UNIQUE INDEX operations_one_a_generation ON operations (payment_id, kind, cause, generation);
-- Forbids two operations at once that follow one transfer: each is measured by what the one before it left.
CREATE UNIQUE INDEX operations_one_adjustment ON operations (payment_id)
    WHERE kind <> 'transfer' AND state IN ('planned', 'submitting', 'unknown');

-- Serves: seeing whether a mentor's transfers are refused one after the other.
CREATE INDEX operations_by_mentor ON operations (mentor_id, id) WHERE kind = 'transfer';

-- What a mentor owes now. The row is locked by whoever is about to change it.
CREATE TABLE mentor_debts (
    mentor_id   TEXT   NOT NULL,
    currency    TEXT   NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    outstanding BIGINT NOT NULL CONSTRAINT mentor_debts_never_below_zero CHECK (outstanding >= 0),
    PRIMARY KEY (mentor_id, currency)
);
-- How it came about, for ever.
CREATE TABLE debt_entries (
    id         BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    mentor_id  TEXT        NOT NULL,
    currency   TEXT        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    payment_id BIGINT      NOT NULL REFERENCES payments (id), -- whose money it is about
    kind       TEXT        NOT NULL CONSTRAINT debt_entries_kind_known
        CHECK (kind IN ('owed', 'netted', 'returned', 'forgiven', 'repayable')),
    amount     BIGINT      NOT NULL CONSTRAINT debt_entries_amount_positive CHECK (amount > 0),
    cause      TEXT        NOT NULL DEFAULT '',
    generation INTEGER     NOT NULL DEFAULT 1,
    measure    JSON, -- of a payment that went wholly towards a debt: what its mentor's part was measured by
    at         TIMESTAMPTZ NOT NULL
);
CREATE INDEX debt_entries_by_payment ON debt_entries (payment_id);
CREATE INDEX debt_entries_by_mentor ON debt_entries (mentor_id);
CREATE TRIGGER debt_entries_append_only BEFORE UPDATE OR DELETE ON debt_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A payment that was paid is looked at again when something about it changes that may ask for money back.
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

CREATE OR REPLACE FUNCTION wake_payments_of_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments SET next_check_at = to_timestamp(0)
    WHERE status <> 'releasing' AND stripe_charge_id IN (OLD.stripe_charge_id, NEW.stripe_charge_id);
    RETURN NULL;
END $$;
DROP TRIGGER disputes_wake ON disputes;
CREATE TRIGGER disputes_wake_new AFTER INSERT OR DELETE ON disputes
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_charge();
CREATE TRIGGER disputes_wake AFTER UPDATE ON disputes
    FOR EACH ROW WHEN ((OLD.status, OLD.stripe_charge_id, OLD.amount, OLD.fee)
                       IS DISTINCT FROM (NEW.status, NEW.stripe_charge_id, NEW.amount, NEW.fee))
    EXECUTE FUNCTION wake_payments_of_charge();
-- Stripe tells of our own transfers, too: that alone is nothing to look at.
DROP TRIGGER transfers_wake ON transfers;
CREATE TRIGGER transfers_wake_new AFTER INSERT OR DELETE ON transfers
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_charge();
CREATE TRIGGER transfers_wake AFTER UPDATE ON transfers
    FOR EACH ROW WHEN ((OLD.amount, OLD.amount_reversed, OLD.stripe_charge_id, OLD.operation_key)
                       IS DISTINCT FROM (NEW.amount, NEW.amount_reversed, NEW.stripe_charge_id, NEW.operation_key))
    EXECUTE FUNCTION wake_payments_of_charge();
-- A refund may be told of after the charge's own figure has counted it: only then is it known which one it is.
CREATE TRIGGER refunds_wake_new AFTER INSERT OR DELETE ON refunds
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_charge();
CREATE TRIGGER refunds_wake AFTER UPDATE ON refunds
    FOR EACH ROW WHEN ((OLD.status, OLD.amount, OLD.stripe_charge_id)
                       IS DISTINCT FROM (NEW.status, NEW.amount, NEW.stripe_charge_id))
    EXECUTE FUNCTION wake_payments_of_charge();
