-- What is asked often costs the same however much is on record.

-- How many payments there are that are not transferred, by status and by what holds them: the sum of all rows here. Each
-- statement that moves payments adds what it changed, so that no two of them wait for one row; payoutd adds old rows up.
CREATE TABLE payment_counts (
    id           BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    status       TEXT   NOT NULL,
    hold_reasons TEXT   NOT NULL, -- of those that are held; empty for others
    payments     BIGINT NOT NULL  -- so many more; below zero: so many fewer
);

-- As its owner: whoever may change payments need not be allowed to count them.
CREATE FUNCTION count_payments() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO payment_counts (status, hold_reasons, payments)
        SELECT status, CASE status WHEN 'held' THEN hold_reasons ELSE '' END, count(*) FROM new_payments
        WHERE status <> 'transferred' GROUP BY 1, 2;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO payment_counts (status, hold_reasons, payments)
        SELECT status, CASE status WHEN 'held' THEN hold_reasons ELSE '' END, -count(*) FROM old_payments
        WHERE status <> 'transferred' GROUP BY 1, 2;
    ELSE
        INSERT INTO payment_counts (status, hold_reasons, payments)
        SELECT status, CASE status WHEN 'held' THEN hold_reasons ELSE '' END, sum(so_many)
        FROM (SELECT status, hold_reasons, 1 AS so_many FROM new_payments
              UNION ALL SELECT status, hold_reasons, -1 FROM old_payments) AS moved
        WHERE status <> 'transferred' GROUP BY 1, 2 HAVING sum(so_many) <> 0;
    END IF;
    RETURN NULL;
END $$;
-- Nobody's temporary table comes before ours.
DO $$ BEGIN EXECUTE format('ALTER FUNCTION count_payments() SET search_path = %I, pg_temp', current_schema()); END $$;
CREATE TRIGGER payments_count_new AFTER INSERT ON payments
    REFERENCING NEW TABLE AS new_payments FOR EACH STATEMENT EXECUTE FUNCTION count_payments();
CREATE TRIGGER payments_count_moved AFTER UPDATE ON payments
    REFERENCING OLD TABLE AS old_payments NEW TABLE AS new_payments FOR EACH STATEMENT EXECUTE FUNCTION count_payments();
CREATE TRIGGER payments_count_gone AFTER DELETE ON payments
    REFERENCING OLD TABLE AS old_payments FOR EACH STATEMENT EXECUTE FUNCTION count_payments();
-- The triggers come first: they hold off whoever writes until this is done.
INSERT INTO payment_counts (status, hold_reasons, payments)
SELECT status, CASE status WHEN 'held' THEN hold_reasons ELSE '' END, count(*) FROM payments
WHERE status <> 'transferred' GROUP BY 1, 2;

-- Nobody counts by it any more. What is left of it serves the digest: what waits for somebody, and since when.
DROP INDEX payments_unfinished;
CREATE INDEX payments_at_rest ON payments (status, hold_reasons, paid_at)
    WHERE status IN ('held', 'failed', 'authorized');
-- Those that nobody is meant to settle would be read with each question otherwise, for ever.
DROP INDEX payments_on_the_platform;
CREATE INDEX payments_on_the_platform ON payments (paid_at, id)
    WHERE collection = 'paid' AND status IN ('pending', 'held', 'releasing', 'failed') AND refunded_amount < amount
      AND hold_reasons NOT LIKE '%dispute_lost%' AND hold_reasons NOT LIKE '%transferred_elsewhere%'
      AND hold_reasons NOT LIKE '%destination_charge%' AND hold_reasons NOT LIKE '%other_mode%'
      AND hold_reasons NOT LIKE '%refunded%';
-- What was removed because it had been kept long enough.
CREATE TABLE retention (
    kind           TEXT PRIMARY KEY, -- events, attempts, emails, api_writes, runs
    removed_before TIMESTAMPTZ NOT NULL, -- what is older and was finished is gone
    removed        BIGINT      NOT NULL  -- how many rows, so far
);
-- Serves: finding old ones.
CREATE INDEX api_writes_by_time ON api_writes (at);
-- Calls are on record for at least 90 days, and until their operation is at its end, whoever would like to remove them.
CREATE FUNCTION operation_attempts_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.started_at < now() - interval '90 days'
        AND (SELECT state IN ('confirmed', 'rejected') FROM operations WHERE id = OLD.operation_id)
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'operation_attempts is append-only: rows are never changed, and removed after 90 days at the earliest, once their operation is at its end';
END $$;
DROP TRIGGER operation_attempts_append_only ON operation_attempts;
CREATE TRIGGER operation_attempts_append_only BEFORE UPDATE ON operation_attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operation_attempts_kept BEFORE DELETE ON operation_attempts
    FOR EACH ROW EXECUTE FUNCTION operation_attempts_kept();

-- Serves: counting emails that were given up.
CREATE INDEX emails_failed ON emails (id) WHERE state = 'failed';

-- Fewer indexes to write: each move of a payment or an operation writes into every index that its row stands in. What is not
-- there yet needs no place in a unique index.
ALTER TABLE payments DROP CONSTRAINT payments_transfer_id_key;
CREATE UNIQUE INDEX payments_transfer_id_key ON payments (transfer_id) WHERE transfer_id IS NOT NULL;
ALTER TABLE payments DROP CONSTRAINT payments_stripe_checkout_session_id_key;
CREATE UNIQUE INDEX payments_stripe_checkout_session_id_key ON payments (stripe_checkout_session_id)
    WHERE stripe_checkout_session_id IS NOT NULL;
ALTER TABLE operations DROP CONSTRAINT operations_stripe_id_key;
CREATE UNIQUE INDEX operations_stripe_id_key ON operations (stripe_id) WHERE stripe_id IS NOT NULL;
-- A mentor's balances are found through ledger_entries_history, which begins with the mentor, too.
DROP INDEX ledger_entries_by_mentor;

-- As before, but called only where it has something to change: not for a claim and not for an outcome.
DROP TRIGGER payments_before_update ON payments;
CREATE TRIGGER payments_before_update BEFORE UPDATE ON payments FOR EACH ROW WHEN (
    NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at
    OR NEW.status <> 'releasing' AND (NEW.status = OLD.status OR NEW.status NOT IN ('transferred', 'netted', 'carried')))
    EXECUTE FUNCTION payments_before_update();
