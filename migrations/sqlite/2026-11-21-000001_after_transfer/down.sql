-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
DROP TRIGGER refunds_wake_new;
DROP TRIGGER refunds_wake;
DROP TRIGGER payments_wake_paid;
DROP TRIGGER disputes_wake_new;
CREATE TRIGGER disputes_wake_new AFTER INSERT ON disputes FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status NOT IN ('transferred', 'releasing') AND stripe_charge_id = NEW.stripe_charge_id;
END;
DROP TRIGGER disputes_wake;
CREATE TRIGGER disputes_wake AFTER UPDATE OF status, stripe_charge_id ON disputes FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status NOT IN ('transferred', 'releasing')
      AND stripe_charge_id IN (OLD.stripe_charge_id, NEW.stripe_charge_id);
END;
DROP TRIGGER disputes_wake_gone;
CREATE TRIGGER disputes_wake_gone AFTER DELETE ON disputes FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status NOT IN ('transferred', 'releasing') AND stripe_charge_id = OLD.stripe_charge_id;
END;
DROP TRIGGER transfers_wake_new;
CREATE TRIGGER transfers_wake_new AFTER INSERT ON transfers FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status NOT IN ('transferred', 'releasing') AND stripe_charge_id = NEW.stripe_charge_id;
END;
DROP TRIGGER transfers_wake;
CREATE TRIGGER transfers_wake AFTER UPDATE OF amount, amount_reversed, stripe_charge_id, operation_key ON transfers FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status NOT IN ('transferred', 'releasing')
      AND stripe_charge_id IN (OLD.stripe_charge_id, NEW.stripe_charge_id);
END;
DROP TRIGGER transfers_wake_gone;
CREATE TRIGGER transfers_wake_gone AFTER DELETE ON transfers FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status NOT IN ('transferred', 'releasing') AND stripe_charge_id = OLD.stripe_charge_id;
END;
DROP TABLE debt_entries;
DROP TABLE mentor_debts;
CREATE TABLE operations_new (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    kind              TEXT        NOT NULL CONSTRAINT operations_kind_known CHECK (kind IN ('transfer')),
    payment_id        BIGINT      NOT NULL REFERENCES payments (id),
    mentor_id         TEXT        NOT NULL,
    generation        INTEGER     NOT NULL CHECK (generation >= 1),
    idempotency_key   TEXT        NOT NULL UNIQUE CHECK (length(idempotency_key) <= 255),
    amount            BIGINT      NOT NULL CONSTRAINT operations_amount_positive CHECK (amount > 0),
    currency          TEXT        NOT NULL CHECK (currency GLOB '[a-z][a-z][a-z]'),
    parameters        TEXT        NOT NULL,
    state             TEXT        NOT NULL CONSTRAINT operations_state_known
        CHECK (state IN ('planned', 'submitting', 'unknown', 'confirmed', 'rejected')),
    maybe_done        BOOLEAN     NOT NULL DEFAULT FALSE, -- some request may have been carried out
    attempts          INTEGER     NOT NULL DEFAULT 0,     -- those that count against the limit
    first_sent_at     TEXT,
    last_sent_at      TEXT,
    unknown_since     TEXT,
    next_attempt_at   TEXT,
    lease_epoch       BIGINT      NOT NULL DEFAULT 0,
    lease_owner       TEXT,
    lease_until       TEXT,
    stripe_id         TEXT UNIQUE,
    stripe_request_id TEXT,
    error_code        TEXT,
    error             TEXT,
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL,
    UNIQUE (payment_id, kind, generation),
    CONSTRAINT operations_confirmed_has_id CHECK (state <> 'confirmed' OR stripe_id IS NOT NULL),
    CONSTRAINT operations_submitting_is_leased CHECK (state <> 'submitting' OR lease_until IS NOT NULL)
);
INSERT INTO operations_new (
    id, kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, parameters, state, maybe_done,
    attempts, first_sent_at, last_sent_at, unknown_since, next_attempt_at, lease_epoch, lease_owner, lease_until, stripe_id,
    stripe_request_id, error_code, error, created_at, updated_at)
SELECT
    id, kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, parameters, state, maybe_done,
    attempts, first_sent_at, last_sent_at, unknown_since, next_attempt_at, lease_epoch, lease_owner, lease_until, stripe_id,
    stripe_request_id, error_code, error, created_at, updated_at
FROM operations;
CREATE TABLE operation_attempts_new (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id BIGINT      NOT NULL REFERENCES operations_new (id),
    kind         TEXT        NOT NULL CHECK (kind IN ('create', 'look_up', 'preflight')),
    started_at   TEXT NOT NULL,
    duration_ms  BIGINT      NOT NULL,
    http_status  INTEGER,
    error_code   TEXT,
    error        TEXT,
    request_id   TEXT
);
INSERT INTO operation_attempts_new SELECT * FROM operation_attempts;
DROP TABLE operation_attempts;
DROP TABLE operations;
ALTER TABLE operations_new RENAME TO operations;
ALTER TABLE operation_attempts_new RENAME TO operation_attempts;
CREATE INDEX operation_attempts_by_operation ON operation_attempts (operation_id);
CREATE UNIQUE INDEX operations_one_live_transfer ON operations (payment_id)
    WHERE kind = 'transfer' AND state <> 'rejected';
CREATE INDEX operations_due ON operations (next_attempt_at) WHERE state IN ('planned', 'unknown');
CREATE INDEX operations_leased ON operations (lease_until) WHERE state = 'submitting';
CREATE TRIGGER operation_attempts_no_update BEFORE UPDATE ON operation_attempts
BEGIN
    SELECT RAISE(ABORT, 'operation_attempts is append-only: rows are never changed or deleted');
END;
CREATE TRIGGER operation_attempts_no_delete BEFORE DELETE ON operation_attempts
BEGIN
    SELECT RAISE(ABORT, 'operation_attempts is append-only: rows are never changed or deleted');
END;
-- Parameters never change under a key.
CREATE TRIGGER operations_frozen BEFORE UPDATE ON operations
    FOR EACH ROW WHEN OLD.idempotency_key <> NEW.idempotency_key OR OLD.parameters <> NEW.parameters
        OR OLD.amount <> NEW.amount OR OLD.currency <> NEW.currency
BEGIN
    SELECT RAISE(ABORT, 'an operation''s parameters never change under a key');
END;

ALTER TABLE disputes DROP COLUMN fee;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, ', ''transferred'', ''netted'')', ', ''transferred'')')
WHERE type = 'table' AND name = 'payments';
PRAGMA writable_schema = RESET;
