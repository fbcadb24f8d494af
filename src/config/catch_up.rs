//! How often to ask Stripe for what no webhook brought, and when to compare with it.

use std::time::Duration;

use chrono_tz::Tz;

use super::checker::Checker;
use super::daily::check_daily;
use super::duration::show_duration;
use super::reader::Reader;

/// Stripe keeps events for 30 days; a day is left for a slow night.
const LONGEST: Duration = Duration::from_secs(29 * 86_400);

/// Asking for events that no webhook brought.
#[derive(Debug, Clone)]
pub struct CatchUp {
    /// How often.
    pub interval: Duration,
    /// Nothing is paid when it was last done longer ago.
    pub max_age: Duration,
}

impl CatchUp {
    pub(super) fn read(r: &mut Reader) -> Self {
        CatchUp {
            interval: r.take("catch_up.interval", Duration::from_secs(3_600)),
            max_age: r.take("catch_up.max_age", Duration::from_secs(6 * 3_600)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        c.positive("catch_up.interval", self.interval);
        let why = "Stripe lists the events of 30 days only";
        c.at_most("catch_up.max_age", self.max_age, LONGEST, why);
        c.require(self.max_age >= self.interval, "catch_up.max_age", || {
            format!(
                "is shorter than catch_up.interval {}: nothing would be paid between two times",
                show_duration(self.interval)
            )
        });
    }
}

/// The daily comparison with Stripe.
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// When; `off` for never.
    pub schedule: String,
    /// How many days back.
    pub days: u32,
}

impl Reconcile {
    pub(super) fn read(r: &mut Reader) -> Self {
        Reconcile {
            schedule: r.take("reconcile.schedule", "0 30 4 * * *".to_owned()),
            days: r.number("reconcile.days", 3, 1..=366),
        }
    }

    pub(super) fn check(&self, zone: Tz, c: &mut Checker<'_>) {
        check_daily(&self.schedule, zone, "reconcile.schedule", c);
    }
}
