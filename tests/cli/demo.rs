//! `payoutd demo --once --json`: every outcome, nothing twice, and the commands that it tells people to try.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{bare, said};

/// Booking, status, what the mentor gets or would get, and words of the reason.
const OUTCOMES: &[(&str, &str, i64, &str)] = &[
    ("B-101", "transferred", 10_800, "paid"),
    ("B-102", "transferred", 7_200, "paid"),
    ("B-103", "transferred", 13_500, "paid"),
    ("B-104", "transferred", 8_995, "paid"),
    ("B-105", "transferred", 10_800, "paid"),
    ("B-106", "held", 5_400, "flagged by an admin: customer says the session never happened"),
    ("B-107", "held", 4_050, "the mentor has no Stripe account yet"),
    ("B-108", "refunded", 0, "refunded in full"),
    ("B-109", "transferred", 13_500, "paid"),
    ("B-110", "transferred", 7_200, "paid at attempt 2"),
    ("B-111", "transferred", 4_095, "paid at attempt 2"),
    ("B-112", "failed", 2_970, "refused by a rule"),
    ("B-113", "held", 4_500, "an open dispute"),
    ("B-114", "held", 2_250, "mentor `nobody` is not registered"),
];

#[test]
fn every_outcome_and_nothing_twice() {
    let said = said(bare().args(["demo", "--once", "--json"]).output().expect("it runs"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&said.out).expect("JSON and nothing else");
    let payments = report["payments"].as_array().expect("a list");
    assert_eq!(payments.len(), OUTCOMES.len());
    let database = report["database"].as_str().expect("a path");
    let dir = Path::new(database).parent().expect("a directory");
    for (booking, status, amount, why) in OUTCOMES {
        let shown = explain(dir, booking);
        let id = shown["id"].as_i64().expect("a number");
        let payment = payments.iter().find(|p| p["id"] == id).unwrap_or_else(|| panic!("{booking} is not reported"));
        assert_eq!(
            (payment["status"].as_str(), payment["amount"].as_i64()),
            (Some(*status), Some(*amount)),
            "{booking}"
        );
        assert!(payment["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{booking}: {payment}");
        assert_eq!(payment["transfer_id"].is_string(), *status == "transferred", "{booking}: {payment}");
        assert_eq!(payment["transfer_id"], shown["transfer_id"], "{booking}");
        assert!(payment["mentor"].is_string() && payment["currency"].is_string(), "{payment}");
    }
    let paid = OUTCOMES.iter().filter(|(_, status, ..)| *status == "transferred").count();
    assert_eq!(
        (report["stripe"]["transfers"].as_u64(), report["stripe"]["duplicates"].as_u64()),
        (Some(paid as u64), Some(0))
    );
    let mail_dir = report["mail_dir"].as_str().expect("a path");
    let emails = std::fs::read_dir(mail_dir).expect("there").count();
    assert_eq!(report["emails"].as_u64(), Some(emails as u64));
    assert!(emails >= 12, "{emails} emails");
    assert!(Path::new(database).is_file());

    // What it tells people to try.
    let config = dir.join("payoutd.toml");
    let run = |args: &[&str]| bare().arg("--config").arg(&config).args(args).output().expect("it runs");
    assert!(run(&["status"]).status.success());
    assert!(run(&["retry", "B-112"]).status.success());
    assert_eq!(explain(dir, "B-112")["status"], "pending");
    std::fs::remove_dir_all(dir).expect("it was ours");
}

fn explain(dir: &Path, booking: &str) -> Value {
    let mut command: Command = bare();
    let output = command.arg("--config").arg(dir.join("payoutd.toml")).args(["explain", booking, "--json"]).output();
    let said = said(output.expect("it runs"));
    serde_json::from_str(&said.out).unwrap_or_else(|why| panic!("{booking}: {why}: {said:?}"))
}
