//! `payoutd explain`: the answer to "why was I not paid?".

use anyhow::Result;
use clap::Args;

use super::show;
use crate::app;
use crate::config::Config;
use crate::domain::adjust::TransferStanding;
use crate::domain::holding::holding;
use crate::domain::money::MinorUnits;
use crate::domain::policy::Policy;
use crate::domain::release::{Decision, decide};
use crate::ports::{Clock, PaymentView, Store, TimelineEntry, shown};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Its number, booking, payment intent, charge, checkout session or transfer
    payment: String,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn explain(config: &Config, args: ExplainArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let found = database.find_payment(super::payment_ref(&args.payment)).await?;
    let view = found.ok_or_else(|| super::no_such_payment(&args.payment))?;
    let story = database.timeline(view.case.payment.id).await?;
    let policy = policy_for(config, &view)?;
    if args.output.json {
        return print_json(&view, &policy, &story);
    }
    print(&view, &policy, &story);
    Ok(())
}

/// Without a Stripe key nobody knows the mode; then the payment's own is taken.
fn policy_for(config: &Config, view: &PaymentView) -> Result<Policy> {
    let mut policy = app::policy(config)?;
    if config.stripe.secret_key.is_none() {
        policy.livemode = view.case.payment.livemode;
    }
    Ok(policy)
}

fn print(view: &PaymentView, policy: &Policy, story: &[TimelineEntry]) {
    let (payment, now) = (&view.case.payment, app::SystemClock.now());
    let amount = |minor| payment.currency.display(minor);
    let fee = crate::domain::money::MinorUnits::new(view.platform_fee_minor).unwrap_or_default();
    outln!("Payment {}: {}\n", payment.id, payment.status);
    let line = |name: &str, value: String| outln!("  {name:<18}{value}");
    line(
        if view.paid_at.is_some() { "paid by customer" } else { "asked of customer" },
        format!(
            "{}{}",
            amount(payment.amount),
            view.paid_at.map_or(String::new(), |at| format!(" on {}", show::time(at)))
        ),
    );
    line("refunded", amount(payment.refunded));
    line("platform fee", amount(fee));
    line("mentor is due", amount(payment.mentor_due()));
    if let Some(by) = payment.conversion() {
        let (settled, part) = (by.into.display(by.settled), by.into.display(payment.mentor_pay()));
        line("settled as", format!("{settled}, of which {part} is the mentor's"));
    }
    line("mentor", mentor(view));
    line("booking", payment.booking_id.clone().unwrap_or_else(|| "-".into()));
    line("window ends", payment.window_ends.map_or("-".into(), show::time));
    if let Some(holding) = holding(payment, policy, now) {
        let limit = show::time(holding.limit_at);
        line(
            "platform limit",
            format!("{}: on the platform for {} days, pay it out or refund it before", limit, holding.days),
        );
    }
    line("transfer", payment.transfer_id.as_ref().map_or("-".into(), ToString::to_string));
    line("mode", if payment.livemode { "live".into() } else { "test".into() });
    for (name, minor) in position(view) {
        line(name, show::signed(shown::paid_in(view), minor));
    }
    outln!("\nDecision: {}", headline(view, policy, now));
    let paid = payment.transfer_id.is_some();
    if let (Decision::Hold(reasons), false) = (decide(&view.case, policy, now), paid) {
        for reason in reasons {
            outln!("  - {} [{}]", reason.sentence(), reason.code());
        }
    }
    outln!("Next look: {}", next_look(view, now));
    outln!("\nWhat happened");
    let rows = story.iter().map(|entry| vec![show::time(entry.at), entry.kind.clone(), entry.what.clone()]);
    outln!("{}", show::table(&["when", "kind", "what"], &[], rows));
}

/// Where the mentor's part is, once it was paid: what is nothing is left out, but for what they have of it.
fn position(view: &PaymentView) -> Vec<(&'static str, i64)> {
    let debt = ("mentor owes", view.case.debt.get());
    let credit = ("kept for mentor", view.case.credit.get());
    let Some(position) = &view.case.position else {
        return [debt, credit].into_iter().filter(|(_, minor)| *minor != 0).collect();
    };
    let of = |amount: fn(&TransferStanding) -> i64| position.transfers.iter().map(amount).sum::<i64>();
    let lines = [
        ("sent", of(|transfer| transfer.amount.get())),
        ("of earlier ones", position.taken.get()),
        ("carried over", position.carried.get()),
        ("taken back", of(|transfer| transfer.reversed.get())),
        ("paid again", position.restored.get()),
        ("kept for a debt", position.first.netted.get()),
        ("owed because of it", position.owed.get()),
        ("mentor has of it", position.held()),
        debt,
        credit,
    ];
    lines.into_iter().filter(|(name, minor)| *minor != 0 || *name == "mentor has of it").collect()
}

fn mentor(view: &PaymentView) -> String {
    let named = view.case.payment.mentor_id.as_ref().map_or("-".into(), ToString::to_string);
    match view.case.mentor.as_ref().and_then(|mentor| mentor.name.clone()) {
        Some(name) => format!("{name} ({named})"),
        None => named,
    }
}

fn headline(view: &PaymentView, policy: &Policy, now: chrono::DateTime<chrono::Utc>) -> String {
    match decide(&view.case, policy, now) {
        Decision::Release(plan) if plan.carried_over > MinorUnits::ZERO => {
            "carry it over; it is too small to be sent alone".into()
        }
        Decision::Release(_) => "pay; nothing speaks against it".into(),
        Decision::Wait(_) => format!("wait: {}", show::why(view, policy, now)),
        Decision::Hold(_) if view.case.payment.transfer_id.is_some() => "done: it is paid".into(),
        Decision::Hold(_) if view.case.payment.status.is_paid() => "done, with nothing sent:".into(),
        Decision::Hold(reasons) if reasons.len() == 1 => "do not pay, because".into(),
        Decision::Hold(reasons) => format!("do not pay, for {} reasons", reasons.len()),
    }
}

fn next_look(view: &PaymentView, now: chrono::DateTime<chrono::Utc>) -> String {
    match view.next_check_at {
        _ if view.case.payment.transfer_id.is_some() => "none is needed".into(),
        Some(at) if at <= now => "at the next run".into(),
        Some(at) => show::time(at),
        None => "when a fact about it changes".into(),
    }
}

fn print_json(view: &PaymentView, policy: &Policy, story: &[TimelineEntry]) -> Result<()> {
    show::json(&shown::explained(view, policy, story, app::SystemClock.now()))
}
