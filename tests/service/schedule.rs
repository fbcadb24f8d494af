//! The schedule of a real daemon: read in its time zone, it starts runs.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{PATIENCE, Serving, World, end_of};

fn last_run(status: &mut Command) -> Value {
    let (code, text) = end_of(status);
    assert_eq!(code, Some(0), "{text}");
    serde_json::from_str::<Value>(&text).expect("JSON")["last_run"].take()
}

#[test]
fn a_schedule_in_another_time_zone_starts_runs() {
    let world = World::new();
    let mut command = world.payoutd(&["serve"]);
    command.env("PAYOUTD_RELEASE_SCHEDULE", "*/2 * 0-23 * * *").env("PAYOUTD_RELEASE_TIME_ZONE", "Asia/Kathmandu");
    let _serving = Serving::start(&mut command);
    let deadline = Instant::now() + PATIENCE;
    while last_run(&mut world.payoutd(&["status", "--json"])).is_null() {
        assert!(Instant::now() < deadline, "no run takes place");
        // Another process writes it; nothing tells us.
        std::thread::sleep(Duration::from_millis(100));
    }
}
