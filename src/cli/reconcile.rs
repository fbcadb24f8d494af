//! `payoutd reconcile`: compares the database with Stripe, both ways. Changes nothing but with `--fix`, which takes in what is
//! missing or old; it never moves money.

use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::{progress, show};
use crate::app::{self, Worker};
use crate::config::Config;
use crate::jobs::Reconciled;
use crate::ports::{Clock, OpenDiscrepancy, Reconciling, Span};

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// How many days back [default: reconcile.days]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660), conflicts_with = "since")]
    days: Option<u32>,
    /// From this day on, where release.time_zone is
    #[arg(long, value_name = "DAY")]
    since: Option<NaiveDate>,
    /// Up to this day and with it [default: now]
    #[arg(long, value_name = "DAY")]
    until: Option<NaiveDate>,
    /// Take in what Stripe has and this database lacks or has as it was before; never moves money
    #[arg(long)]
    fix: bool,
    /// How many discrepancies to show at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: i64,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn reconcile(config: &Config, args: ReconcileArgs) -> Result<ExitCode> {
    let now = app::SystemClock.now();
    let span = span(config, &args, now)?;
    app::existing_database(config).await?;
    let worker = Worker::new(config).await?;
    let done = compare(&worker, span, args.fix).await;
    if args.fix && done.is_ok() {
        // What was adopted is looked up at once; without a daemon nobody else would.
        worker.jobs.rescue().await?;
    }
    let open = worker.database.open_discrepancies(args.limit).await;
    let Worker { jobs, tasks, .. } = worker;
    drop(jobs);
    tasks.close();
    tasks.wait().await;
    let (done, (count, first)) = (done?, open?);
    match args.output.json {
        true => show::json(&json!({
            "since": span.since,
            "until": span.until,
            "compared": done.compared,
            "looked_for": done.looked_for,
            "found": done.found,
            "new": done.new,
            "taken_in": done.taken_in,
            "closed": done.closed,
            "open_count": count,
            "open": first,
        }))?,
        false => print(span, &done, count, &first),
    }
    Ok(if count == 0 { ExitCode::SUCCESS } else { Exit::Failure.into() })
}

async fn compare(worker: &Worker, span: Span, fix: bool) -> Result<Reconciled> {
    let bar = Mutex::new(None);
    let step = |done: i64, all: i64| {
        if let Ok(mut bar) = bar.lock() {
            let bar = bar.get_or_insert_with(|| progress::bar(all, "comparing"));
            bar.set_position(done.unsigned_abs());
        }
    };
    let done = worker.jobs.reconcile(span, fix, None, &step).await;
    if let Ok(mut bar) = bar.lock()
        && let Some(bar) = bar.take()
    {
        bar.finish_and_clear();
    }
    done.context("not compared to the end; what was found is on record, and nothing was closed")
}

fn span(config: &Config, args: &ReconcileArgs, now: DateTime<Utc>) -> Result<Span> {
    let zone = config.release.time_zone;
    let until = args.until.map_or(Some(now), |day| day.succ_opt().and_then(|next| midnight(next, zone)));
    let until = until.context("--until is not a day that can be")?.min(now);
    let days = args.days.unwrap_or(config.reconcile.days);
    let since = args.since.map_or(Some(until - TimeDelta::days(i64::from(days))), |day| midnight(day, zone));
    let since = since.context("--since is not a day that can be")?;
    anyhow::ensure!(since < until, "--since must come before --until, and not be ahead");
    Ok(Span { since, until })
}

fn midnight(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    day.and_time(NaiveTime::MIN).and_local_timezone(zone).earliest().map(|at| at.to_utc())
}

fn print(span: Span, done: &Reconciled, count: i64, first: &[OpenDiscrepancy]) {
    let period = format!("{} to {}", show::time(span.since), show::time(span.until));
    outln!("{period}: {} compared, {} looked for one by one.", done.compared, done.looked_for);
    if done.taken_in > 0 || done.closed > 0 {
        outln!("{} taken in, {} of before gone.", done.taken_in, done.closed);
    }
    if count == 0 {
        outln!("payoutd and Stripe agree: transfers, reversals, refunds, disputes and payouts.");
        return;
    }
    let rows = first.iter().map(|open| {
        let (what, payment) = (&open.what, open.what.payment.map_or("-".to_owned(), |id| id.to_string()));
        vec![
            what.kind.to_string(),
            what.subject.to_string(),
            what.object_id.clone(),
            payment,
            what.here.clone(),
            what.there.clone(),
            open.command.clone(),
        ]
    });
    let columns = ["differs", "what", "id", "payment", "here", "at Stripe", "do"];
    outln!("{}", show::table(&columns, &[3], rows));
    let more = if i64::try_from(first.len()).unwrap_or(count) < count { " (more: --limit)" } else { "" };
    let what = if count == 1 { "difference stands" } else { "differences stand" };
    outln!("\n{count} {what}{more}. Amounts without a currency are minor units.");
}
