//! `payoutd run`: one release run now, beside a daemon or without one.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::show;
use crate::app::{self, Worker};
use crate::config::Config;
use crate::domain::policy::Policy;
use crate::domain::reason::Reason;
use crate::domain::release::{Case, Decision, decide};
use crate::ports::{RunCounts, Store, Trigger};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Only say what a run would do, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: how many payments to show at most
    #[arg(long, default_value_t = 1000, value_name = "N")]
    limit: i64,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn run(config: &Config, args: RunArgs) -> Result<()> {
    if args.dry_run {
        return preview(config, &args).await;
    }
    super::log(config)?;
    let worker = Worker::new(config).await?;
    let outcome = worker.jobs.run_to_end(Trigger::Cli).await.context("the run could not be done")?;
    // Without a daemon nobody else would see to these.
    worker.jobs.rescue().await?;
    while worker.jobs.send_mail().await? > 0 {}
    worker.jobs.fold_counts().await?;
    let Worker { jobs, tasks, .. } = worker;
    drop(jobs);
    tasks.close();
    tasks.wait().await;
    print(outcome.counts, args.output.json)?;
    if let Some(why) = outcome.trouble {
        anyhow::bail!(why);
    }
    Ok(())
}

fn print(counts: RunCounts, json: bool) -> Result<()> {
    if json {
        return show::json(&counts);
    }
    outln!(
        "{} looked at: {} transferred, {} held, {} waiting, {} failed, {} unfinished",
        counts.looked_at,
        counts.transferred,
        counts.held,
        counts.waiting,
        counts.failed,
        counts.unfinished
    );
    Ok(())
}

async fn preview(config: &Config, args: &RunArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let (policy, now) = (app::policy(config)?, crate::ports::Clock::now(&app::SystemClock));
    let cases = database.preview_due(args.limit, now).await?;
    let would: Vec<_> = cases.iter().map(|(case, _)| (case, would(case, &policy, now))).collect();
    if args.output.json {
        let rows: Vec<_> = would
            .iter()
            .map(|(case, (what, amount, why))| {
                json!({"payment": case.payment.id, "would": what, "amount": amount, "currency": case.payment.currency, "why": why})
            })
            .collect();
        return show::json(&rows);
    }
    if would.is_empty() {
        outln!("Nothing is due.");
        return Ok(());
    }
    let rows = would.into_iter().map(|(case, (what, amount, why))| {
        let payment = &case.payment;
        let mentor = payment.mentor_id.as_ref().map_or("-".to_owned(), ToString::to_string);
        let amount = crate::domain::money::MinorUnits::new(amount).unwrap_or_default();
        vec![payment.id.to_string(), mentor, payment.currency.display(amount), what.to_owned(), why]
    });
    outln!("{}", show::table(&["payment", "mentor", "amount", "would", "why"], &[0, 2], rows));
    outln!("\nNothing was written. Right before a transfer the charge is also read from Stripe.");
    Ok(())
}

fn would(case: &Case, policy: &Policy, now: chrono::DateTime<chrono::Utc>) -> (&'static str, i64, String) {
    match decide(case, policy, now) {
        Decision::Release(plan) => ("pay", plan.amount.get(), String::new()),
        Decision::Wait(pause) => ("wait", case.payment.mentor_due().get(), show::waits(pause)),
        Decision::Hold(reasons) => {
            let why = reasons.iter().map(Reason::sentence).collect::<Vec<_>>().join("; ");
            ("hold", case.payment.mentor_due().get(), why)
        }
    }
}
