//! The daily digest for the admins: what was done since the last one, and what stands open. Figures only; the words are
//! the mail room's.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::money::{Currency, MinorUnits};
use super::notice::{Notice, Outgoing};
use super::payment::words;

words!(
    /// What is done once a day.
    Chore {
        /// Payments that are on the platform for long are told of.
        PlatformLimit = "platform_limit",
        /// The admins are told how the day before went.
        Digest = "digest",
        /// The books are looked at.
        Audit = "audit",
        /// This database is compared with Stripe.
        Reconcile = "reconcile",
        /// What nobody needs any more is removed.
        Retention = "retention",
    }
);

/// So many of something, and how much in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many.
    pub count: i64,
    /// How much, in minor units.
    pub amount_minor: MinorUnits,
    /// In what.
    pub currency: Currency,
}

/// So many of something, and since when the oldest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How many.
    pub count: i64,
    /// When the oldest began.
    pub oldest: Option<DateTime<Utc>>,
}

/// How many payments are held for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFor {
    /// The reason's code.
    pub reason: String,
    /// How many; one with two reasons counts under both.
    pub count: i64,
    /// When the customer paid the oldest.
    pub oldest: Option<DateTime<Utc>>,
}

/// What a digest tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// What was done is told from then.
    pub since: DateTime<Utc>,
    /// Until then; what stands open stood so then.
    pub until: DateTime<Utc>,
    /// Transfers to mentors, those included that pay again.
    pub paid: Vec<Sum>,
    /// What was taken back from mentors.
    pub taken_back: Vec<Sum>,
    /// Withdrawals to mentors' banks.
    #[serde(default)]
    pub withdrawn: Vec<Sum>,
    /// Refunds to customers.
    pub refunded: Vec<Sum>,
    /// How many payments are held.
    pub held_count: i64,
    /// The same by reason.
    pub held: Vec<HeldFor>,
    /// Payments whose transfer Stripe refused for good.
    pub failed: Vec<Sum>,
    /// Operations whose outcome is not known.
    pub unknown: Standing,
    /// What mentors owe.
    pub debts: Vec<Sum>,
    /// Disputes and inquiries that are not over.
    pub disputes: Vec<Sum>,
    /// The first day on which evidence for one of them is due.
    pub evidence_due_by: Option<DateTime<Utc>>,
    /// Authorisations that are about to run out; the oldest is the first to.
    pub expiring: Standing,
    /// Payments near the limit of how long money may stay on the platform.
    pub near_limit: Vec<Sum>,
    /// When the first of them reaches it.
    pub limit_at: Option<DateTime<Utc>>,
}

impl Digest {
    /// Nothing, from one time to another.
    pub fn empty(since: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self {
            since,
            until,
            paid: Vec::new(),
            taken_back: Vec::new(),
            withdrawn: Vec::new(),
            refunded: Vec::new(),
            held_count: 0,
            held: Vec::new(),
            failed: Vec::new(),
            unknown: Standing::default(),
            debts: Vec::new(),
            disputes: Vec::new(),
            evidence_due_by: None,
            expiring: Standing::default(),
            near_limit: Vec::new(),
            limit_at: None,
        }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self
            == Self {
                evidence_due_by: self.evidence_due_by,
                limit_at: self.limit_at,
                ..Self::empty(self.since, self.until)
            }
    }

    /// The email, one for each day; `None` when there is nothing to say.
    pub fn letter(self, day: NaiveDate) -> Option<Outgoing> {
        if self.is_empty() {
            return None;
        }
        let told = Outgoing::to_admin(Notice::Digest(Box::new(self)), "digest", day, None);
        // Two days are two emails.
        Some(Outgoing { merge_key: None, ..told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_without_anything_to_say_has_no_email() {
        let (since, until) = (at("2026-11-20T07:00:00Z"), at("2026-11-21T07:00:00Z"));
        let day = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        assert_eq!(Digest::empty(since, until).letter(day), None);
        type Change = fn(&mut Digest);
        fn one(code: &str) -> Sum {
            Sum { count: 1, amount_minor: MinorUnits::ZERO, currency: Currency::parse(code).unwrap() }
        }
        let something: [Change; 5] = [
            |d| d.paid.push(one("usd")),
            |d| d.held.push(HeldFor { reason: "flagged".into(), count: 1, oldest: None }),
            |d| d.unknown.count = 1,
            |d| d.expiring.count = 1,
            |d| d.failed.push(one("jpy")),
        ];
        for change in something {
            let mut digest = Digest::empty(since, until);
            change(&mut digest);
            let told = digest.letter(day).unwrap();
            assert_eq!((told.once_key.as_str(), told.merge_key), ("admin:digest:2026-11-21", None));
        }
    }
}
