//! Who may be paid: the one decision that every path to a transfer asks. It looks at facts and answers; it
//! changes nothing and knows nothing of queues, workers or retries.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::adjust::{Position, RefundLine};
use super::ask::Asked;
use super::conversion::Converted;
use super::dispute::{Dispute, Standing, standing};
use super::hold::Hold;
use super::ids::{AccountId, ChargeId, MentorId, PaymentId, RefundId, TransferId};
use super::mentor::{Account, Capability, Mentor, NOT_FOUND};
use super::money::{Currency, MinorUnits};
use super::operation::TransferOrder;
use super::payment::{Collection, Pause, Payment, PaymentStatus, WaitWhy};
use super::policy::{OtherSettlement, Policy};
use super::portion::{Portion, Sums};
use super::position::add;
use super::reason::Reason;

/// All that is known about one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The payment itself.
    pub payment: Payment,
    /// Holds on the payment and on its mentor; lifted ones do not count.
    pub holds: Vec<Hold>,
    /// The disputes of its charge.
    pub disputes: Vec<Dispute>,
    /// Its mentor, when registered.
    pub mentor: Option<Mentor>,
    /// The mentor's connected account, when Stripe has told of it.
    pub account: Option<Account>,
    /// A transfer of its charge that is not reversed and that payoutd did not make.
    pub foreign_transfer: Option<TransferId>,
    /// The refunds of its charge.
    pub refunds: Vec<RefundLine>,
    /// What the mentor owes by now in the currency that they are paid in.
    pub debt: MinorUnits,
    /// What of their earlier payments was too small to be sent and is kept for them, in the same currency.
    pub credit: MinorUnits,
    /// Where the mentor's part is; `None` until it was paid.
    pub position: Option<Position>,
    /// What is asked of it beside the transfer.
    pub asked: Asked,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Pay now, this.
    Release(Plan),
    /// Nothing speaks against it, but not yet.
    Wait(Pause),
    /// These facts speak against it; never empty.
    Hold(Vec<Reason>),
}

/// A transfer as it is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// To whom.
    pub mentor_id: MentorId,
    /// To which account.
    pub destination: AccountId,
    /// From which charge.
    pub charge_id: ChargeId,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// What a later look-up finds it by.
    pub transfer_group: String,
    /// What of the mentor's part goes towards their debt instead. All of it may: then nothing is sent.
    pub netted: MinorUnits,
    /// What of it is kept for a later transfer. Then nothing is sent, either.
    pub carried_over: MinorUnits,
    /// What was kept of earlier payments and is sent with it.
    pub carried: MinorUnits,
    /// Whether that is more than the charge has, so that it comes out of the platform's balance.
    pub beyond_charge: bool,
    /// What of the charge is not refunded.
    pub kept: MinorUnits,
    /// The refunds that this knows of.
    pub refunds: Vec<RefundId>,
    /// How the mentor's part became this currency, where it did.
    pub converted: Option<Converted>,
}

/// Whether to pay now. Reasons against it come first, all of them; then the times before which it is not tried.
pub fn decide(case: &Case, policy: &Policy, now: DateTime<Utc>) -> Decision {
    let lifecycle = match case.payment.status {
        PaymentStatus::Releasing => Some(Reason::InFlight),
        PaymentStatus::Transferred => Some(Reason::Transferred),
        PaymentStatus::Carried => Some(Reason::Carried),
        PaymentStatus::Netted => Some(Reason::Netted),
        PaymentStatus::Failed => Some(Reason::FailedForGood),
        _ => None,
    };
    match (lifecycle, may_be_paid(case, policy)) {
        (Some(reason), Ok(_)) => Decision::Hold(vec![reason]),
        (Some(reason), Err(reasons)) => Decision::Hold([vec![reason], reasons].concat()),
        (None, Err(reasons)) => Decision::Hold(reasons),
        (None, Ok(plan)) => match waits_until(&case.payment, policy).filter(|pause| pause.until > now) {
            Some(pause) => Decision::Wait(pause),
            None => Decision::Release(plan),
        },
    }
}

/// The transfer that the facts allow, or everything that speaks against one, whatever the time and whatever
/// operation is under way.
pub fn may_be_paid(case: &Case, policy: &Policy) -> Result<Plan, Vec<Reason>> {
    let mut reasons = Vec::new();
    reasons.extend(money_reasons(case, policy));
    reasons.extend(human_reasons(case));
    reasons.extend((!case.asked.requests.is_empty()).then_some(Reason::RefundAsked));
    reasons.extend(case.disputes.iter().filter_map(dispute_reason));
    if case.payment.charge_disputed && case.disputes.is_empty() {
        reasons.push(Reason::DisputeUnread);
    }
    let payee = payee(case);
    match (payee, reasons.is_empty(), &case.payment.charge_id) {
        (Ok((mentor_id, destination)), true, Some(charge_id)) => {
            // Too small was a reason against it.
            let portion = Sums::of(case, policy).portion().unwrap_or_default();
            Ok(plan(case, mentor_id, destination, charge_id, portion))
        }
        (payee, _, charge_id) => {
            if charge_id.is_none() && case.payment.collection == Collection::Paid {
                reasons.push(Reason::ChargeUnknown);
            }
            reasons.extend(payee.err());
            Err(reasons)
        }
    }
}

/// The time before which the payment is not tried: the later of its window's end and of its pause.
pub fn waits_until(payment: &Payment, policy: &Policy) -> Option<Pause> {
    let ends = if policy.require_completion { window_after_session(payment) } else { payment.window_ends };
    let window = ends.map(|until| Pause { until, why: WaitWhy::Window });
    match (window, payment.pause) {
        (Some(window), Some(pause)) if pause.until > window.until => Some(pause),
        (window, pause) => window.or(pause),
    }
}

/// The same window, counted from the end of the session where that is later than the charge: customers pay weeks ahead,
/// and can object to a session only once there was one.
fn window_after_session(payment: &Payment) -> Option<DateTime<Utc>> {
    let ends = payment.window_ends?;
    let from_session = payment.session.over_at().zip(payment.paid_at).and_then(|(over, paid)| {
        let length = (ends - paid).max(TimeDelta::zero());
        over.checked_add_signed(length)
    });
    Some(from_session.map_or(ends, |from_session| from_session.max(ends)))
}

/// When the dispute window of a payment ends.
pub fn window_ends(paid_at: DateTime<Utc>, window: Duration) -> DateTime<Utc> {
    chrono::Duration::from_std(window)
        .ok()
        .and_then(|w| paid_at.checked_add_signed(w))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn plan(case: &Case, mentor_id: MentorId, destination: AccountId, charge_id: &ChargeId, portion: Portion) -> Plan {
    let payment = &case.payment;
    Plan {
        payment_id: payment.id,
        mentor_id,
        destination,
        charge_id: charge_id.clone(),
        amount: portion.sent,
        currency: payment.pay_currency(),
        transfer_group: transfer_group(payment, charge_id),
        netted: portion.netted,
        carried_over: portion.carried_over,
        carried: portion.taken,
        beyond_charge: portion.beyond_charge,
        kept: payment.amount.saturating_sub(payment.refunded),
        refunds: case.refunds.iter().filter(|r| !r.failed).map(|r| r.id.clone()).collect(),
        converted: payment.conversion().map(|by| Converted { by, due: payment.mentor_due() }),
    }
}

/// What groups a payment's transfers: the charge's own group, or one of ours.
pub fn transfer_group(payment: &Payment, charge_id: &ChargeId) -> String {
    payment.transfer_group.clone().unwrap_or_else(|| format!("payoutd_{charge_id}"))
}

/// The case as it was before a transfer took what it took of the mentor's credit.
pub fn before(case: &Case, order: &TransferOrder) -> Case {
    Case { credit: add(case.credit, order.carried), ..case.clone() }
}

fn money_reasons(case: &Case, policy: &Policy) -> Vec<Reason> {
    let payment = &case.payment;
    if payment.collection != Collection::Paid || payment.window_ends.is_none() {
        return vec![Reason::NotPaid(payment.collection)];
    }
    if payment.refunded_in_full() {
        return vec![Reason::RefundedInFull];
    }
    let currency = payment.pay_currency();
    let sums = Sums::of(case, policy);
    let too_small = sums.portion().is_none();
    let other = payment.settlement_currency.filter(|settled| *settled != payment.currency);
    // One whose amount is not known yet is read right before the transfer, and decided again.
    let settled = other.filter(|_| policy.sending.other_settlement == OtherSettlement::Hold);
    [
        (payment.livemode != policy.livemode).then_some(Reason::OtherMode),
        payment.destination_charge.then_some(Reason::DestinationCharge),
        (policy.require_completion && payment.session.over_at().is_none()).then_some(Reason::NotCompleted),
        case.foreign_transfer.clone().map(Reason::TransferredElsewhere),
        payment.fee_conflict.clone().map(Reason::FeeConflict),
        settled.map(|settled| Reason::OtherSettlement(settled, payment.currency)),
        too_small.then_some(Reason::BelowMinimum(currency, sums.due, sums.least)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What people object to.
pub(super) fn human_reasons(case: &Case) -> impl Iterator<Item = Reason> {
    let flag = case.payment.flag.clone().map(Reason::Flagged);
    let holds = case.holds.iter().filter(|hold| hold.is_open()).cloned().map(Reason::Held);
    flag.into_iter().chain(holds)
}

fn dispute_reason(dispute: &Dispute) -> Option<Reason> {
    let (id, status) = (dispute.id.clone(), dispute.status.clone());
    match standing(&dispute.status) {
        Standing::Cleared => None,
        Standing::Open => Some(Reason::DisputeOpen(id, status)),
        Standing::Unknown => Some(Reason::DisputeUnclear(id, status)),
        Standing::Lost => Some(Reason::DisputeLost(id)),
    }
}

fn payee(case: &Case) -> Result<(MentorId, AccountId), Reason> {
    let named = case.payment.mentor_id.clone().ok_or(Reason::MentorUnnamed)?;
    let mentor = case.mentor.as_ref().ok_or(Reason::MentorUnknown(named))?;
    let account_id = mentor.account_id.clone().ok_or_else(|| Reason::NoAccount(mentor.id.clone()))?;
    let account = case.account.as_ref().ok_or_else(|| Reason::AccountUnread(account_id.clone()))?;
    if account.deauthorized_at.is_some() {
        return Err(Reason::AccountDisconnected(account_id));
    }
    if account.disabled_reason.as_deref() == Some(NOT_FOUND) {
        return Err(Reason::AccountNotFound(account_id));
    }
    if account.transfers != Capability::Active {
        return Err(Reason::TransfersInactive(account_id, account.transfers, account.disabled_reason.clone()));
    }
    Ok((mentor.id.clone(), account_id))
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
#[cfg(test)]
pub(in crate::domain) use tests::due;
