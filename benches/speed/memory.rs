//! Memory, the start, and what an idle daemon costs.

use std::time::{Duration, Instant};

use super::Scale;
use super::cluster::Database;
use super::daemon::{self, Home};
use super::fake::{Fake, Listed};
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
        taken_in(&home, &database, "memory", 1, scale).await;
    }
    if wanted("reconcile") {
        reconcile(&home, &database, &fake, scale).await;
    }
    if wanted("million events") {
        taken_in(&home, &database, "million", 20, scale).await;
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

/// So many times 50,000 events as fast as they are answered; then the rest of them is projected.
async fn taken_in(home: &Home, database: &Database, prefix: &str, times: usize, scale: Scale) {
    let daemon = home.serve();
    let events = 50_000 / scale.divisor;
    for time in 0..times {
        let requests = load::signed(&format!("{prefix}_"), time * events, (time + 1) * events);
        load::send(daemon.webhooks, requests.into(), 256).await;
    }
    while database.number(load::WAITING).await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!(
        "webhooks: {} MB at most while {} events came over 256 connections, all of them projected",
        thousands(daemon.cost().peak_kb as f64 / 1024.0),
        thousands((events * times) as f64)
    );
}

/// Transfers of two and a half days, the same on both sides.
async fn reconcile(home: &Home, database: &Database, fake: &Fake, scale: Scale) {
    let (days, seconds) = (3, 60 * 3600);
    let count = 1_000_000 / scale.divisor as i64;
    let from = database.number("SELECT extract(epoch FROM now())::bigint").await - days * 24 * 3600 + 3600;
    database
        .run(&format!(
            "INSERT INTO transfers (stripe_transfer_id, stripe_charge_id, destination, amount, currency, transfer_group, created_at)
             SELECT 'tr_listed_' || n, 'ch_listed_' || n, 'acct_' || n % {mentors}, 9000, 'eur', 'payoutd_ch_listed_' || n,
                    to_timestamp({from} + n * {seconds} / {count})
             FROM generate_series(0::bigint, {count} - 1) AS n",
            mentors = seed::MENTORS
        ))
        .await;
    database.settle().await;
    *fake.seen.listed.lock().expect("nobody panics with it") = Some(Listed { from, seconds, count });
    let (begun, mut most) = (Instant::now(), 0);
    let mut child = home.start(&["reconcile", "--days", &days.to_string()]);
    let status = loop {
        if let Some(status) = child.try_wait().expect("ours") {
            break status;
        }
        most = most.max(daemon::cost(child.id()).peak_kb);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    *fake.seen.listed.lock().expect("nobody panics with it") = None;
    assert!(status.success(), "both sides are the same: {}", home.log());
    println!(
        "reconcile: {} MB at most, {} transfers on either side compared in {} s",
        thousands(most as f64 / 1024.0),
        thousands(count as f64),
        begun.elapsed().as_secs()
    );
}

async fn due(home: &Home, database: &Database, scale: Scale) {
    let payments = 1_000_000 / scale.divisor;
    seed::copy_many(database, 1, payments, seed::Copied::Due).await;
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
