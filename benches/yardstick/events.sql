-- One event, one commit: what the inbox writes. The empty bytes make the server compress the body anew, as it does one that
-- came over the wire.
\set n :n + 1
INSERT INTO webhook_events (event_id, type, stripe_created, livemode, body, received_at, state, next_attempt_at)
SELECT 'evt_yard_' || :client_id || '_' || :n, 'charge.succeeded', now(), FALSE, body || ''::bytea, now(), 'pending', now()
FROM bench_body;
