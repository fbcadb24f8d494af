-- What is asked often costs the same however much is on record.

-- How many payments there are that are not transferred, by status and by what holds them: the sum of all rows here. Whoever
-- moves a payment adds what that changes; payoutd adds old rows up.
CREATE TABLE payment_counts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    status       TEXT   NOT NULL,
    hold_reasons TEXT   NOT NULL, -- of those that are held; empty for others
    payments     BIGINT NOT NULL  -- so many more; below zero: so many fewer
);
CREATE TRIGGER payments_count_new AFTER INSERT ON payments FOR EACH ROW WHEN NEW.status <> 'transferred'
BEGIN
    INSERT INTO payment_counts (status, hold_reasons, payments)
    VALUES (NEW.status, CASE NEW.status WHEN 'held' THEN NEW.hold_reasons ELSE '' END, 1);
END;
CREATE TRIGGER payments_count_moved AFTER UPDATE OF status, hold_reasons ON payments
    FOR EACH ROW WHEN OLD.status <> NEW.status OR (NEW.status = 'held' AND OLD.hold_reasons <> NEW.hold_reasons)
BEGIN
    INSERT INTO payment_counts (status, hold_reasons, payments)
    SELECT OLD.status, CASE OLD.status WHEN 'held' THEN OLD.hold_reasons ELSE '' END, -1 WHERE OLD.status <> 'transferred';
    INSERT INTO payment_counts (status, hold_reasons, payments)
    SELECT NEW.status, CASE NEW.status WHEN 'held' THEN NEW.hold_reasons ELSE '' END, 1 WHERE NEW.status <> 'transferred';
END;
CREATE TRIGGER payments_count_gone AFTER DELETE ON payments FOR EACH ROW WHEN OLD.status <> 'transferred'
BEGIN
    INSERT INTO payment_counts (status, hold_reasons, payments)
    VALUES (OLD.status, CASE OLD.status WHEN 'held' THEN OLD.hold_reasons ELSE '' END, -1);
END;
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
    removed_before TEXT   NOT NULL, -- what is older and was finished is gone
    removed        BIGINT NOT NULL  -- how many rows, so far
);
-- Serves: finding old ones.
CREATE INDEX api_writes_by_time ON api_writes (at);
-- Calls are on record for at least 90 days, and until their operation is at its end, whoever would like to remove them.
DROP TRIGGER operation_attempts_no_delete;
CREATE TRIGGER operation_attempts_no_delete BEFORE DELETE ON operation_attempts
    FOR EACH ROW WHEN OLD.started_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-90 days')
        OR NOT EXISTS (SELECT 1 FROM operations WHERE id = OLD.operation_id AND state IN ('confirmed', 'rejected'))
BEGIN
    SELECT RAISE(ABORT, 'operation_attempts is append-only: rows are never changed, and removed after 90 days at the earliest, once their operation is at its end');
END;

-- Serves: counting emails that were given up.
CREATE INDEX emails_failed ON emails (id) WHERE state = 'failed';
