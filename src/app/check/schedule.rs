//! When the next run is due, and whether the cron endpoint and the API have keys for their tokens.

use super::Finding;
use crate::app::{AppError, SystemClock, api, cron};
use crate::config::Config;
use crate::domain::timetable::Timetable;
use crate::http::Keys;
use crate::ports::Clock;

pub(super) fn look(config: &Config) -> [Finding; 3] {
    [
        next_run(config),
        endpoint("cron endpoint", cron::token_keys(config), &config.cron.audience),
        endpoint("api", api::token_keys(config), &config.api.audience),
    ]
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

fn endpoint(name: &'static str, keys: Result<Option<Keys>, AppError>, audience: &str) -> Finding {
    match keys {
        Ok(Some(keys)) => {
            let algorithms = keys.algorithms();
            Finding::ok(name, format!("takes tokens signed with {algorithms} for `{audience}`"))
        }
        Ok(None) => Finding::ok(name, "there is none, since no key for its tokens is set"),
        Err(error) => Finding::failed(name, error.to_string()),
    }
}
