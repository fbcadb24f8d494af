//! Figures by period, as `payoutd report --json` has them.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::Api;
use super::answer::{Answer, Answered};
use super::call::Call;
use super::fields::wrong;
use crate::domain::report::Period;
use crate::http::error::ErrorAnswer;
use crate::ports::shown;

const DAYS: TimeDelta = TimeDelta::days(30);

pub(super) async fn report(api: &Api, call: &Call) -> Answered {
    let until = moment(call, "until", true)?.unwrap_or(call.now);
    let since = moment(call, "since", false)?;
    let since = since.unwrap_or_else(|| call.now.checked_sub_signed(DAYS).unwrap_or(DateTime::UNIX_EPOCH));
    if until < since {
        return Err(wrong("until", "is before `since`"));
    }
    let by = match call.query.text("by") {
        None => Period::Day,
        Some(word) => Period::from_word(word).ok_or_else(|| wrong("by", "must be day, week or month"))?,
    };
    let days = api.parts.books.report(since, until).await?;
    let pending = api.parts.books.pending_payouts().await?;
    Answer::ok(shown::reported((since, until), by, days, &pending))
}

/// A day in UTC or a point in time; a day at the end counts in full.
fn moment(call: &Call, name: &str, is_end: bool) -> Result<Option<DateTime<Utc>>, ErrorAnswer> {
    let Some(text) = call.query.text(name) else { return Ok(None) };
    if let Ok(day) = text.parse::<NaiveDate>() {
        let day = if is_end { day.checked_add_days(Days::new(1)).unwrap_or(day) } else { day };
        return Ok(Some(day.and_time(NaiveTime::MIN).and_utc()));
    }
    let at = DateTime::parse_from_rfc3339(text);
    let at = at.map_err(|_| wrong(name, "must be a day (2026-11-01) or a time (2026-11-01T12:00:00Z)"))?;
    Ok(Some(at.to_utc()))
}
