//! `payoutd token` for the API, as a person and a script use it.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use payoutd::app::SystemClock;
use payoutd::http::{Parties, TokenCheck};
use payoutd::ports::Clock;

use crate::issuer::{SECRET, secret_keys};

fn token(settings: &str, arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("payoutd.toml");
    std::fs::write(&path, settings).expect("writable");
    // It may hold a secret.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    command.env_clear().arg("--config").arg(&path).arg("token").args(arguments);
    command.output().expect("it runs")
}

#[test]
fn a_token_says_who_may_do_what() {
    let settings = format!("[api]\njwt_secret = {SECRET:?}\n");
    let arguments = ["--scope", "admin:read", "--scope", "admin:write", "--sub", "console"];
    let output = token(&settings, &arguments);
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let check = TokenCheck::new(secret_keys(), Parties { issuer: "payoutd".into(), audience: "payoutd-api".into() });
    let bearer = check.bearer(printed.trim_end(), SystemClock.now()).expect("good");
    assert_eq!((bearer.subject.as_str(), bearer.scopes), ("console", vec!["admin:read".into(), "admin:write".into()]));
}

#[test]
fn what_is_missing_is_said() {
    let both = format!("[api]\njwt_secret = {SECRET:?}\n[cron]\njwt_secret = {SECRET:?}\n");
    for (settings, arguments, words) in [
        ("", &["--scope", "admin:read", "--sub", "console"][..], "api.jwt_secret is not set: set API_JWT_SECRET"),
        (&both, &["--scope", "mentor:read"], "give --sub"),
        (&both, &["--scope", "payouts:run", "--scope", "admin:read"], "a token for it alone"),
        (&both, &["--sub", "console"], "give their --scope"),
        (&both, &["--scope", "admin:all", "--sub", "console"], "possible values"),
        (&both, &["--scope", "admin:read", "--sub", "console", "--ttl", "2h"], "1s to 1h"),
    ] {
        let output = token(settings, arguments);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
