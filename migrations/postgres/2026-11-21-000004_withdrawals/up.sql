-- The bank leg: withdrawals, from a connected account to its mentor's bank; and accounts that payoutd makes itself.

-- What is asked for. A plain INSERT with a mentor, an amount and a currency is enough; what cannot be is refused in words,
-- on the row, so it is not forbidden here.
CREATE TABLE payout_requests (
    id               BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    mentor_id        TEXT        NOT NULL CONSTRAINT payout_requests_mentor_given CHECK (mentor_id <> ''),
    amount           BIGINT, -- in minor units; NULL: all that is available
    currency         TEXT,   -- NULL: the one that the mentor has
    speed            TEXT        NOT NULL DEFAULT 'standard' CONSTRAINT payout_requests_speed_known
        CHECK (speed IN ('standard', 'instant')),
    request_key      TEXT        CONSTRAINT payout_requests_key_given CHECK (request_key <> ''), -- chosen by the one who asks: a repeated request with it is the same request
    requested_by     TEXT        NOT NULL DEFAULT 'sql',
    requested_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    state            TEXT        NOT NULL DEFAULT 'open' CONSTRAINT payout_requests_state_known
        CHECK (state IN ('open', 'submitted', 'in_transit', 'paid', 'refused', 'failed', 'canceled', 'retracted')),
    nonce            TEXT        NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''), -- in Stripe's payout where there is no key: a number may be given again after a restore, this is not
    paid_out         BIGINT      CONSTRAINT payout_requests_paid_out_positive CHECK (paid_out > 0), -- what was sent to the bank
    stripe_payout_id TEXT        UNIQUE,
    arrives_at       TIMESTAMPTZ, -- when the bank is to have it
    outcome          TEXT,        -- why it was refused or failed
    settled_at       TIMESTAMPTZ,
    next_check_at    TIMESTAMPTZ DEFAULT to_timestamp(0), -- of an open one: when it is looked at
    CONSTRAINT payout_requests_one_a_key UNIQUE (mentor_id, request_key)
);
-- Serves: the run's pick.
CREATE INDEX payout_requests_to_check ON payout_requests (next_check_at) WHERE state = 'open';
-- Serves: a mentor's list.
CREATE INDEX payout_requests_by_mentor ON payout_requests (mentor_id, id);

CREATE FUNCTION payout_requests_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payout request %: it is kept as it was made, and can be retracted only while it is open', OLD.id;
END $$;
CREATE TRIGGER payout_requests_no_delete BEFORE DELETE ON payout_requests
    FOR EACH ROW EXECUTE FUNCTION payout_requests_kept();
CREATE TRIGGER payout_requests_frozen BEFORE UPDATE ON payout_requests
    FOR EACH ROW WHEN ((OLD.mentor_id, OLD.amount, OLD.currency, OLD.speed, OLD.request_key, OLD.nonce)
                       IS DISTINCT FROM (NEW.mentor_id, NEW.amount, NEW.currency, NEW.speed, NEW.request_key, NEW.nonce)
                       OR (NEW.state = 'retracted' AND OLD.state NOT IN ('open', 'retracted')))
    EXECUTE FUNCTION payout_requests_kept();
-- A new one is looked at by its default; one that is opened again, because of this.
CREATE FUNCTION wake_payout_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.next_check_at := to_timestamp(0);
    RETURN NEW;
END $$;
CREATE TRIGGER payout_requests_wake BEFORE UPDATE ON payout_requests
    FOR EACH ROW WHEN (NEW.state = 'open' AND OLD.state <> 'open') EXECUTE FUNCTION wake_payout_request();

-- An operation is about a payment, a withdrawal, or a mentor's account; the last moves no money.
ALTER TABLE operations ALTER COLUMN payment_id DROP NOT NULL;
ALTER TABLE operations ALTER COLUMN amount DROP NOT NULL;
ALTER TABLE operations ALTER COLUMN currency DROP NOT NULL;
ALTER TABLE operations ADD COLUMN withdrawal_id BIGINT REFERENCES payout_requests (id);
ALTER TABLE operations DROP CONSTRAINT operations_kind_known;
ALTER TABLE operations ADD CONSTRAINT operations_kind_known CHECK (kind IN
    ('transfer', 'restore', 'reversal', 'refund', 'capture', 'cancel', 'payout', 'account', 'schedule'));
ALTER TABLE operations ADD CONSTRAINT operations_about_one_thing CHECK (CASE
    WHEN kind = 'payout' THEN payment_id IS NULL AND withdrawal_id IS NOT NULL
    WHEN kind IN ('account', 'schedule') THEN payment_id IS NULL AND withdrawal_id IS NULL
    ELSE payment_id IS NOT NULL AND withdrawal_id IS NULL END);
ALTER TABLE operations ADD CONSTRAINT operations_money_where_any
    CHECK ((amount IS NULL) = (kind IN ('account', 'schedule')) AND (amount IS NULL) = (currency IS NULL));
DROP TRIGGER operations_frozen ON operations;
CREATE TRIGGER operations_frozen BEFORE UPDATE ON operations
    FOR EACH ROW WHEN (OLD.idempotency_key <> NEW.idempotency_key OR OLD.parameters::text <> NEW.parameters::text
                       OR (OLD.amount, OLD.currency) IS DISTINCT FROM (NEW.amount, NEW.currency))
    EXECUTE FUNCTION operations_frozen();
-- Forbids two live payouts of one request.
CREATE UNIQUE INDEX operations_one_live_payout ON operations (withdrawal_id)
    WHERE kind = 'payout' AND state <> 'rejected';
-- Forbids two payouts of a mentor at once: the second is measured by what the first left.
CREATE UNIQUE INDEX operations_one_payout_at_once ON operations (mentor_id, currency)
    WHERE kind = 'payout' AND state IN ('planned', 'submitting', 'unknown');
CREATE UNIQUE INDEX operations_one_a_payout_generation ON operations (withdrawal_id, generation) WHERE kind = 'payout';
-- Forbids two accounts made for a mentor at once.
CREATE UNIQUE INDEX operations_one_account_at_once ON operations (mentor_id, kind)
    WHERE kind IN ('account', 'schedule') AND state IN ('planned', 'submitting', 'unknown');

-- What Stripe tells of payouts, by whoever made them.
ALTER TABLE payouts ADD COLUMN mentor_id TEXT;     -- whose account it was when it was told of; never changes
ALTER TABLE payouts ADD COLUMN operation_key TEXT; -- the idempotency key that payoutd asked under; NULL for other hands
ALTER TABLE payouts ADD COLUMN arrives_at TIMESTAMPTZ;
ALTER TABLE payouts ADD COLUMN to_post BOOLEAN NOT NULL DEFAULT TRUE; -- the ledger is to be compared with it
UPDATE payouts SET mentor_id = (SELECT id FROM mentors WHERE mentors.stripe_account_id = payouts.stripe_account_id);
-- Serves: posting.
CREATE INDEX payouts_to_post ON payouts (stripe_payout_id) WHERE to_post;
-- Serves: finding out whose they are once an account is somebody's.
CREATE INDEX payouts_by_account ON payouts (stripe_account_id) WHERE stripe_account_id IS NOT NULL;

CREATE FUNCTION payouts_before_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.mentor_id IS NULL THEN
        NEW.mentor_id := (SELECT id FROM mentors WHERE stripe_account_id = NEW.stripe_account_id);
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.status, OLD.amount, OLD.currency, OLD.mentor_id)
        IS DISTINCT FROM (NEW.status, NEW.amount, NEW.currency, NEW.mentor_id)
    THEN
        NEW.to_post := TRUE;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_before_write BEFORE INSERT OR UPDATE ON payouts
    FOR EACH ROW EXECUTE FUNCTION payouts_before_write();
CREATE FUNCTION payouts_of_new_mentor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payouts SET mentor_id = NEW.id WHERE stripe_account_id = NEW.stripe_account_id AND mentor_id IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER mentors_own_payouts AFTER INSERT OR UPDATE OF stripe_account_id ON mentors
    FOR EACH ROW EXECUTE FUNCTION payouts_of_new_mentor();

-- What Stripe tells of accounts, besides what decides about transfers.
ALTER TABLE accounts ADD COLUMN charges_enabled BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE accounts ADD COLUMN requirements TEXT NOT NULL DEFAULT ''; -- what Stripe asks for now, in its words, with commas between
ALTER TABLE accounts ADD COLUMN payout_interval TEXT;                  -- when Stripe pays out by itself: daily, weekly, monthly; manual: never
-- Serves: finding accounts that are to be set to manual payouts.
CREATE INDEX accounts_to_schedule ON accounts (stripe_account_id) WHERE details_submitted AND transfers = 'active'
    AND deauthorized_at IS NULL AND (payout_interval IS NULL OR payout_interval <> 'manual');

-- A journal is of a payment, or of a payout.
ALTER TABLE ledger_journals ADD COLUMN payout_id TEXT REFERENCES payouts (stripe_payout_id);
CREATE INDEX ledger_journals_by_payout ON ledger_journals (payout_id) WHERE payout_id IS NOT NULL;

-- Withdrawals are the ledger's now.
DROP VIEW mentor_balances;
CREATE VIEW mentor_balances AS
SELECT mentor_id, currency,
       CAST(sum(earned) AS BIGINT)    AS earned,    -- their part of what customers paid, after refunds and lost disputes
       CAST(sum(pending) AS BIGINT)   AS pending,   -- not transferred: the window is open
       CAST(sum(held) AS BIGINT)      AS held,      -- not transferred: something speaks against it
       CAST(sum(available) AS BIGINT) AS available, -- not transferred: due now, or on its way
       CAST(sum(paid) AS BIGINT)      AS paid,      -- transferred, less what was taken back
       CAST(sum(withdrawn) AS BIGINT) AS withdrawn, -- sent on to their bank, by payoutd or by other hands
       CAST(sum(owed) AS BIGINT)      AS owed       -- their debt
FROM (
    SELECT e.mentor_id, e.currency,
           CASE WHEN e.account = 'mentor_payable' AND j.kind IN ('charge', 'fee', 'refund', 'dispute')
                THEN -e.amount ELSE 0 END AS earned,
           CASE WHEN e.account = 'mentor_payable' AND p.status IN ('unpaid', 'pending')
                     AND p.dispute_period_ends > now() THEN -e.amount ELSE 0 END AS pending,
           CASE WHEN e.account = 'mentor_payable' AND p.status NOT IN ('unpaid', 'pending', 'releasing')
                THEN -e.amount ELSE 0 END AS held,
           CASE WHEN e.account = 'mentor_payable' AND (p.status = 'releasing' OR p.status IN ('unpaid', 'pending')
                     AND (p.dispute_period_ends IS NULL OR p.dispute_period_ends <= now()))
                THEN -e.amount ELSE 0 END AS available,
           CASE WHEN e.account = 'mentor_funds' AND j.kind IN ('transfer', 'reversal')
                THEN -e.amount ELSE 0 END AS paid,
           CASE WHEN e.account = 'mentor_funds' AND j.kind = 'withdrawal' THEN e.amount ELSE 0 END AS withdrawn,
           CASE WHEN e.account = 'mentor_debt' THEN e.amount ELSE 0 END AS owed
    FROM ledger_entries AS e
    JOIN ledger_journals AS j ON j.id = e.journal_id
    LEFT JOIN payments AS p ON p.id = j.payment_id
    WHERE e.mentor_id IS NOT NULL
) AS parts
GROUP BY mentor_id, currency;
