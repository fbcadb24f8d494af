//! When the next run is due, and whether the cron endpoint has a key for its tokens.

use super::Finding;
use crate::app::{SystemClock, cron};
use crate::config::Config;
use crate::domain::timetable::Timetable;
use crate::ports::Clock;

pub(super) fn look(config: &Config) -> [Finding; 2] {
    [next_run(config), endpoint(config)]
}

fn next_run(config: &Config) -> Finding {
    let (name, zone) = ("schedule", config.release.time_zone);
    match Timetable::new(&config.release.schedule, zone) {
        Ok(timetable) => match timetable.next_after(SystemClock.now()) {
            Some(at) => {
                let at = at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z");
                Finding::ok(name, format!("the next run is at {at}"))
            }
            None => Finding::fail(name, "there is no next run", "set release.schedule to times that come"),
        },
        Err(why) => Finding::failed(name, format!("release.schedule: {why}")),
    }
}

fn endpoint(config: &Config) -> Finding {
    let name = "cron endpoint";
    match cron::token_keys(config) {
        Ok(Some(keys)) => {
            let (algorithms, audience) = (keys.algorithms(), &config.cron.audience);
            Finding::ok(name, format!("takes tokens signed with {algorithms} for `{audience}`"))
        }
        Ok(None) => Finding::ok(name, "there is none, since no key for its tokens is set"),
        Err(error) => Finding::failed(name, error.to_string()),
    }
}
