//! The session that a customer pays for: when it is, and what cancelling it gives back.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::money::{Currency, MinorUnits};

/// When the session is, as far as anybody said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// When it begins.
    pub starts_at: Option<DateTime<Utc>>,
    /// When it is to end.
    pub ends_at: Option<DateTime<Utc>>,
    /// When the platform says that it was completed.
    pub completed_at: Option<DateTime<Utc>>,
}

impl Session {
    /// When it is or will be over: what the platform says of it, or else the end that was planned.
    pub fn over_at(&self) -> Option<DateTime<Utc>> {
        self.completed_at.or(self.ends_at)
    }
}

/// Up to how long before the session a cancellation gives back how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// At least so long before the session begins.
    pub before: Duration,
    /// In basis points of what the customer paid.
    pub refund_bps: u16,
}

/// What cancelling gives back: the first tier that is met counts, and nothing after the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancellationPolicy {
    tiers: Vec<Tier>,
}

impl CancellationPolicy {
    /// Sorts the tiers, the earliest first.
    pub fn new(mut tiers: Vec<Tier>) -> Self {
        tiers.sort_by_key(|tier| std::cmp::Reverse(tier.before));
        Self { tiers }
    }

    /// How much of `amount` goes back when it is asked for at this time, rounded half up to what the currency can pay.
    pub fn refund(
        &self,
        amount: MinorUnits,
        currency: Currency,
        asked_at: DateTime<Utc>,
        starts_at: DateTime<Utc>,
    ) -> MinorUnits {
        let in_time = |tier: &&Tier| {
            let before = TimeDelta::from_std(tier.before).unwrap_or(TimeDelta::MAX);
            asked_at.checked_add_signed(before).is_some_and(|latest| latest <= starts_at)
        };
        let bps = self.tiers.iter().find(in_time).map_or(0, |tier| tier.refund_bps);
        amount.basis_points(bps, currency.step()).min(amount)
    }
}

impl Default for CancellationPolicy {
    fn default() -> Self {
        let hours = |hours: u64, refund_bps| Tier { before: Duration::from_secs(hours * 3_600), refund_bps };
        Self::new(vec![hours(24, 10_000), hours(4, 5_000)])
    }
}

/// Reads a time from metadata: RFC 3339, or seconds since 1970. What is neither says nothing.
pub fn time_in(metadata: &BTreeMap<String, String>, names: &[String]) -> Option<DateTime<Utc>> {
    names.iter().filter_map(|name| metadata.get(name)).find_map(|text| read_time(text.trim()))
}

fn read_time(text: &str) -> Option<DateTime<Utc>> {
    match text.parse::<i64>() {
        Ok(seconds) => DateTime::from_timestamp(seconds, 0),
        Err(_) => {
            let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
            DateTime::from_timestamp_millis(at.timestamp_millis())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn the_policy_in_numbers() {
        let policy = CancellationPolicy::default();
        for (amount, code, minutes_before, refund) in [
            (10_000, "usd", 24 * 60, 10_000),
            (10_000, "usd", 24 * 60 - 1, 5_000),
            (10_000, "usd", 4 * 60, 5_000),
            (10_000, "usd", 4 * 60 - 1, 0),
            (10_000, "usd", -60, 0),
            (9_999, "usd", 5 * 60, 5_000),
            (1_001, "jpy", 5 * 60, 501),
            (10_010, "kwd", 5 * 60, 5_010),
            (10_100, "isk", 5 * 60, 5_100),
            (1, "usd", 5 * 60, 1),
        ] {
            let asked_at = start() - TimeDelta::minutes(minutes_before);
            let currency = Currency::parse(code).unwrap();
            let given = policy.refund(MinorUnits::new(amount).unwrap(), currency, asked_at, start());
            assert_eq!(given.get(), refund, "{amount} {code}, {minutes_before} minutes before");
        }
    }

    #[test]
    fn times_in_metadata() {
        let metadata = |text: &str| BTreeMap::from([("startsAt".to_owned(), text.to_owned())]);
        for (text, read) in [
            ("1800000000", Some(start())),
            ("2027-01-15T08:00:00Z", Some(start())),
            (" 2027-01-15T09:00:00+01:00 ", Some(start())),
            ("2027-01-15", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(time_in(&metadata(text), &["startsAt".into()]), read, "{text}");
        }
    }

    proptest! {
        /// Asking earlier never gives less, and nobody gets back more than they paid.
        #[test]
        fn earlier_is_never_worse(amount in 0..=1_000_000_000_i64, early in 0..=90_000_i64, later in 0..=90_000_i64) {
            let policy = CancellationPolicy::default();
            let amount = MinorUnits::new(amount).unwrap();
            let usd = Currency::parse("usd").unwrap();
            let given = |before| policy.refund(amount, usd, start() - TimeDelta::seconds(before), start());
            prop_assert!(given(early.max(later)) >= given(early.min(later)));
            prop_assert!(given(early) <= amount);
        }
    }
}
