//! A database that has grown: what the queries read is counted on it.

use crate::events::{hour, later};
use crate::sql::{Sql, literal};
use crate::world::World;

/// Of a million payments each ten-thousandth is due. Of the others 800,000 are transferred, 100,000 held (half by a
/// flag, half by a hold), and the rest waits for its window.
const PAYMENTS: &str = "
    INSERT INTO payments (payment_key, livemode, status, collection, stripe_payment_intent_id, stripe_charge_id,
        mentor_id, currency, amount, platform_fee, mentor_amount, platform_fee_bps, paid_at, dispute_period_ends,
        dispute_requested, hold_reasons, next_check_at, transfer_id, transfer_status, settlement_currency)
    SELECT 'pi_' || n, false, status, 'paid', 'pi_' || n, 'ch_' || n, 'm' || n % 20000, 'usd', 10000, 1000, 9000, 1000,
        '{paid}', CASE status WHEN 'pending' THEN
            CASE WHEN n % 10000 = 0 THEN timestamptz '{paid}' ELSE timestamptz '{later}' + n * interval '1 ms' END
            ELSE timestamptz '{paid}' END,
        status = 'held' AND n % 2 = 0, CASE status WHEN 'held' THEN 'flagged' ELSE '' END,
        CASE WHEN n % 10000 = 0 THEN timestamptz '{paid}'
             WHEN status = 'pending' THEN timestamptz '{later}' + n * interval '1 ms' END,
        CASE status WHEN 'transferred' THEN 'tr_' || n END, CASE status WHEN 'transferred' THEN 'paid' END, 'usd'
    FROM (SELECT n, CASE WHEN n % 10000 = 0 THEN 'pending' WHEN n % 10 < 8 THEN 'transferred'
                         WHEN n % 10 = 8 THEN 'held' ELSE 'pending' END AS status
          FROM generate_series(1, 1000000) AS n) AS rows";

const OTHERS: &str = "
    INSERT INTO mentors (id, stripe_account_id) SELECT 'm' || n, 'acct_' || n FROM generate_series(0, 19999) AS n;
    INSERT INTO accounts (stripe_account_id, transfers, transfers_told_at, transfers_rank, transfers_event_id)
        SELECT 'acct_' || n, 'active', '{paid}', 0, '' FROM generate_series(0, 19999) AS n;
    INSERT INTO holds (payment_id, reason, actor) SELECT n, 'x', 'ada' FROM generate_series(8, 500000, 10) AS n;
    INSERT INTO disputes (stripe_dispute_id, stripe_charge_id, amount, currency, status, reason, told_at, rank, event_id)
        SELECT 'du_' || n, 'ch_' || n, 1, 'usd', 'won', '', '{paid}', 0, '' FROM generate_series(1, 100000) AS n;
    INSERT INTO transfers (stripe_transfer_id, stripe_charge_id, destination, amount, currency, operation_key, created_at)
        SELECT 'tr_' || n, 'ch_' || n, 'acct_1', 9000, 'usd', 'key ' || n, '{paid}'
        FROM generate_series(1, 100000) AS n WHERE n % 10000 > 0;
    INSERT INTO mentor_debts (mentor_id, currency, outstanding) SELECT 'm' || n, 'usd', 0 FROM generate_series(0, 19999) AS n;
    INSERT INTO debt_entries (mentor_id, currency, payment_id, kind, amount, at)
        SELECT 'm1', 'usd', n, 'owed', 1, '{paid}' FROM generate_series(1, 50000) AS n;
    INSERT INTO ledger_journals (key, payment_id, kind, at) SELECT n || ':' || kind || ':1', n, kind, '{paid}'
        FROM generate_series(1, 100000) AS n, (VALUES ('charge'), ('fee'), ('transfer')) AS kinds (kind)
        WHERE kind <> 'transfer' OR n % 10000 > 0;
    INSERT INTO ledger_journals (key, payment_id, kind, at) SELECT n || ':' || kind || ':1', n, kind, '{paid}'
        FROM generate_series(110000, 1000000, 10000) AS n, (VALUES ('charge'), ('fee')) AS kinds (kind);
    INSERT INTO ledger_entries (journal_id, account, mentor_id, currency, amount)
        SELECT j.id, e.account, CASE e.account WHEN 'mentor_payable' THEN 'm' || j.payment_id % 20000
            WHEN 'mentor_funds' THEN 'm1' END, 'usd', e.amount
        FROM ledger_journals AS j JOIN (VALUES ('charge', 'platform_balance', 10000), ('charge', 'mentor_payable', -10000),
            ('fee', 'mentor_payable', 1000), ('fee', 'platform_revenue', -1000), ('transfer', 'connected_balance', 9000),
            ('transfer', 'mentor_funds', -9000)) AS e (kind, account, amount) ON e.kind = j.kind;
    INSERT INTO refunds (stripe_refund_id, stripe_charge_id, amount, currency, status, told_at, rank, event_id)
        SELECT 're_' || n, 'ch_' || n, 1, 'usd', 'failed', '{paid}', 0, '' FROM generate_series(1, 50000) AS n;
    INSERT INTO payouts (stripe_payout_id, stripe_account_id, amount, currency, status, told_at, rank, event_id, to_post)
        SELECT 'po_' || n, 'acct_' || n % 20000, 1, 'usd', 'paid', '{paid}', 2, '', false FROM generate_series(1, 50000) AS n;
    INSERT INTO payout_requests (mentor_id, amount, currency, state)
        SELECT 'm' || n % 20000, 1, 'usd', 'paid' FROM generate_series(1, 50000) AS n;
    INSERT INTO payout_requests (mentor_id, amount, currency) VALUES ('m7', 1000, 'usd');
    INSERT INTO refund_requests (payment_id, amount, reason, state)
        SELECT n, 1, 'x', 'refused' FROM generate_series(1, 50000) AS n;
    INSERT INTO payment_sources (object_id, kind, payment_key, told_at, rank, event_id, says)
        SELECT 'x_' || n, 'charge', 'x_' || n, '{paid}', 0, '', '{}' FROM generate_series(1, 50000) AS n;
    INSERT INTO audit_log (actor, action, subject_kind, subject_id)
        SELECT 'ada', 'hold', 'payment', n FROM generate_series(1, 50000) AS n;
    INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms)
        SELECT n, 'create', '{paid}', 5 FROM generate_series(1, 50000) AS n;
    INSERT INTO operations (kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, parameters, state,
        stripe_id, created_at, updated_at)
        SELECT 'transfer', n, 'm1', 1, 'key ' || n, 9000, 'usd', json_build_object('amount', 9000, 'currency', 'usd',
            'destination', 'acct_1', 'source_transaction', 'ch_' || n, 'transfer_group', 'g', 'payment_id', n), 'confirmed',
            'tr_' || n, '{paid}', '{paid}'
        FROM generate_series(1, 100000) AS n WHERE n % 10000 > 0;
    INSERT INTO emails (once_key, merge_key, kind, recipient, to_address, payment_id, notice, state, created_at, sent_at)
        SELECT 'key ' || n, CASE n % 2 WHEN 0 THEN 'admin:x' END, 'paid', 'admin', 'a@example.com', n, '{}', 'sent',
        '{paid}', '{paid}' FROM generate_series(1, 100000) AS n;
    INSERT INTO webhook_events (event_id, type, stripe_created, livemode, body, received_at, state)
        SELECT 'evt_' || n, 'charge.succeeded', '{paid}', false, '', '{paid}', 'projected'
        FROM generate_series(1, 100000) AS n;
    INSERT INTO runs (trigger, started_at, finished_at) SELECT 'schedule', '{paid}', '{paid}'
        FROM generate_series(1, 100000);
    INSERT INTO api_writes (key, actor, content, answer, at)
        SELECT 'key ' || n, 'ada', '{}', '{}', '{paid}' FROM generate_series(1, 100000) AS n;
    INSERT INTO discrepancies (kind, subject, stripe_id, here, there, stands_at, found_at, seen_at, closed_at)
        SELECT 'amount', 'transfer', 'tr_' || n, '', '', '{paid}', '{paid}', '{paid}', '{paid}'
        FROM generate_series(1, 20000) AS n;
    INSERT INTO payment_counts (status, hold_reasons, payments)
        SELECT status, CASE status WHEN 'held' THEN hold_reasons ELSE '' END, count(*) FROM payments
        WHERE status <> 'transferred' GROUP BY 1, 2;
    INSERT INTO payment_counts (status, hold_reasons, payments)
        SELECT 'pending', '', CASE n % 2 WHEN 0 THEN 1 ELSE -1 END FROM generate_series(1, 5000) AS n";

/// A database with them.
pub async fn grown() -> World {
    let w = World::postgres().await;
    // What a vacuum reads in between would be counted too.
    for table in w.sql.rows("relname", "pg_stat_user_tables").await {
        w.sql.run(&format!("ALTER TABLE {} SET (autovacuum_enabled = off)", table[0].as_str().expect("a name"))).await;
    }
    let filler = Sql::open(w.url()).await;
    // Triggers and foreign keys are passed over: what is written is right, and wakes nobody.
    filler.run("SET session_replication_role = replica; SET synchronous_commit = off").await;
    for statements in [PAYMENTS, OTHERS] {
        filler.run(&statements.replace("{paid}", &literal(hour(0))).replace("{later}", &literal(hour(100)))).await;
    }
    assert_eq!(filler.count("payments WHERE status = 'held'").await, 100_000);
    assert_eq!(filler.count(&format!("payments WHERE next_check_at <= '{}'", literal(later()))).await, 100);
    // Its own reading counts when it goes.
    drop(filler);
    w.sql.run("ANALYZE").await;
    w
}
