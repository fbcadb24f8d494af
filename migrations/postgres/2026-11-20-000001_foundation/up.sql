-- The foundation: what Stripe told, what people decided, what payoutd did about it.
-- Amounts are BIGINT minor units with a lower-case ISO 4217 code. Times are UTC.

-- Mentors -----------------------------------------------------------------------------------------------------------

CREATE TABLE mentors (
    id                TEXT PRIMARY KEY CHECK (id <> ''), -- the platform's id, as in the payments' metadata
    name              TEXT,
    email             TEXT,
    stripe_account_id TEXT UNIQUE,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at        TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A connected account as Stripe last told of it. Keyed by Stripe's id, since Stripe may tell of an account before the
-- platform says whose it is. Capability and the rest carry a stamp each: they come in different events.
CREATE TABLE accounts (
    stripe_account_id  TEXT PRIMARY KEY,
    transfers          TEXT        NOT NULL CONSTRAINT accounts_transfers_known
        CHECK (transfers IN ('active', 'pending', 'inactive')),
    details_submitted  BOOLEAN     NOT NULL DEFAULT FALSE,
    payouts_enabled    BOOLEAN     NOT NULL DEFAULT FALSE,
    disabled_reason    TEXT,
    deauthorized_at    TIMESTAMPTZ,
    transfers_told_at  TIMESTAMPTZ NOT NULL,
    transfers_rank     SMALLINT    NOT NULL,
    transfers_event_id TEXT        NOT NULL,
    details_told_at    TIMESTAMPTZ,
    details_event_id   TEXT,
    read_at            TIMESTAMPTZ -- when payoutd last read it from Stripe itself
);

-- Payments ----------------------------------------------------------------------------------------------------------

-- What each of Stripe's objects last said about a payment; the payment's row is put together from these.
CREATE TABLE payment_sources (
    object_id   TEXT PRIMARY KEY,
    kind        TEXT        NOT NULL CHECK (kind IN ('charge', 'payment_intent', 'checkout_session')),
    payment_key TEXT        NOT NULL,
    told_at     TIMESTAMPTZ NOT NULL,
    rank        SMALLINT    NOT NULL,
    event_id    TEXT        NOT NULL,
    says        JSON        NOT NULL
);
-- Serves: putting one payment together.
CREATE INDEX payment_sources_by_payment ON payment_sources (payment_key);

-- mentor_id has no foreign key on purpose: a charge may name a mentor before the platform tells payoutd of them. It is
-- recorded and held, and released by itself once the mentor is added.
CREATE TABLE payments (
    id                         BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    payment_key                TEXT        NOT NULL UNIQUE, -- the payment intent, or the charge where there is none
    livemode                   BOOLEAN     NOT NULL,
    status                     TEXT        NOT NULL DEFAULT 'pending' CONSTRAINT payments_status_known
        CHECK (status IN ('unpaid', 'pending', 'held', 'refunded', 'releasing', 'failed', 'transferred')),
    collection                 TEXT        NOT NULL CONSTRAINT payments_collection_known
        CHECK (collection IN ('awaiting', 'failed', 'canceled', 'paid')),
    stripe_payment_intent_id   TEXT UNIQUE,
    stripe_checkout_session_id TEXT UNIQUE,
    stripe_charge_id           TEXT UNIQUE,
    booking_id                 TEXT,
    mentor_id                  TEXT,
    customer_name              TEXT,
    customer_email             TEXT,
    currency                   TEXT        NOT NULL CONSTRAINT payments_currency_lower_case
        CHECK (currency ~ '^[a-z]{3}$'),
    settlement_currency        TEXT        CONSTRAINT payments_settlement_currency_lower_case
        CHECK (settlement_currency ~ '^[a-z]{3}$'),
    amount                     BIGINT      NOT NULL CONSTRAINT payments_amount_not_negative CHECK (amount >= 0),
    platform_fee               BIGINT      NOT NULL CONSTRAINT payments_fee_not_negative CHECK (platform_fee >= 0),
    mentor_amount              BIGINT      NOT NULL CONSTRAINT payments_mentor_amount_not_negative
        CHECK (mentor_amount >= 0),
    refunded_amount            BIGINT      NOT NULL DEFAULT 0 CONSTRAINT payments_refunded_within_amount
        CHECK (refunded_amount >= 0 AND refunded_amount <= amount),
    platform_fee_bps           INTEGER     NOT NULL CONSTRAINT payments_fee_at_most_all
        CHECK (platform_fee_bps BETWEEN 0 AND 10000), -- the rate that held when the payment was first recorded
    fee_conflict               TEXT,
    paid_at                    TIMESTAMPTZ,
    dispute_period_ends        TIMESTAMPTZ,
    dispute_requested          BOOLEAN     NOT NULL DEFAULT FALSE, -- the admin's flag: set it and nothing is paid
    dispute_reason             TEXT,
    flagged_by                 TEXT,                               -- optional: who flagged, for the audit log
    charge_disputed            BOOLEAN     NOT NULL DEFAULT FALSE,
    destination_charge         BOOLEAN     NOT NULL DEFAULT FALSE,
    transfer_group             TEXT,
    wait_until                 TIMESTAMPTZ,
    wait_reason                TEXT        CONSTRAINT payments_wait_reason_known
        CHECK (wait_reason IN ('funds', 'preflight')),
    hold_reasons               TEXT        NOT NULL DEFAULT '', -- codes, as last decided; `payoutd explain` decides anew
    next_check_at              TIMESTAMPTZ DEFAULT to_timestamp(0), -- NULL: nothing to do until a fact changes
    transfer_id                TEXT UNIQUE,
    transfer_status            TEXT        CONSTRAINT payments_transfer_status_known
        CHECK (transfer_status IN ('paid', 'partly_reversed', 'reversed')),
    transfer_retry_count       INTEGER     NOT NULL DEFAULT 0,
    transfer_error             TEXT,
    transferred_at             TIMESTAMPTZ,
    metadata                   JSON        NOT NULL DEFAULT '{}',
    created_at                 TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at                 TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT payments_parts_add_up CHECK (platform_fee + mentor_amount = amount),
    CONSTRAINT payments_transferred_has_transfer CHECK (status <> 'transferred' OR transfer_id IS NOT NULL)
);
-- Serves: the release run's pick. Holds only what is to be looked at, so held and finished payments cost nothing.
CREATE INDEX payments_to_check ON payments (next_check_at) WHERE next_check_at IS NOT NULL;
-- Serves: waking a mentor's payments when the mentor or their account changes.
CREATE INDEX payments_open_by_mentor ON payments (mentor_id) WHERE status NOT IN ('transferred', 'releasing');
-- Serves: `payoutd explain <booking>`.
CREATE INDEX payments_by_booking ON payments (booking_id) WHERE booking_id IS NOT NULL;
-- Serves: `payoutd status`, which counts what is not finished.
CREATE INDEX payments_unfinished ON payments (status, hold_reasons) WHERE status <> 'transferred';

CREATE TABLE refunds (
    stripe_refund_id TEXT PRIMARY KEY,
    stripe_charge_id TEXT        NOT NULL,
    amount           BIGINT      NOT NULL CHECK (amount >= 0),
    currency         TEXT        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    status           TEXT        NOT NULL,
    told_at          TIMESTAMPTZ NOT NULL,
    rank             SMALLINT    NOT NULL,
    event_id         TEXT        NOT NULL
);
CREATE INDEX refunds_by_charge ON refunds (stripe_charge_id);

CREATE TABLE disputes (
    stripe_dispute_id TEXT PRIMARY KEY,
    stripe_charge_id  TEXT        NOT NULL,
    amount            BIGINT      NOT NULL CHECK (amount >= 0),
    currency          TEXT        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    status            TEXT        NOT NULL,
    reason            TEXT        NOT NULL,
    told_at           TIMESTAMPTZ NOT NULL,
    rank              SMALLINT    NOT NULL,
    event_id          TEXT        NOT NULL
);
CREATE INDEX disputes_by_charge ON disputes (stripe_charge_id);

-- Transfers as Stripe told of them, ours and others'.
CREATE TABLE transfers (
    stripe_transfer_id TEXT PRIMARY KEY,
    stripe_charge_id   TEXT,
    destination        TEXT        NOT NULL,
    amount             BIGINT      NOT NULL CHECK (amount >= 0),
    amount_reversed    BIGINT      NOT NULL DEFAULT 0 CHECK (amount_reversed >= 0),
    currency           TEXT        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    transfer_group     TEXT,
    operation_key      TEXT, -- the idempotency key that payoutd asked under; NULL for a transfer of other hands
    created_at         TIMESTAMPTZ NOT NULL
);
CREATE INDEX transfers_by_charge ON transfers (stripe_charge_id) WHERE stripe_charge_id IS NOT NULL;

-- Payouts to banks, on connected accounts and on the platform's own.
CREATE TABLE payouts (
    stripe_payout_id  TEXT PRIMARY KEY,
    stripe_account_id TEXT,
    amount            BIGINT      NOT NULL CHECK (amount >= 0),
    currency          TEXT        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    status            TEXT        NOT NULL,
    failure           TEXT,
    told_at           TIMESTAMPTZ NOT NULL,
    rank              SMALLINT    NOT NULL,
    event_id          TEXT        NOT NULL
);

-- Holds -------------------------------------------------------------------------------------------------------------

CREATE TABLE holds (
    id          BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    payment_id  BIGINT REFERENCES payments (id),
    mentor_id   TEXT,
    source      TEXT        NOT NULL DEFAULT 'admin' CONSTRAINT holds_source_known
        CHECK (source IN ('admin', 'stripe', 'automation')),
    actor       TEXT        NOT NULL DEFAULT current_user,
    reason      TEXT        NOT NULL CONSTRAINT holds_reason_given CHECK (reason <> ''),
    placed_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    lifted_at   TIMESTAMPTZ,
    lifted_by   TEXT,
    lift_reason TEXT,
    CONSTRAINT holds_on_one_subject CHECK ((payment_id IS NULL) <> (mentor_id IS NULL))
);
-- Serve: the decision. An actor holds the same subject once at a time.
CREATE UNIQUE INDEX holds_open_on_payment ON holds (payment_id, source, actor)
    WHERE lifted_at IS NULL AND payment_id IS NOT NULL;
CREATE UNIQUE INDEX holds_open_on_mentor ON holds (mentor_id, source, actor)
    WHERE lifted_at IS NULL AND mentor_id IS NOT NULL;
-- Serves: a payment's timeline, which shows lifted holds too.
CREATE INDEX holds_by_payment ON holds (payment_id) WHERE payment_id IS NOT NULL;

-- Operations --------------------------------------------------------------------------------------------------------

CREATE TABLE operations (
    id                BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind              TEXT        NOT NULL CONSTRAINT operations_kind_known CHECK (kind IN ('transfer')),
    payment_id        BIGINT      NOT NULL REFERENCES payments (id),
    mentor_id         TEXT        NOT NULL,
    generation        INTEGER     NOT NULL CHECK (generation >= 1),
    idempotency_key   TEXT        NOT NULL UNIQUE CHECK (length(idempotency_key) <= 255),
    amount            BIGINT      NOT NULL CONSTRAINT operations_amount_positive CHECK (amount > 0),
    currency          TEXT        NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    parameters        JSON        NOT NULL,
    state             TEXT        NOT NULL CONSTRAINT operations_state_known
        CHECK (state IN ('planned', 'submitting', 'unknown', 'confirmed', 'rejected')),
    maybe_done        BOOLEAN     NOT NULL DEFAULT FALSE, -- some request may have been carried out
    attempts          INTEGER     NOT NULL DEFAULT 0,     -- those that count against the limit
    first_sent_at     TIMESTAMPTZ,
    last_sent_at      TIMESTAMPTZ,
    unknown_since     TIMESTAMPTZ,
    next_attempt_at   TIMESTAMPTZ,
    lease_epoch       BIGINT      NOT NULL DEFAULT 0,
    lease_owner       TEXT,
    lease_until       TIMESTAMPTZ,
    stripe_id         TEXT UNIQUE,
    stripe_request_id TEXT,
    error_code        TEXT,
    error             TEXT,
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    UNIQUE (payment_id, kind, generation),
    CONSTRAINT operations_confirmed_has_id CHECK (state <> 'confirmed' OR stripe_id IS NOT NULL),
    CONSTRAINT operations_submitting_is_leased CHECK (state <> 'submitting' OR lease_until IS NOT NULL)
);
-- Forbids two live transfers of one payment.
CREATE UNIQUE INDEX operations_one_live_transfer ON operations (payment_id)
    WHERE kind = 'transfer' AND state <> 'rejected';
-- Serve: the submit loop and the rescuer.
CREATE INDEX operations_due ON operations (next_attempt_at) WHERE state IN ('planned', 'unknown');
CREATE INDEX operations_leased ON operations (lease_until) WHERE state = 'submitting';

-- Every call, for ever.
CREATE TABLE operation_attempts (
    id           BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    operation_id BIGINT      NOT NULL REFERENCES operations (id),
    kind         TEXT        NOT NULL CHECK (kind IN ('create', 'look_up', 'preflight')),
    started_at   TIMESTAMPTZ NOT NULL,
    duration_ms  BIGINT      NOT NULL,
    http_status  INTEGER,
    error_code   TEXT,
    error        TEXT,
    request_id   TEXT
);
CREATE INDEX operation_attempts_by_operation ON operation_attempts (operation_id);

-- Inbox, outbox, runs, audit ----------------------------------------------------------------------------------------

CREATE TABLE webhook_events (
    id              BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    event_id        TEXT        NOT NULL UNIQUE,
    type            TEXT        NOT NULL,
    stripe_created  TIMESTAMPTZ NOT NULL,
    livemode        BOOLEAN     NOT NULL,
    account         TEXT,
    body            BYTEA       NOT NULL,
    received_at     TIMESTAMPTZ NOT NULL,
    state           TEXT        NOT NULL CONSTRAINT webhook_events_state_known
        CHECK (state IN ('pending', 'projected', 'ignored', 'failed')),
    attempts        INTEGER     NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ,
    note            TEXT, -- why it was ignored, or what is wrong with it
    projected_at    TIMESTAMPTZ,
    payment_key     TEXT  -- the payment it is about, for its timeline
);
-- Serves: projection. A failed event is retried too.
CREATE INDEX webhook_events_waiting ON webhook_events (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_events_by_payment ON webhook_events (payment_key) WHERE payment_key IS NOT NULL;
-- Serves: `payoutd status` and the health check.
CREATE INDEX webhook_events_open ON webhook_events (state, received_at) WHERE state IN ('pending', 'failed');

CREATE TABLE emails (
    id              BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    once_key        TEXT        NOT NULL UNIQUE, -- at most one email is written under it
    merge_key       TEXT,                        -- waiting rows with the same key go out as one
    kind            TEXT        NOT NULL,
    recipient       TEXT        NOT NULL CHECK (recipient IN ('admin', 'mentor')),
    to_address      TEXT        NOT NULL,
    mentor_id       TEXT,
    payment_id      BIGINT REFERENCES payments (id),
    notice          JSON        NOT NULL,
    state           TEXT        NOT NULL DEFAULT 'queued' CONSTRAINT emails_state_known
        CHECK (state IN ('queued', 'sent', 'failed')),
    attempts        INTEGER     NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ,
    lease_owner     TEXT,
    sent_with       BIGINT, -- the row under whose Message-ID it went out
    error           TEXT,
    created_at      TIMESTAMPTZ NOT NULL,
    sent_at         TIMESTAMPTZ
);
-- Serve: the mail loop.
CREATE INDEX emails_due ON emails (next_attempt_at) WHERE state = 'queued';
CREATE INDEX emails_sent_merged ON emails (merge_key, sent_at) WHERE merge_key IS NOT NULL AND state = 'sent';
CREATE INDEX emails_queued_merged ON emails (merge_key) WHERE merge_key IS NOT NULL AND state = 'queued';
CREATE INDEX emails_by_payment ON emails (payment_id);

CREATE TABLE runs (
    id          BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    trigger     TEXT        NOT NULL CHECK (trigger IN ('schedule', 'cli', 'cron')),
    started_at  TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    looked_at   BIGINT      NOT NULL DEFAULT 0,
    transferred BIGINT      NOT NULL DEFAULT 0,
    held        BIGINT      NOT NULL DEFAULT 0,
    waiting     BIGINT      NOT NULL DEFAULT 0,
    failed      BIGINT      NOT NULL DEFAULT 0,
    unfinished  BIGINT      NOT NULL DEFAULT 0,
    error       TEXT
);

CREATE TABLE audit_log (
    id           BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    actor        TEXT        NOT NULL,
    action       TEXT        NOT NULL,
    subject_kind TEXT        NOT NULL,
    subject_id   TEXT        NOT NULL,
    detail       TEXT
);
CREATE INDEX audit_log_by_subject ON audit_log (subject_kind, subject_id);

-- Triggers ----------------------------------------------------------------------------------------------------------

-- A payment is looked at when it is due, and whenever a fact about it changes. These triggers are the "whenever": they
-- make the database wake the payment, so that a plain UPDATE by a person counts as much as payoutd's own.

CREATE FUNCTION payments_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER payments_before_update BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION payments_before_update();

CREATE FUNCTION payments_audit_flag() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_log (actor, action, subject_kind, subject_id, detail)
    VALUES (coalesce(NEW.flagged_by, session_user || coalesce(' via ' || nullif(current_setting('application_name'), ''), '')),
            CASE WHEN NEW.dispute_requested THEN 'flag' ELSE 'unflag' END, 'payment', NEW.id::text, NEW.dispute_reason);
    RETURN NULL;
END $$;
CREATE TRIGGER payments_audit_flag AFTER UPDATE OF dispute_requested, dispute_reason ON payments
    FOR EACH ROW WHEN (OLD.dispute_requested IS DISTINCT FROM NEW.dispute_requested
                       OR OLD.dispute_reason IS DISTINCT FROM NEW.dispute_reason)
    EXECUTE FUNCTION payments_audit_flag();

-- OLD is null in an INSERT and NEW in a DELETE: whatever a row spoke of before and speaks of now is woken.
CREATE FUNCTION wake_payments_of_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments SET next_check_at = to_timestamp(0)
    WHERE status NOT IN ('transferred', 'releasing')
      AND (id IN (OLD.payment_id, NEW.payment_id) OR mentor_id IN (OLD.mentor_id, NEW.mentor_id));
    RETURN NULL;
END $$;
CREATE TRIGGER holds_wake AFTER INSERT OR UPDATE OR DELETE ON holds
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_hold();

CREATE FUNCTION wake_payments_of_charge() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE FUNCTION wake_payments_of_mentor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments SET next_check_at = to_timestamp(0)
    WHERE status NOT IN ('transferred', 'releasing') AND mentor_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER mentors_wake_new AFTER INSERT ON mentors
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_mentor();
CREATE TRIGGER mentors_wake AFTER UPDATE ON mentors
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.stripe_account_id IS DISTINCT FROM NEW.stripe_account_id)
    EXECUTE FUNCTION wake_payments_of_mentor();

CREATE FUNCTION wake_payments_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments SET next_check_at = to_timestamp(0)
    WHERE status NOT IN ('transferred', 'releasing')
      AND mentor_id IN (SELECT id FROM mentors WHERE stripe_account_id = NEW.stripe_account_id);
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_wake_new AFTER INSERT ON accounts
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_account();
CREATE TRIGGER accounts_wake AFTER UPDATE ON accounts
    FOR EACH ROW WHEN ((OLD.transfers, OLD.deauthorized_at, OLD.disabled_reason)
                       IS DISTINCT FROM (NEW.transfers, NEW.deauthorized_at, NEW.disabled_reason))
    EXECUTE FUNCTION wake_payments_of_account();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: rows are never changed or deleted', TG_TABLE_NAME;
END $$;
CREATE TRIGGER operation_attempts_append_only BEFORE UPDATE OR DELETE ON operation_attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Parameters never change under a key.
CREATE FUNCTION operations_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'operation %: parameters never change under a key', OLD.id;
END $$;
CREATE TRIGGER operations_frozen BEFORE UPDATE ON operations
    FOR EACH ROW WHEN (OLD.idempotency_key <> NEW.idempotency_key OR OLD.parameters::text <> NEW.parameters::text
                       OR OLD.amount <> NEW.amount OR OLD.currency <> NEW.currency)
    EXECUTE FUNCTION operations_frozen();
