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

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breaker {
    /// Calls are made; so many outages in a row were seen.
    Closed {
        /// Outages in a row.
        outages: u32,
    },
    /// No calls before `until`.
    Open {
        /// Since when.
        since: DateTime<Utc>,
        /// Until when.
        until: DateTime<Utc>,
        /// Because of what.
        why: String,
    },
    /// One call is out to probe; the others wait for its end.
    Probing {
        /// Since when it has been open.
        since: DateTime<Utc>,
        /// When another probe may go, should this one never come back.
        until: DateTime<Utc>,
        /// Because of what.
        why: String,
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
        Self::Closed { outages: 0 }
    }
}

impl Breaker {
    /// Asks for leave to call.
    pub fn permit(&mut self, policy: &BreakerPolicy, now: DateTime<Utc>) -> Permit {
        match self {
            Self::Closed { .. } => Permit::All,
            Self::Open { until, .. } | Self::Probing { until, .. } if *until > now => Permit::Wait(*until),
            Self::Open { since, why, .. } | Self::Probing { since, why, .. } => {
                let (since, why) = (*since, std::mem::take(why));
                *self = Self::Probing { since, until: now + span(policy.open_for), why };
                Permit::Probe
            }
        }
    }

    /// Whether a call would have to wait. Asking takes no probe.
    pub fn waits(&self, now: DateTime<Utc>) -> bool {
        matches!(self, Self::Open { until, .. } | Self::Probing { until, .. } if *until > now)
    }

    /// An answer came that shows Stripe and the platform's account in order.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// An outage. Returns why it opened, when this is what opened it.
    pub fn outage(&mut self, policy: &BreakerPolicy, now: DateTime<Utc>, why: &str) -> Option<String> {
        match self {
            Self::Closed { outages } if *outages + 1 < policy.failures_to_open => {
                *outages += 1;
                None
            }
            _ => self.open(policy, now, why),
        }
    }

    /// Opens at once. Returns why, unless it was open already.
    pub fn open(&mut self, policy: &BreakerPolicy, now: DateTime<Utc>, why: &str) -> Option<String> {
        let (since, first) = match self {
            Self::Closed { .. } => (now, true),
            Self::Open { since, .. } | Self::Probing { since, .. } => (*since, false),
        };
        *self = Self::Open { since, until: now + span(policy.open_for), why: why.to_owned() };
        first.then(|| why.to_owned())
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
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    const POLICY: BreakerPolicy = BreakerPolicy { failures_to_open: 3, open_for: Duration::from_secs(30) };

    #[test]
    fn a_row_of_outages_opens_it_once_and_an_answer_breaks_the_row() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.outage(&POLICY, at(1), "500"), None);
        assert_eq!(breaker.outage(&POLICY, at(2), "500"), None);
        breaker.answered();
        assert_eq!(breaker.outage(&POLICY, at(3), "500"), None);
        assert_eq!(breaker.outage(&POLICY, at(4), "500"), None);
        assert_eq!(breaker.permit(&POLICY, at(4)), Permit::All);
        assert_eq!(breaker.outage(&POLICY, at(5), "timeout"), Some("timeout".into()));
        assert_eq!(breaker.outage(&POLICY, at(6), "timeout"), None);
        assert_eq!(breaker.permit(&POLICY, at(7)), Permit::Wait(at(36)));
    }

    #[test]
    fn one_probe_at_a_time_closes_it_or_opens_it_again() {
        let mut breaker = Breaker::default();
        assert!(breaker.open(&POLICY, at(0), "401").is_some());
        assert!(breaker.waits(at(29)) && !breaker.waits(at(30)));
        assert_eq!(breaker.permit(&POLICY, at(30)), Permit::Probe);
        assert_eq!(breaker.permit(&POLICY, at(31)), Permit::Wait(at(60)));
        assert_eq!(breaker.open(&POLICY, at(32), "401"), None);
        assert_eq!(breaker.trouble(), Some(("401", at(0))));
        assert_eq!(breaker.permit(&POLICY, at(62)), Permit::Probe);
        breaker.answered();
        assert_eq!(breaker.permit(&POLICY, at(63)), Permit::All);
        assert_eq!(breaker.trouble(), None);
    }
}
