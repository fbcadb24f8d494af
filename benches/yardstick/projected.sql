-- One event and the payment that it makes, two commits: the inbox's row, then all that projection writes.
\set n :n + 1
INSERT INTO webhook_events (event_id, type, stripe_created, livemode, body, received_at, state, next_attempt_at)
SELECT 'evt_yard_' || :client_id || '_' || :n, 'charge.succeeded', now(), FALSE, body || ''::bytea, now(), 'pending', now()
FROM bench_body;
WITH p AS (
    INSERT INTO payments (payment_key, livemode, status, collection, stripe_payment_intent_id, stripe_charge_id, booking_id,
        mentor_id, currency, amount, platform_fee, mentor_amount, platform_fee_bps, customer_name, customer_email, paid_at,
        dispute_period_ends, metadata, created_at, updated_at)
    SELECT 'pi_yard_' || :client_id || '_' || :n, FALSE, 'pending', 'paid', 'pi_yard_' || :client_id || '_' || :n,
        'ch_yard_' || :client_id || '_' || :n, 'booking-' || :n, 'mentor-' || :n % 1000, 'eur', 10000, 1000, 9000, 1000,
        'Ada Customer', 'ada@example.com', now(), now() + interval '72 hours', says -> 'metadata', now(), now()
    FROM bench_says
    RETURNING id, payment_key, mentor_id
), s AS (
    INSERT INTO payment_sources (object_id, kind, payment_key, told_at, rank, event_id, says)
    SELECT 'ch_yard_' || :client_id || '_' || :n, 'charge', p.payment_key, now(), 16, 'evt_yard', says FROM p, bench_says
), e AS (
    UPDATE webhook_events SET attempts = 1, state = 'projected', next_attempt_at = NULL, projected_at = now(),
        payment_key = 'pi_yard_' || :client_id || '_' || :n
    WHERE event_id = 'evt_yard_' || :client_id || '_' || :n
), j AS (
    INSERT INTO ledger_journals (key, payment_id, kind, at)
    SELECT p.id || ':' || kind || ':1', p.id, kind, now() FROM p, unnest(ARRAY['charge', 'fee']) AS kind
    RETURNING id, kind
)
INSERT INTO ledger_entries (journal_id, account, mentor_id, currency, amount)
SELECT j.id, l.account, CASE WHEN l.account = 'mentor_payable' THEN p.mentor_id END, 'eur', l.amount
FROM p, j JOIN (VALUES ('charge', 'platform_balance', 10000), ('charge', 'mentor_payable', -10000),
                       ('fee', 'mentor_payable', 1000), ('fee', 'platform_revenue', -1000)) AS l (kind, account, amount)
    ON l.kind = j.kind;
