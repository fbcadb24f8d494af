//! Memory, the start, and what an idle daemon costs.

use std::time::Duration;

use super::Scale;
use super::cluster::Database;
use super::daemon::{self, Home};
use super::fake::Fake;
use super::figures::{Figures, thousands};
use super::{load, payouts, seed};

/// The start; idle; under load; with very much due. All of it, or what is called so.
pub async fn bench(scale: Scale, only: Option<&str>) {
    let wanted = |what| only.is_none_or(|only| only == what);
    let fake = Fake::start();
    let database = Database::new().await;
    let stripe = "requests_per_second = 100000\nconcurrency = 64";
    let home = Home::new(&database.url, fake.address, stripe, "");
    payouts::template(&home, &database).await;
    if wanted("start") {
        starts(&home, scale, "nearly nothing on record").await;
    }
    if wanted("idle") {
        idle(&home, scale).await;
    }
    if wanted("webhooks") {
        webhooks(&home, &database, scale).await;
    }
    if wanted("due") {
        due(&home, &database, scale).await;
    }
    database.drop().await;
}

async fn starts(home: &Home, scale: Scale, with: &str) {
    let mut took = Figures::default();
    for _ in 0..scale.rounds {
        took.push(home.serve().took.as_secs_f64() * 1000.0);
    }
    println!("start: ready after {} ms, {with}", took.told());
}

async fn idle(home: &Home, scale: Scale) {
    let lasting = Duration::from_secs(60 / scale.divisor as u64);
    let daemon = home.serve();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = daemon.cost();
    tokio::time::sleep(lasting).await;
    let after = daemon.cost();
    let share = (after.cpu - before.cpu).as_secs_f64() / lasting.as_secs_f64() * 100.0;
    println!(
        "idle: {share:.3} % of a core over {} s, {} MB resident",
        lasting.as_secs(),
        thousands(after.resident_kb as f64 / 1024.0)
    );
}

async fn webhooks(home: &Home, database: &Database, scale: Scale) {
    let daemon = home.serve();
    let events = 50_000 / scale.divisor;
    load::send(daemon.webhooks, load::signed("memory_", 0, events).into(), 256).await;
    while database.number("SELECT count(*) FROM webhook_events WHERE next_attempt_at IS NOT NULL").await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let cost = daemon.cost();
    println!(
        "webhooks: {} MB at most while {} events came over 256 connections",
        thousands(cost.peak_kb as f64 / 1024.0),
        thousands(events as f64)
    );
}

async fn due(home: &Home, database: &Database, scale: Scale) {
    let payments = 1_000_000 / scale.divisor;
    seed::copy_many(database, 1, payments).await;
    database.settle().await;
    starts(home, scale, &format!("{} payments on record", thousands(payments as f64))).await;
    database.forget().await;
    let mut run = home.start(&["run"]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let cost = daemon::cost(run.id());
    let paid = database.number("SELECT count(*) FROM operations WHERE state = 'confirmed'").await;
    println!(
        "payouts: {} MB at most, {} of {} that are due paid so far",
        thousands(cost.peak_kb as f64 / 1024.0),
        thousands(paid as f64),
        thousands(payments as f64)
    );
    if std::env::var_os("PAYOUTD_BENCH_STATEMENTS").is_some() {
        database.slowest(25).await;
    }
    let _ = run.kill();
    let _ = run.wait();
}
