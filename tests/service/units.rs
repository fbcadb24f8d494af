//! What the shipped units promise, held against what the program does.

use std::path::Path;

use payoutd::config::{Config, parse_duration};

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
    std::fs::read_to_string(path).expect("shipped")
}

fn setting<'a>(unit: &'a str, name: &str) -> &'a str {
    let found = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name}= in the unit"))
}

#[test]
fn a_stop_gives_calls_in_flight_their_grace() {
    let config = Config::parse(Path::new(""), "", &Default::default()).expect("the defaults");
    let stop = parse_duration(setting(&unit("payoutd.service"), "TimeoutStopSec")).expect("a duration");
    assert!(stop > config.shutdown.grace + config.stripe.call_timeout / 2, "{stop:?}");
}

#[test]
fn what_a_person_must_mend_is_not_tried_again_and_again() {
    // The codes of src/cli/exit.rs: usage, configuration, schema. A database that is away comes back by itself.
    assert_eq!(setting(&unit("payoutd.service"), "RestartPreventExitStatus"), "2 3 5");
}

#[test]
fn every_secret_is_handed_over_under_the_name_that_is_looked_for() {
    let daemon = unit("payoutd.service");
    let variables =
        ["DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "CRON_JWT_SECRET", "API_JWT_SECRET", "SMTP_URL"];
    for variable in variables {
        let name = variable.to_lowercase();
        for line in
            [format!("LoadCredential={name}:/etc/payoutd/credentials/{name}"), format!("SetCredential={name}:\\n")]
        {
            assert!(daemon.lines().any(|found| found == line), "no {line}");
        }
    }
    let trigger = unit("payoutd-release.service");
    assert!(trigger.contains("LoadCredential=cron_jwt_secret:/etc/payoutd/credentials/cron_jwt_secret\n"));
    assert!(!trigger.contains("stripe"), "it needs no other secret");
}
