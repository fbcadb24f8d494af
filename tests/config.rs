//! Configuration as an operator meets it: what wins over what, what each command needs, and that no secret is
//! shown. What is refused stands in `config/refusals.rs`, the shipped file's truth in `config/shipped.rs`.

#[path = "config/credentials.rs"]
mod credentials;
#[path = "config/refusals.rs"]
mod refusals;
#[path = "config/shipped.rs"]
mod shipped;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use payoutd::config::{Config, ConfigError, DatabaseUrl, KeyMode, MailTransport, Migrate, Origin, SmtpTls, env_name};
use secrecy::ExposeSecret;

fn env(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let state_dir = ("STATE_DIRECTORY", "/var/lib/payoutd");
    variables.iter().chain([&state_dir]).map(own).collect()
}

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::parse(Path::new("payoutd.toml"), text, &env(variables))
}

fn good(text: &str, variables: &[(&str, &str)]) -> Config {
    parse(text, variables).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_default_database_lies_in_the_state_directory() {
    let url = |variables: &[(&str, &str)], text: &str| {
        let env = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let config = Config::parse(Path::new("payoutd.toml"), text, &env).expect("well formed");
        config.database.url.expose()
    };
    let dirs = ("STATE_DIRECTORY", "/srv/one:/srv/two");
    assert_eq!(url(&[dirs], ""), "sqlite:///srv/one/payoutd.db");
    assert_eq!(url(&[dirs], "state_dir = \"/srv/file\""), "sqlite:///srv/file/payoutd.db");
    let ours = ("PAYOUTD_STATE_DIR", "/srv/env");
    assert_eq!(url(&[dirs, ours], "state_dir = \"/srv/file\""), "sqlite:///srv/env/payoutd.db");
    assert_eq!(url(&[("PAYOUTD_STATE_DIR", "here")], ""), "sqlite://here/payoutd.db");
}

#[test]
fn the_rate_follows_the_key() {
    let rate = |key, text| good(text, &[("STRIPE_SECRET_KEY", key)]).stripe.requests_per_second;
    assert_eq!(rate("sk_test_x", ""), 20);
    assert_eq!(rate("sk_live_x", ""), 80);
    assert_eq!(rate("sk_live_x", "[stripe]\nrequests_per_second = 5"), 5);
}

#[test]
fn the_environment_wins_and_every_value_knows_where_it_came_from() {
    let text = "[release]\nbatch_size = 7\nschedule = \"1 * * * * *\"\n[minimums]\nusd = 50\neur = 40\n";
    let config = good(
        text,
        &[
            ("PAYOUTD_RELEASE_BATCH_SIZE", "9"),
            ("PAYOUTD_RELEASE_SCHEDULE", ""),
            ("PAYOUTD_MINIMUMS_EUR", "60"),
            ("PAYOUTD_METADATA_MENTOR_ID", "coach, trainer,"),
            ("PAYOUTD_WINDOW_DISPUTE_WINDOW", "3s"),
            ("PAYOUTD_DATABASE_MIGRATE", "manual"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_old,whsec_new"),
        ],
    );
    assert_eq!(config.release.batch_size, 9);
    assert_eq!(config.release.schedule, "1 * * * * *", "an empty variable is not set");
    assert_eq!(config.metadata.mentor_id, ["coach", "trainer"]);
    assert_eq!(config.window.dispute_window, Duration::from_secs(3));
    assert_eq!(config.database.migrate, Migrate::Manual);
    assert_eq!(config.minimums, BTreeMap::from([("eur".into(), 60), ("usd".into(), 50)]));
    let secrets: Vec<&str> = config.stripe.webhook_secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["whsec_old", "whsec_new"]);

    let origin = |key: &str| config.origins()[key].to_string();
    assert_eq!(origin("release.batch_size"), "environment PAYOUTD_RELEASE_BATCH_SIZE");
    assert_eq!(origin("release.schedule"), "payoutd.toml:3");
    assert_eq!(origin("minimums.usd"), "payoutd.toml:5");
    assert_eq!(origin("retry.base"), "default");
}

#[test]
fn every_key_can_be_set_in_the_environment() {
    for key in Config::keys() {
        // A list is refused by every single-valued type and the other way round: what matters is
        // that the variable is known and its complaint names the key.
        let name = env_name(&key);
        let outcome = parse("", &[(&name, "\u{7f}")]);
        let known = match &outcome {
            Ok(config) => config.origins()[&key] == Origin::Env { name: name.clone() },
            Err(error) => error.problems().iter().any(|problem| problem.key == key),
        };
        assert!(known, "{name}: {outcome:?}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let config = good(
        "",
        &[
            ("DATABASE_URL", "postgres://u:s3cret@db/pay"),
            ("STRIPE_SECRET_KEY", "sk_test_s3cret"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_s3cret"),
            ("CRON_JWT_SECRET", "s3cret-s3cret-s3cret-s3cret-s3cret"),
            ("SMTP_URL", "smtps://u:s3cret@mx.example.com"),
            ("ADMIN_EMAIL", "ops@example.com"),
        ],
    );
    let parts = config.require_serve().expect("complete");
    let shown = format!("{config:?} {config:#?} {parts:?}");
    assert!(shown.contains("mx.example.com") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn serving_needs_more_than_explaining() {
    let bare = good("", &[]);
    let error = bare.require_serve().expect_err("nothing is set").to_string();
    assert_eq!(
        error,
        "the configuration has 4 problems:
  mail.admin_email: is not set: set ADMIN_EMAIL to the person who is told when a payout needs one
  mail.smtp_url: is not set: set SMTP_URL to the mail server, or mail.transport to \"file\" or \"sendmail\"
  stripe.secret_key: is not set: set STRIPE_SECRET_KEY to the account's sk_… or rk_… key
  stripe.webhook_secrets: is not set: without it no webhook can be trusted; set STRIPE_WEBHOOK_SECRET to the whsec_… of the endpoint in the Stripe dashboard"
    );
    assert!(bare.require_stripe().is_err() && bare.require_mail().is_err());
}

#[test]
fn a_complete_configuration_gives_typed_parts() {
    let account =
        [("STRIPE_SECRET_KEY", "sk_test_x"), ("STRIPE_WEBHOOK_SECRET", "whsec_x"), ("ADMIN_EMAIL", "ops@example.com")];
    let smtp = ("SMTP_URL", "smtp://u:p@mx.example.com?tls=required");
    let parts = good("", &[&account[..], &[smtp]].concat()).require_serve().expect("complete");
    assert_eq!(parts.stripe.mode, KeyMode::Test);
    assert_eq!(parts.webhook_secrets.len(), 1);
    assert_eq!(parts.mail.from, "ops@example.com", "the admin is the sender where none is named");
    assert_eq!(parts.mail.contact, "ops@example.com", "and answers questions");
    match parts.mail.transport {
        MailTransport::Smtp { server, .. } => assert_eq!((server.port, server.tls), (587, SmtpTls::StartTls)),
        other => panic!("{other:?}"),
    }
    let files = good("[mail]\ntransport = \"file\"", &account).require_mail().expect("complete");
    match files.transport {
        MailTransport::File { dir } => assert_eq!(dir, Path::new("/var/lib/payoutd/mail")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_read_by_its_path_or_by_the_environment() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("p.toml");
    std::fs::write(&path, "[release]\nbatch_size = 5\n").expect("writable");
    let named = path.to_str().expect("UTF-8");

    let by_path = Config::load(Some(&path), &env(&[])).expect("well formed");
    let by_env = Config::load(None, &env(&[("PAYOUTD_CONFIG", named)])).expect("well formed");
    assert_eq!((by_path.release.batch_size, by_env.release.batch_size), (5, 5));

    let absent = dir.path().join("absent.toml");
    let error = Config::load(Some(&absent), &env(&[])).expect_err("absent").to_string();
    assert!(error.starts_with(&format!("cannot read {}: ", absent.display())), "{error}");
}

#[test]
fn the_state_directory_holds_the_default_paths() {
    let config = good("", &[]);
    match &config.database.url {
        DatabaseUrl::Sqlite { path } => assert_eq!(path, Path::new("/var/lib/payoutd/payoutd.db")),
        DatabaseUrl::Postgres { .. } => panic!("SQLite is the default"),
    }
    assert_eq!(config.mail.file_dir, Path::new("/var/lib/payoutd/mail"));
}
