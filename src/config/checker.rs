//! Collects what the rules say about values that were read well, each with the place it stands at.

use std::collections::BTreeMap;
use std::time::Duration;

use super::duration::show_duration;
use super::origin::{Origin, Problem};

/// Notes every rule that is broken.
pub(super) struct Checker<'a> {
    origins: &'a BTreeMap<String, Origin>,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(origins: &'a BTreeMap<String, Origin>) -> Self {
        Checker { origins, problems: Vec::new() }
    }

    /// What was noted.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Notes `message` about `key` unless the rule holds.
    pub(super) fn require(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String) {
        if !holds {
            let origin = self.origins.get(key).unwrap_or(&Origin::Default);
            let problem = Problem::new(origin.clone(), key, message());
            self.problems.push(problem);
        }
    }

    /// Notes the complaint of a rule that explains itself.
    pub(super) fn accept(&mut self, outcome: Result<(), String>, key: &str) {
        if let Err(message) = outcome {
            self.require(false, key, || message);
        }
    }

    /// Nothing here may take no time at all.
    pub(super) fn positive(&mut self, key: &str, value: Duration) {
        self.require(!value.is_zero(), key, || "must be longer than nothing".to_owned());
    }

    /// The longest a duration may be, and why.
    pub(super) fn at_most(&mut self, key: &str, value: Duration, most: Duration, why: &str) {
        self.require(value <= most, key, || {
            let (value, most) = (show_duration(value), show_duration(most));
            format!("{value} is too long: write at most {most}, since {why}")
        });
    }
}
