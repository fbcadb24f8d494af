//! A payment that is authorised and not charged yet: when it is captured, when let go of, when somebody is warned.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::notice::{Notice, Outgoing, brief};
use super::operation::{IntentOrder, Order};
use super::payment::{Collection, Payment};
use super::policy::Policy;
use super::reason::Reason;
use super::release::{Case, human_reasons};
use super::request::{Answer, Hurry, answer};

/// What the operator decided about authorisations.
#[derive(Debug, Clone)]
pub struct CapturePolicy {
    /// From the end of the session to the capture.
    pub delay: Duration,
    /// How long an authorisation holds: <https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>.
    pub lifetime: Duration,
    /// How long before its end an admin is warned.
    pub warn_before: Duration,
    /// How long before its end one that must not be captured is let go of.
    pub cancel_before: Duration,
}

impl Default for CapturePolicy {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        Self {
            delay: Duration::from_secs(1_800),
            lifetime: hours(7 * 24),
            warn_before: hours(24),
            cancel_before: hours(1),
        }
    }
}

/// The cause of a capture.
pub const SESSION: &str = "session";
/// The cause of letting go of what must not be captured.
pub const OBJECTION: &str = "objection";

/// The moments that count for an authorised payment.
struct Times {
    due: Option<DateTime<Utc>>,
    warn: DateTime<Utc>,
    cancel: DateTime<Utc>,
    end: DateTime<Utc>,
}

/// What is to be done with an authorisation now, and because of what.
pub fn step(case: &Case, policy: &Policy, now: DateTime<Utc>) -> Option<(&'static str, Order)> {
    let times = times(case, policy)?;
    let order = order(&case.payment)?;
    if now >= times.end {
        return None;
    }
    if objections(case, policy).is_empty() {
        return times.due.is_some_and(|due| due <= now).then_some((SESSION, Order::Capture(order)));
    }
    (now >= times.cancel).then_some((OBJECTION, Order::Cancel(order)))
}

/// When an authorised payment is to be looked at next.
pub fn next_look(case: &Case, policy: &Policy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let times = times(case, policy)?;
    let blocked = !objections(case, policy).is_empty();
    let due = times.due.filter(|_| !blocked);
    let cancel = blocked.then_some(times.cancel);
    [due, cancel, Some(times.warn)].into_iter().flatten().filter(|at| *at > now && *at < times.end).min()
}

/// The warning that an authorisation runs out, when it is time for it.
pub fn warning(case: &Case, policy: &Policy, now: DateTime<Utc>) -> Option<Outgoing> {
    let times = times(case, policy).filter(|times| times.warn <= now && now < times.end)?;
    let payment = &case.payment;
    let summary = brief(payment, case.mentor.as_ref(), payment.amount);
    let notice = Notice::AuthorizationExpiring { payment: summary, at: times.end, why: why_not_captured(case, policy) };
    Some(Outgoing::to_admin(notice, "authorization_expiring", payment.id, Some(payment.id)))
}

/// What speaks against capturing.
pub fn objections(case: &Case, policy: &Policy) -> Vec<Reason> {
    let other_mode = (case.payment.livemode != policy.livemode).then_some(Reason::OtherMode);
    human_reasons(case).chain(other_mode).collect()
}

fn why_not_captured(case: &Case, policy: &Policy) -> String {
    let objections = objections(case, policy);
    match (objections.is_empty(), case.payment.session.over_at()) {
        (false, _) => objections.iter().map(Reason::sentence).collect::<Vec<_>>().join("; "),
        (true, Some(_)) => "the session is not over yet, or the capture has not succeeded".into(),
        (true, None) => "nobody said that the session was completed (payoutd complete)".into(),
    }
}

fn times(case: &Case, policy: &Policy) -> Option<Times> {
    let payment = &case.payment;
    let since = payment.authorized_at.filter(|_| payment.collection == Collection::Authorized)?;
    let capture = &policy.capture;
    let end = since + span(capture.lifetime);
    let over = payment.session.over_at().map(|over| over + span(capture.delay));
    let at_once =
        case.asked.requests.iter().any(|request| answer(request, case, policy) == Answer::AfterCapture(Hurry::Now));
    let due = if at_once { Some(since) } else { over };
    Some(Times { due, warn: end - span(capture.warn_before), cancel: end - span(capture.cancel_before), end })
}

/// The order to capture or let go of all of it.
pub fn order(payment: &Payment) -> Option<IntentOrder> {
    let intent_id = payment.intent_id.clone()?;
    let (amount, currency, payment_id) = (payment.amount, payment.currency, payment.id);
    Some(IntentOrder { amount, currency, intent_id, payment_id, request_id: None })
}

fn span(duration: Duration) -> TimeDelta {
    // Far beyond any authorisation, and far from where a calendar ends.
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(3_650))
}
