-- One payout, two commits: the claim with its intent, then the outcome with all its rows. The transfers' charges are
-- made up, so that no trigger wakes what was just paid; payoutd writes them while their payments are not to be woken.
\set n :n + 1
\set id :base + :n * 8 + :client_id
WITH p AS (
    UPDATE payments SET status = 'releasing', hold_reasons = '', next_check_at = NULL, wait_until = NULL, wait_reason = NULL,
        updated_at = now()
    WHERE id = :id AND status = 'pending'
    RETURNING id, payment_key, mentor_id, mentor_amount, currency
)
INSERT INTO operations (kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, parameters, state,
    first_sent_at, last_sent_at, lease_epoch, lease_owner, lease_until, created_at, updated_at)
SELECT 'transfer', id, mentor_id, 1, 'payoutd' || ':' || 'transfer:' || payment_key || ':1', mentor_amount, currency,
    json_build_object('amount', mentor_amount, 'currency', currency, 'destination', 'acct_' || mentor_id,
        'source_transaction', 'ch_' || payment_key, 'transfer_group', 'payoutd_ch_' || payment_key, 'payment_id', id,
        'netted', 0, 'kept', 10000, 'refunds', json_build_array(), 'carried', 0),
    'submitting', now(), now(), 1, 'yardstick:1', now() + interval '5 minutes', now(), now()
FROM p;
WITH o AS (
    UPDATE operations SET state = 'confirmed', attempts = 1, lease_owner = NULL, lease_until = NULL,
        stripe_id = 'tr_yard_' || :id, stripe_request_id = 'req_yard_' || :id, updated_at = now()
    WHERE payment_id = :id AND kind = 'transfer' AND state = 'submitting'
    RETURNING id, payment_id, mentor_id, amount, currency, idempotency_key
), a AS (
    INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms, http_status, request_id)
    SELECT id, 'create', now(), 1, 200, 'req_yard_' || :id FROM o
), t AS (
    INSERT INTO transfers (stripe_transfer_id, stripe_charge_id, destination, amount, currency, transfer_group, operation_key,
        created_at)
    SELECT 'tr_yard_' || :id, 'ch_yard_' || :id, 'acct_' || mentor_id, amount, currency, 'payoutd_ch_yard_' || :id,
        idempotency_key, now()
    FROM o
), m AS (
    INSERT INTO emails (once_key, kind, recipient, to_address, mentor_id, payment_id, notice, next_attempt_at, created_at)
    SELECT 'yard:' || payment_id, 'mentor_paid', 'mentor', 'mentor@example.com', mentor_id, payment_id,
        json_build_object('payment', json_build_object('id', payment_id, 'amount', amount, 'currency', currency,
            'customer', 'Ada Customer', 'booking', 'booking-1', 'mentor', mentor_id)), now(), now()
    FROM o
), p AS (
    UPDATE payments SET status = 'transferred', transfer_id = 'tr_yard_' || :id, transfer_status = 'paid', transferred_at = now(),
        transfer_retry_count = 1, next_check_at = NULL, updated_at = now()
    WHERE id = :id AND status = 'releasing'
), j AS (
    INSERT INTO ledger_journals (key, payment_id, kind, at) SELECT payment_id || ':' || 'transfer:1', payment_id, 'transfer', now()
    FROM o RETURNING id
)
INSERT INTO ledger_entries (journal_id, account, mentor_id, currency, amount)
SELECT j.id, l.account, o.mentor_id, 'eur', l.amount
FROM o, j, (VALUES ('mentor_payable', 9000), ('platform_balance', -9000), ('connected_balance', 9000),
                   ('mentor_funds', -9000)) AS l (account, amount);
