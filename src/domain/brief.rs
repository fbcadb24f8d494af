//! A payment as emails speak of it, and what a mentor has to do. What is told of it is a notice's.

use serde::{Deserialize, Serialize};

use super::ids::PaymentId;
use super::mentor::{Capability, Mentor};
use super::money::{Currency, MinorUnits};
use super::payment::Payment;
use super::reason::Reason;

/// A payment as an email speaks of it: no Stripe id, nothing that a person cannot use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentBrief {
    /// The number that `payoutd explain` takes.
    pub payment_id: PaymentId,
    /// The platform's booking, where there is one.
    pub booking_id: Option<String>,
    /// The mentor by name, or else by the platform's id; `None` when nobody is named.
    pub mentor: Option<String>,
    /// In minor units, what the mentor gets or would get.
    pub amount_minor: MinorUnits,
    /// The currency of `amount_minor`.
    pub currency: Currency,
}

/// What keeps a mentor's money back that the mentor can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MentorTask {
    /// Connect a Stripe account.
    ConnectAccount,
    /// Finish Stripe's forms.
    FinishOnboarding,
    /// Wait: Stripe is checking what was handed in.
    AwaitReview,
    /// Connect the account again.
    Reconnect,
    /// Sort out a restriction with Stripe.
    ResolveRestriction,
}

/// A payment as emails speak of it, with an amount in its own currency.
pub fn brief(payment: &Payment, mentor: Option<&Mentor>, amount: MinorUnits) -> PaymentBrief {
    brief_in(payment.currency, payment, mentor, amount)
}

/// The same with an amount in another currency, such as what the mentor was paid in.
pub fn brief_in(currency: Currency, payment: &Payment, mentor: Option<&Mentor>, amount: MinorUnits) -> PaymentBrief {
    let named = mentor.and_then(|m| m.name.clone());
    PaymentBrief {
        payment_id: payment.id,
        booking_id: payment.booking_id.clone(),
        mentor: named.or_else(|| payment.mentor_id.as_ref().map(ToString::to_string)),
        amount_minor: amount,
        currency,
    }
}

/// What a mentor can do about a reason, if anything.
pub fn mentor_task(reason: &Reason) -> Option<MentorTask> {
    match reason {
        Reason::NoAccount(_) => Some(MentorTask::ConnectAccount),
        Reason::AccountDisconnected(_) => Some(MentorTask::Reconnect),
        Reason::TransfersInactive(_, Capability::Pending, _) => Some(MentorTask::AwaitReview),
        Reason::TransfersInactive(_, _, Some(_)) => Some(MentorTask::ResolveRestriction),
        Reason::TransfersInactive(..) => Some(MentorTask::FinishOnboarding),
        _ => None,
    }
}
