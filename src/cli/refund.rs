//! `payoutd refund` and `payoutd complete`: what a person asks for about a payment and its session.

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::show;
use crate::app;
use crate::config::Config;
use crate::domain::ids::PaymentId;
use crate::domain::request::{Ask, RequestState};
use crate::ports::{Asks, Clock, Completed, NewRefundRequest, RefundRequestView, Request, Store};
use crate::store::Database;

#[derive(Debug, Args)]
pub(super) struct RefundArgs {
    /// The payment: its number or any of its ids
    payment: String,
    /// How much, in minor units (1250 is 12.50 USD) [default: all that is left]
    #[arg(long, value_name = "MINOR", allow_negative_numbers = true, conflicts_with = "policy")]
    amount: Option<i64>,
    /// As much as the cancellation policy gives back now
    #[arg(long)]
    policy: bool,
    /// Refused unless the payment was made in this currency
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Why, in words; kept for ever
    #[arg(long, value_parser = super::words)]
    reason: String,
    /// Makes it safe to ask twice: the same key is the same request
    #[arg(long, value_name = "KEY", value_parser = super::words)]
    key: Option<String>,
    #[command(flatten)]
    output: super::Output,
}

impl RefundArgs {
    fn ask(&self) -> Ask {
        match self.amount {
            Some(amount) => Ask::Amount(amount),
            None if self.policy => Ask::ByPolicy,
            None => Ask::All,
        }
    }
}

pub(super) async fn refund(config: &Config, args: RefundArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let payment_id = find(&database, &args.payment).await?;
    let request = NewRefundRequest {
        payment_id,
        ask: args.ask(),
        currency: args.currency.clone(),
        reason: args.reason.clone(),
        request_key: args.key.clone(),
        requested_by: super::actor(),
    };
    let (view, known) = match database.ask_refund(request, app::SystemClock.now()).await? {
        Request::Recorded(view) => (view, false),
        Request::Known(view) => (view, true),
        Request::KeyTaken(other) => {
            bail!(
                "the key was used before, for request {} of payment {}, which asks for something else; nothing was recorded",
                other.id,
                other.payment
            )
        }
        Request::NoSuchPayment => return Err(super::no_such_payment(&args.payment)),
    };
    if args.output.json {
        show::json(&view)?;
    }
    match (view.state, &view.outcome) {
        (RequestState::Refused | RequestState::Failed, outcome) => {
            bail!(
                "refund request {} is {}: {}",
                view.id,
                view.state,
                outcome.as_deref().unwrap_or("no reason is recorded")
            )
        }
        _ if args.output.json => {}
        _ => outln!("{}", in_words(&view, known)),
    }
    Ok(())
}

fn in_words(view: &RefundRequestView, known: bool) -> String {
    let (id, payment) = (view.id, view.payment);
    let asked = if known { "was asked for before" } else { "is on record" };
    let next = match view.state {
        RequestState::Done => "and is done",
        RequestState::Submitted => "and is under way",
        RequestState::Withdrawn => "and was withdrawn",
        _ => "and goes to Stripe with the next run",
    };
    format!("Refund request {id} of payment {payment} {asked}, {next}. Until it is settled, the mentor is not paid.")
}

#[derive(Debug, Args)]
pub(super) struct CompleteArgs {
    /// The payment: its number or any of its ids
    payment: String,
    /// When the session ended, as 2026-11-21T15:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn complete(config: &Config, args: CompleteArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let payment = find(&database, &args.payment).await?;
    let now = app::SystemClock.now();
    let at = args.at.unwrap_or(now);
    let (at, recorded) = match database.complete(payment, at, super::actor(), now).await? {
        Completed::Recorded => (at, true),
        Completed::Already(before) => (before, false),
        Completed::NoSuchPayment => return Err(super::no_such_payment(&args.payment)),
    };
    if args.output.json {
        return show::json(&json!({ "payment": payment, "session_completed_at": at, "recorded": recorded }));
    }
    match recorded {
        true => outln!("The session of payment {payment} was completed at {}.", show::time(at)),
        false => outln!("It was completed at {} already; nothing changed.", show::time(at)),
    }
    Ok(())
}

async fn find(database: &Database, typed: &str) -> Result<PaymentId> {
    let found = database.find_payment(super::payment_ref(typed)).await?;
    Ok(found.ok_or_else(|| super::no_such_payment(typed))?.case.payment.id)
}
