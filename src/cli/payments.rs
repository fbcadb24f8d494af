//! `payoutd payments`: a list of payments by what a person looks for, once or again and again.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::lists::{Moment, PageArgs, cell, one_of};
use super::show;
use crate::app;
use crate::config::{Config, parse_duration};
use crate::domain::holding::warned_before;
use crate::domain::ids::MentorId;
use crate::domain::money::MinorUnits;
use crate::domain::payment::PaymentStatus;
use crate::domain::policy::Policy;
use crate::domain::reason::Reason;
use crate::ports::{Clock, Desk, Listed, Page, PaymentFilter, PaymentView, Store, shown};
use crate::store::Database;

#[derive(Debug, Args)]
pub(super) struct PaymentsArgs {
    /// Only in this status; may be given more than once
    #[arg(long, value_parser = one_of!(PaymentStatus))]
    status: Vec<PaymentStatus>,
    /// Only of this mentor, by the platform's id
    #[arg(long, value_name = "ID")]
    mentor: Option<String>,
    /// Only held for this reason, by its code: `status` shows which there are
    #[arg(long, value_name = "CODE", conflicts_with = "status", hide_possible_values = true,
        value_parser = clap::builder::PossibleValuesParser::new(Reason::CODES))]
    reason: Option<String>,
    /// Only with the admin's flag (`dispute_requested`)
    #[arg(long)]
    flagged: bool,
    /// Only paid by the customer then or later: 2026-11-01, 2026-11-01T12:00:00Z, or 7d for the last seven days
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// Only paid by the customer before then; a day counts in full
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    until: Option<Moment>,
    /// Only what nears the limit of how long money may stay on the platform (release.platform_limit)
    #[arg(long)]
    near_limit: bool,
    /// Only what the next run looks at
    #[arg(long)]
    due: bool,
    #[command(flatten)]
    page: PageArgs,
    /// Draw the list again and again, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// With --watch: how long between two lists
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = interval, requires = "watch")]
    interval: Duration,
    #[command(flatten)]
    output: super::Output,
}

/// A tenth of a second at least, so as not to keep the database busy.
fn interval(typed: &str) -> Result<Duration, String> {
    let interval = parse_duration(typed)?;
    if interval < Duration::from_millis(100) { Err("is too short: 100ms or more".into()) } else { Ok(interval) }
}

impl PaymentsArgs {
    fn filter(&self, policy: &Policy, now: DateTime<Utc>) -> PaymentFilter {
        PaymentFilter {
            statuses: self.status.clone(),
            mentor: self.mentor.as_ref().map(MentorId::new),
            held_for: self.reason.clone(),
            flagged: self.flagged,
            paid_since: self.since.map(|since| since.start(now)),
            paid_before: self.until.map(|until| until.end(now)),
            on_platform_since: self.near_limit.then(|| warned_before(policy, now)),
            due_by: self.due.then_some(now),
        }
    }
}

pub(super) async fn payments(config: &Config, args: PaymentsArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let policy = app::policy(config)?;
    let mode_known = config.stripe.secret_key.is_some();
    if !args.watch {
        return list(&database, &args, &policy, mode_known).await;
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        begin_again(args.interval);
        list(&database, &args, &policy, mode_known).await?;
        tokio::select! {
            ended = &mut interrupted => return ended.context("Ctrl-C cannot be watched"),
            () = app::SystemClock.sleep(args.interval) => {}
        }
    }
}

/// On a terminal each list takes the place of the one before; elsewhere it follows it.
fn begin_again(interval: Duration) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        // Clears the screen and what scrolled off it, and goes to its corner. What cannot be written shows below.
        let _ = out.write_all(b"\x1b[2J\x1b[3J\x1b[H");
    }
    let every = crate::config::show_duration(interval);
    outln!("{}, every {every}; Ctrl-C ends it\n", show::time(app::SystemClock.now()));
}

async fn list(database: &Database, args: &PaymentsArgs, policy: &Policy, mode_known: bool) -> Result<()> {
    let now = app::SystemClock.now();
    let found = database.search_payments(args.filter(policy, now), args.page.page()).await?;
    if found.is_empty() {
        mentor_is_known(database, args).await?;
    }
    // Without a Stripe key nobody knows the mode; then the payment's own is taken.
    let policy_for = |view: &PaymentView| {
        let livemode = if mode_known { policy.livemode } else { view.case.payment.livemode };
        Policy { livemode, ..policy.clone() }
    };
    if args.output.json {
        let json = |listed: &Listed<PaymentView>| match listed {
            Ok(view) => shown::listed(view, &policy_for(view), now),
            Err(unreadable) => json!(unreadable),
        };
        return show::json(&found.iter().map(json).collect::<Vec<_>>());
    }
    if found.is_empty() {
        outln!("There are no such payments.");
        return Ok(());
    }
    let header = ["payment", "paid", "booking", "mentor", "to mentor", "status", "why"];
    let line = |listed: &Listed<PaymentView>| match listed {
        Ok(view) => row(view, shown::why(view, &policy_for(view), now)),
        Err(unreadable) => show::unreadable(unreadable, header.len()),
    };
    outln!("{}", show::table(&header, &[0, 4], found.iter().map(line)));
    let last = found.last().map(|listed| listed.as_ref().map_or_else(|row| row.id, |view| view.case.payment.id.0));
    args.page.say_more(found.len(), last);
    Ok(())
}

/// A mentor who is not registered and whom no payment names is a typing mistake.
async fn mentor_is_known(database: &Database, args: &PaymentsArgs) -> Result<()> {
    let Some(id) = args.mentor.as_ref().map(MentorId::new) else { return Ok(()) };
    let anything_of_theirs = PaymentFilter { mentor: Some(id.clone()), ..PaymentFilter::default() };
    let known = !database.mentors(Some(id.clone()), 1).await?.is_empty()
        || !database.search_payments(anything_of_theirs, Page::newest(1)).await?.is_empty();
    if known {
        return Ok(());
    }
    let words =
        format!("there is no mentor `{id}`, and no payment names them: `payoutd mentor list` shows who there is");
    Err(super::exit::NotFound(words).into())
}

fn row(view: &PaymentView, why: String) -> Vec<String> {
    let payment = &view.case.payment;
    let due = MinorUnits::new(view.mentor_due_minor).unwrap_or_default();
    vec![
        payment.id.to_string(),
        super::lists::when(view.paid_at),
        cell(payment.booking_id.as_ref()),
        cell(payment.mentor_id.as_ref()),
        payment.currency.display(due),
        payment.status.to_string(),
        why,
    ]
}
