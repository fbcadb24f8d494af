//! So many requests a minute for each subject. In memory: each daemon counts for itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::http::rate::RateLimit;

/// Those who have been quiet are forgotten once there are so many: there may be a subject for each mentor.
const MANY: usize = 1_000;

/// Who asked how often within the last minute.
pub(super) struct Subjects {
    most: usize,
    limits: Mutex<HashMap<String, RateLimit>>,
}

impl Subjects {
    pub(super) fn per_minute(most: usize) -> Self {
        Self { most, limits: Mutex::default() }
    }

    /// Lets one in, or says in how many seconds the subject's next may come.
    pub(super) fn admit(&self, subject: &str, now: DateTime<Utc>) -> Result<(), u32> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if !limits.contains_key(subject) {
            if !limits.is_empty() && limits.len().is_multiple_of(MANY) {
                limits.retain(|_, limit| !limit.is_idle(now));
            }
            limits.insert(subject.to_owned(), RateLimit::per_minute(self.most));
        }
        limits.get(subject).map_or(Ok(()), |limit| limit.admit(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + s, 0).unwrap()
    }

    #[test]
    fn each_subject_counts_alone() {
        let subjects = Subjects::per_minute(2);
        for (subject, s, answer) in
            [("ada", 0, Ok(())), ("ada", 1, Ok(())), ("ada", 2, Err(58)), ("grace", 2, Ok(())), ("ada", 60, Ok(()))]
        {
            assert_eq!(subjects.admit(subject, at(s)), answer, "{subject} at {s}");
        }
    }

    #[test]
    fn those_who_are_quiet_are_forgotten() {
        let subjects = Subjects::per_minute(1);
        for number in 0..5_000 {
            assert_eq!(subjects.admit(&number.to_string(), at(number * 60)), Ok(()));
        }
        assert!(subjects.limits.lock().unwrap().len() <= 2 * MANY);
    }
}
