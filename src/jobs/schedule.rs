//! The schedule: tokio-cron-scheduler ticks at the schedule's own seconds of each minute, and the timetable says whether a run
//! is due by then. That is only a kick: what is due stands in the database, so one that is late, doubled or lost changes
//! nothing but the time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_cron_scheduler::{Job, JobScheduler};

use super::{Jobs, Loop};
use crate::domain::timetable::Timetable;

/// How late a tick may be. A clock that was set back stops the scheduler, and then nothing else would tell.
const LATE: Duration = Duration::from_secs(10);

/// Kicks runs until stopped. Should the scheduler fail, says so and tries again.
pub(super) async fn keep_time(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Schedule);
    loop {
        jobs.pulse.works(Loop::Schedule);
        if let Err(error) = kick(&jobs).await {
            tracing::error!(%error, "the scheduler failed; starting it again");
        }
        if !jobs.pause(Loop::Schedule, Duration::from_secs(5)).await {
            return;
        }
    }
}

async fn kick(jobs: &Arc<Jobs>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut scheduler = JobScheduler::new().await?;
    let (kicked, pulse, clock) = (Arc::downgrade(jobs), jobs.pulse.clone(), jobs.clock.clone());
    let mut next = Next::new(jobs.settings.timetable.clone(), clock.now());
    // The scheduler itself would take a zone for the offset that it has at the start, and be an hour late after the next
    // change of the clock; so it only ticks.
    let ticks = jobs.settings.timetable.each_minute()?;
    pulse.rests(Loop::Schedule, until_tick(&ticks, clock.now()));
    let tick = Job::new(ticks.expression().to_owned(), move |_, _| {
        let now = clock.now();
        pulse.rests(Loop::Schedule, until_tick(&ticks, now));
        if next.is_due(now)
            && let Some(jobs) = kicked.upgrade()
        {
            jobs.signals.release.notify_one();
        }
    })?;
    scheduler.add(tick).await?;
    scheduler.start().await?;
    jobs.stop.cancelled().await;
    scheduler.shutdown().await?;
    Ok(())
}

/// How long it is until the next tick, at most.
fn until_tick(ticks: &Timetable, now: DateTime<Utc>) -> Duration {
    ticks.next_after(now).and_then(|at| (at - now).to_std().ok()).unwrap_or_default() + LATE
}

/// The next moment of a timetable, as seen by somebody who looks now and then.
struct Next {
    timetable: Timetable,
    at: Option<DateTime<Utc>>,
    looked_at: DateTime<Utc>,
}

impl Next {
    fn new(timetable: Timetable, now: DateTime<Utc>) -> Self {
        Self { at: timetable.next_after(now), timetable, looked_at: now }
    }

    /// Whether a moment came since the last look. Several are one, and a clock that was set back begins anew.
    fn is_due(&mut self, now: DateTime<Utc>) -> bool {
        let is_due = self.at.is_some_and(|at| at <= now);
        if is_due || now < self.looked_at {
            self.at = self.timetable.next_after(now);
        }
        self.looked_at = now;
        is_due
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Timelike};
    use chrono_tz::Tz;

    use super::*;

    #[test]
    fn each_moment_is_due_once_however_often_one_looks() {
        let start: DateTime<Utc> = "2026-03-29T00:00:00Z".parse().unwrap();
        let timetable = Timetable::new("0 30 2 * * *", Tz::Europe__Berlin).unwrap();
        let mut next = Next::new(timetable, start);
        // Two days, each second: the first night has no half past two.
        let due: Vec<_> = (1..=2 * 86_400)
            .map(|second| start + TimeDelta::seconds(second))
            .filter(|now| next.is_due(*now))
            .map(|now| now.format("%d %H:%M:%S").to_string())
            .collect();
        assert_eq!(due, ["29 01:00:00", "30 00:30:00"]);
    }

    #[test]
    fn the_scheduler_ticks_whenever_a_moment_comes() {
        let minutely = Timetable::new("30 2 * * * *", Tz::Europe__Berlin).unwrap().each_minute().unwrap();
        let at: DateTime<Utc> = "2026-11-20T12:00:20Z".parse().unwrap();
        assert_eq!(until_tick(&minutely, at), Duration::from_secs(10) + LATE);

        let start: DateTime<Utc> = "2026-03-28T12:00:00Z".parse().unwrap();
        for (expression, zone) in [
            ("0 * * * * *", Tz::UTC),
            ("30 2 * * * *", Tz::Europe__Berlin),
            ("*/20 0 9 * * *", Tz::Asia__Kathmandu),
            ("5-7,59 15 3 * * *", Tz::Australia__Lord_Howe),
        ] {
            let timetable = Timetable::new(expression, zone).unwrap();
            let ticks = timetable.each_minute().unwrap();
            let mut at = start;
            for _ in 0..50 {
                at = timetable.next_after(at).unwrap();
                let tick = ticks.next_after(at - TimeDelta::seconds(1)).unwrap();
                // One that the change of the clock has moved comes at a full minute.
                let within = if at.second() == 0 { TimeDelta::minutes(1) } else { TimeDelta::seconds(1) };
                assert!(tick - at < within, "{expression} in {zone}: {at}, {tick}");
            }
        }
    }

    #[test]
    fn a_machine_that_slept_and_a_clock_that_was_set_back() {
        let start: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
        let mut next = Next::new(Timetable::new("0 0 * * * *", Tz::UTC).unwrap(), start);
        assert!(!next.is_due(start + TimeDelta::minutes(59)));
        assert!(next.is_due(start + TimeDelta::hours(7)), "asleep for hours: one kick");
        assert!(!next.is_due(start + TimeDelta::hours(7) + TimeDelta::seconds(1)));
        assert!(!next.is_due(start - TimeDelta::days(30)), "set back");
        assert!(next.is_due(start - TimeDelta::days(30) + TimeDelta::hours(1)), "and not silent for a month");
    }
}
