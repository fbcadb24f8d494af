//! How long is kept what nobody needs any more: when it is removed, and after how long. The ledger, payments, transfers,
//! operations, flags and the audit log are none of it.

use std::time::Duration;

use chrono_tz::Tz;

use super::checker::Checker;
use super::daily::check_daily;
use super::duration::{parse_duration, show_duration};
use super::reader::Reader;
use super::value::{FromRaw, Raw};

const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}

/// Stripe sends an event again, and lists it, for 30 days: for so long it has to be known by its id.
/// <https://docs.stripe.com/api/events/list>
const EVENTS_AT_LEAST: Duration = days(31);
/// As the trigger `operation_attempts_kept` has it.
const ATTEMPTS_AT_LEAST: Duration = days(90);
/// A month: an answer may still be asked for, an email be spoken of.
const AT_LEAST: Duration = days(31);

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is never removed.
    Forever,
    /// For so long.
    For(Duration),
}

impl Keep {
    /// For how long; `None` for ever.
    pub fn time(self) -> Option<Duration> {
        match self {
            Keep::Forever => None,
            Keep::For(time) => Some(time),
        }
    }
}

impl FromRaw for Keep {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        match String::from_raw(raw)?.as_str() {
            "forever" => Ok(Keep::Forever),
            text => parse_duration(text).map(Keep::For).map_err(|why| format!("{why}; or \"forever\"")),
        }
    }

    fn shown(&self) -> String {
        self.time().map_or_else(|| "forever".to_owned(), show_duration)
    }
}

/// Removing what nobody needs any more.
#[derive(Debug, Clone)]
pub struct Retention {
    /// When; `off` for never.
    pub schedule: String,
    /// Events that were projected or ignored.
    pub events: Keep,
    /// Calls made for operations that are at their end.
    pub attempts: Keep,
    /// Emails that were sent.
    pub emails: Keep,
    /// Keys of the API's writes, with their answers.
    pub api_writes: Keep,
    /// What runs came to.
    pub runs: Keep,
}

impl Retention {
    pub(super) fn read(r: &mut Reader) -> Self {
        Retention {
            schedule: r.take("retention.schedule", "0 0 5 * * *".to_owned()),
            events: r.take("retention.events", Keep::For(days(90))),
            attempts: r.take("retention.attempts", Keep::For(days(400))),
            emails: r.take("retention.emails", Keep::For(days(400))),
            api_writes: r.take("retention.api_writes", Keep::For(days(400))),
            runs: r.take("retention.runs", Keep::For(days(400))),
        }
    }

    pub(super) fn check(&self, zone: Tz, c: &mut Checker<'_>) {
        check_daily(&self.schedule, zone, "retention.schedule", c);
        for (key, keep, least, why) in [
            ("retention.events", self.events, EVENTS_AT_LEAST, "Stripe may send an event again for 30 days"),
            ("retention.attempts", self.attempts, ATTEMPTS_AT_LEAST, "the database itself keeps them that long"),
            ("retention.emails", self.emails, AT_LEAST, "what was sent may still be asked for"),
            ("retention.api_writes", self.api_writes, AT_LEAST, "a key that is forgotten writes again"),
            ("retention.runs", self.runs, AT_LEAST, "what was done may still be asked for"),
        ] {
            c.require(keep.time().is_none_or(|time| time >= least), key, || {
                let (least, is) = (show_duration(least), keep.shown());
                format!("{is} is too short: write at least {least}, or \"forever\", since {why}")
            });
        }
    }
}
