//! The breaker: when Stripe or the platform's own account is in trouble, nothing is tried, and one probe at a time
//! finds out whether it is over. A state machine without a clock; it opens, it never pays.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Numbers of the breaker.
#[derive(Debug, Clone, Copy)]
pub struct BreakerPolicy {
    /// Outages in a row that open it.
    pub failures_to_open: u32,
    /// How long it stays open before a probe.
    pub open_for: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures_to_open: 5, open_for: Duration::from_secs(30) }
    }
}

/// What a call is for. A key may be allowed to read and not to transfer, and either half of Stripe may be down, so an
/// answered reading does not prove that transfers work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// It reads.
    Reading,
    /// It asks for a transfer.
    Writing,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breaker {
    /// Calls are made; so many outages in a row were seen.
    Closed {
        /// Outages in a row.
        outages: u32,
        /// The side that must answer to end the row.
        side: Side,
    },
    /// No calls before `until`.
    Open {
        /// Since when.
        since: DateTime<Utc>,
        /// Until when.
        until: DateTime<Utc>,
        /// Because of what.
        why: String,
        /// The side that must answer to close it.
        side: Side,
    },
    /// One call is out to probe; the others wait for its end.
    Probing {
        /// Since when it has been open.
        since: DateTime<Utc>,
        /// When another probe may go, should this one never come back.
        until: DateTime<Utc>,
        /// Because of what.
        why: String,
        /// The side that must answer to close it.
        side: Side,
    },
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// As many as there are.
    All,
    /// This one.
    Probe,
    /// None before then.
    Wait(DateTime<Utc>),
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { outages: 0, side: Side::Reading }
    }
}

impl Breaker {
    /// Asks for leave to call.
    pub fn permit(&mut self, policy: &BreakerPolicy, now: DateTime<Utc>) -> Permit {
        match self {
            Self::Closed { .. } => Permit::All,
            Self::Open { until, .. } | Self::Probing { until, .. } if *until > now => Permit::Wait(*until),
            Self::Open { since, why, side, .. } | Self::Probing { since, why, side, .. } => {
                let (since, why, side) = (*since, std::mem::take(why), *side);
                *self = Self::Probing { since, until: now + span(policy.open_for), why, side };
                Permit::Probe
            }
        }
    }

    /// Whether [`Breaker::permit`] would let a call through; asking takes nothing.
    pub fn lets_call(&self, now: DateTime<Utc>) -> bool {
        match self {
            Self::Closed { .. } => true,
            Self::Open { until, .. } | Self::Probing { until, .. } => *until <= now,
        }
    }

    /// Gives a probe back for which there was nothing to call: the next who asks may have it at once.
    pub fn give_back(&mut self, now: DateTime<Utc>) {
        if let Self::Probing { since, why, side, .. } = self {
            *self = Self::Open { since: *since, until: now, why: std::mem::take(why), side: *side };
        }
    }

    /// An answer came that shows this side of Stripe and the platform's account in order.
    pub fn answered(&mut self, by: Side) {
        if by >= self.side() {
            *self = Self::default();
        }
    }

    /// An outage. Returns why it opened, when this is what opened it.
    pub fn outage(&mut self, policy: &BreakerPolicy, now: DateTime<Utc>, by: Side, why: &str) -> Option<String> {
        match self {
            Self::Closed { outages, side } if *outages + 1 < policy.failures_to_open => {
                *outages += 1;
                *side = by.max(*side);
                None
            }
            _ => self.open(policy, now, by, why),
        }
    }

    /// Opens at once. Returns why, unless it was open already.
    pub fn open(&mut self, policy: &BreakerPolicy, now: DateTime<Utc>, by: Side, why: &str) -> Option<String> {
        let (since, first) = match self {
            Self::Closed { .. } => (now, true),
            Self::Open { since, .. } | Self::Probing { since, .. } => (*since, false),
        };
        let side = by.max(self.side());
        *self = Self::Open { since, until: now + span(policy.open_for), why: why.to_owned(), side };
        first.then(|| why.to_owned())
    }

    fn side(&self) -> Side {
        match self {
            Self::Closed { side, .. } | Self::Open { side, .. } | Self::Probing { side, .. } => *side,
        }
    }

    /// Why it is open and since when; `None` while calls are made.
    pub fn trouble(&self) -> Option<(&str, DateTime<Utc>)> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { why, since, .. } | Self::Probing { why, since, .. } => Some((why, *since)),
        }
    }
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::Side::{Reading, Writing};
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    const POLICY: BreakerPolicy = BreakerPolicy { failures_to_open: 3, open_for: Duration::from_secs(30) };

    #[test]
    fn a_row_of_outages_opens_it_once_and_an_answer_breaks_the_row() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.outage(&POLICY, at(1), Reading, "500"), None);
        assert_eq!(breaker.outage(&POLICY, at(2), Reading, "500"), None);
        breaker.answered(Reading);
        assert_eq!(breaker.outage(&POLICY, at(3), Reading, "500"), None);
        assert_eq!(breaker.outage(&POLICY, at(4), Reading, "500"), None);
        assert_eq!(breaker.permit(&POLICY, at(4)), Permit::All);
        assert_eq!(breaker.outage(&POLICY, at(5), Reading, "timeout"), Some("timeout".into()));
        assert_eq!(breaker.outage(&POLICY, at(6), Reading, "timeout"), None);
        assert_eq!(breaker.permit(&POLICY, at(7)), Permit::Wait(at(36)));
    }

    #[test]
    fn one_probe_at_a_time_closes_it_or_opens_it_again() {
        let mut breaker = Breaker::default();
        assert!(breaker.open(&POLICY, at(0), Reading, "401").is_some());
        assert_eq!(breaker.permit(&POLICY, at(30)), Permit::Probe);
        assert_eq!(breaker.permit(&POLICY, at(31)), Permit::Wait(at(60)));
        assert_eq!(breaker.open(&POLICY, at(32), Reading, "401"), None);
        assert_eq!(breaker.trouble(), Some(("401", at(0))));
        assert_eq!(breaker.permit(&POLICY, at(62)), Permit::Probe);
        breaker.answered(Reading);
        assert_eq!(breaker.permit(&POLICY, at(63)), Permit::All);
        assert_eq!(breaker.trouble(), None);
    }

    #[test]
    fn what_writing_opened_only_a_write_closes() {
        let mut breaker = Breaker::default();
        assert!(breaker.open(&POLICY, at(0), Writing, "403").is_some());
        assert_eq!(breaker.permit(&POLICY, at(30)), Permit::Probe);
        breaker.answered(Reading);
        assert_eq!(breaker.trouble(), Some(("403", at(0))), "the charge could be read; that proves nothing");
        assert_eq!(breaker.open(&POLICY, at(31), Writing, "403"), None, "nobody is told twice");
        assert_eq!(breaker.open(&POLICY, at(32), Reading, "500"), None);
        breaker.answered(Reading);
        assert!(breaker.trouble().is_some());
        breaker.answered(Writing);
        assert_eq!(breaker.trouble(), None);
    }

    #[test]
    fn readings_that_are_answered_do_not_hide_a_row_of_writes_that_are_not() {
        let mut breaker = Breaker::default();
        for second in 1..3 {
            assert_eq!(breaker.outage(&POLICY, at(second), Writing, "500"), None);
            breaker.answered(Reading);
        }
        assert!(breaker.outage(&POLICY, at(3), Writing, "500").is_some());
    }

    #[test]
    fn a_probe_that_was_not_needed_is_for_the_next() {
        let mut breaker = Breaker::default();
        breaker.open(&POLICY, at(0), Reading, "500");
        assert!(!breaker.lets_call(at(29)) && breaker.lets_call(at(30)));
        assert_eq!(breaker.permit(&POLICY, at(30)), Permit::Probe);
        assert!(!breaker.lets_call(at(31)));
        breaker.give_back(at(31));
        assert!(breaker.lets_call(at(31)));
        assert_eq!(breaker.permit(&POLICY, at(31)), Permit::Probe);
        assert_eq!(breaker.trouble(), Some(("500", at(0))));
    }
}
