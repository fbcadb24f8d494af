//! Payouts: `payoutd run` over payments that are due, beside the same rows written by pgbench.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Scale;
use super::cluster::Database;
use super::daemon::Home;
use super::fake::Fake;
use super::figures::{Figures, per_item, thousands};
use super::yardstick::{CLIENTS, pgbench};
use super::{load, seed, sqlite};

struct Case {
    name: &'static str,
    /// Whether a sweep stands for the reading of each charge.
    sweeps: bool,
    latency_ms: u64,
    concurrency: usize,
    daemons: usize,
    payments: usize,
}

const CASES: [Case; 12] = [
    case("0 ms, 64 at once", 0, 64, 1, 10_000),
    case("0 ms, 256 at once", 0, 256, 1, 10_000),
    case("0 ms, two daemons", 0, 256, 2, 10_000),
    case("0 ms, four daemons", 0, 256, 4, 10_000),
    case("100 ms, 64 at once", 100, 64, 1, 16_000),
    case("100 ms, 256 at once", 100, 256, 1, 40_000),
    case("100 ms, 512 at once", 100, 512, 1, 60_000),
    by_sweep("sweep, 0 ms, 64 at once", 0, 64, 10_000),
    by_sweep("sweep, 0 ms, 256 at once", 0, 256, 10_000),
    by_sweep("sweep, 100 ms, 64 at once", 100, 64, 25_600),
    by_sweep("sweep, 100 ms, 256 at once", 100, 256, 60_000),
    by_sweep("sweep, 100 ms, 512 at once", 100, 512, 80_000),
];

const fn case(name: &'static str, latency_ms: u64, concurrency: usize, daemons: usize, payments: usize) -> Case {
    Case { name, sweeps: false, latency_ms, concurrency, daemons, payments }
}

const fn by_sweep(name: &'static str, latency_ms: u64, concurrency: usize, payments: usize) -> Case {
    Case { name, sweeps: true, latency_ms, concurrency, daemons: 1, payments }
}

impl Case {
    /// Calls to Stripe for each payout: its charge is read (unless a sweep stands for that), then the transfer is made.
    fn calls(&self) -> f64 {
        if self.sweeps { 1.0 } else { 2.0 }
    }
}

/// As it is with a daemon that has worked and swept since before the payments were made. Else each would be looked for at Stripe
/// first, and none be covered by a sweep.
async fn has_long_worked(case: &Case, database: &Database) {
    database.run("UPDATE continuity SET known_since = '2025-01-01Z', beat_at = now()").await;
    database.run("DELETE FROM sweeps").await;
    if case.sweeps {
        let columns = "id, covers_from, swept_to, charges_to, swept_at";
        database.run(&format!("INSERT INTO sweeps ({columns}) VALUES (1, '2025-01-01Z', now(), now(), now())")).await;
    }
}

/// All cases and SQLite, or those whose name holds a word.
pub async fn bench(scale: Scale, only: Option<&str>) {
    let fake = Fake::start();
    let asked = "GET /v1/charges/ch_bench_7?expand%5B0%5D=balance_transaction HTTP/1.1\r\nhost: bench\r\n\r\n";
    let ceiling = load::ceiling(fake.address, asked, 32, Duration::from_secs(2)).await;
    println!("the fake Stripe answers {} requests/s, its load generator included\n", thousands(ceiling));
    let database = Database::new().await;
    let home = Home::new(&database.url, fake.address, "", "");
    template(&home, &database).await;
    let mut next = 1;
    for case in CASES.iter().filter(|case| only.is_none_or(|only| case.name.contains(only))) {
        measure(case, scale, &fake, &database, &mut next).await;
    }
    database.drop().await;
    if only.is_none_or(|only| "SQLite".contains(only)) {
        fake.seen.latency_ms.store(0, Ordering::Relaxed);
        sqlite::payouts(scale, &fake).await;
    }
}

/// Makes payment 0, as a webhook does.
pub async fn template(home: &Home, database: &Database) {
    home.done(&["migrate"]);
    database.run(&seed::mentors()).await;
    let daemon = home.serve();
    load::send(daemon.webhooks, load::signed_at("", 0, 1, seed::PAID_AT).into(), 1).await;
    while database.number("SELECT count(*) FROM ledger_entries").await < 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(daemon);
    database.run("UPDATE payments SET next_check_at = NULL").await;
}

async fn measure(case: &Case, scale: Scale, fake: &Fake, database: &Database, next: &mut usize) {
    let payments = case.payments / scale.divisor / CLIENTS * CLIENTS;
    let stripe = format!("requests_per_second = 100000\nconcurrency = {}", case.concurrency);
    let preflight = if case.sweeps { "preflight = \"sweep\"" } else { "" };
    let home = Home::new(&database.url, fake.address, &stripe, preflight);
    let [mut rates, mut yards, mut ratios, mut spent] = [(); 4].map(|()| Figures::default());
    let mut rows = String::new();
    println!("{}: {} payments, {} rounds", case.name, thousands(payments as f64), scale.rounds);
    for _ in 0..scale.rounds {
        seed::copy_payments(database, *next, *next + payments - 1).await;
        if case.sweeps {
            seed::were_read(database).await;
        }
        *next += payments;
        database.settle().await;
        has_long_worked(case, database).await;
        fake.seen.latency_ms.store(case.latency_ms, Ordering::Relaxed);
        database.forget().await;
        let before = database.counted().await;
        let (rate, cpu) = round(case, &home, fake, database, payments).await;
        rows = per_item(database.counted().await - before, payments);
        rates.push(rate);
        spent.push(cpu.as_secs_f64() * 1e6 / payments as f64);
        if std::env::var_os("PAYOUTD_BENCH_STATEMENTS").is_some() {
            database.slowest(25).await;
        }
        if case.latency_ms == 0 {
            seed::copy_payments(database, *next, *next + payments - 1).await;
            let base = database.number(&format!("SELECT id FROM payments WHERE payment_key = 'pi_bench_{next}'")).await;
            *next += payments;
            database.settle().await;
            let yard = pgbench(database, "payouts", payments, &[("base", base - CLIENTS as i64)]);
            let paid = database.number("SELECT count(*) FROM transfers WHERE stripe_transfer_id LIKE 'tr_yard%'").await;
            assert!(paid >= payments as i64, "the yardstick wrote {paid} of {payments}");
            yards.push(yard);
            ratios.push(rate / yard);
        }
    }
    println!("    payoutd   {} payouts/s", rates.told());
    if case.latency_ms == 0 {
        println!("    Y         {} payouts/s: pgbench, the same rows, two commits each", yards.told());
        println!("    ratio     {}", ratios.told());
    } else {
        let most = case.concurrency as f64 * 1000.0 / case.latency_ms as f64;
        let share = rates.median() * case.calls() / most * 100.0;
        println!("    calls     {share:.1} % of concurrency / latency ({} calls/s)", thousands(most));
    }
    println!("    a payout  {rows}; {} us of payoutd's processor time\n", thousands(spent.median()));
}

/// One run, or several at once: payouts a second, and the processor time of the daemons.
async fn round(case: &Case, home: &Home, fake: &Fake, database: &Database, payments: usize) -> (f64, Duration) {
    let made = fake.seen.transfers.load(Ordering::Relaxed);
    let runs = database.number("SELECT count(*) FROM runs").await;
    let mut daemons: Vec<_> = (0..case.daemons).map(|_| home.start(&["run"])).collect();
    let ended = format!("SELECT count(finished_at) FROM runs WHERE id > {runs}");
    let mut patience = 6_000;
    while database.number(&ended).await < case.daemons as i64 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        patience -= 1;
        assert!(patience > 0, "the run does not end");
    }
    let cpu = daemons.iter().map(|daemon| super::daemon::cost(daemon.id()).cpu).sum();
    for daemon in &mut daemons {
        // What is left is mail, which is not measured.
        let _ = daemon.kill();
        let _ = daemon.wait();
    }
    let took = format!(
        "SELECT (extract(epoch FROM max(finished_at) - min(started_at)) * 1000)::bigint FROM runs WHERE id > {runs}"
    );
    let took_ms = database.number(&took).await;
    check(database, payments, fake.seen.transfers.load(Ordering::Relaxed) - made, runs).await;
    database.run("DELETE FROM emails").await;
    (payments as f64 * 1000.0 / took_ms as f64, cpu)
}

/// Every safety row is there, and nobody was paid twice: else the figure is worth nothing.
async fn check(database: &Database, payments: usize, made: u64, runs: i64) {
    let payments = payments as i64;
    if made != payments as u64 {
        let sql = "SELECT status || ' ' || hold_reasons || ' ' || coalesce(wait_reason, ''), count(*)
                   FROM payments GROUP BY 1 ORDER BY 2 DESC LIMIT 5";
        let rows = database.sql.query(sql, &[]).await.expect("it answers");
        let found: Vec<_> = rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, i64>(1))).collect();
        let told = database.sql.query("SELECT error FROM runs WHERE id > $1", &[&runs]).await.expect("it answers");
        let told: Vec<Option<String>> = told.iter().map(|row| row.get(0)).collect();
        panic!("the fake made {made} of {payments} transfers: {found:?}; the runs say {told:?}");
    }
    let paid =
        database.number(&format!("SELECT coalesce(sum(transferred), 0)::bigint FROM runs WHERE id > {runs}")).await;
    assert_eq!(paid, payments, "transferred, by the runs' own word");
    for (what, sql) in [
        (
            "payments that are left",
            "SELECT count(*) FROM payments WHERE next_check_at IS NOT NULL OR status = 'releasing'",
        ),
        ("operations that are not confirmed", "SELECT count(*) FROM operations WHERE state <> 'confirmed'"),
        (
            "confirmed operations without their attempt, transfer, journal",
            "SELECT count(*) FROM operations AS o WHERE stripe_id LIKE 'tr_bench%' AND NOT (
                 EXISTS (SELECT 1 FROM operation_attempts WHERE operation_id = o.id)
                 AND EXISTS (SELECT 1 FROM transfers WHERE stripe_transfer_id = o.stripe_id)
                 AND EXISTS (SELECT 1 FROM ledger_journals WHERE payment_id = o.payment_id AND kind = 'transfer'))",
        ),
        ("minor units that the ledger is off by", "SELECT abs(sum(amount))::bigint FROM ledger_entries"),
    ] {
        assert_eq!(database.number(sql).await, 0, "{what}");
    }
    assert!(database.number("SELECT count(*) FROM emails").await >= payments, "an email for each mentor");
}
