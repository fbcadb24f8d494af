//! So many a minute, by the injected clock. In memory: each daemon counts for itself.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// How many there were within the last minute.
#[derive(Debug)]
pub(super) struct RateLimit {
    most: usize,
    let_in: Mutex<VecDeque<DateTime<Utc>>>,
}

impl RateLimit {
    pub(super) fn per_minute(most: usize) -> Self {
        Self { most, let_in: Mutex::default() }
    }

    /// Whether nobody was let in within the last minute.
    pub(super) fn is_idle(&self, now: DateTime<Utc>) -> bool {
        let let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let_in.back().is_none_or(|at| *at > now || now - *at >= MINUTE)
    }

    /// Lets one in, or says in how many seconds the next may come.
    pub(super) fn admit(&self, now: DateTime<Utc>) -> Result<(), u32> {
        let mut let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        // What is in the future was let in before the clock was set back: it must not lock everybody out until then.
        let_in.retain(|at| *at <= now && now - *at < MINUTE);
        if let_in.len() < self.most {
            let_in.push_back(now);
            return Ok(());
        }
        let wait = let_in.front().map_or(MINUTE, |oldest| *oldest + MINUTE - now);
        // Rounded up: who comes back after so many seconds is let in.
        Err(u32::try_from((wait.num_milliseconds() + 999) / 1000).unwrap_or(60).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + ms).unwrap()
    }

    #[test]
    fn so_many_within_any_minute() {
        let limit = RateLimit::per_minute(2);
        for (ms, answer) in [
            (0, Ok(())),
            (10_500, Ok(())),
            (20_000, Err(40)),
            (59_999, Err(1)),
            (60_000, Ok(())),
            (60_001, Err(11)),
            (70_500, Ok(())),
            (70_500, Err(50)),
        ] {
            assert_eq!(limit.admit(at(ms)), answer, "{ms}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let limit = RateLimit::per_minute(1);
        assert_eq!(limit.admit(at(3_600_000)), Ok(()));
        assert_eq!(limit.admit(at(0)), Ok(()));
        assert_eq!(limit.admit(at(1)), Err(60));
    }
}
