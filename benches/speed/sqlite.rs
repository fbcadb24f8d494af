//! SQLite: the same webhooks to a daemon whose database is a file, beside single commits of the same rows.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Scale;
use super::daemon::Home;
use super::fake::Fake;
use super::figures::{Figures, percentile, thousands};
use super::{load, seed};

/// Webhooks to a daemon that lives in a file.
pub async fn bench(scale: Scale, fake: &Fake) {
    const EVENTS: usize = 20_000;
    let events = EVENTS / scale.divisor / 4;
    let [mut kept, mut p99, mut projected, mut yard, mut ratio] = [(); 5].map(|()| Figures::default());
    println!("SQLite, 32 connections: {} events, {} rounds", thousands(events as f64), scale.rounds);
    for _ in 0..scale.rounds {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("bench.db");
        let home = Home::new(&format!("sqlite://{}", file.display()), fake.address, "", "");
        home.done(&["migrate"]);
        let daemon = home.serve();
        let requests = load::signed("", 0, events).into();
        let begun = Instant::now();
        let sent = load::send(daemon.webhooks, requests, 32).await;
        kept.push(events as f64 / sent.took.as_secs_f64());
        p99.push(percentile(&sent.waits_us, 0.99) / 1000.0);
        let open = "SELECT count(*) AS n FROM webhook_events WHERE next_attempt_at IS NOT NULL";
        while number(&file, open) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        projected.push(events as f64 / begun.elapsed().as_secs_f64());
        let made = number(&file, "SELECT count(*) AS n FROM payments");
        assert_eq!(made, events as i64, "payments that were made of them");
        drop(daemon);
        let alone = yardstick(&file, events / 4);
        yard.push(alone);
        ratio.push(kept.0[kept.0.len() - 1] / alone);
    }
    println!("    kept      {} events/s; 99 of 100 within {} ms", kept.told(), p99.told());
    println!("    projected {} events/s, from the first webhook to the last row", projected.told());
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
