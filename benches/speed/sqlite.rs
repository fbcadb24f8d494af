//! SQLite: the same webhooks and payouts, by a daemon whose database is a file, beside single commits of the same rows.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Scale;
use super::daemon::{self, Home};
use super::fake::Fake;
use super::figures::{Figures, percentile, thousands};
use super::{load, seed};

/// A daemon that lives in a file.
fn home(dir: &Path, fake: &Fake, stripe: &str) -> (Home, PathBuf) {
    let file = dir.join("bench.db");
    let home = Home::new(&format!("sqlite://{}", file.display()), fake.address, stripe, "");
    home.done(&["migrate"]);
    (home, file)
}

/// Waits until all events are projected.
async fn projected(file: &Path) {
    let open = "SELECT count(*) AS n FROM webhook_events WHERE next_attempt_at IS NOT NULL";
    while number(file, open) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Payouts of charges that were told of by webhooks before.
pub async fn payouts(scale: Scale, fake: &Fake) {
    const PAYMENTS: usize = 5_000;
    let payments = PAYMENTS / scale.divisor;
    let [mut rates, mut spent] = [(); 2].map(|()| Figures::default());
    println!("SQLite, 0 ms, 64 at once: {} payments, {} rounds", thousands(payments as f64), scale.rounds);
    for round in 0..scale.rounds {
        // The fake knows the keys of the rounds before.
        let (from, to) = (round * payments, (round + 1) * payments);
        let dir = tempfile::tempdir().expect("a directory");
        let (home, file) = home(dir.path(), fake, "requests_per_second = 100000\nconcurrency = 64");
        run(&file, &seed::mentors_in_sqlite());
        let daemon = home.serve();
        load::send(daemon.webhooks, load::signed_at("", from, to, seed::PAID_AT).into(), 32).await;
        projected(&file).await;
        drop(daemon);
        run(&file, "UPDATE continuity SET known_since = '2025-01-01T00:00:00.000Z'");
        let (made, runs) =
            (fake.seen.transfers.load(Ordering::Relaxed), number(&file, "SELECT count(*) AS n FROM runs"));
        let mut child = home.start(&["run"]);
        let ended = format!("SELECT count(finished_at) AS n FROM runs WHERE id > {runs}");
        while number(&file, &ended) == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        spent.push(daemon::cost(child.id()).cpu.as_secs_f64() * 1e6 / payments as f64);
        let _ = child.kill();
        let _ = child.wait();
        let came = fake.seen.transfers.load(Ordering::Relaxed) - made;
        assert_eq!(came, payments as u64, "transfers that were made; the log: {}", home.log());
        let recorded = "SELECT count(*) AS n FROM ledger_journals WHERE kind = 'transfer'";
        assert_eq!(number(&file, recorded), payments as i64, "transfers in the ledger");
        let took = "SELECT CAST((julianday(finished_at) - julianday(started_at)) * 86400000 AS INTEGER) AS n
                    FROM runs ORDER BY id DESC LIMIT 1";
        rates.push(payments as f64 * 1000.0 / number(&file, took) as f64);
    }
    println!("    payoutd   {} payouts/s", rates.told());
    println!("    a payout  {} us of payoutd's processor time, SQLite's included\n", thousands(spent.median()));
}

/// Webhooks to a daemon that lives in a file.
pub async fn bench(scale: Scale, fake: &Fake) {
    const EVENTS: usize = 20_000;
    let events = EVENTS / scale.divisor / 4;
    let [mut kept, mut p99, mut told, mut yard, mut ratio] = [(); 5].map(|()| Figures::default());
    println!("SQLite, 32 connections: {} events, {} rounds", thousands(events as f64), scale.rounds);
    for _ in 0..scale.rounds {
        let dir = tempfile::tempdir().expect("a directory");
        let (home, file) = home(dir.path(), fake, "");
        let daemon = home.serve();
        let requests = load::signed("", 0, events).into();
        let begun = Instant::now();
        let sent = load::send(daemon.webhooks, requests, 32).await;
        kept.push(events as f64 / sent.took.as_secs_f64());
        p99.push(percentile(&sent.waits_us, 0.99) / 1000.0);
        projected(&file).await;
        told.push(events as f64 / begun.elapsed().as_secs_f64());
        let made = number(&file, "SELECT count(*) AS n FROM payments");
        assert_eq!(made, events as i64, "payments that were made of them");
        drop(daemon);
        let alone = yardstick(&file, events / 4);
        yard.push(alone);
        ratio.push(kept.0[kept.0.len() - 1] / alone);
    }
    println!("    kept      {} events/s; 99 of 100 within {} ms", kept.told(), p99.told());
    println!("    projected {} events/s, from the first webhook to the last row", told.told());
    println!("    Y event   {} events/s: one connection, the inbox's row, one commit each", yard.told());
    println!("    ratio     {}\n", ratio.told());
}

fn connection(file: &Path) -> diesel::SqliteConnection {
    use diesel::Connection;
    use diesel::connection::SimpleConnection;
    let mut connection = diesel::SqliteConnection::establish(&file.display().to_string()).expect("a file");
    connection
        .batch_execute("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
        .expect("ours");
    connection
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

fn number(file: &Path, sql: &str) -> i64 {
    use diesel::RunQueryDsl;
    let row: Number = diesel::sql_query(sql).get_result(&mut connection(file)).expect("it answers");
    row.n
}

fn run(file: &Path, sql: &str) {
    use diesel::connection::SimpleConnection;
    connection(file).batch_execute(sql).unwrap_or_else(|why| panic!("{sql}: {why}"));
}

fn yardstick(file: &Path, events: usize) -> f64 {
    use diesel::RunQueryDsl;
    use diesel::sql_types::{Binary, Text};
    let mut db = connection(file);
    let body = seed::event("7", 0).into_bytes();
    let begun = Instant::now();
    for n in 0..events {
        diesel::sql_query(
            "INSERT INTO webhook_events (event_id, type, stripe_created, livemode, body, received_at, state, next_attempt_at)
             VALUES (?1, 'charge.succeeded', '2026-01-01T00:00:00.000Z', 0, ?2, '2026-01-01T00:00:00.000Z', 'pending',
                     '2026-01-01T00:00:00.000Z')",
        )
        .bind::<Text, _>(format!("evt_yard_{n}"))
        .bind::<Binary, _>(&body)
        .execute(&mut db)
        .expect("it writes");
    }
    events as f64 / begun.elapsed().as_secs_f64()
}
