//! What the lists have in common: pages, words of a fixed set, points in time as they are typed, short cells.

use clap::Args;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::config::parse_duration;
use crate::ports::Page;

/// Takes one word of an enum's, and offers them all.
macro_rules! one_of {
    ($words:ty) => {{
        use clap::builder::TypedValueParser as _;
        let words = <$words>::ALL.iter().map(|value| value.word());
        let read = |word: String| <$words>::from_word(&word).ok_or("not a known word");
        clap::builder::PossibleValuesParser::new(words).try_map(read)
    }};
}
pub(super) use one_of;

/// Which part of a list.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct PageArgs {
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// Go on after the row with this number, where the page before ended
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
}

impl PageArgs {
    pub(super) fn page(self) -> Page {
        Page { limit: self.limit, before: self.before }
    }

    /// Says how to go on, when the page is full.
    pub(super) fn say_more(self, shown: usize, last: Option<i64>) {
        if let Some(last) = last.filter(|_| i64::try_from(shown) == Ok(self.limit)) {
            outln!("\nThere may be more: add --before {last}");
        }
    }
}

/// A point in time as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A day in UTC.
    Day(NaiveDate),
    /// A point in time.
    At(DateTime<Utc>),
    /// So long ago.
    Ago(TimeDelta),
}

impl Moment {
    /// Reads `2026-11-01`, `2026-11-01T12:00:00Z` or `7d`.
    pub(super) fn parse(typed: &str) -> Result<Self, String> {
        if let Ok(day) = typed.parse::<NaiveDate>() {
            return Ok(Self::Day(day));
        }
        if let Ok(at) = DateTime::parse_from_rfc3339(typed) {
            return Ok(Self::At(at.to_utc()));
        }
        let ago = parse_duration(typed).ok().and_then(|ago| TimeDelta::from_std(ago).ok());
        ago.map(Self::Ago).ok_or_else(|| {
            "write a day (2026-11-01), a time (2026-11-01T12:00:00Z), or how long ago (7d, 36h)".to_owned()
        })
    }

    /// Where it begins.
    pub(super) fn start(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN).and_utc(),
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::UNIX_EPOCH),
        }
    }

    /// Where it is over: a day is when the next one begins.
    pub(super) fn end(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Day(day) => Self::Day(day.checked_add_days(Days::new(1)).unwrap_or(day)).start(now),
            point => point.start(now),
        }
    }
}

/// A cell of one line.
pub(super) fn short(text: Option<&str>) -> String {
    const LONGEST: usize = 80;
    let line = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "-".to_owned(),
        None => line,
    }
}

/// A cell that may be empty.
pub(super) fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A cell with a time that may be missing.
pub(super) fn when(at: Option<DateTime<Utc>>) -> String {
    cell(at.map(super::show::time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("RFC 3339");
        let now = at("2026-11-20T12:00:00Z");
        for (typed, start, end) in [
            ("2026-11-01", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
            ("2026-11-01T08:30:00Z", "2026-11-01T08:30:00Z", "2026-11-01T08:30:00Z"),
            ("2026-11-01T08:30:00+02:00", "2026-11-01T06:30:00Z", "2026-11-01T06:30:00Z"),
            ("7d", "2026-11-13T12:00:00Z", "2026-11-13T12:00:00Z"),
            ("1h30m", "2026-11-20T10:30:00Z", "2026-11-20T10:30:00Z"),
        ] {
            let moment = Moment::parse(typed).unwrap_or_else(|why| panic!("{typed}: {why}"));
            assert_eq!((moment.start(now), moment.end(now)), (at(start), at(end)), "{typed}");
        }
        for typed in ["", "7", "yesterday", "2026-13-01", "2026-11-01 08:30", "-7d"] {
            assert!(Moment::parse(typed).is_err_and(|why| why.contains("2026-11-01")), "{typed}");
        }
        let longest = Moment::parse("100000000d").expect("a duration");
        assert_eq!(longest.start(now), DateTime::UNIX_EPOCH, "before all payments");
    }

    #[test]
    fn a_cell_is_one_short_line() {
        assert_eq!(short(Some("two\n lines")), "two lines");
        assert_eq!(short(Some(&"ü".repeat(81))), format!("{}…", "ü".repeat(80)));
        assert_eq!(short(Some(&"x".repeat(80))), "x".repeat(80));
        assert_eq!((short(None), short(Some(" "))), ("-".to_owned(), "-".to_owned()));
    }
}
