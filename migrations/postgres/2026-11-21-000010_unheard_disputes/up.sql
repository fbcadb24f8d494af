-- When Stripe was last asked about a dispute that is not over: the webhook that ends it may never come.
ALTER TABLE disputes ADD COLUMN asked_at timestamptz;
-- Serves: the disputes that are not over and of which nothing was heard for long.
CREATE INDEX disputes_unheard ON disputes (told_at)
    WHERE status NOT IN ('won', 'lost', 'warning_closed', 'prevented');
