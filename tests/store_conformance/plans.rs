//! What the queries read on a database that has grown: counted by PostgreSQL itself, in the plans of the very
//! statements that the store runs and in the statistics of the tables.

use std::time::Duration;

use payoutd::domain::facts::Fact;
use payoutd::domain::hold::Subject;
use payoutd::domain::ids::{MentorId, PaymentId};
use payoutd::domain::money::Currency;
use payoutd::domain::retention::Kept as What;
use payoutd::domain::sweep::Sweep;
use payoutd::ports::{
    COUNTED_TO, Chores, Desk, Histories, HistoryPlace, Page, PaymentFilter, PaymentRef, Payouts, Projected, Store,
    Sweeps, Unprojected,
};
use payoutd::store::Database;
use serde_json::{Value, json};

use crate::events::{hour, later};
use crate::sql::{Sql, literal};
use crate::world::{World, lease, open};

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

async fn grown() -> World {
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

/// Waits until the statistics of all other connections are in: they are told when a connection ends.
async fn alone(w: &World) {
    let others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
        AND backend_type = 'client backend'";
    while w.sql.count(others).await > 0 {
        tokio::task::yield_now().await;
    }
}

/// Sequential scans begun and rows fetched through indexes so far, by table.
async fn reads(w: &World) -> Vec<(String, i64, i64)> {
    let columns = "relname, seq_scan, coalesce(idx_tup_fetch, 0)";
    let small = SMALL.map(|table| format!("'{table}'")).join(", ");
    let large = format!("pg_stat_user_tables WHERE relname NOT IN ({small}) ORDER BY relname");
    let rows = w.sql.rows(columns, &large).await;
    let number = |value: &Value| value.as_i64().expect("a number");
    rows.iter().map(|row| (row[0].as_str().expect("a name").to_owned(), number(&row[1]), number(&row[2]))).collect()
}

/// What a step read.
struct Reading {
    /// Sequential scans and rows by index, of the tables that were read.
    tables: Vec<(String, i64, i64)>,
    plans: Vec<Plan>,
}

struct Plan {
    statement: String,
    root: Value,
}

impl Plan {
    fn nodes(&self) -> Vec<&Value> {
        let mut nodes = vec![&self.root];
        let mut at = 0;
        while at < nodes.len() {
            nodes.extend(nodes[at]["Plans"].as_array().into_iter().flatten());
            at += 1;
        }
        nodes
    }

    /// Rows that its scans looked at, those that they threw away included.
    fn rows_read(&self) -> i64 {
        let number = |node: &Value, field: &str| node[field].as_f64().unwrap_or(0.0).round() as i64;
        let scans = self.nodes().into_iter().filter(|node| node.get("Relation Name").is_some());
        let read = |node: &Value| {
            let gone = ["Rows Removed by Filter", "Rows Removed by Index Recheck"].map(|field| number(node, field));
            (number(node, "Actual Rows") + gone.iter().sum::<i64>()) * number(node, "Actual Loops").max(1)
        };
        // The node that writes names the relation too.
        scans.filter(|node| node["Node Type"] != "ModifyTable").map(read).sum()
    }

    fn seq_scans(&self) -> Vec<&Value> {
        let small = |node: &Value| SMALL.iter().any(|table| node["Relation Name"] == *table);
        let scans = |node: &&Value| node["Node Type"] == "Seq Scan" && !small(node);
        self.nodes().into_iter().filter(scans).collect()
    }
}

/// Tables that are read as a whole, since they stay small: one row, what is added up again and again, and five rows.
pub const SMALL: [&str; 4] = ["continuity", "payment_counts", "retention", "sweeps"];

/// Lets a store of its own do something, with PostgreSQL logging the plan of each statement as it ran.
async fn reading<T>(w: &World, step: impl AsyncFnOnce(&Database) -> T) -> (T, Reading) {
    alone(w).await;
    let log = "(SELECT current_setting('data_directory') || '/server.log' AS path) AS log";
    let offset = w.sql.value("(pg_stat_file(path)).size", log).await;
    let before = reads(w).await;
    let store = open(w.url());
    let done = step(&store).await;
    drop(store);
    alone(w).await;
    let after = reads(w).await;
    let text = w.sql.value(&format!("pg_read_file(path, {offset}, 100000000)"), log).await;
    let plans = plans_in(text.as_str().expect("text"));
    assert!(!plans.is_empty(), "PostgreSQL logged no plan");
    let grown = before.into_iter().zip(after).map(|(b, a)| (b.0, a.1 - b.1, a.2 - b.2));
    (done, Reading { tables: grown.filter(|(_, scans, rows)| scans + rows > 0).collect(), plans })
}

async fn log_plans(w: &World) {
    let name = w.sql.value("current_database()::text", "(SELECT 1) AS one").await;
    for (setting, value) in [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_nested_statements", "on"),
        ("auto_explain.log_format", "json"),
    ] {
        let name = name.as_str().expect("a name");
        w.sql.run(&format!("LOAD 'auto_explain'; ALTER DATABASE \"{name}\" SET {setting} = '{value}'")).await;
    }
}

/// `… LOG:  duration: 0.1 ms  plan:`, and the plan on the lines after it, which begin with a tab.
fn plans_in(log: &str) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.ends_with("plan:") {
            continue;
        }
        let mut text = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
            text.push_str(line);
        }
        let plan: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
        let statement = plan["Query Text"].as_str().expect("text").to_owned();
        plans.push(Plan { statement, root: plan["Plan"].clone() });
    }
    plans
}

fn assert_reads_little(what: &str, reading: &Reading, most_rows: i64) {
    for plan in &reading.plans {
        assert!(plan.seq_scans().is_empty(), "{what} scans a whole table: {}\n{:#}", plan.statement, plan.root);
    }
    let by_plans: i64 = reading.plans.iter().map(Plan::rows_read).sum();
    let (scans, by_index) = reading.tables.iter().fold((0, 0), |sum, table| (sum.0 + table.1, sum.1 + table.2));
    assert_eq!(scans, 0, "{what}: {:?}", reading.tables);
    assert!(by_index <= most_rows, "{what}: {:?}", reading.tables);
    assert!(by_plans <= most_rows, "{what}: {by_plans} rows by the plans");
}

/// Given a million payments, 100,000 of them held and 100 due, when the due ones are picked, then hundreds of rows are
/// read, not thousands; and nothing else that runs often reads a whole table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_depends_on_what_is_due() {
    let w = grown().await;
    log_plans(&w).await;

    let (picked, read) = reading(&w, async |s| s.pick_due(100, hour(90), later()).await).await;
    assert_eq!(picked.expect("picked").ready.len(), 100);
    let pick = read.plans.iter().find(|plan| plan.statement.contains("SKIP LOCKED")).expect("the pick");
    assert_eq!(pick.rows_read(), 100, "{:#}", pick.root);
    assert!(pick.nodes().iter().any(|node| node["Index Name"] == json!("payments_to_check")), "{:#}", pick.root);
    assert_reads_little("a pick", &read, 999);

    let (picked, read) = reading(&w, async |s| s.pick_due(100, hour(90), later()).await).await;
    assert_eq!(picked.expect("picked").looked_at, 0);
    assert_reads_little("a pick of nothing", &read, 10);

    let ready = |id| payoutd::ports::Preflighted { payment_id: PaymentId(id), asked_at: later(), facts: Vec::new() };
    let batch = (1..=50).map(|n| ready(n * 10_000)).collect();
    let (claimed, read) = reading(&w, async |s| s.claim(batch, lease("one", later()), later()).await).await;
    let submitted = claimed.expect("claimed").len();
    assert_eq!(submitted, 50);
    assert_reads_little("a claim of 50", &read, 999);

    let sweep = Sweep { covers_from: hour(0), began: hour(90), good_until: hour(91) };
    let pick = async |s: &Database| s.pick_by_sweep(100, sweep, lease("one", hour(90)), hour(99), hour(90)).await;
    let (picked, read) = reading(&w, pick).await;
    assert_eq!(picked.expect("picked").claimed.len(), 50);
    let by_sweep = read.plans.iter().find(|plan| plan.statement.contains("SKIP LOCKED")).expect("the pick");
    assert_eq!(by_sweep.rows_read(), 50, "{:#}", by_sweep.root);
    assert_reads_little("a pick by sweep, with the claim of 50", &read, 1_200);
    let (standing, read) = reading(&w, async |s| s.sweep_standing(hour(90)).await.expect("read")).await;
    assert!(!standing.is_due);
    assert_reads_little("how sweeping stands", &read, 10);
    let ids: Vec<String> = (1..=100).map(|n| format!("evt_{n}")).collect();
    let (unread, read) = reading(&w, async |s| s.unread_events(ids).await.expect("read")).await;
    assert_eq!(unread, []);
    assert_reads_little("a look at a page of events", &read, 200);

    let (taken, read) = reading(&w, async |s| s.reclaim(100, lease("two", hour(80)), hour(80)).await).await;
    // Those that were claimed by the sweep have their leases for longer.
    assert_eq!(taken.expect("taken up").len(), 50);
    assert_reads_little("a reclaim of 50", &read, 999);

    let window = Duration::from_secs(60);
    let (letters, read) = reading(&w, async |s| s.due_letters(10, window, lease("m", later()), later()).await).await;
    assert!(letters.expect("leased").is_empty());
    assert_reads_little("a look for emails", &read, 10);
    questions_are_answered_through_indexes(&w).await;
    daily_chores_read_what_is_open(&w).await;
    figures_cost_the_same(&w).await;
    removing_costs_what_is_removed(&w).await;
    pages_cost_what_they_hold(&w).await;
    a_burst_is_found_by_number(&w).await;
}

/// Given statistics that were gathered while no event waited, and 20,000 that wait now, when a hundred are projected, then they
/// are found by their numbers: through the index of what waits, all of it would be read for each hundred.
async fn a_burst_is_found_by_number(w: &World) {
    let burst = "INSERT INTO webhook_events (event_id, type, stripe_created, livemode, body, received_at, state, next_attempt_at) \
        SELECT 'evt_burst_' || n, 'charge.succeeded', '{paid}', false, '', '{paid}', 'pending', '{paid}' \
        FROM generate_series(1, 20000) AS n";
    w.sql.run(&burst.replace("{paid}", &literal(hour(0)))).await;
    let project = async |s: &Database| {
        let events = s.unprojected(100, later()).await.expect("read");
        let projected = |event: Unprojected| Projected {
            row_id: event.row_id,
            fact: Ok(Fact::Nothing("it says nothing")),
            retry_at: later(),
        };
        assert!(s.project(events.into_iter().map(projected).collect(), later()).await.expect("projected"));
    };
    let ((), read) = reading(w, project).await;
    assert_eq!(w.sql.count("webhook_events WHERE state = 'ignored'").await, 100);
    let by_number: Vec<&Plan> =
        read.plans.iter().filter(|plan| plan.statement.contains("\"webhook_events\".\"id\" = ANY")).collect();
    assert_eq!(by_number.len(), 1, "events are locked by their numbers");
    for node in by_number[0].nodes().iter().filter(|node| node.get("Index Name").is_some()) {
        assert_eq!(node["Index Name"], json!("webhook_events_pkey"), "{:#}", by_number[0].root);
    }
    assert_reads_little("a hundred events of 20,000 that wait", &read, 999);
}

/// With 100,000 payments held and as many pending, figures are counted where payments move; and once all of these are due and
/// near the limit, counting goes as far as it is shown.
async fn figures_cost_the_same(w: &World) {
    // The 100 that were due are on their way, and one was recorded.
    let (figures, read) = reading(w, async |s| s.status(later()).await.expect("read")).await;
    assert_eq!((figures.payments["held"], figures.payments["pending"]), (100_000, 100_001));
    assert_eq!(figures.held["flagged"], 100_000);
    assert_eq!(figures.near_limit, 0);
    assert_reads_little("figures", &read, 6_000);
    // A connection that stays open would be waited for.
    let adding = open(w.url());
    while adding.fold_counts().await.expect("added up") {}
    drop(adding);
    let (again, read) = reading(w, async |s| s.status(later()).await.expect("read")).await;
    assert_eq!(again.payments, figures.payments);
    assert_reads_little("figures that were added up", &read, 800);
    let much_later = hour(24 * 365);
    let (figures, read) = reading(w, async |s| s.status(much_later).await.expect("read")).await;
    assert_eq!((figures.due, figures.near_limit), (COUNTED_TO + 1, COUNTED_TO + 1));
    assert_reads_little("figures when all is due", &read, 800 + 2 * 10_001);
}

/// What is done once a day reads what is recent, old or open, and no whole table.
async fn daily_chores_read_what_is_open(w: &World) {
    // As autovacuum leaves it: what is asked of an index alone is answered by it.
    w.sql.run("VACUUM payments").await;
    let (near, read) = reading(w, async |s| s.near_limit(later()).await).await;
    assert_eq!(near.expect("read"), [], "nothing is that old");
    assert_reads_little("a look at the limit", &read, 10);
    let (digest, read) = reading(w, async |s| s.digest(hour(60), later()).await).await;
    assert_eq!(digest.expect("read").held[0].count, 100_000);
    for plan in &read.plans {
        assert!(plan.seq_scans().is_empty(), "the digest scans a whole table: {}\n{:#}", plan.statement, plan.root);
    }
}

/// 100,000 events are old, and as many calls and emails; a page of each is what is read.
async fn removing_costs_what_is_removed(w: &World) {
    for (what, before, removed) in [
        (What::Events, hour(24), 500),
        (What::Events, hour(-1), 0),
        // The database keeps calls for 90 days, by its own clock.
        (What::Attempts, hour(-1), 0),
        (What::Emails, hour(24), 400),
        (What::ApiWrites, hour(24), 500),
        (What::Runs, hour(24), 500),
    ] {
        let (page, read) = reading(w, async |s| s.remove_old(what, before, 0, 500).await.expect("removed")).await;
        assert_eq!(page.removed, removed, "{what}");
        assert_reads_little(&format!("removing {what}"), &read, 2_600);
    }
}

/// Mentor m1 has a history of 100,000 entries, of which a page is read; and where it ends, the next goes on.
async fn pages_cost_what_they_hold(w: &World) {
    let mentor = || MentorId::new("m1");
    let mut after = None;
    for page in ["the first page", "the second", "the third"] {
        let (found, read) = reading(w, async |s| s.history(mentor(), after, 50).await.expect("read")).await;
        assert_eq!(found.len(), 50, "{page}");
        assert_reads_little(&format!("{page} of a history"), &read, 400);
        after = found.last().map(|last| HistoryPlace { journal: last.journal, currency: last.currency });
    }
    let deep = Some(HistoryPlace { journal: 100_000, currency: Currency::parse("usd").expect("known") });
    let (_, read) = reading(w, async |s| s.history(mentor(), deep, 50).await.expect("read")).await;
    assert_reads_little("a page far down a history", &read, 400);
    let filter = PaymentFilter { mentor: Some(MentorId::new("m9")), ..PaymentFilter::default() };
    let page = Page::newest(10);
    let (found, read) = reading(w, async |s| s.search_payments(filter, page).await.expect("read")).await;
    assert_eq!(found.len(), 10);
    assert_reads_little("a page of a mentor's payments", &read, 200);
}

/// What people and webhooks ask is answered by what they ask for, however much is stored.
async fn questions_are_answered_through_indexes(w: &World) {
    for text in ["ch_123", "pi_123", "tr_123", "booking that is not there"] {
        let by = PaymentRef::Text(text.into());
        let (found, read) = reading(w, async |s| s.find_payment(by).await).await;
        assert_eq!(found.expect("read").is_some(), text.ends_with("123"));
        assert_reads_little(&format!("finding {text}"), &read, 60);
    }
    let (_, read) = reading(w, async |s| s.timeline(PaymentId(123)).await.expect("read")).await;
    assert_reads_little("a timeline", &read, 20);
    let (_, read) = reading(w, async |s| s.unprojected(100, hour(999)).await.expect("read")).await;
    assert_reads_little("a look at the inbox", &read, 10);
    let (_, read) = reading(w, async |s| s.oldest_unprojected().await.expect("read")).await;
    assert_reads_little("the oldest event", &read, 10);
    let (_, read) = reading(w, async |s| s.next_operation_at().await.expect("read")).await;
    assert_reads_little("the next operation", &read, 10);
    let (picked, read) =
        reading(w, async |s| s.pick_withdrawals(100, hour(2_000), hour(999)).await.expect("picked").0).await;
    assert_eq!(picked.len(), 1);
    assert_reads_little("a look at withdrawals", &read, 20);
    let (_, read) = reading(w, async |s| s.accounts_to_schedule(20).await.expect("read")).await;
    assert_reads_little("a look at accounts", &read, 10);
    let (silent, read) = reading(w, async |s| s.disputes_to_read(hour(999), 20, hour(999)).await.expect("read")).await;
    assert_eq!(silent, [], "all are over");
    assert_reads_little("a look at disputes", &read, 10);
    let (_, read) = reading(w, async |s| s.post_payouts(hour(999)).await.expect("posted")).await;
    assert_reads_little("posting payouts", &read, 10);

    // Mentor m9 has 50 payments, of which the triggers wake those that are not transferred.
    let on = Subject::Mentor(payoutd::domain::ids::MentorId::new("m9"));
    let (_, read) =
        reading(w, async |s| s.place_hold(on, "ada".into(), "x".into(), later()).await.expect("held")).await;
    assert_reads_little("a hold on a mentor", &read, 300);
    let on = Subject::Payment(PaymentId(19));
    let (_, read) =
        reading(w, async |s| s.place_hold(on, "ada".into(), "x".into(), later()).await.expect("held")).await;
    assert_reads_little("a hold on a payment", &read, 50);
    let facts = [
        crate::events::charge("new").told("charge.succeeded", hour(0)),
        crate::events::dispute("new", "123", "needs_response").told("charge.dispute.created", hour(1)),
        crate::events::refund("new", "123", 5, "succeeded").told("refund.created", hour(1)),
        crate::events::account("9", "inactive").told("account.updated", hour(1)).of_account("acct_9"),
    ];
    let inbox = open(w.url());
    inbox.keep_events(facts.map(|event| event.arrives(hour(1))).to_vec()).await.expect("kept");
    let waiting = inbox.unprojected(10, hour(1)).await.expect("read");
    // A connection that stays open would keep its statistics to itself.
    drop(inbox);
    let batch = waiting.into_iter().map(|event| payoutd::ports::Projected {
        row_id: event.row_id,
        fact: Ok(payoutd::domain::event::facts(&event.body).expect("readable").1),
        retry_at: hour(2),
    });
    let batch = batch.collect();
    let (_, read) = reading(w, async |s| s.project(batch, hour(1)).await.expect("projected")).await;
    assert_reads_little("a projection", &read, 500);
}
