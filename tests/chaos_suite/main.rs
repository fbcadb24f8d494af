//! Chaos: the real program in processes of its own, on both databases, with Stripe (the sandbox) in another process; killed,
//! cut off, frozen and starved while payments flow. Each scenario ends in the same judgement, from Stripe's own books, the
//! mailbox and the program's answers: see `judge.rs`. `tests/chaos` runs it and says what it takes.
//!
//! Everything that is left to chance comes from one seed, which is printed. When a process is hit is up to the machine,
//! so a seed gives the same plan and not the same moment.

#[path = "../simulation/chance.rs"]
#[allow(dead_code, reason = "not every choice is needed here")]
mod chance;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../e2e/sql.rs"]
mod sql;

mod bouncer;
mod cluster;
mod disk;
mod failover;
mod fleet;
mod judge;
mod judged;
mod kills;
mod mailbox;
mod patroni;
mod plan;
mod post_office;
mod postgres;
mod process;
mod smtp;
mod stripe;
mod stripe_away;
mod town;
mod web;

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow};
use chance::Chance;
use cluster::Cluster;
use futures_util::StreamExt;
use futures_util::stream;
use plan::{Plan, Scenario};
use tokio::time::Instant;

fn main() -> ExitCode {
    let plan = match Plan::read(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    let here = tokio::task::LocalSet::new();
    let failed = here.block_on(&runtime, async {
        tokio::select! {
            failed = run(plan) => failed,
            // What was started ends with the values that hold it.
            _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
            () = terminated() => Err(anyhow!("terminated")),
        }
    });
    match failed {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("{failed} scenario(s) found a violation");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("chaos: {why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Answers how many scenarios failed.
async fn run(plan: Plan) -> Result<usize> {
    let began = Instant::now();
    let mut chance = Chance::new(plan.seed);
    // Drawn for all, so that --only changes nothing for the one that is left.
    let drawn: Vec<(Scenario, Chance)> = Scenario::ALL.into_iter().map(|s| (s, chance.split())).collect();
    println!("chaos: seed {}, {}", plan.seed, if plan.long { "the long form" } else { "the short form" });
    let shared = Rc::new(Cluster::start("shared").await.context("PostgreSQL for the scenarios")?);
    let plan = Rc::new(plan);
    let wanted = drawn.into_iter().filter(|(scenario, _)| plan.wants(*scenario));
    let lived = stream::iter(wanted.map(|(scenario, chance)| {
        let (plan, shared) = (plan.clone(), shared.clone());
        async move {
            let began = Instant::now();
            // A task of its own: a panic in it is its failure alone.
            let found = tokio::task::spawn_local(live(scenario, plan, shared, chance)).await;
            let found = found.map_err(|panic| anyhow!("{panic}")).and_then(|found| found);
            match &found {
                Ok(line) => println!("{}: {line}; {} s", scenario.title(), began.elapsed().as_secs()),
                Err(why) => println!("{}: VIOLATION: {why:#}", scenario.title()),
            }
            usize::from(found.is_err())
        }
    }));
    let failed: Vec<usize> = lived.buffer_unordered(plan.at_once).collect().await;
    let failures = failed.iter().sum();
    println!(
        "chaos: {} scenarios, {failures} failed, {} s, seed {}",
        failed.len(),
        began.elapsed().as_secs(),
        plan.seed
    );
    Ok(failures)
}

async fn live(scenario: Scenario, plan: Rc<Plan>, shared: Rc<Cluster>, chance: Chance) -> Result<String> {
    match scenario {
        Scenario::KillsSqlite => kills::on_sqlite(&plan, chance).await,
        Scenario::KillsPostgres => kills::on_postgres(&plan, &shared, chance).await,
        Scenario::PostgresAway => postgres::comes_and_goes(&plan, chance).await,
        Scenario::Failover => failover::a_standby_takes_over(&plan, chance).await,
        Scenario::Bouncer => bouncer::stands_between(&plan, &shared, chance).await,
        Scenario::DiskFull => disk::runs_full(&plan, chance).await,
        Scenario::MailAway => smtp::misbehaves(&plan, chance).await,
        Scenario::StripeAway => stripe_away::is_frozen_and_cut_off(&plan, &shared, chance).await,
        Scenario::Fleet => fleet::shares_the_work(&plan, &shared, chance).await,
        Scenario::Judge => judged::sees_what_is_wrong(chance).await,
        Scenario::Patroni => patroni::promotes_another(&plan, &shared, chance).await,
    }
}
