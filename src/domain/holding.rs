//! How long money may stay on the platform: Stripe sets a limit, and an admin is warned well before, twice.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::notice::{Notice, Outgoing, PaymentBrief, brief};
use super::payment::{Collection, Payment, PaymentStatus};
use super::policy::Policy;
use super::reason::Reason;
use super::release::{Case, Decision, decide};

/// What the operator decided about letters that no single event brings about.
#[derive(Debug, Clone)]
pub struct LetterPolicy {
    /// Whether customers are told that their dispute has arrived.
    pub dispute_acknowledgement: bool,
    /// How long Stripe lets the platform hold funds: <https://docs.stripe.com/connect/account-balances>.
    pub platform_limit: Duration,
    /// How long before its end an admin is warned.
    pub limit_warn_before: Duration,
}

impl Default for LetterPolicy {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self { dispute_acknowledgement: false, platform_limit: days(90), limit_warn_before: days(15) }
    }
}

/// A payment that nears the limit, as emails speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitBrief {
    /// Which payment, with what the mentor is due.
    pub payment: PaymentBrief,
    /// When the customer paid.
    pub paid_at: DateTime<Utc>,
    /// Until when the money may stay.
    pub limit_at: DateTime<Utc>,
    /// What keeps it there, in words.
    pub why: String,
}

/// Where a payment's money is between the charge and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Whole days since the customer paid.
    pub days: i64,
    /// When the limit is reached.
    pub limit_at: DateTime<Utc>,
    /// Whether it is time for the second warning.
    pub last_call: bool,
}

/// Reasons that go with money which is not on the platform any more, or that nobody is meant to settle.
pub const FINAL: [&str; 5] = ["dispute_lost", "transferred_elsewhere", "destination_charge", "other_mode", "refunded"];

/// Payments that were paid then or before are near the limit.
pub fn warned_before(policy: &Policy, now: DateTime<Utc>) -> DateTime<Utc> {
    let LetterPolicy { platform_limit, limit_warn_before, .. } = &policy.letters;
    now - span(platform_limit.saturating_sub(*limit_warn_before))
}

/// Until when the money of a payment may stay on the platform.
pub fn limit_at(paid_at: DateTime<Utc>, policy: &Policy) -> DateTime<Utc> {
    paid_at + span(policy.letters.platform_limit)
}

/// How a payment stands to the limit, once it is near it; `None` before, and when its money is not on the platform.
pub fn holding(payment: &Payment, policy: &Policy, now: DateTime<Utc>) -> Option<Holding> {
    let paid_at = payment.paid_at.filter(|at| *at <= warned_before(policy, now))?;
    let open = matches!(
        payment.status,
        PaymentStatus::Pending | PaymentStatus::Held | PaymentStatus::Releasing | PaymentStatus::Failed
    );
    let is_final = payment.hold_reasons.split(',').any(|code| FINAL.contains(&code));
    if payment.collection != Collection::Paid || !open || is_final || payment.refunded_in_full() {
        return None;
    }
    let limit_at = limit_at(paid_at, policy);
    let last_call = now >= limit_at - span(policy.letters.limit_warn_before / 3);
    Some(Holding { days: (now - paid_at).num_days(), limit_at, last_call })
}

/// The warning about a payment that is near the limit: once, and once more near the end.
pub fn warning(case: &Case, policy: &Policy, now: DateTime<Utc>) -> Option<Outgoing> {
    let payment = &case.payment;
    let Holding { limit_at, last_call, .. } = holding(payment, policy, now)?;
    let notice = Notice::PlatformLimit(LimitBrief {
        payment: brief(payment, case.mentor.as_ref(), payment.mentor_due()),
        paid_at: payment.paid_at?,
        limit_at,
        why: why(case, policy, now),
    });
    let call = if last_call { "last" } else { "first" };
    Some(Outgoing::to_admin(notice, "platform_limit", format!("{}:{call}", payment.id), Some(payment.id)))
}

fn why(case: &Case, policy: &Policy, now: DateTime<Utc>) -> String {
    match decide(case, policy, now) {
        Decision::Hold(reasons) => reasons.iter().map(Reason::sentence).collect::<Vec<_>>().join("; "),
        Decision::Wait(pause) => format!("it waits until {}", pause.until.format("%-d %B %Y, %H:%M UTC")),
        Decision::Release(_) => "nothing speaks against paying it: is the daemon running?".into(),
    }
}

fn span(duration: Duration) -> TimeDelta {
    // Far beyond any limit, and far from where a calendar ends.
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(36_500))
}

#[cfg(test)]
#[path = "holding_tests.rs"]
mod tests;
