//! Webhooks: signed events over connections that stay, to a daemon that projects them meanwhile, beside the same rows
//! written by pgbench.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Scale;
use super::cluster::Database;
use super::daemon::Home;
use super::fake::Fake;
use super::figures::{Figures, per_item, percentile, thousands};
use super::yardstick::pgbench;
use super::{load, payouts, sqlite};

const EVENTS: usize = 20_000;

/// At 32 and at 256 connections, and on SQLite.
pub async fn bench(scale: Scale, only: Option<&str>) {
    let fake = Fake::start();
    for connections in [32, 256] {
        let name = format!("{connections} connections");
        if only.is_none_or(|only| name.contains(only)) {
            measure(connections, scale, &fake).await;
        }
    }
    if only.is_none_or(|only| "SQLite".contains(only)) {
        sqlite::bench(scale, &fake).await;
    }
}

async fn measure(connections: usize, scale: Scale, fake: &Fake) {
    let events = EVENTS / scale.divisor;
    let database = Database::new().await;
    let home = Home::new(&database.url, fake.address, "", "");
    payouts::template(&home, &database).await;
    database
        .run(
            "CREATE TABLE bench_body AS SELECT body FROM webhook_events;
             CREATE TABLE bench_says AS SELECT says FROM payment_sources",
        )
        .await;
    println!("one commit takes {} ms while nothing else goes on", database.commits().await.told());
    let daemon = home.serve();
    let [mut kept, mut p50, mut p99, mut projected, mut yard, mut yard_both, mut ratio, mut ratio_both, mut spent] =
        [(); 9].map(|()| Figures::default());
    let mut rows = String::new();
    println!("{connections} connections: {} events, {} rounds", thousands(events as f64), scale.rounds);
    for round in 0..scale.rounds {
        let requests: Arc<_> = load::signed(&format!("{round}_"), 0, events).into();
        database.settle().await;
        database.forget().await;
        let (before, cost) = (database.counted().await, daemon.cost());
        let begun = Instant::now();
        let sent = load::send(daemon.webhooks, requests, connections).await;
        while database.number(load::WAITING).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        projected.push(events as f64 / begun.elapsed().as_secs_f64());
        spent.push((daemon.cost().cpu - cost.cpu).as_secs_f64() * 1e6 / events as f64);
        rows = per_item(database.counted().await - before, events);
        kept.push(events as f64 / sent.took.as_secs_f64());
        p50.push(percentile(&sent.waits_us, 0.5) / 1000.0);
        p99.push(percentile(&sent.waits_us, 0.99) / 1000.0);
        if std::env::var_os("PAYOUTD_BENCH_STATEMENTS").is_some() {
            database.slowest(25).await;
        }
        check(&database, events * (round + 1)).await;
        database.settle().await;
        yard.push(pgbench(&database, "events", events, &[]));
        database.run("DELETE FROM webhook_events WHERE event_id LIKE 'evt_yard%'").await;
        database.settle().await;
        yard_both.push(pgbench(&database, "projected", events, &[]));
        clear(&database).await;
        ratio.push(kept.0[round] / yard.0[round]);
        ratio_both.push(kept.0[round] / yard_both.0[round]);
    }
    println!("    kept      {} events/s, the projection of them going on meanwhile", kept.told());
    println!("    wait      {} ms; 99 of 100 within {} ms", p50.told(), p99.told());
    println!("    projected {} events/s, from the first webhook to the last row", projected.told());
    println!("    Y event   {} events/s: pgbench, the inbox's row alone", yard.told());
    println!("    Y both    {} events/s: pgbench, the event and all its payment's rows, two commits", yard_both.told());
    println!("    ratio     {} to Y event, {} to Y both", ratio.told(), ratio_both.told());
    println!("    an event  {rows}; {} us of payoutd's processor time\n", thousands(spent.median()));
    drop(daemon);
    database.drop().await;
}

/// Every event is in the table, and every one was projected.
async fn check(database: &Database, events: usize) {
    let kept = "SELECT count(*) FROM webhook_events WHERE event_id LIKE 'evt_bench%' AND state = 'projected'";
    assert_eq!(database.number(kept).await, events as i64 + 1, "events that are kept and projected");
    let made = "SELECT count(*) FROM payments WHERE payment_key LIKE 'pi_bench%'";
    assert_eq!(database.number(made).await, events as i64 + 1, "payments that were made of them");
    assert_eq!(database.number("SELECT sum(amount)::bigint FROM ledger_entries").await, 0, "the ledger is off");
    let posted = database.number("SELECT count(*) FROM ledger_entries").await;
    assert_eq!(posted, 4 * (events as i64 + 1), "ledger entries");
}

/// Takes away what the yardstick wrote.
async fn clear(database: &Database) {
    database
        .run(
            "BEGIN;
             SET LOCAL session_replication_role = replica;
             DELETE FROM ledger_entries USING ledger_journals AS j, payments AS p
             WHERE journal_id = j.id AND j.payment_id = p.id AND p.payment_key LIKE 'pi_yard%';
             DELETE FROM ledger_journals USING payments AS p WHERE payment_id = p.id AND p.payment_key LIKE 'pi_yard%';
             DELETE FROM payment_sources WHERE payment_key LIKE 'pi_yard%';
             DELETE FROM payments WHERE payment_key LIKE 'pi_yard%';
             DELETE FROM webhook_events WHERE event_id LIKE 'evt_yard%';
             COMMIT",
        )
        .await;
}
