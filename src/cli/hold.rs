//! `payoutd hold` and `payoutd lift`: what a person decides about a payment or a mentor.

use anyhow::{Result, bail};
use clap::Args;

use crate::app;
use crate::config::Config;
use crate::domain::hold::Subject;
use crate::domain::ids::MentorId;
use crate::ports::{Clock, Store};
use crate::store::Database;

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// The payment: its number or any of its ids
    #[arg(required_unless_present = "mentor", conflicts_with = "mentor")]
    payment: Option<String>,
    /// The mentor, by the platform's id
    #[arg(long, value_name = "ID")]
    mentor: Option<String>,
    /// Why, in words; kept for ever
    #[arg(long, value_parser = super::words)]
    reason: String,
}

pub(super) async fn hold(config: &Config, args: HoldArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let subject = subject(&database, &args).await?;
    let now = app::SystemClock.now();
    match database.place_hold(subject.clone(), super::actor(), args.reason, now).await? {
        Some(_) => outln!("{} is on hold. It is not paid until `payoutd lift`.", name(&subject)),
        None => outln!("{} is on hold by you already; nothing changed.", name(&subject)),
    }
    match subject {
        Subject::Payment(id) => warn_if_late(&database, id).await?,
        Subject::Mentor(id) => warn_if_unknown(&database, id).await?,
    }
    Ok(())
}

/// A typing mistake holds nobody.
async fn warn_if_unknown(database: &Database, id: MentorId) -> Result<()> {
    if database.mentors(Some(id.clone()), 1).await?.is_empty() {
        outln!("But no mentor `{id}` is registered: is that how the platform writes the id? (payoutd mentor list)");
    }
    Ok(())
}

pub(super) async fn lift(config: &Config, args: HoldArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let subject = subject(&database, &args).await?;
    let lifted = database.lift_holds(subject.clone(), super::actor(), args.reason, app::SystemClock.now()).await?;
    if lifted.is_empty() {
        outln!("{} had no open hold; nothing changed.", name(&subject));
    }
    for hold in lifted {
        outln!("Lifted: placed by {} on {}: {}", hold.actor, super::show::time(hold.placed_at), hold.reason);
    }
    Ok(())
}

async fn subject(database: &Database, args: &HoldArgs) -> Result<Subject> {
    if let Some(id) = &args.mentor {
        return Ok(Subject::Mentor(MentorId::new(id)));
    }
    let Some(typed) = &args.payment else { bail!("name a payment, or a mentor with --mentor") };
    let found = database.find_payment(super::payment_ref(typed)).await?;
    Ok(Subject::Payment(found.ok_or_else(|| super::no_such_payment(typed))?.case.payment.id))
}

fn name(subject: &Subject) -> String {
    match subject {
        Subject::Payment(id) => format!("Payment {id}"),
        Subject::Mentor(id) => format!("Mentor {id}"),
    }
}

/// A hold cannot stop a call that is on its way.
async fn warn_if_late(database: &Database, id: crate::domain::ids::PaymentId) -> Result<()> {
    use crate::domain::payment::PaymentStatus;
    let view = database.find_payment(crate::ports::PaymentRef::Number(id)).await?;
    match view.map(|view| view.case.payment.status) {
        Some(PaymentStatus::Transferred) => outln!("But it was transferred already; the hold cannot take that back."),
        Some(PaymentStatus::Releasing) => {
            outln!("But its transfer is under way; should it succeed, the admin is told.")
        }
        _ => {}
    }
    Ok(())
}
