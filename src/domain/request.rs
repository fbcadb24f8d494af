//! A refund that somebody asks for: what it comes to by the facts, or why it cannot be.

use chrono::{DateTime, Utc};

use super::dispute::{Standing, standing};
use super::ids::RequestId;
use super::money::{Currency, MinorUnits};
use super::payment::{Collection, Payment, words};
use super::policy::Policy;
use super::release::Case;

words!(
    /// Where a request stands.
    RequestState {
        /// To be answered; the release run moves it.
        Open = "open",
        /// Its operation is under way; the outcome moves it.
        Submitted = "submitted",
        /// The customer has it back.
        Done = "done",
        /// It cannot be; nothing was asked of Stripe.
        Refused = "refused",
        /// Stripe would not, or the bank sent it back: a person has to see to it.
        Failed = "failed",
        /// Whoever made it took it back.
        Withdrawn = "withdrawn",
    }
);

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// All that is left.
    All,
    /// So many minor units, as they were written: they may be no amount at all.
    Amount(i64),
    /// What the cancellation policy gives.
    ByPolicy,
}

/// A request that is not at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// Its row.
    pub id: RequestId,
    /// How much.
    pub ask: Ask,
    /// In what, as it was written; `None` for the payment's own currency.
    pub currency: Option<String>,
    /// When it was made: what the policy goes by.
    pub requested_at: DateTime<Utc>,
}

/// What a request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Refund so much of the charge.
    Refund(MinorUnits),
    /// Let go of the authorisation: nothing was charged yet, and all of it is asked for.
    LetGo,
    /// A part cannot go back before the payment is captured. Whether the capture is to come at once.
    AfterCapture(Hurry),
    /// It cannot be, for this reason.
    Refuse(String),
}

/// Whether something waits for its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hurry {
    /// At once: the customer cancelled, so that no session will ever be completed.
    Now,
    /// In its own time.
    Never,
}

/// Answers a request from the facts alone.
pub fn answer(request: &RefundRequest, case: &Case, policy: &Policy) -> Answer {
    let payment = &case.payment;
    let answered = objection(request, case, policy).map_or(Ok(()), Err).and_then(|()| amount(request, payment, policy));
    match (answered, payment.collection) {
        (Err(why), _) => Answer::Refuse(why),
        (Ok(amount), Collection::Authorized) if amount == payment.amount => Answer::LetGo,
        (Ok(_), Collection::Authorized) if request.ask == Ask::ByPolicy => Answer::AfterCapture(Hurry::Now),
        (Ok(_), Collection::Authorized) => Answer::AfterCapture(Hurry::Never),
        (Ok(amount), _) => Answer::Refund(amount),
    }
}

/// What speaks against refunding anything.
fn objection(request: &RefundRequest, case: &Case, policy: &Policy) -> Option<String> {
    let payment = &case.payment;
    let currency = payment.currency;
    let other = request.currency.as_deref().filter(|code| !code.eq_ignore_ascii_case(currency.code()));
    if let Some(other) = other {
        let other: String = other.chars().take(16).collect();
        return Some(format!("asked for in {other}, but the payment was made in {currency}"));
    }
    match payment.collection {
        Collection::Paid if payment.charge_id.is_none() => {
            return Some("Stripe has not named the charge yet; ask again when it has".into());
        }
        Collection::Paid => {}
        Collection::Authorized if payment.intent_id.is_some() => {}
        Collection::Authorized => {
            return Some("a charge that is not captured; let go of it in Stripe's dashboard".into());
        }
        Collection::Canceled => return Some("the payment was canceled, so nothing was charged".into()),
        Collection::Awaiting | Collection::Failed => return Some("the customer has not paid".into()),
    }
    if payment.refunded_in_full() {
        return Some("it was refunded in full already".into());
    }
    if payment.livemode != policy.livemode {
        return Some("test and live mode are mixed: the payment is not of the Stripe key's mode".into());
    }
    if payment.destination_charge {
        return Some(
            "a destination charge: refund it in Stripe's dashboard, which takes the mentor's part back".into(),
        );
    }
    let with_the_bank = |status: &str| match standing(status) {
        Standing::Cleared => false,
        Standing::Lost | Standing::Unknown => true,
        // An inquiry is answered best by a refund: https://docs.stripe.com/disputes/how-disputes-work
        Standing::Open => !status.starts_with("warning_"),
    };
    let disputed = case.disputes.iter().any(|dispute| with_the_bank(&dispute.status));
    disputed.then(|| "it is disputed: the bank decides what the customer gets back".into())
}

fn amount(request: &RefundRequest, payment: &Payment, policy: &Policy) -> Result<MinorUnits, String> {
    let left = payment.amount.saturating_sub(payment.refunded);
    match request.ask {
        Ask::All => Ok(left),
        Ask::Amount(asked) => written_amount(asked, left, payment),
        Ask::ByPolicy => {
            let starts_at = payment.session.starts_at;
            let starts_at = starts_at.ok_or("nobody said when the session begins, so the policy cannot be applied")?;
            let (currency, asked_at) = (payment.currency, request.requested_at);
            let due = policy.cancellation.refund(payment.amount, currency, asked_at, starts_at);
            if due == MinorUnits::ZERO {
                return Err("the cancellation policy gives nothing back so late".into());
            }
            match due.saturating_sub(payment.refunded) {
                MinorUnits::ZERO => Err(format!(
                    "the cancellation policy gives {}, and that much was refunded already",
                    currency.display(due)
                )),
                rest => Ok(rest),
            }
        }
    }
}

fn written_amount(asked: i64, left: MinorUnits, payment: &Payment) -> Result<MinorUnits, String> {
    let currency: Currency = payment.currency;
    let amount = MinorUnits::new(asked).filter(|amount| *amount > MinorUnits::ZERO);
    let amount = amount.ok_or_else(|| format!("{asked} is no amount to refund: it must be more than zero"))?;
    if asked % currency.step() != 0 {
        let step = currency.display(MinorUnits::new(currency.step()).unwrap_or_default());
        return Err(format!("{} cannot be refunded: the smallest step is {step}", currency.display(amount)));
    }
    if amount > left {
        let (amount, left) = (currency.display(amount), currency.display(left));
        return Err(format!("{amount} is more than the {left} that are left of the payment"));
    }
    Ok(amount)
}
