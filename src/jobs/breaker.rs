//! The breaker as the loops share it: domain's state machine behind a lock, fed with every call's result.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::breaker::{Breaker, BreakerPolicy, Permit, Side};
use crate::domain::notice::{Notice, Outgoing};
use crate::domain::triage::{Failure, Verdict, is_outage, triage};

/// The one breaker of a daemon.
pub struct SharedBreaker {
    policy: BreakerPolicy,
    state: Mutex<Breaker>,
}

impl SharedBreaker {
    /// Closed.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: Mutex::default() }
    }

    /// Asks for leave to call.
    pub fn permit(&self, now: DateTime<Utc>) -> Permit {
        self.with(|breaker| breaker.permit(&self.policy, now))
    }

    /// Whether a call may be made; asking takes no probe.
    pub fn lets_call(&self, now: DateTime<Utc>) -> bool {
        self.with(|breaker| breaker.lets_call(now))
    }

    /// Gives back a probe for which there was nothing to call.
    pub fn give_back(&self, permit: Permit, now: DateTime<Utc>) {
        if permit == Permit::Probe {
            self.with(|breaker| breaker.give_back(now));
        }
    }

    /// Why no transfer is tried, and since when; `None` while they are.
    pub fn trouble(&self) -> Option<(String, DateTime<Utc>)> {
        self.with(|breaker| breaker.trouble().map(|(why, since)| (why.to_owned(), since)))
    }

    /// Takes in what a call came to. Answers what to tell the admin, when this is what opened it.
    pub fn learn<T>(&self, by: Side, result: &Result<T, Failure>, now: DateTime<Utc>) -> Option<Outgoing> {
        let opened = self.with(|breaker| match result {
            Ok(_) => {
                breaker.answered(by);
                None
            }
            Err(failure) => match triage(failure) {
                Verdict::StopTheWorld => breaker.open(&self.policy, now, by, &describe(failure)),
                Verdict::RetrySoon | Verdict::AskAgain => None,
                _ if is_outage(failure) => breaker.outage(&self.policy, now, by, &describe(failure)),
                _ => {
                    breaker.answered(by);
                    None
                }
            },
        });
        opened.map(|why| {
            tracing::error!(why, "the breaker opened: no transfer is tried until Stripe answers a probe");
            let notice = Notice::BreakerOpened { why, at: now };
            Outgoing::to_admin(notice, "breaker_opened", now.timestamp_millis(), None)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Breaker) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn describe(failure: &Failure) -> String {
    let status = failure.status().map_or(String::new(), |status| format!(" (HTTP {status})"));
    format!("{}: {}{status}", failure.code(), failure.message())
}
