//! `payoutd audit`: whether the books are right. Looks at every payment, a page at a time; changes nothing but with
//! `--repair`, which posts what the ledger lacks.

use std::process::ExitCode;

use anyhow::Result;
use chrono_tz::Tz;
use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::{progress, show};
use crate::app;
use crate::config::Config;
use crate::ports::{Books, Clock, Difference, Store, audit_alert};
use crate::store::Database;

/// Payments looked at in one transaction.
const PAGE: i64 = 500;

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Post what the ledger lacks before looking: of payments recorded before there was a ledger, or changed by SQL; and count
    /// payments anew for `payoutd status`
    #[arg(long)]
    repair: bool,
    /// Have an email written to the admin when anything differs, at most one a day
    #[arg(long)]
    alert: bool,
    /// How many differences to show at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: super::Output,
}

/// What was found.
#[derive(Default)]
struct Found {
    payments: i64,
    posted: i64,
    count: usize,
    first: Vec<Difference>,
}

impl Found {
    fn add(&mut self, differences: Vec<Difference>, limit: usize) {
        self.count += differences.len();
        let room = limit.saturating_sub(self.first.len());
        self.first.extend(differences.into_iter().take(room));
    }
}

pub(super) async fn audit(config: &Config, args: AuditArgs) -> Result<ExitCode> {
    let database = app::existing_database(config).await?;
    let mut found = Found::default();
    let total = database.count_payments().await?;
    if args.repair {
        found.posted = repair(&database, total).await?;
    }
    look(&database, total, args.limit, &mut found).await?;
    if args.alert && found.count > 0 {
        alert(&database, &found, config.release.time_zone).await?;
    }
    match args.output.json {
        true => show::json(&json!({
            "ok": found.count == 0,
            "payments": found.payments,
            "posted_journals": found.posted,
            "differences_count": found.count,
            "differences": found.first,
        }))?,
        false => print(&found, args.repair),
    }
    Ok(if found.count == 0 { ExitCode::SUCCESS } else { Exit::Failure.into() })
}

/// The daemon sends it.
async fn alert(database: &Database, found: &Found, zone: Tz) -> Result<()> {
    let now = app::SystemClock.now();
    let day = now.with_timezone(&zone).date_naive();
    let told = audit_alert(found.count, &found.first, day);
    Ok(database.tell(vec![told], now).await?)
}

async fn repair(database: &Database, total: i64) -> Result<i64> {
    let bar = progress::bar(total, "posting");
    let (mut after, mut posted) = (0, 0);
    loop {
        let page = database.post_missing(after, PAGE, app::SystemClock.now()).await?;
        let Some(last) = page.last else { break };
        (after, posted) = (last, posted + page.journals);
        bar.inc(page.looked_at.unsigned_abs());
    }
    bar.finish_and_clear();
    let wrong = database.recount().await?;
    if wrong > 0 {
        tracing::info!(wrong, "counts of payments were set right");
    }
    Ok(posted)
}

async fn look(database: &Database, total: i64, limit: usize, found: &mut Found) -> Result<()> {
    let bar = progress::bar(total, "payments");
    let mut after = 0;
    loop {
        let page = database.audit_payments(after, PAGE).await?;
        let Some(last) = page.last else { break };
        after = last;
        found.payments += page.looked_at;
        found.add(page.differences, limit);
        bar.inc(page.looked_at.unsigned_abs());
    }
    bar.finish_and_clear();
    found.add(database.audit_mentors().await?, limit);
    Ok(())
}

fn print(found: &Found, repaired: bool) {
    if repaired {
        outln!("{} journal{} posted.", found.posted, if found.posted == 1 { " was" } else { "s were" });
    }
    let looked_at = format!("{} payment{}", found.payments, if found.payments == 1 { "" } else { "s" });
    if found.count == 0 {
        outln!("The books are right: {looked_at}, journals, transfers, debts and balances agree.");
        return;
    }
    let amount = |minor: Option<i64>| minor.map_or("-".to_owned(), |minor| minor.to_string());
    let rows = found.first.iter().map(|difference| {
        vec![
            difference.check.to_string(),
            difference.subject.clone(),
            amount(difference.should_minor),
            amount(difference.is_minor),
            difference.what.clone(),
        ]
    });
    outln!("{}", show::table(&["check", "about", "should be", "is", "what"], &[2, 3], rows));
    let all = if found.first.len() < found.count { " (more: --limit)" } else { "" };
    let what = if found.count == 1 { "difference" } else { "differences" };
    outln!("\n{} {what} in {looked_at}{all}. Amounts are minor units.", found.count);
    outln!("`payoutd explain` tells a payment's story; what is only not posted, `payoutd audit --repair` posts.");
}
