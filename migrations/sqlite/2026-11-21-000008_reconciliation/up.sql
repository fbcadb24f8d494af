-- Catching up on events that no webhook brought, and comparing with Stripe.

-- One row: how far this database knows what happened.
CREATE TABLE continuity (
    id              SMALLINT    PRIMARY KEY CONSTRAINT continuity_one_row CHECK (id = 1),
    beat_at         TEXT, -- when payoutd last worked with this database; NULL: a copy, or nobody did yet
    known_since     TEXT NOT NULL, -- what was sent before may be missing here: payments of before are looked for at Stripe before they are paid
    caught_up_to    TEXT, -- Stripe's events are kept up to then
    caught_up_at    TEXT, -- when that was last asked for to its end
    caught_up_found BIGINT      NOT NULL DEFAULT 0 -- how many events that brought that no webhook had
);
INSERT INTO continuity (id, known_since) VALUES (1, '1970-01-01T00:00:00.000Z');

-- What differs between this database and Stripe. One open row for a subject and kind; closed when it is gone.
CREATE TABLE discrepancies (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT        NOT NULL CONSTRAINT discrepancies_kind_known CHECK (kind IN
        ('missing_here', 'missing_there', 'amount', 'currency', 'destination', 'reversed', 'status')),
    subject    TEXT        NOT NULL CONSTRAINT discrepancies_subject_known CHECK (subject IN
        ('transfer', 'refund', 'dispute', 'payout')),
    stripe_id  TEXT        NOT NULL,
    payment_id BIGINT      REFERENCES payments (id),
    here       TEXT        NOT NULL, -- what this database has, in words
    there      TEXT        NOT NULL, -- what Stripe has
    stands_at  TEXT NOT NULL, -- the subject's own time: in which period it is looked for again
    found_at   TEXT NOT NULL,
    seen_at    TEXT NOT NULL, -- when it was found the last time
    closed_at  TEXT
);
CREATE UNIQUE INDEX discrepancies_one_open ON discrepancies (stripe_id, kind) WHERE closed_at IS NULL;
-- Serve: reading what a span of time has here, page by page.
CREATE INDEX transfers_created ON transfers (created_at, stripe_transfer_id);
CREATE INDEX disputes_told ON disputes (told_at);
CREATE INDEX payouts_told ON payouts (told_at);
