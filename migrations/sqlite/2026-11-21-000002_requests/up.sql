-- What a payment is asked for before or beside its transfer: refunds, capture and cancellation of an authorisation.

-- SQLite cannot change a CHECK: see the migration before this one.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'status IN (''unpaid'', ''pending'', ''held'', ''refunded'', ''releasing'', ''failed'', ''transferred'', ''netted'')',
    'status IN (''unpaid'', ''authorized'', ''pending'', ''held'', ''refunded'', ''releasing'', ''failed'', ''transferred'', ''netted'')')
WHERE type = 'table' AND name = 'payments';
UPDATE sqlite_schema SET sql = replace(sql,
    'collection IN (''awaiting'', ''failed'', ''canceled'', ''paid'')',
    'collection IN (''awaiting'', ''failed'', ''authorized'', ''canceled'', ''paid'')')
WHERE type = 'table' AND name = 'payments';
UPDATE sqlite_schema SET sql = replace(sql,
    'recipient IN (''admin'', ''mentor'')',
    'recipient IN (''admin'', ''mentor'', ''customer'')')
WHERE type = 'table' AND name = 'emails';
PRAGMA writable_schema = RESET;

-- The session, as metadata or the platform says; and since when the customer's money is reserved.
ALTER TABLE payments ADD COLUMN session_starts_at TEXT;
ALTER TABLE payments ADD COLUMN session_ends_at TEXT;
ALTER TABLE payments ADD COLUMN session_completed_at TEXT; -- the platform sets it, or `payoutd complete`
ALTER TABLE payments ADD COLUMN authorized_at TEXT;

-- Refunds that somebody asks for. An amount that cannot be is refused in words, on the row, so it is not forbidden here.
CREATE TABLE refund_requests (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id       BIGINT  NOT NULL REFERENCES payments (id),
    amount           BIGINT, -- in minor units; NULL: all that is left
    currency         TEXT,   -- NULL: the payment's
    by_policy        BOOLEAN NOT NULL DEFAULT FALSE, -- as much as the cancellation policy gives
    reason           TEXT    NOT NULL CONSTRAINT refund_requests_reason_given CHECK (reason <> ''),
    request_key      TEXT    UNIQUE, -- chosen by the one who asks: a repeated request with it is the same request
    requested_by     TEXT    NOT NULL DEFAULT 'sql',
    requested_at     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    state            TEXT    NOT NULL DEFAULT 'open' CONSTRAINT refund_requests_state_known
        CHECK (state IN ('open', 'submitted', 'done', 'refused', 'failed', 'withdrawn')),
    refunded_amount  BIGINT  CONSTRAINT refund_requests_refunded_positive CHECK (refunded_amount > 0),
    stripe_refund_id TEXT    UNIQUE,
    outcome          TEXT, -- why it was refused or failed
    settled_at       TEXT,
    CONSTRAINT refund_requests_amount_or_policy CHECK (NOT by_policy OR amount IS NULL)
);
-- Serves: the decision, which asks what stands open.
CREATE INDEX refund_requests_open ON refund_requests (payment_id) WHERE state IN ('open', 'submitted');
-- Serves: a payment's timeline.
CREATE INDEX refund_requests_by_payment ON refund_requests (payment_id);

CREATE TRIGGER refund_requests_no_delete BEFORE DELETE ON refund_requests
BEGIN
    SELECT RAISE(ABORT, 'a refund request is kept as it was made; make another one');
END;
CREATE TRIGGER refund_requests_frozen BEFORE UPDATE ON refund_requests
    FOR EACH ROW WHEN OLD.payment_id IS NOT NEW.payment_id OR OLD.amount IS NOT NEW.amount
        OR OLD.currency IS NOT NEW.currency OR OLD.by_policy IS NOT NEW.by_policy
        OR OLD.request_key IS NOT NEW.request_key
BEGIN
    SELECT RAISE(ABORT, 'a refund request is kept as it was made; make another one');
END;
CREATE TRIGGER refund_requests_wake_new AFTER INSERT ON refund_requests FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z' WHERE id = NEW.payment_id AND status <> 'releasing';
END;
CREATE TRIGGER refund_requests_wake AFTER UPDATE ON refund_requests FOR EACH ROW WHEN OLD.state <> NEW.state
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z' WHERE id = NEW.payment_id AND status <> 'releasing';
END;
CREATE TRIGGER payments_wake_session AFTER UPDATE OF session_starts_at, session_ends_at, session_completed_at, authorized_at
    ON payments FOR EACH ROW WHEN NEW.status NOT IN ('transferred', 'netted', 'releasing')
        AND (OLD.session_starts_at IS NOT NEW.session_starts_at OR OLD.session_ends_at IS NOT NEW.session_ends_at
             OR OLD.session_completed_at IS NOT NEW.session_completed_at OR OLD.authorized_at IS NOT NEW.authorized_at)
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z' WHERE id = NEW.id;
END;
