//! Secrets from files and from systemd's credentials directory: which of them wins, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use payoutd::config::{Config, ConfigError, Origin};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::env;

/// Every secret: its key, its variable, and values of it that are told apart.
const SECRETS: [(&str, &str); 6] = [
    ("database.url", "DATABASE_URL"),
    ("stripe.secret_key", "STRIPE_SECRET_KEY"),
    ("stripe.webhook_secrets", "STRIPE_WEBHOOK_SECRET"),
    ("cron.jwt_secret", "CRON_JWT_SECRET"),
    ("api.jwt_secret", "API_JWT_SECRET"),
    ("mail.smtp_url", "SMTP_URL"),
];

fn secret(variable: &str, by: &str) -> String {
    match variable {
        "DATABASE_URL" => format!("postgres://u:planted-{by}@db/pay"),
        "STRIPE_SECRET_KEY" => format!("sk_test_planted{by}"),
        "STRIPE_WEBHOOK_SECRET" => format!("whsec_planted{by}"),
        "CRON_JWT_SECRET" | "API_JWT_SECRET" => format!("planted-planted-planted-planted-{by}"),
        _ => format!("smtps://u:planted-{by}@mx.example.com"),
    }
}

fn held(config: &Config, key: &str) -> String {
    match key {
        "database.url" => config.database.url.expose(),
        "stripe.secret_key" => config.stripe.secret_key.as_ref().expect("set").expose_secret().to_owned(),
        "stripe.webhook_secrets" => {
            let secrets: Vec<_> = config.stripe.webhook_secrets.iter().map(ExposeSecret::expose_secret).collect();
            secrets.join(",")
        }
        "cron.jwt_secret" => config.cron.jwt_secret.as_ref().expect("set").expose_secret().to_owned(),
        "api.jwt_secret" => config.api.jwt_secret.as_ref().expect("set").expose_secret().to_owned(),
        _ => {
            let (user, password) = config.mail.smtp.as_ref().expect("set").credentials.as_ref().expect("given");
            format!("smtps://{user}:{}@mx.example.com", password.expose_secret())
        }
    }
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("in a directory")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        path
    }

    fn credentials(&self) -> String {
        self.0.path().join("credentials").display().to_string()
    }
}

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::parse(Path::new("payoutd.toml"), text, &env(variables))
}

/// What is wrong, which must not repeat a secret.
fn complaint(outcome: Result<Config, ConfigError>) -> String {
    let error = outcome.expect_err("refused");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("planted"), "{text}");
    error.to_string()
}

#[test]
fn the_variable_wins_over_its_file_over_the_credential_over_the_configuration() {
    for (key, variable) in SECRETS {
        let place = Place::new();
        let (section, name) = key.split_once('.').expect("section.key");
        let value = secret(variable, "toml");
        let text = match key {
            "stripe.webhook_secrets" => format!("[{section}]\n{name} = [\"{value}\"]"),
            _ => format!("[{section}]\n{name} = \"{value}\""),
        };
        let read = |variables: &[(&str, &str)]| {
            let config = parse(&text, variables).unwrap_or_else(|error| panic!("{variable}: {error}"));
            assert!(!format!("{config:?} {config:#?}").contains("planted"), "{variable} is shown");
            (held(&config, key), config.origins()[key].clone())
        };
        let origin_line = Origin::File { path: "payoutd.toml".into(), line: 2 };
        assert_eq!(read(&[]), (value, origin_line));

        let credential = format!("credentials/{}", variable.to_lowercase());
        let credential = place.write(&credential, &format!("{}\n", secret(variable, "systemd")), 0o440);
        let credentials = place.credentials();
        let of_systemd = ("CREDENTIALS_DIRECTORY", credentials.as_str());
        let from = |named_by: &str, path: &Path| Origin::Secret { named_by: named_by.into(), path: path.into() };
        let expected = (secret(variable, "systemd"), from("CREDENTIALS_DIRECTORY", &credential));
        assert_eq!(read(&[of_systemd]), expected);

        let file = place.write("file", &format!("  {}\r\n", secret(variable, "file")), 0o640);
        let file_variable = format!("{variable}_FILE");
        let of_file = (file_variable.as_str(), file.to_str().expect("text"));
        assert_eq!(read(&[of_systemd, of_file]), (secret(variable, "file"), from(&file_variable, &file)));

        let value = secret(variable, "env");
        let origin = Origin::Env { name: variable.to_owned() };
        assert_eq!(read(&[of_systemd, (variable, &value)]), (value.clone(), origin));

        let twice = complaint(parse(&text, &[of_file, (variable, &value)]));
        assert!(twice.contains(&format!("{key}: is set twice, by {variable} and by {variable}_FILE")), "{twice}");
    }
}

#[test]
fn a_file_of_webhook_secrets_has_one_a_line() {
    let place = Place::new();
    let path = place.write("secrets", "whsec_plantedold\nwhsec_plantednew\n", 0o600);
    let config = parse("", &[("STRIPE_WEBHOOK_SECRET_FILE", path.to_str().expect("text"))]).expect("well formed");
    assert_eq!(held(&config, "stripe.webhook_secrets"), "whsec_plantedold,whsec_plantednew");
}

#[test]
fn a_file_that_is_no_secret_any_more_is_refused_with_the_command_that_mends_it() {
    let place = Place::new();
    for (mode, good) in [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o602, false), (0o604, false)] {
        let path = place.write(&format!("key-{mode:o}"), "sk_test_planted", mode);
        let outcome = parse("", &[("STRIPE_SECRET_KEY_FILE", path.to_str().expect("text"))]);
        if good {
            assert!(outcome.is_ok(), "{mode:o}");
            continue;
        }
        let complaint = complaint(outcome);
        let fix = format!("(mode {mode:04o}): run `chmod o-rwx {}`", path.display());
        assert!(complaint.contains("stripe.secret_key") && complaint.contains(&fix), "{complaint}");
    }
}

#[test]
fn systemds_own_files_are_taken_as_they_are() {
    let place = Place::new();
    let path = place.write("credentials/stripe_secret_key", "sk_test_planted", 0o444);
    let credentials = place.credentials();
    let of_systemd = ("CREDENTIALS_DIRECTORY", credentials.as_str());
    assert!(parse("", &[of_systemd]).is_ok());
    // Also when a variable points into the directory, as units written for other programs do.
    assert!(parse("", &[of_systemd, ("STRIPE_SECRET_KEY_FILE", path.to_str().expect("text"))]).is_ok());
}

#[test]
fn a_credential_that_the_operator_did_not_write_is_not_set() {
    let place = Place::new();
    place.write("credentials/smtp_url", "\n", 0o440);
    let credentials = place.credentials();
    let config = parse("", &[("CREDENTIALS_DIRECTORY", &credentials)]).expect("well formed");
    assert!(config.mail.smtp.is_none());
    assert_eq!(config.origins()["mail.smtp_url"], Origin::Default);
}

#[test]
fn a_file_that_holds_no_secret_is_refused() {
    let place = Place::new();
    let empty = place.write("empty", " \n", 0o600);
    let long = place.write("long", &"planted ".repeat(10_000), 0o600);
    let binary = place.0.path().join("binary");
    fs::write(&binary, [0xff, 0xfe]).expect("written");
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o600)).expect("ours");
    let wrong = place.write("wrong", "planted-nonsense", 0o600);
    for (path, why) in [
        (&empty, "is empty: write the secret into it"),
        (&long, "it is longer than any secret"),
        (&binary, "it is not text"),
        (&wrong, "is not a secret key"),
        (&place.0.path().join("missing"), "No such file or directory (os error 2); create it, or correct the path"),
        (&place.0.path().to_owned(), "it is a directory; name the file itself"),
    ] {
        let said = complaint(parse("", &[("STRIPE_SECRET_KEY_FILE", path.to_str().expect("text"))]));
        assert!(said.contains(why) && said.contains("stripe.secret_key"), "{said}");
        assert!(said.contains(path.to_str().expect("text")), "{said}");
    }
}

#[test]
fn a_configuration_file_with_a_secret_is_not_for_everybody() {
    let place = Place::new();
    let load = |path: &Path| Config::load(Some(path), &env(&[]));
    for secret in [
        "[stripe]\nsecret_key = \"sk_test_planted\"",
        "[stripe]\nwebhook_secrets = [\"whsec_planted\"]",
        "[database]\nurl = \"postgres://u:planted@db/pay\"",
        "[database]\nurl = \"postgres://db/pay?password=planted\"",
        "[mail]\nsmtp_url = \"smtps://u:planted@mx.example.com\"",
        "[cron]\njwt_secret = \"planted-planted-planted-planted-planted\"",
    ] {
        let open = place.write("open.toml", secret, 0o644);
        let said = complaint(load(&open));
        assert!(said.contains("open.toml:2") && said.contains("chmod o-rwx"), "{said}");
        assert!(load(&place.write("private.toml", secret, 0o640)).is_ok(), "{secret}");
    }
    for harmless in ["[database]\nurl = \"postgres://u@db/pay\"", "[mail]\nsmtp_url = \"smtp://localhost\"", ""] {
        assert!(load(&place.write("open.toml", harmless, 0o644)).is_ok(), "{harmless}");
    }
}

#[test]
fn what_changed_is_known_without_keeping_what_it_was() {
    let read = |key: &str, batch: &str| {
        parse(&format!("[stripe]\nsecret_key = \"{key}\"\n[release]\nbatch_size = {batch}"), &[]).expect("well formed")
    };
    let config = read("sk_test_planted1", "7");
    assert_eq!(config.changed(&read("sk_test_planted1", "7")), [""; 0]);
    assert_eq!(config.changed(&read("sk_test_planted2", "8")), ["release.batch_size", "stripe.secret_key"]);
    assert_eq!(config.changed(&parse("", &[]).expect("well formed")), ["release.batch_size", "stripe.secret_key"]);
}
