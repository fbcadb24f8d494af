-- The way back exists only while nothing of the new kinds is recorded: money that moved is not forgotten.
DROP TRIGGER payments_wake_session;
DROP TABLE refund_requests;
ALTER TABLE payments DROP COLUMN session_starts_at;
ALTER TABLE payments DROP COLUMN session_ends_at;
ALTER TABLE payments DROP COLUMN session_completed_at;
ALTER TABLE payments DROP COLUMN authorized_at;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'status IN (''unpaid'', ''authorized'', ''pending'', ''held'', ''refunded'', ''releasing'', ''failed'', ''transferred'', ''netted'')',
    'status IN (''unpaid'', ''pending'', ''held'', ''refunded'', ''releasing'', ''failed'', ''transferred'', ''netted'')')
WHERE type = 'table' AND name = 'payments';
UPDATE sqlite_schema SET sql = replace(sql,
    'collection IN (''awaiting'', ''failed'', ''authorized'', ''canceled'', ''paid'')',
    'collection IN (''awaiting'', ''failed'', ''canceled'', ''paid'')')
WHERE type = 'table' AND name = 'payments';
UPDATE sqlite_schema SET sql = replace(sql,
    'recipient IN (''admin'', ''mentor'', ''customer'')',
    'recipient IN (''admin'', ''mentor'')')
WHERE type = 'table' AND name = 'emails';
PRAGMA writable_schema = RESET;
