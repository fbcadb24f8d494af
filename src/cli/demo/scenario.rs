//! What happens in the demo: who pays whom, and what goes wrong.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use diesel::{Connection, RunQueryDsl, SqliteConnection};

use crate::app::sandbox::{
    Fault, FaultMatch, FaultRule, NewAccount, NewDispute, NewRefund, Paid, Pay, Sandbox, ServerErrorPoint,
};
use crate::app::{Daemon, SystemClock};
use crate::domain::ids::{AccountId, MentorId};
use crate::ports::{Clock, MentorChange, PaymentRef, Store};

/// The payments that later steps speak of.
pub(super) struct Story {
    /// Every event of it comes twice.
    twice: Paid,
    /// Its events come last one first.
    backwards: Paid,
    flagged_booking: &'static str,
    refunded: Paid,
    refunded_in_part: Paid,
    disputed: Paid,
    last_booking: &'static str,
}

/// The admin's line, as README shows it, by the booking.
const FLAG: &str = "UPDATE payments SET dispute_requested = true, \
    dispute_reason = 'customer says the session never happened' WHERE booking_id = 'B-106'";

/// Mentors sign up and customers pay. Nothing is delivered yet.
pub(super) async fn prepare(sandbox: &Sandbox, daemon: &Daemon) -> Result<Story> {
    sign_up(sandbox, daemon, "amber", "Amber Example", Some("usd")).await?;
    sign_up(sandbox, daemon, "birch", "Birch Example", Some("gbp")).await?;
    sign_up(sandbox, daemon, "cedar", "Cedar Example", Some("eur")).await?;
    sign_up(sandbox, daemon, "dune", "Dune Example", Some("jpy")).await?;
    sign_up(sandbox, daemon, "elm", "Elm Example", None).await?;
    let pay = |booking, mentor, amount, currency| pay(sandbox, booking, mentor, amount, currency);

    pay("B-101", "amber", 12_000, "usd")?;
    let twice = pay("B-102", "amber", 8_000, "usd")?;
    let backwards = pay("B-103", "birch", 15_000, "gbp")?;
    pay("B-104", "cedar", 9_995, "eur")?;
    pay("B-105", "dune", 12_000, "jpy")?;
    pay("B-106", "birch", 6_000, "gbp")?;
    pay("B-107", "elm", 4_500, "usd")?;
    let refunded = pay("B-108", "cedar", 7_000, "eur")?;
    let refunded_in_part = pay("B-109", "amber", 20_000, "usd")?;
    pay("B-110", "dune", 8_000, "jpy")?;
    pay("B-111", "birch", 4_550, "gbp")?;
    pay("B-112", "cedar", 3_300, "eur")?;
    let disputed = pay("B-113", "amber", 5_000, "usd")?;
    pay("B-114", "nobody", 2_500, "usd")?;

    let trouble = |booking: &str, fault| {
        sandbox.add_fault(FaultRule::once(FaultMatch::transfer_group(booking), fault));
    };
    trouble("B-110", Fault::ServerError { status: 500, at: ServerErrorPoint::BeforeExecution });
    trouble("B-111", Fault::TimeoutAfterEffect { hold_ms: None });
    let message = "This transfer was refused by a rule of your Stripe account.".to_owned();
    let refusal = Fault::Refuse { status: 400, code: "transfer_source_balance_parameters_mismatch".into(), message };
    trouble("B-112", refusal);
    Ok(Story {
        twice,
        backwards,
        flagged_booking: "B-106",
        refunded,
        refunded_in_part,
        disputed,
        last_booking: "B-114",
    })
}

async fn sign_up(sandbox: &Sandbox, daemon: &Daemon, id: &str, name: &str, currency: Option<&str>) -> Result<()> {
    let account = |currency: &str| {
        sandbox.create_account(NewAccount { default_currency: currency.to_owned(), ..NewAccount::default() })
    };
    let account_id = currency.map(account).transpose().map_err(|e| anyhow!("{e}"))?.map(AccountId::new);
    let change = MentorChange { name: Some(name.to_owned()), email: Some(format!("{id}@example.com")), account_id };
    daemon.worker().database.put_mentor(MentorId::new(id), change, "demo".into(), SystemClock.now()).await?;
    Ok(())
}

fn pay(sandbox: &Sandbox, booking: &str, mentor: &str, amount: i64, currency: &str) -> Result<Paid> {
    let pay = Pay::new(amount, currency)
        .by("Casey Customer", "casey@example.com")
        .metadata("mentorUserId", mentor)
        .metadata("bookingId", booking)
        .transfer_group(booking);
    sandbox.pay(pay).map_err(|e| anyhow!("{e}"))
}

/// Delivers what has happened so far, with the disorder that webhooks are known for.
pub(super) async fn deliver(sandbox: &Sandbox, story: &Story) -> Result<()> {
    let mut events = sandbox.undelivered();
    let about = |paid: &Paid, body: &str| paid.payment_intent.as_deref().is_some_and(|intent| body.contains(intent));
    let (mut backwards, rest): (Vec<_>, Vec<_>) =
        events.drain(..).partition(|event| about(&story.backwards, event.text()));
    backwards.reverse();
    for event in rest.iter().chain(&backwards) {
        sandbox.deliver(&event.id).await?;
        if about(&story.twice, event.text()) {
            sandbox.deliver(&event.id).await?;
        }
    }
    Ok(())
}

/// What happens within the window.
pub(super) async fn meanwhile(sandbox: &Sandbox, daemon: &Daemon, dir: &Path, story: &Story) -> Result<()> {
    let refund = |paid: &Paid, amount_minor| {
        sandbox
            .refund(NewRefund { charge: paid.charge.clone(), amount_minor, pending: false })
            .map_err(|e| anyhow!("{e}"))
    };
    refund(&story.refunded, None)?;
    refund(&story.refunded_in_part, Some(5_000))?;
    sandbox.open_dispute(NewDispute::chargeback(&story.disputed.charge)).map_err(|e| anyhow!("{e}"))?;
    for event in sandbox.undelivered() {
        sandbox.deliver(&event.id).await?;
    }
    let database = &daemon.worker().database;
    for booking in [story.flagged_booking, story.last_booking] {
        while database.find_payment(PaymentRef::Text(booking.to_owned())).await?.is_none() {
            SystemClock.sleep(super::BETWEEN_LOOKS).await;
        }
    }
    flag_with_plain_sql(dir.join("payoutd.db")).await
}

/// As an admin would with sqlite3: a connection of its own, and one line.
async fn flag_with_plain_sql(path: std::path::PathBuf) -> Result<()> {
    let flag = move || -> Result<()> {
        let mut conn = SqliteConnection::establish(&path.to_string_lossy()).context("the database cannot be opened")?;
        diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut conn)?;
        diesel::sql_query(FLAG).execute(&mut conn)?;
        Ok(())
    };
    tokio::task::spawn_blocking(flag).await?
}
