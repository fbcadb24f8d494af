//! When runs are due: a cron expression read in a time zone, through its changes of the clock. It knows times, not the
//! clock that tells them.

use chrono::{DateTime, FixedOffset, NaiveDate, Offset, SubsecRound, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};

/// A schedule, such as "at half past two in Berlin".
#[derive(Debug, Clone)]
pub struct Timetable {
    cron: Cron,
    zone: Tz,
    /// Not at some hours of the day only.
    every_hour: bool,
}

/// Why an expression is no schedule, and how one is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// As crontab(5) has them.
    #[error("\"{0}\" has five fields: seconds come first, write \"0 {0}\"")]
    FiveFields(String),
    /// Anything else.
    #[error(
        "\"{0}\" is not a schedule: write six fields, \"second minute hour day month weekday\", such as \"0 * * * * *\" \
         for each minute"
    )]
    Nonsense(String),
    /// Such as the 30th of February.
    #[error("\"{0}\" never comes: there is no such date")]
    Never(String),
}

impl Timetable {
    /// Reads an expression of six fields, seconds first.
    ///
    /// # Errors
    /// When it is none, or names a date that there is not.
    pub fn new(expression: &str, zone: Tz) -> Result<Self, BadSchedule> {
        let fields = expression.split_whitespace().count();
        let nonsense = || BadSchedule::Nonsense(expression.to_owned());
        let parser = CronParser::builder().seconds(Seconds::Optional).dom_and_dow(true).build();
        let cron = parser.parse(expression).map_err(|_| nonsense())?;
        match fields {
            6 => {}
            5 => return Err(BadSchedule::FiveFields(expression.to_owned())),
            _ => return Err(nonsense()),
        }
        let every_hour = expression.split_whitespace().nth(2).is_some_and(|hours| hours == "*");
        let timetable = Self { cron, zone, every_hour };
        // From any day on, whatever comes at all comes within a few years.
        match timetable.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(timetable),
            None => Err(BadSchedule::Never(expression.to_owned())),
        }
    }

    /// The same seconds of each minute: in these all zones agree.
    ///
    /// # Errors
    /// None that are known.
    pub fn each_minute(&self) -> Result<Self, BadSchedule> {
        let seconds = self.expression().split_whitespace().next().unwrap_or("*");
        Self::new(&format!("{seconds} * * * * *"), Tz::UTC)
    }

    /// The cron expression.
    pub fn expression(&self) -> &str {
        self.cron.as_str()
    }

    /// The first moment after `now`. A moment that the change to summer time skips comes when the clock has changed. A
    /// time of day that the change back repeats comes once; what is due in every hour goes on through it.
    pub fn next_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (mut from, mut inclusive) = (now, false);
        for _ in 0..MOST_STEPS {
            // As if the clock were never changed: the search itself gets lost on the days on which it is.
            let offset = self.offset(from);
            let found = self.cron.find_next_occurrence(&from.with_timezone(&offset), inclusive).ok()?;
            let found = found.with_timezone(&Utc);
            match self.first_change(from, found) {
                None if self.is_repeated(found) => (from, inclusive) = (found, false),
                None => return Some(found),
                Some(change) => {
                    let forward = self.offset(change).local_minus_utc() - offset.local_minus_utc();
                    if found < change + TimeDelta::seconds(forward.into()) {
                        return Some(change);
                    }
                    (from, inclusive) = (change, true);
                }
            }
        }
        None
    }

    /// The day that it is, where the first moment of the day has come; several moments of a day count as one.
    pub fn day_due(&self, now: DateTime<Utc>) -> Option<NaiveDate> {
        let day = now.with_timezone(&self.zone).date_naive();
        let first = self.next_after(self.start_of(day)? - TimeDelta::seconds(1))?;
        (first <= now).then_some(day)
    }

    /// When a day begins, which is not midnight everywhere: where the clock is changed then, it is when it has changed.
    fn start_of(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        let midnight = day.and_time(chrono::NaiveTime::MIN);
        let quarters = (0..96).map(|quarter| midnight + TimeDelta::minutes(15 * quarter));
        let first = quarters.filter_map(|time| self.zone.from_local_datetime(&time).earliest()).next();
        first.map(|start| start.with_timezone(&Utc))
    }

    fn offset(&self, at: DateTime<Utc>) -> FixedOffset {
        at.with_timezone(&self.zone).offset().fix()
    }

    /// Whether the clock has shown this time before, and it is one of a few hours of the day.
    fn is_repeated(&self, at: DateTime<Utc>) -> bool {
        let local = at.with_timezone(&self.zone);
        let first = self.zone.from_local_datetime(&local.naive_local()).earliest();
        !self.every_hour && first.is_some_and(|first| first < local)
    }

    /// When the clock is changed for the first time after `from`, up to and with `to`.
    fn first_change(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut day = from;
        while day < to {
            let next = (day + TimeDelta::days(1)).min(to);
            if self.offset(next) != self.offset(day) {
                return Some(self.change_within(day, next));
            }
            day = next;
        }
        None
    }

    /// The second of the change between a time before it and one after.
    fn change_within(&self, mut before: DateTime<Utc>, mut after: DateTime<Utc>) -> DateTime<Utc> {
        let old = self.offset(before);
        while (after - before).num_seconds() > 1 {
            let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
            if self.offset(middle) == old { before = middle } else { after = middle }
        }
        after.trunc_subsecs(0)
    }
}

/// Each step gets past a change of the clock, or past one moment of an hour that is repeated.
const MOST_STEPS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The next times after a moment, in UTC, as a walk would meet them.
    fn next(expression: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
        let timetable = Timetable::new(expression, zone).unwrap();
        let mut now = at(from);
        let mut times = Vec::new();
        for _ in 0..count {
            now = timetable.next_after(now).unwrap();
            times.push(now.format("%m-%d %H:%M:%S").to_string());
        }
        times
    }

    #[test]
    fn a_time_of_day_follows_summer_time() {
        // Berlin: 29 March 2026 from 2:00 to 3:00, 25 October 2026 from 3:00 back to 2:00.
        let nine = |from| next("0 0 9 * * *", Tz::Europe__Berlin, from, 2);
        assert_eq!(nine("2026-03-28T00:00:00Z"), ["03-28 08:00:00", "03-29 07:00:00"]);
        assert_eq!(nine("2026-10-24T00:00:00Z"), ["10-24 07:00:00", "10-25 08:00:00"]);
        assert_eq!(next("0 0 9 * * *", Tz::UTC, "2026-03-28T00:00:00Z", 1), ["03-28 09:00:00"]);
        assert_eq!(next("0 30 9 * * *", Tz::Asia__Kolkata, "2026-03-28T00:00:00Z", 1), ["03-28 04:00:00"]);
    }

    #[test]
    fn a_skipped_time_of_day_comes_once_the_clock_has_changed() {
        let times = next("0 30 2 * * *", Tz::Europe__Berlin, "2026-03-28T12:00:00Z", 3);
        assert_eq!(times, ["03-29 01:00:00", "03-30 00:30:00", "03-31 00:30:00"]);
    }

    #[test]
    fn a_repeated_time_of_day_comes_once() {
        let times = next("0 30 2 * * *", Tz::Europe__Berlin, "2026-10-24T12:00:00Z", 3);
        assert_eq!(times, ["10-25 00:30:00", "10-26 01:30:00", "10-27 01:30:00"]);
        let times = next("*/30 30 2 * * *", Tz::Europe__Berlin, "2026-10-25T00:00:00Z", 3);
        assert_eq!(times, ["10-25 00:30:00", "10-25 00:30:30", "10-26 01:30:00"]);
        let from_within = next("0 30 2 * * *", Tz::Europe__Berlin, "2026-10-25T01:10:00Z", 1);
        assert_eq!(from_within, ["10-26 01:30:00"], "a daemon that is started in the repeated hour");
    }

    #[test]
    fn a_day_is_due_from_its_first_moment_to_its_end() {
        let due = |expression: &str, zone, now| {
            let day = Timetable::new(expression, zone).unwrap().day_due(at(now));
            day.map_or("-".to_owned(), |day| day.to_string())
        };
        let berlin = Tz::Europe__Berlin;
        for (now, day) in [
            ("2026-11-21T05:59:59.999Z", "-"),
            ("2026-11-21T06:00:00Z", "2026-11-21"),
            ("2026-11-21T22:59:59Z", "2026-11-21"),
            // Midnight in Berlin: a day that was missed is over.
            ("2026-11-21T23:00:00Z", "-"),
            // Summer time, and the days of the change.
            ("2026-03-29T04:59:59Z", "-"),
            ("2026-03-29T05:00:00Z", "2026-03-29"),
            ("2026-10-25T05:59:59Z", "-"),
            ("2026-10-25T06:00:00Z", "2026-10-25"),
        ] {
            assert_eq!(due("0 0 7 * * *", berlin, now), day, "{now}");
        }
        // A time that is skipped, and one that comes twice.
        assert_eq!(due("0 30 2 * * *", berlin, "2026-03-29T00:59:59Z"), "-");
        assert_eq!(due("0 30 2 * * *", berlin, "2026-03-29T01:00:00Z"), "2026-03-29");
        assert_eq!(due("0 30 2 * * *", berlin, "2026-10-25T00:30:00Z"), "2026-10-25");
        assert_eq!(due("0 30 2 * * *", berlin, "2026-10-25T01:30:00Z"), "2026-10-25", "the second is the same day");
        // Once a day, however often it comes; and only on its weekday.
        assert_eq!(due("* * * * * *", Tz::UTC, "2026-11-21T00:00:00Z"), "2026-11-21");
        assert_eq!(due("0 0 7 * * Mon", Tz::UTC, "2026-11-22T12:00:00Z"), "-", "a Sunday");
        assert_eq!(due("0 0 7 * * Mon", Tz::UTC, "2026-11-23T12:00:00Z"), "2026-11-23");
        // In Beirut the clock is changed at midnight: that day begins at one o'clock.
        assert_eq!(due("0 0 0 * * *", Tz::Asia__Beirut, "2026-03-28T22:00:00Z"), "2026-03-29");
        assert_eq!(due("0 0 0 * * *", Tz::Asia__Beirut, "2026-03-28T21:59:59Z"), "2026-03-28");
    }

    #[test]
    fn every_so_often_neither_stops_nor_runs_wild() {
        for zone in [Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Pacific__Apia] {
            for (expression, seconds) in [("*/20 * * * * *", 20), ("0 * * * * *", 60), ("0 */15 * * * *", 900)] {
                let timetable = Timetable::new(expression, zone).unwrap();
                // Around each change that one of these zones has in 2026; the last is a day that Apia left out.
                for from in
                    ["2026-03-08", "2026-03-29", "2026-04-04", "2026-10-03", "2026-10-25", "2026-11-01", "2011-12-30"]
                {
                    let mut now = at(&format!("{from}T00:00:00Z")) - TimeDelta::hours(2);
                    let end = now + TimeDelta::hours(30);
                    let mut longest = 0;
                    while now < end {
                        let next = timetable.next_after(now).unwrap();
                        assert!(next > now, "{zone} {expression}: {now} then {next}");
                        longest = longest.max((next - now).num_seconds());
                        now = next;
                    }
                    assert_eq!(longest, seconds, "{zone} {expression} from {from}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_schedule_says_so() {
        let refused = |expression: &str| Timetable::new(expression, Tz::UTC).unwrap_err().to_string();
        assert_eq!(
            refused("*/5 * * * *"),
            "\"*/5 * * * *\" has five fields: seconds come first, write \"0 */5 * * * *\""
        );
        for nonsense in ["", "@daily", "every minute", "0 99 * * * *", "0 0 0 * * * 2026", "a b c d e", "60 * * * * *"]
        {
            assert!(refused(nonsense).contains("is not a schedule: write six fields"), "{nonsense}");
        }
        assert!(refused("0 0 0 30 2 *").contains("never comes"));
    }
}
