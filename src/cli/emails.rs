//! `payoutd emails`: what was written to whom, and to have sent again what was given up. What was sent stays sent.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::lists::{PageArgs, cell, one_of, short, when};
use super::{progress, show};
use crate::app;
use crate::config::Config;
use crate::ports::{Clock, Desk, EmailEntry, EmailFilter, EmailState, Wish};
use crate::store::Database;

/// Emails queued in one transaction.
const BATCH: i64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum EmailsCommand {
    /// List emails, newest first
    #[command(
        after_help = "Examples:\n  payoutd emails list --state failed\n  payoutd emails list --to ada@example.com"
    )]
    List(ListArgs),
    /// Send emails again that were given up
    #[command(after_help = "Examples:\n  payoutd emails retry 42\n  payoutd emails retry --failed")]
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only in this state; `failed` are given up
    #[arg(long, value_parser = one_of!(EmailState))]
    state: Option<EmailState>,
    /// Only to this address, or to the mentor of this id
    #[arg(long, value_name = "WHOM")]
    to: Option<String>,
    /// Only of this kind, such as paid, on_hold or payment_failed
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: super::Output,
}

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// Their numbers in the list
    #[arg(required_unless_present = "failed", conflicts_with = "failed")]
    emails: Vec<i64>,
    /// All that were given up
    #[arg(long)]
    failed: bool,
}

pub(super) async fn emails(config: &Config, command: EmailsCommand) -> Result<()> {
    let database = app::existing_database(config).await?;
    match command {
        EmailsCommand::List(args) => list(&database, args).await,
        EmailsCommand::Retry(args) if args.failed => retry_failed(&database).await,
        EmailsCommand::Retry(args) => retry(&database, &args.emails).await,
    }
}

async fn list(database: &Database, args: ListArgs) -> Result<()> {
    let filter = EmailFilter { state: args.state, to: args.to, kind: args.kind };
    let emails = database.emails(filter, args.page.page()).await?;
    if args.output.json {
        return show::json(&emails);
    }
    if emails.is_empty() {
        outln!("There are no such emails.");
        return Ok(());
    }
    let row = |email: &EmailEntry| {
        vec![
            email.id.to_string(),
            show::time(email.created_at),
            email.kind.clone(),
            email.to.clone(),
            cell(email.payment),
            email.state.to_string(),
            email.attempts.to_string(),
            when(email.sent_at.or(email.next_attempt_at)),
            short(email.error.as_deref()),
        ]
    };
    let header = ["email", "written", "kind", "to", "payment", "state", "attempts", "sent, or next attempt", "error"];
    outln!("{}", show::table(&header, &[0, 4, 6], emails.iter().map(row)));
    args.page.say_more(emails.len(), emails.last().map(|email| email.id));
    Ok(())
}

const SENT_SOON: &str = "The daemon sends within seconds; `payoutd emails list` shows what came of it.";

async fn retry(database: &Database, ids: &[i64]) -> Result<()> {
    for id in ids {
        match database.retry_email(*id, super::actor(), app::SystemClock.now()).await? {
            Wish::Granted => outln!("Email {id} is to be sent again."),
            Wish::Refused(EmailState::Sent) => {
                bail!("email {id} was sent already, and an email is never sent a second time")
            }
            Wish::Refused(state) => {
                bail!(
                    "email {id} is {state}, not given up: payoutd sends it by itself; `payoutd emails list` says when"
                )
            }
            Wish::NoSuchRow => {
                let words = format!("there is no email {id}: `payoutd emails list` shows the numbers");
                return Err(super::exit::NotFound(words).into());
            }
        }
    }
    outln!("{SENT_SOON}");
    Ok(())
}

async fn retry_failed(database: &Database) -> Result<()> {
    let total = database.count_failed_emails().await?;
    if total == 0 {
        outln!("No email was given up: there is nothing to send again.");
        return Ok(());
    }
    let bar = progress::bar(total, "emails");
    let (mut after, mut count) = (0, 0);
    loop {
        let done = database.retry_failed_emails(after, BATCH, super::actor(), app::SystemClock.now()).await?;
        let Some(last) = done.last() else { break };
        (after, count) = (*last, count + done.len());
        bar.set_position(u64::try_from(count).unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
    outln!("{count} email{} to be sent again.\n{SENT_SOON}", if count == 1 { " is" } else { "s are" });
    Ok(())
}
