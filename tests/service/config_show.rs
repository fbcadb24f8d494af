//! `payoutd config show`: the merged settings and where each came from, without a secret, also where something is wrong.

use std::fs;

use serde_json::Value;

use crate::world::{CONFIG, World, end_of};

fn shown(text: &str, key: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(&format!("{key} ")));
    line.unwrap_or_else(|| panic!("no {key} in: {text}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_value_with_where_it_came_from() {
    let world = World::new();
    let credentials = world.path("credentials");
    fs::create_dir(&credentials).expect("made");
    world.write("credentials/cron_jwt_secret", "planted-planted-planted-planted-planted", 0o600);
    let smtp = world.write("smtp", "smtps://ada:planted@mx.example.com", 0o600);
    let mut command = world.payoutd(&["config", "show"]);
    command.env("CREDENTIALS_DIRECTORY", &credentials).env("SMTP_URL_FILE", &smtp);
    command.env("DATABASE_URL", "postgres://payoutd:planted@db.example.com/payoutd");
    let (code, text) = end_of(command.env("PAYOUTD_RELEASE_TIME_ZONE", "Europe/Berlin"));
    assert_eq!(code, Some(0), "{text}");
    let dir = world.dir.path().display();
    for (key, value) in [
        ("release.schedule", "release.schedule 0 * * * * * default".to_owned()),
        ("release.time_zone", "release.time_zone Europe/Berlin environment PAYOUTD_RELEASE_TIME_ZONE".to_owned()),
        ("window.dispute_window", "window.dispute_window 72h default".to_owned()),
        ("log.format", format!("log.format json {dir}/payoutd.toml:15")),
        ("stripe.secret_key", format!("stripe.secret_key (set) {dir}/payoutd.toml:3")),
        ("stripe.webhook_secrets", format!("stripe.webhook_secrets (set) {dir}/payoutd.toml:4")),
        ("mail.contact", "mail.contact - default".to_owned()),
        (
            "database.url",
            "database.url postgres://payoutd:***@db.example.com/payoutd environment DATABASE_URL".to_owned(),
        ),
        ("mail.smtp_url", format!("mail.smtp_url smtps://***@mx.example.com:465 file {dir}/smtp (SMTP_URL_FILE)")),
        (
            "cron.jwt_secret",
            format!("cron.jwt_secret (set) file {dir}/credentials/cron_jwt_secret (CREDENTIALS_DIRECTORY)"),
        ),
    ] {
        assert_eq!(shown(&text, key), value);
    }
}

#[test]
fn only_what_is_set_and_as_json() {
    let world = World::new();
    let (code, text) = end_of(&mut world.payoutd(&["config", "show", "--set-only", "--json"]));
    assert_eq!(code, Some(0), "{text}");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let keys: Vec<_> =
        json["settings"].as_array().expect("a list").iter().map(|row| row["key"].as_str().unwrap()).collect();
    let set = [
        "log.format",
        "mail.admin_email",
        "mail.digest",
        "mail.transport",
        "metrics.listen",
        "state_dir",
        "stripe.api_base",
        "stripe.secret_key",
        "stripe.webhook_secrets",
        "webhook.listen",
    ];
    assert_eq!(keys, set);
    let key = &json["settings"][7];
    assert_eq!((&key["secret"], &key["value"], &key["is_default"]), (&true.into(), &"(set)".into(), &false.into()));
    assert_eq!(json["problems"], serde_json::json!([]));
    let all = end_of(&mut world.payoutd(&["config", "show", "--json"])).1;
    let all: Value = serde_json::from_str(&all).expect("JSON");
    assert_eq!(all["settings"].as_array().map(Vec::len), Some(payoutd::config::Config::keys().len()));
}

#[test]
fn with_errors_it_shows_what_it_merged_and_then_the_errors() {
    let world = World::new();
    let wrong = "[release]\nbatch_size = \"sk_live_planted\"\n[fees]\nplatform_fee_bps = 900\n";
    world.configure(&format!("{CONFIG}{wrong}"));
    let (code, text) = end_of(&mut world.payoutd(&["config", "show"]));
    assert_eq!(code, Some(3), "{text}");
    assert!(shown(&text, "fees.platform_fee_bps").contains(" 900 "));
    assert!(shown(&text, "release.batch_size").contains("(not valid)"));
    assert!(text.contains("payoutd.toml:17: release.batch_size: expected a whole number"), "{text}");
    // A secret under the wrong key.
    world.configure(&CONFIG.replace("[mail]", "[mail]\nplatform_name = \"sk_live_planted\""));
    let (code, text) = end_of(&mut world.payoutd(&["config", "show"]));
    assert_eq!(code, Some(0), "{text}");
    assert!(shown(&text, "mail.platform_name").contains("(looks like a secret)"), "{text}");
    world.configure("[stripe\n");
    let (code, text) = end_of(&mut world.payoutd(&["config", "show"]));
    assert_eq!(code, Some(3));
    assert!(text.contains("payoutd.toml:1: not valid TOML"), "{text}");
}
