-- Letters about disputes, and what is done once a day.

-- Until when Stripe takes evidence, where it says so.
ALTER TABLE disputes ADD COLUMN evidence_due_by TIMESTAMPTZ;

-- What is done once a day, whichever daemon does it: whoever writes the row does it, until the lease ends.
CREATE TABLE daily_chores (
    chore       TEXT        NOT NULL, -- audit, digest, platform_limit
    day         TEXT        NOT NULL, -- 2026-11-21, where the operator's clock is
    owner       TEXT        NOT NULL,
    lease_until TIMESTAMPTZ NOT NULL,
    begun_at    TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,          -- what is told next begins where this ended
    note        TEXT,                 -- what came of it
    PRIMARY KEY (chore, day)
);

-- Serves: money that is on the platform for long.
CREATE INDEX payments_on_the_platform ON payments (paid_at, id)
    WHERE collection = 'paid' AND status IN ('pending', 'held', 'releasing', 'failed');
-- Serves `payoutd status` as the one before did, and the oldest of what is held, which it did not.
DROP INDEX payments_unfinished;
CREATE INDEX payments_unfinished ON payments (status, hold_reasons, paid_at) WHERE status <> 'transferred';
-- Serve: the daily digest.
CREATE INDEX operations_ended ON operations (updated_at) WHERE state IN ('confirmed', 'rejected');
CREATE INDEX refunds_told ON refunds (told_at);
CREATE INDEX disputes_not_over ON disputes (evidence_due_by)
    WHERE status NOT IN ('won', 'lost', 'warning_closed', 'prevented');
CREATE INDEX mentor_debts_open ON mentor_debts (currency) WHERE outstanding > 0;
