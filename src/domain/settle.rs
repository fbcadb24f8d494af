//! From a decision to what is written down: the payment's new standing, and whom to tell about it.

use chrono::{DateTime, Utc};

use super::capture;
use super::notice::{Notice, Outgoing, brief, mentor_task};
use super::payment::{Collection, PaymentStatus};
use super::policy::Policy;
use super::reason::{Reason, codes};
use super::release::{Case, Decision};

/// What to write for a payment that is not released now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Its new status.
    pub status: PaymentStatus,
    /// The codes of what holds it; empty when nothing does.
    pub hold_reasons: String,
    /// When to look again; `None` until a fact changes.
    pub next_check_at: Option<DateTime<Utc>>,
    /// Whom to tell.
    pub notices: Vec<Outgoing>,
}

/// What follows from a decision other than to release. `None` for `Release`.
pub fn settle(case: &Case, decision: &Decision, policy: &Policy, now: DateTime<Utc>) -> Option<Settlement> {
    match decision {
        Decision::Release(_) => None,
        Decision::Wait(pause) => Some(Settlement {
            status: PaymentStatus::Pending,
            hold_reasons: String::new(),
            next_check_at: Some(pause.until),
            notices: Vec::new(),
        }),
        Decision::Hold(reasons) => Some(Settlement {
            status: held_status(case.payment.status, reasons),
            hold_reasons: codes(reasons),
            next_check_at: capture::next_look(case, policy, now),
            notices: new_reasons(case, reasons)
                .flat_map(|reason| tell(case, reason))
                .chain(capture::warning(case, policy, now))
                .collect(),
        }),
    }
}

fn held_status(now: PaymentStatus, reasons: &[Reason]) -> PaymentStatus {
    let is = |wanted: fn(&Reason) -> bool| reasons.iter().any(wanted);
    match now {
        status if status.is_paid() => status,
        PaymentStatus::Releasing | PaymentStatus::Failed => now,
        _ if is(|r| matches!(r, Reason::NotPaid(Collection::Authorized))) => PaymentStatus::Authorized,
        _ if is(|r| matches!(r, Reason::NotPaid(_))) => PaymentStatus::Unpaid,
        _ if is(|r| matches!(r, Reason::RefundedInFull)) => PaymentStatus::Refunded,
        _ => PaymentStatus::Held,
    }
}

/// The reasons that did not hold the payment already when it was last looked at.
fn new_reasons<'a>(case: &'a Case, reasons: &'a [Reason]) -> impl Iterator<Item = &'a Reason> {
    let known = |code: &str| case.payment.hold_reasons.split(',').any(|old| old == code);
    reasons.iter().filter(move |reason| !known(reason.code()))
}

fn tell(case: &Case, reason: &Reason) -> Vec<Outgoing> {
    let payment = &case.payment;
    if payment.refunded_in_full() || payment.window_ends.is_none() {
        return Vec::new();
    }
    let summary = brief(payment, case.mentor.as_ref(), payment.mentor_due());
    let why = reason.sentence();
    match reason {
        Reason::MentorUnnamed | Reason::MentorUnknown(_) => {
            let notice = Notice::Unassigned { payment: summary, why };
            vec![Outgoing::to_admin(notice, "unassigned", payment.id, Some(payment.id))]
        }
        Reason::FeeConflict(_)
        | Reason::AccountNotFound(_)
        | Reason::OtherMode
        | Reason::DestinationCharge
        | Reason::DisputeUnclear(..)
        | Reason::TransferredElsewhere(_)
        | Reason::OtherSettlement(..)
        | Reason::BelowMinimum(..) => {
            let notice = Notice::NeedsAttention { payment: summary, why };
            let subject = format!("{}:{}", payment.id, reason.code());
            vec![Outgoing::to_admin(notice, "needs_attention", subject, Some(payment.id))]
        }
        reason => {
            let Some(task) = mentor_task(reason) else {
                return Vec::new();
            };
            let notice = Notice::OnHold { payment: Some(summary), task };
            let key = format!("on_hold:{}:{}", payment.id, reason.code());
            Outgoing::to_mentor(case.mentor.as_ref(), notice, key, true).into_iter().collect()
        }
    }
}
