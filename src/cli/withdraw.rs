//! `payoutd withdraw` and `payoutd withdrawals`: what mentors are to be paid out to their banks.

use anyhow::{Result, bail};
use clap::Args;

use super::lists::cell;
use super::show;
use crate::app;
use crate::config::Config;
use crate::domain::ids::MentorId;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::withdrawal::{Speed, WithdrawalState};
use crate::ports::{Clock, NewWithdrawal, Store, Withdraw, WithdrawalView, Withdrawals};

#[derive(Debug, Args)]
pub(super) struct WithdrawArgs {
    /// The mentor, by the platform's id
    mentor: String,
    /// How much, in minor units (1250 is 12.50 USD) [default: all that is available]
    #[arg(long, value_name = "MINOR", allow_negative_numbers = true)]
    amount: Option<i64>,
    /// In what [default: the one currency that the mentor has]
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Within minutes, where the mentor's bank can; Stripe takes a fee for it
    #[arg(long)]
    instant: bool,
    /// Makes it safe to ask twice: the same key is the same withdrawal
    #[arg(long, value_name = "KEY", value_parser = super::words)]
    key: Option<String>,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn withdraw(config: &Config, args: WithdrawArgs) -> Result<()> {
    let withdrawals = app::Withdrawals::of(config).await?;
    let withdrawal = NewWithdrawal {
        mentor_id: MentorId::new(&args.mentor),
        amount: args.amount,
        currency: args.currency.clone(),
        speed: if args.instant { Speed::Instant } else { Speed::Standard },
        request_key: args.key.clone(),
        requested_by: super::actor(),
        funds: None,
    };
    let (view, known) = match withdrawals.ask_withdrawal(withdrawal, app::SystemClock.now()).await? {
        Withdraw::Recorded(view) => (view, false),
        Withdraw::Known(view) => (view, true),
        Withdraw::KeyTaken(other) => {
            bail!(
                "the key was used before, for withdrawal {}, which asks for something else; nothing was recorded",
                other.id
            )
        }
        Withdraw::NoSuchMentor => return Err(no_such_mentor(&args.mentor)),
    };
    if args.output.json {
        show::json(&view)?;
    }
    match view.state {
        WithdrawalState::Refused | WithdrawalState::Failed => {
            let why = view.outcome.as_deref().unwrap_or("no reason is recorded");
            bail!("withdrawal {} is {}: {why}", view.id, view.state)
        }
        _ if args.output.json => {}
        _ => outln!("{}", in_words(&view, known)),
    }
    Ok(())
}

fn no_such_mentor(id: &str) -> anyhow::Error {
    let words = format!("there is no mentor `{id}`: `payoutd mentor list` shows who there is");
    super::exit::NotFound(words).into()
}

fn in_words(view: &WithdrawalView, known: bool) -> String {
    let asked = if known { "was asked for before" } else { "is on record" };
    let next = match view.state {
        WithdrawalState::Open => "and goes to Stripe with the next run, if it is covered then",
        WithdrawalState::Submitted => "and is under way",
        WithdrawalState::InTransit => "and is on its way to the bank",
        WithdrawalState::Paid => "and the bank has it",
        WithdrawalState::Canceled => "and was cancelled",
        _ => "and was retracted",
    };
    format!("Withdrawal {} of {} by {} {asked}, {next}.", view.id, asked_for(view), view.mentor)
}

#[derive(Debug, Args)]
pub(super) struct WithdrawalsArgs {
    /// Only this mentor's, by the platform's id
    mentor: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: i64,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn withdrawals(config: &Config, args: WithdrawalsArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let found = match &args.mentor {
        Some(id) => {
            let mentor = MentorId::new(id);
            let found = database.withdrawals(mentor.clone(), None, args.limit).await?;
            if found.is_empty() && database.mentors(Some(mentor), 1).await?.is_empty() {
                return Err(no_such_mentor(id));
            }
            found
        }
        None => database.all_withdrawals(args.limit).await?,
    };
    if args.output.json {
        return show::json(&found);
    }
    if found.is_empty() {
        outln!("There are no withdrawals.");
        return Ok(());
    }
    outln!("{}", table(&found));
    Ok(())
}

/// Withdrawals under each other.
pub(super) fn table(found: &[WithdrawalView]) -> String {
    let row = |view: &WithdrawalView| {
        vec![
            view.id.to_string(),
            show::time(view.requested_at),
            view.mentor.to_string(),
            asked_for(view),
            view.speed.to_string(),
            view.state.to_string(),
            cell(view.payout.as_ref()),
            cell(view.arrives_at.map(show::time)),
            cell(view.outcome.as_ref()),
        ]
    };
    let header = ["withdrawal", "asked for", "mentor", "amount", "speed", "state", "payout", "arrives", "why"];
    show::table(&header, &[0, 3], found.iter().map(row))
}

/// What was paid out, or else what was asked for.
fn asked_for(view: &WithdrawalView) -> String {
    let minor = view.paid_out.or(view.amount);
    let currency = view.currency.as_deref().map(Currency::parse);
    match (minor, currency, &view.currency) {
        (Some(minor), Some(Ok(currency)), _) if minor >= 0 => {
            currency.display(MinorUnits::new(minor).unwrap_or_default())
        }
        (Some(minor), _, code) => format!("{minor} {}", code.as_deref().unwrap_or("in minor units")),
        (None, Some(Ok(currency)), _) => format!("all in {}", currency.code().to_uppercase()),
        (None, ..) => "all".to_owned(),
    }
}
