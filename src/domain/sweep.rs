//! Preflight by sweep: instead of reading each charge right before its transfer, all that changed at Stripe since the last
//! time is listed right before a run. Says which payments such a sweep answers for. It lists nothing itself.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::payment::words;
use super::release::Case;

words!(
    /// How it is made sure, right before a transfer, that nothing happened to the charge of which no webhook told.
    Preflight {
        /// Each charge is read.
        Charge = "charge",
        /// What changed at Stripe is listed before the run, and covers those that it can answer for.
        Sweep = "sweep",
    }
);

/// What Stripe tells of a charge that was paid: whatever else changes has nothing to do with paying it on. These are listed
/// beside the refunds and disputes themselves, for what became of older ones.
pub const SWEPT: [&str; 11] = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "charge.refunded",
    "charge.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
];

/// So far back a sweep begins at most. Stripe lists 30 days of events; a day is left for clocks and for a slow night.
/// <https://docs.stripe.com/api/events/list>
const REACH: TimeDelta = TimeDelta::days(29);
/// Clocks may differ by so much: with more, no webhook's signature would be believed.
pub const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Up to where Stripe's lists were taken in, as it stands in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// There is no gap since then.
    pub covers_from: DateTime<Utc>,
    /// Up to then.
    pub to: DateTime<Utc>,
    /// The charges made before then were read.
    pub charges_to: DateTime<Utc>,
}

impl Swept {
    /// What stands once a step is done. One that began anew counts as it is: what stood before it has a gap. Of two daemons at
    /// it, the further one counts; and each began where the other had been, so that together they have no gap either.
    pub fn joined_with(self, step: Swept) -> Swept {
        if step.covers_from > self.covers_from {
            return step;
        }
        Swept { to: self.to.max(step.to), charges_to: self.charges_to.max(step.charges_to), ..self }
    }

    /// Where the next one begins: where the last one ended; or anew, when there was none, when it is longer ago than Stripe's
    /// events reach, or when it ended in the future, since a clock that was wrong then says nothing. What was charged before
    /// a new beginning is read charge by charge.
    pub fn resume(last: Option<Swept>, overlap: TimeDelta, now: DateTime<Utc>) -> Swept {
        let begins = (now - overlap).trunc_subsecs(0);
        let anew = Swept { covers_from: begins, to: now, charges_to: begins };
        last.filter(|last| last.to - overlap >= now - REACH && last.to <= now + SKEW).unwrap_or(anew)
    }
}

/// A sweep that was done to its end, as those see it who pay by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// All that Stripe lists since then is in the database, but for what came after `began`.
    pub covers_from: DateTime<Utc>,
    /// When its first list was asked for.
    pub began: DateTime<Utc>,
    /// Nothing is claimed by it from then on.
    pub good_until: DateTime<Utc>,
}

impl Sweep {
    /// Whether it may be claimed by. A clock that was set back since tells nothing of how old it is.
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.began <= now && now < self.good_until
    }

    /// Whether it answers for a payment: it was charged within what was swept without a gap, its charge was read once (so
    /// that it is known what it settled as), and nothing unusual ever happened to it. All others are read by themselves.
    pub fn answers_for(&self, case: &Case, now: DateTime<Utc>) -> bool {
        let payment = &case.payment;
        let charged = payment.paid_at.into_iter().chain(payment.authorized_at).min();
        let since = charged.is_some_and(|at| at >= self.covers_from);
        let was_read = payment.settlement_currency == Some(payment.currency);
        let undisputed = !payment.charge_disputed && case.disputes.is_empty();
        let whole = payment.refunded.get() == 0 && case.refunds.is_empty() && case.asked.requests.is_empty();
        self.is_good(now) && since && was_read && undisputed && whole && case.position.is_none()
    }
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
