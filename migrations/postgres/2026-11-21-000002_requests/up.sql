-- What a payment is asked for before or beside its transfer: refunds, capture and cancellation of an authorisation.

ALTER TABLE payments DROP CONSTRAINT payments_status_known;
ALTER TABLE payments ADD CONSTRAINT payments_status_known CHECK (status IN
    ('unpaid', 'authorized', 'pending', 'held', 'refunded', 'releasing', 'failed', 'transferred', 'netted'));
ALTER TABLE payments DROP CONSTRAINT payments_collection_known;
ALTER TABLE payments ADD CONSTRAINT payments_collection_known
    CHECK (collection IN ('awaiting', 'failed', 'authorized', 'canceled', 'paid'));
ALTER TABLE emails DROP CONSTRAINT emails_recipient_check;
ALTER TABLE emails ADD CONSTRAINT emails_recipient_check CHECK (recipient IN ('admin', 'mentor', 'customer'));

-- The session, as metadata or the platform says; and since when the customer's money is reserved.
ALTER TABLE payments ADD COLUMN session_starts_at TIMESTAMPTZ;
ALTER TABLE payments ADD COLUMN session_ends_at TIMESTAMPTZ;
ALTER TABLE payments ADD COLUMN session_completed_at TIMESTAMPTZ; -- the platform sets it, or `payoutd complete`
ALTER TABLE payments ADD COLUMN authorized_at TIMESTAMPTZ;

-- Refunds that somebody asks for. An amount that cannot be is refused in words, on the row, so it is not forbidden here.
CREATE TABLE refund_requests (
    id               BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    payment_id       BIGINT      NOT NULL REFERENCES payments (id),
    amount           BIGINT, -- in minor units; NULL: all that is left
    currency         TEXT,   -- NULL: the payment's
    by_policy        BOOLEAN     NOT NULL DEFAULT FALSE, -- as much as the cancellation policy gives
    reason           TEXT        NOT NULL CONSTRAINT refund_requests_reason_given CHECK (reason <> ''),
    request_key      TEXT        UNIQUE, -- chosen by the one who asks: a repeated request with it is the same request
    requested_by     TEXT        NOT NULL DEFAULT 'sql',
    requested_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    state            TEXT        NOT NULL DEFAULT 'open' CONSTRAINT refund_requests_state_known
        CHECK (state IN ('open', 'submitted', 'done', 'refused', 'failed', 'withdrawn')),
    refunded_amount  BIGINT      CONSTRAINT refund_requests_refunded_positive CHECK (refunded_amount > 0),
    stripe_refund_id TEXT        UNIQUE,
    outcome          TEXT, -- why it was refused or failed
    settled_at       TIMESTAMPTZ,
    CONSTRAINT refund_requests_amount_or_policy CHECK (NOT by_policy OR amount IS NULL)
);
-- Serves: the decision, which asks what stands open.
CREATE INDEX refund_requests_open ON refund_requests (payment_id) WHERE state IN ('open', 'submitted');
-- Serves: a payment's timeline.
CREATE INDEX refund_requests_by_payment ON refund_requests (payment_id);

CREATE FUNCTION refund_requests_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refund request %: it is kept as it was made; make another one', OLD.id;
END $$;
CREATE TRIGGER refund_requests_no_delete BEFORE DELETE ON refund_requests
    FOR EACH ROW EXECUTE FUNCTION refund_requests_kept();
CREATE TRIGGER refund_requests_frozen BEFORE UPDATE ON refund_requests
    FOR EACH ROW WHEN ((OLD.payment_id, OLD.amount, OLD.currency, OLD.by_policy, OLD.request_key)
                       IS DISTINCT FROM (NEW.payment_id, NEW.amount, NEW.currency, NEW.by_policy, NEW.request_key))
    EXECUTE FUNCTION refund_requests_kept();

CREATE FUNCTION wake_payment_of_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments SET next_check_at = to_timestamp(0) WHERE id = NEW.payment_id AND status <> 'releasing';
    RETURN NULL;
END $$;
CREATE TRIGGER refund_requests_wake_new AFTER INSERT ON refund_requests
    FOR EACH ROW EXECUTE FUNCTION wake_payment_of_request();
CREATE TRIGGER refund_requests_wake AFTER UPDATE ON refund_requests
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION wake_payment_of_request();

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
         NEW.dispute_requested, NEW.charge_disputed, NEW.destination_charge, NEW.session_starts_at, NEW.session_ends_at,
         NEW.session_completed_at, NEW.authorized_at)
        IS DISTINCT FROM
        (OLD.livemode, OLD.collection, OLD.stripe_charge_id, OLD.mentor_id, OLD.currency, OLD.settlement_currency,
         OLD.amount, OLD.mentor_amount, OLD.refunded_amount, OLD.fee_conflict, OLD.dispute_period_ends,
         OLD.dispute_requested, OLD.charge_disputed, OLD.destination_charge, OLD.session_starts_at, OLD.session_ends_at,
         OLD.session_completed_at, OLD.authorized_at)
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
