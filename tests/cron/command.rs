//! `payoutd token`, as a person and a script use it.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use payoutd::app::SystemClock;
use payoutd::ports::Clock;
use serde_json::Value;

use crate::issuer::{RSA, SECRET, check_with, secret_keys};

/// Runs `payoutd token` with this `[cron]` section, and nothing of this process's environment.
fn token(cron: &str, arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("payoutd.toml");
    std::fs::write(&path, format!("[cron]\n{cron}\n")).expect("writable");
    // It may hold a secret.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    command.env_clear().arg("--config").arg(&path).arg("token").args(arguments);
    command.output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn it_prints_the_token_and_nothing_else() {
    let output = token(&format!("jwt_secret = {SECRET:?}"), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let token = printed.strip_suffix('\n').expect("a line");
    assert_eq!(text(&output.stderr), "");
    let accepted = check_with(secret_keys()).check(token, SystemClock.now()).expect("good");
    assert_eq!(accepted.jti.len(), 32);
}

#[test]
fn for_programs_it_says_when_it_expires() {
    let arguments = ["--json", "--ttl", "1h", "--issuer", "timer"];
    let output = token(&format!("jwt_secret = {SECRET:?}"), &arguments);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expires_at = printed["expires_at"].as_str().and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
    let left_s = expires_at.expect("a time").timestamp() - SystemClock.now().timestamp();
    assert!((3_500..=3_600).contains(&left_s), "{left_s}");
    // The daemon's configuration says who its tokens come from.
    let refusal = check_with(secret_keys()).check(printed["token"].as_str().expect("a token"), SystemClock.now());
    assert!(refusal.expect_err("another issuer").to_string().contains("iss"));
}

#[test]
fn without_the_secret_it_says_what_is_missing() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let pem = keys.path().join("issuer.pem");
    std::fs::write(&pem, &RSA.public_pem).expect("writable");
    let secret = format!("jwt_secret = {SECRET:?}");
    for (cron, arguments, words) in [
        ("", &[][..], "cron.jwt_secret is not set: set CRON_JWT_SECRET"),
        (&format!("public_key_file = {pem:?}"), &[], "cron.public_key_file is set: tokens are signed with its private"),
        (&secret, &["--ttl", "61m"], "valid for 1s to 1h"),
        (&secret, &["--ttl", "0s"], "valid for 1s to 1h"),
        (&secret, &["--ttl", "300"], "unit"),
    ] {
        let output = token(cron, arguments);
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{cron} {arguments:?}: {said}");
        assert_eq!(text(&output.stdout), "", "nothing that a script could take for a token");
        assert!(!said.contains(SECRET), "{said}");
    }
}
