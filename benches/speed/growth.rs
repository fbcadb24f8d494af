//! Growth: what a claim, a projection, `explain`, `status` and the figures cost with ten thousand payments on record and with
//! a million, counted in the rows and blocks that their statements touch. Counts, not times: they are the same anywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Scale;
use super::cluster::Database;
use super::daemon::{Daemon, Home};
use super::fake::Fake;
use super::figures::{Figures, thousands};
use super::seed::Copied;
use super::{load, payouts, seed};

/// Payments that each step pays, and events that it projects.
const DUE: usize = 200;

/// Blocks and rows, by what was done.
type Touched = BTreeMap<&'static str, (i64, i64)>;

/// At both sizes, the larger one done and then held; or done only, where a size is given.
pub async fn bench(scale: Scale, size: Option<usize>) {
    let fake = Fake::start();
    let database = Database::new().await;
    let stripe = "requests_per_second = 100000\nconcurrency = 64";
    let home = Home::new(&database.url, fake.address, stripe, "");
    payouts::template(&home, &database).await;
    let (small, large) = (10_000, size.unwrap_or(1_000_000 / scale.divisor));
    let mut next = 1;
    let mut sizes = Vec::new();
    let held = size.is_none().then_some((large, "held"));
    for (size, status) in [(small, "transferred"), (large, "transferred")].into_iter().chain(held) {
        grow(&database, &mut next, size, status).await;
        let name = format!("{} {status}", thousands(size as f64));
        println!("{name}: ready after {} ms", ready(&home, scale).told());
        sizes.push((name, touched(&database, &home, &mut next).await));
    }
    println!("blocks and rows that the statements touch, of {DUE} payments or events, or of one question");
    for what in sizes[0].1.keys() {
        println!("    {what}");
        for (size, touched) in &sizes {
            let (blocks, rows) = touched[what];
            println!("        {size:<22} {:>10} blocks {:>8} rows", thousands(blocks as f64), thousands(rows as f64));
        }
    }
    database.drop().await;
}

/// How long the daemon takes to be ready.
fn ready(home: &Home, scale: Scale) -> Figures {
    let mut took = Figures::default();
    (0..scale.rounds).for_each(|_| took.push(home.serve().took.as_secs_f64() * 1000.0));
    took
}

/// So many payments, all of them at rest.
async fn grow(database: &Database, next: &mut usize, to: usize, status: &str) {
    let have = database.number("SELECT count(*) FROM payments WHERE status = 'transferred'").await as usize;
    if status == "held" {
        // Those that were done become held: a million of either, not of both.
        let held = "UPDATE payments SET status = 'held', hold_reasons = 'flagged', dispute_requested = TRUE, transfer_id = NULL
                    WHERE status = 'transferred'";
        seed::in_bulk(database, held).await;
    } else if have < to {
        let last = *next + to - have - 1;
        seed::copy_many(database, *next, last, Copied::Done).await;
        *next = last + 1;
    }
    // Triggers were passed over.
    database
        .run(
            "TRUNCATE payment_counts; INSERT INTO payment_counts (status, hold_reasons, payments)
             SELECT status, CASE status WHEN 'held' THEN hold_reasons ELSE '' END, count(*) FROM payments
             WHERE status <> 'transferred' GROUP BY 1, 2",
        )
        .await;
    database.settle().await;
}

async fn touched(database: &Database, home: &Home, next: &mut usize) -> Touched {
    seed::copy_payments(database, *next, *next + DUE - 1).await;
    let mut touched = Touched::new();
    let asked = format!("pi_bench_{next}");
    *next += DUE;
    // Twice what costs by the statement: plans and caches are warm then.
    for (what, arguments) in [
        ("run", vec!["run"]),
        ("run, nothing due", vec!["run"]),
        ("explain", vec!["explain", asked.as_str()]),
        ("status", vec!["status"]),
    ] {
        database.forget().await;
        home.done(&arguments);
        touched.insert(what, counted(database).await);
    }
    let daemon = home.serve();
    let requests = load::signed(&format!("grown{next}_"), 0, DUE).into();
    settled(database).await;
    database.forget().await;
    load::send(daemon.webhooks, requests, 16).await;
    settled(database).await;
    touched.insert("projection", counted(database).await);
    drop(daemon);
    touched.extend(metrics(database, home).await);
    database.run("DELETE FROM emails").await;
    touched
}

async fn metrics(database: &Database, home: &Home) -> Option<(&'static str, (i64, i64))> {
    let daemon: Daemon = home.serve();
    tokio::time::sleep(Duration::from_millis(500)).await;
    database.forget().await;
    let asked = "GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n";
    let address = daemon.metrics?;
    load::once(address, asked).await;
    Some(("metrics", counted(database).await))
}

async fn settled(database: &Database) {
    while database.number(load::WAITING).await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn counted(database: &Database) -> (i64, i64) {
    let row = database
        .sql
        .query_one(
            "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint, coalesce(sum(rows), 0)::bigint
             FROM pg_stat_statements WHERE toplevel AND query NOT LIKE '%pg_stat%'
               AND query NOT LIKE 'SELECT count(*) FROM (%'
               AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
            &[],
        )
        .await
        .expect("the statistics answer");
    if std::env::var_os("PAYOUTD_BENCH_STATEMENTS").is_some() {
        blocks(database).await;
    }
    (row.get(0), row.get(1))
}

async fn blocks(database: &Database) {
    let rows = database
        .sql
        .query(
            "SELECT shared_blks_hit + shared_blks_read, calls, rows, regexp_replace(left(query, 150), '\\s+', ' ', 'g')
             FROM pg_stat_statements WHERE toplevel AND query NOT LIKE '%pg_stat%'
               AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
             ORDER BY 1 DESC LIMIT 6",
            &[],
        )
        .await
        .expect("the statistics answer");
    for row in rows {
        let (blocks, calls, of, query): (i64, i64, i64, String) = (row.get(0), row.get(1), row.get(2), row.get(3));
        println!("    {blocks:>9} blocks {calls:>6} calls {of:>7} rows  {query}");
    }
    println!();
}
