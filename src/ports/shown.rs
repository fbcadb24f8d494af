//! Payments and figures as programs see them: the same shape from the command line's `--json` and from the API. Names and
//! meanings stay as they are; new ones are added.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PaymentView, PendingPayouts, ReportDay, TimelineEntry};
use crate::domain::adjust::TransferStanding;
use crate::domain::holding::holding;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::payment::{Pause, PaymentStatus, WaitWhy};
use crate::domain::policy::Policy;
use crate::domain::reason::Reason;
use crate::domain::release::{Decision, decide};
use crate::domain::report::{Period, by_period};

/// A payment with the decision about it and its story.
pub fn explained(view: &PaymentView, policy: &Policy, story: &[TimelineEntry], now: DateTime<Utc>) -> Value {
    let payment = &view.case.payment;
    let (decision, reasons) = match decide(&view.case, policy, now) {
        Decision::Release(_) => ("release", vec![]),
        Decision::Wait(pause) => ("wait", vec![json!({"code": pause.why, "until": pause.until})]),
        Decision::Hold(reasons) => {
            let reason = |r: &Reason| json!({"code": r.code(), "sentence": r.sentence()});
            ("hold", reasons.iter().map(reason).collect())
        }
    };
    json!({
        "id": payment.id,
        "status": payment.status,
        "mentor": payment.mentor_id,
        "booking": payment.booking_id,
        "currency": payment.currency,
        "amount": payment.amount,
        "platform_fee": view.platform_fee_minor,
        "mentor_due": view.mentor_due_minor,
        "refunded": payment.refunded,
        "paid_at": view.paid_at,
        "dispute_period_ends": payment.window_ends,
        "platform_limit_at": holding(payment, policy, now).map(|holding| holding.limit_at),
        "decision": decision,
        "reasons": reasons,
        "next_check_at": view.next_check_at,
        "transfer_id": payment.transfer_id,
        "livemode": payment.livemode,
        "settled": payment.conversion().map(|by| json!({"currency": by.into, "amount_minor": by.settled})),
        "mentor_paid_in": paid_in(view),
        "position": view.case.position.as_ref().map(|_| position(view)),
        "mentor_owes_minor": view.case.debt,
        "mentor_credit_minor": view.case.credit,
        "timeline": story,
    })
}

fn position(view: &PaymentView) -> Value {
    let Some(position) = &view.case.position else { return Value::Null };
    let transfer = |transfer: &TransferStanding| {
        json!({
            "id": transfer.id,
            "destination": transfer.destination,
            "amount_minor": transfer.amount,
            "reversed_minor": transfer.reversed,
        })
    };
    json!({
        "currency": position.currency,
        "transfers": position.transfers.iter().map(transfer).collect::<Vec<_>>(),
        "reversed_by_payoutd_minor": position.reversed_by_us,
        "restored_minor": position.restored,
        "netted_minor": position.first.netted,
        "carried_minor": position.carried,
        "sent_of_earlier_minor": position.taken,
        "owed_minor": position.owed,
        "held_by_mentor_minor": position.held(),
    })
}

/// What the mentor is or was paid in.
pub fn paid_in(view: &PaymentView) -> Currency {
    view.case.position.as_ref().map_or(view.case.payment.pay_currency(), |position| position.currency)
}

/// A payment as a line of a list.
pub fn listed(view: &PaymentView, policy: &Policy, now: DateTime<Utc>) -> Value {
    let payment = &view.case.payment;
    let reasons: Vec<&str> = payment.hold_reasons.split(',').filter(|code| !code.is_empty()).collect();
    json!({
        "id": payment.id,
        "status": payment.status,
        "why": why(view, policy, now),
        "reasons": reasons,
        "mentor": payment.mentor_id,
        "booking": payment.booking_id,
        "payment_intent": payment.intent_id,
        "charge": payment.charge_id,
        "currency": payment.currency,
        "amount": payment.amount,
        "platform_fee": view.platform_fee_minor,
        "mentor_due": view.mentor_due_minor,
        "refunded": payment.refunded,
        "flagged": payment.flag.is_some(),
        "paid_at": view.paid_at,
        "dispute_period_ends": payment.window_ends,
        "next_check_at": view.next_check_at,
        "transfer_id": payment.transfer_id,
        "livemode": payment.livemode,
    })
}

/// Why a payment stands where it stands, in a few words.
pub fn why(view: &PaymentView, policy: &Policy, now: DateTime<Utc>) -> String {
    let payment = &view.case.payment;
    let attempts = view.operation.as_ref().map_or(0, |(_, attempts)| *attempts);
    match (payment.status, decide(&view.case, policy, now)) {
        (PaymentStatus::Transferred, _) if attempts > 0 => format!("paid at attempt {}", attempts + 1),
        (PaymentStatus::Transferred, _) => "paid".to_owned(),
        (PaymentStatus::Failed, _) => view.last_error.clone().unwrap_or_else(|| Reason::FailedForGood.sentence()),
        (PaymentStatus::Releasing, _) => match &view.operation {
            Some((state, _)) if state == "unknown" => "its outcome is not known yet; payoutd is finding out".to_owned(),
            Some((state, _)) if state == "planned" => "Stripe was busy or away; it is tried again".to_owned(),
            _ => Reason::InFlight.sentence(),
        },
        (_, Decision::Hold(reasons)) => reasons.iter().map(Reason::sentence).collect::<Vec<_>>().join("; "),
        (_, Decision::Wait(pause)) => waits(pause),
        (_, Decision::Release(plan)) if plan.carried_over > MinorUnits::ZERO => {
            "due, and too small to be sent alone: the next run carries it over".to_owned()
        }
        (_, Decision::Release(_)) => "due: the next run pays it".to_owned(),
    }
}

/// Until when a payment waits, and why.
pub fn waits(pause: Pause) -> String {
    let why = match pause.why {
        WaitWhy::Window => "the dispute window is open",
        WaitWhy::Funds => "waiting for funds on the platform's balance",
        WaitWhy::Preflight => "its charge could not be read from Stripe; waiting",
    };
    format!("{why} until {}", time(pause.until))
}

/// A time for people.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The figures of a span of time by period and currency, and what is still to be paid.
pub fn reported(
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    by: Period,
    days: Vec<ReportDay>,
    pending: &[PendingPayouts],
) -> Value {
    let lines = by_period(days.into_iter().map(|day| (day.day, day.currency, day.figures)), by);
    let periods: Vec<Value> = lines
        .iter()
        .map(|(name, currency, f)| {
            json!({
                "period": name,
                "currency": currency,
                "payments": f.payments,
                "charged_minor": f.charged_minor,
                "revenue_minor": f.revenue_minor,
                "transfers": f.transfers,
                "transferred_minor": f.transferred_minor,
                "transfers_failed": f.transfers_failed,
                "success_rate_bps": f.success_bps(),
                "refunds": f.refunds,
                "refunded_minor": f.refunded_minor,
                "disputes": f.disputes,
                "disputed_minor": f.disputed_minor,
            })
        })
        .collect();
    json!({ "since": since, "until": until, "by": by, "periods": periods, "pending_payouts": pending })
}
