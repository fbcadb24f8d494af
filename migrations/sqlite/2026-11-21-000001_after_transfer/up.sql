-- What follows a transfer: reversals, restores, and what a mentor owes because Stripe would not give it back.

-- SQLite cannot change a CHECK. Its own way for a change that touches no row is to write the new text of the table:
-- https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'status IN (''unpaid'', ''pending'', ''held'', ''refunded'', ''releasing'', ''failed'', ''transferred'')',
    'status IN (''unpaid'', ''pending'', ''held'', ''refunded'', ''releasing'', ''failed'', ''transferred'', ''netted'')')
WHERE type = 'table' AND name = 'payments';
PRAGMA writable_schema = RESET;

-- Stripe's fee for a dispute, in the dispute's currency.
ALTER TABLE disputes ADD COLUMN fee BIGINT NOT NULL DEFAULT 0 CHECK (fee >= 0);

-- An operation may follow a transfer because of something: a refund's or dispute's id, or the flag. The table is made
-- anew, since one of its constraints goes; the attempts with it, since they refer to it.
CREATE TABLE operations_new (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    kind              TEXT        NOT NULL CONSTRAINT operations_kind_known CHECK (kind IN ('transfer', 'restore', 'reversal', 'refund', 'capture', 'cancel', 'payout')),
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
    cause             TEXT        NOT NULL DEFAULT '',
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
CREATE UNIQUE INDEX operations_one_a_generation ON operations (payment_id, kind, cause, generation);
-- Forbids two operations at once that follow one transfer: each is measured by what the one before it left.
CREATE UNIQUE INDEX operations_one_adjustment ON operations (payment_id)
    WHERE kind <> 'transfer' AND state IN ('planned', 'submitting', 'unknown');
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

-- Serves: seeing whether a mentor's transfers are refused one after the other.
CREATE INDEX operations_by_mentor ON operations (mentor_id, id) WHERE kind = 'transfer';

-- What a mentor owes now.
CREATE TABLE mentor_debts (
    mentor_id   TEXT   NOT NULL,
    currency    TEXT   NOT NULL CHECK (length(currency) = 3 AND currency = lower(currency)),
    outstanding BIGINT NOT NULL CONSTRAINT mentor_debts_never_below_zero CHECK (outstanding >= 0),
    PRIMARY KEY (mentor_id, currency)
);
-- How it came about, for ever.
CREATE TABLE debt_entries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    mentor_id  TEXT    NOT NULL,
    currency   TEXT    NOT NULL CHECK (length(currency) = 3 AND currency = lower(currency)),
    payment_id BIGINT  NOT NULL REFERENCES payments (id), -- whose money it is about
    kind       TEXT    NOT NULL CONSTRAINT debt_entries_kind_known
        CHECK (kind IN ('owed', 'netted', 'returned', 'forgiven', 'repayable')),
    amount     BIGINT  NOT NULL CONSTRAINT debt_entries_amount_positive CHECK (amount > 0),
    cause      TEXT    NOT NULL DEFAULT '',
    generation INTEGER NOT NULL DEFAULT 1,
    measure    TEXT, -- of a payment that went wholly towards a debt: what its mentor's part was measured by
    at         TEXT    NOT NULL
);
CREATE INDEX debt_entries_by_payment ON debt_entries (payment_id);
CREATE INDEX debt_entries_by_mentor ON debt_entries (mentor_id);
CREATE TRIGGER debt_entries_no_update BEFORE UPDATE ON debt_entries
BEGIN
    SELECT RAISE(ABORT, 'debt_entries is append-only: rows are never changed or deleted');
END;
CREATE TRIGGER debt_entries_no_delete BEFORE DELETE ON debt_entries
BEGIN
    SELECT RAISE(ABORT, 'debt_entries is append-only: rows are never changed or deleted');
END;

-- A payment that was paid is looked at again when something about it changes that may ask for money back.
CREATE TRIGGER payments_wake_paid AFTER UPDATE OF refunded_amount, dispute_requested ON payments
    FOR EACH ROW WHEN NEW.status IN ('transferred', 'netted') AND OLD.status = NEW.status
        AND (OLD.refunded_amount IS NOT NEW.refunded_amount OR OLD.dispute_requested IS NOT NEW.dispute_requested)
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z' WHERE id = NEW.id;
END;
DROP TRIGGER disputes_wake_new;
CREATE TRIGGER disputes_wake_new AFTER INSERT ON disputes FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id = NEW.stripe_charge_id;
END;
DROP TRIGGER disputes_wake;
CREATE TRIGGER disputes_wake AFTER UPDATE ON disputes
    FOR EACH ROW WHEN OLD.status <> NEW.status OR OLD.stripe_charge_id <> NEW.stripe_charge_id
        OR OLD.amount <> NEW.amount OR OLD.fee <> NEW.fee
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id IN (OLD.stripe_charge_id, NEW.stripe_charge_id);
END;
DROP TRIGGER disputes_wake_gone;
CREATE TRIGGER disputes_wake_gone AFTER DELETE ON disputes FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id = OLD.stripe_charge_id;
END;
DROP TRIGGER transfers_wake_new;
CREATE TRIGGER transfers_wake_new AFTER INSERT ON transfers FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id = NEW.stripe_charge_id;
END;
-- Stripe tells of our own transfers, too: that alone is nothing to look at.
DROP TRIGGER transfers_wake;
CREATE TRIGGER transfers_wake AFTER UPDATE ON transfers
    FOR EACH ROW WHEN OLD.amount <> NEW.amount OR OLD.amount_reversed <> NEW.amount_reversed
        OR OLD.stripe_charge_id IS NOT NEW.stripe_charge_id OR OLD.operation_key IS NOT NEW.operation_key
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id IN (OLD.stripe_charge_id, NEW.stripe_charge_id);
END;
DROP TRIGGER transfers_wake_gone;
CREATE TRIGGER transfers_wake_gone AFTER DELETE ON transfers FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id = OLD.stripe_charge_id;
END;
-- A refund may be told of after the charge's own figure has counted it: only then is it known which one it is.
CREATE TRIGGER refunds_wake_new AFTER INSERT ON refunds FOR EACH ROW
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id = NEW.stripe_charge_id;
END;
CREATE TRIGGER refunds_wake AFTER UPDATE ON refunds
    FOR EACH ROW WHEN OLD.status <> NEW.status OR OLD.amount <> NEW.amount OR OLD.stripe_charge_id <> NEW.stripe_charge_id
BEGIN
    UPDATE payments SET next_check_at = '1970-01-01T00:00:00.000Z'
    WHERE status <> 'releasing' AND stripe_charge_id IN (OLD.stripe_charge_id, NEW.stripe_charge_id);
END;
