//! `payoutd check`: what it finds, with Stripe and a mail server that answer, and with each of what can be wrong. It
//! ends with 0 or 1, shows no secret, and leaves everything as it was.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{NewAccount, Sandbox, SandboxOptions};
use payoutd::ports::Clock;
use serde_json::Value;

use crate::refusals::{NOBODY, is_root, program_for_nobody};
use crate::scripted_server::{Act, ScriptedServer};
use crate::smtp_server::{MailServer, Manners};
use crate::world::{CONFIG, Serving, World, end_of};

/// What a check came to: its exit code, and its findings.
struct Checked {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Checked {
    fn of(world: &World) -> Self {
        Self::by(&mut world.payoutd(&["check", "--json"]))
    }

    fn by(command: &mut Command) -> Self {
        let (code, text) = end_of(command);
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
        assert_eq!(json["ok"], code == Some(0), "{text}");
        Self { code, findings: json["checks"].as_array().expect("a list").clone() }
    }

    /// State, words and fix of the checks of this name.
    fn all(&self, check: &str) -> Vec<(&str, String)> {
        let ours = self.findings.iter().filter(|finding| finding["check"] == check);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ours.map(|f| (f["state"].as_str().expect("a word"), format!("{}; {}", text(&f["found"]), text(&f["fix"]))))
            .collect()
    }

    #[track_caller]
    fn says(&self, check: &str, state: &str, words: &[&str]) {
        let all = self.all(check);
        let fits = |(found, text): &(&str, String)| *found == state && words.iter().all(|word| text.contains(word));
        assert!(all.iter().any(fits), "no {check} that is {state} and says {words:?}: {:#?}", self.findings);
    }

    #[track_caller]
    fn fails_only(&self, check: &str) {
        let failed: Vec<_> =
            self.findings.iter().filter(|f| f["state"] == "fail").filter_map(|f| f["check"].as_str()).collect();
        assert_eq!((self.code, failed), (Some(1), vec![check]), "{:#?}", self.findings);
    }
}

async fn sandbox(key: &str) -> Sandbox {
    let mut options = SandboxOptions::new(|| SystemClock.now().timestamp());
    options.settings.secret_key = key.to_owned();
    Sandbox::start(options).await.expect("it starts")
}

/// A world whose Stripe answers there, with this mail section.
fn world(base: &str, mail: &str) -> World {
    let world = World::new();
    let config = CONFIG.replace("http://127.0.0.1:9", base).replace("transport = \"file\"", mail);
    world.configure(&config);
    world
}

/// The same with a mail server, which is kept.
async fn all_well() -> (World, Sandbox, MailServer) {
    let (stripe, mail) = (
        sandbox("sk_test_planted").await,
        MailServer::start(Manners { password: Some("planted"), ..Manners::default() }),
    );
    let url = format!("smtp_url = \"smtp://payouts:planted@127.0.0.1:{}\"", mail.port);
    (world(&stripe.base_url(), &url), stripe, mail)
}

fn migrated(world: &World) {
    assert_eq!(end_of(&mut world.payoutd(&["migrate"])).0, Some(0));
}

fn sql(world: &World, statement: &str) {
    let database = world.path("state/payoutd.db");
    let mut connection = SqliteConnection::establish(database.to_str().expect("text")).expect("it opens");
    sql_query(statement).execute(&mut connection).expect("it runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well() {
    let (world, stripe, mail) = all_well().await;
    migrated(&world);
    let account = stripe.control().create_account(NewAccount::default()).expect("a free id");
    assert_eq!(end_of(&mut world.payoutd(&["mentor", "add", "ada", "--account", &account])).0, Some(0));
    let (code, text) = end_of(&mut world.payoutd(&["check"]));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("\nAll is well.\n") && !text.contains('\u{1b}'), "{text}");
    let states: Vec<_> =
        text.lines().take_while(|line| !line.is_empty()).filter(|line| !line.contains("  ok  ")).collect();
    assert_eq!(states, Vec::<&str>::new());

    let checked = Checked::of(&world);
    checked.says("configuration", "ok", &["payoutd.toml", "keys"]);
    checked.says("secret", "ok", &["stripe.secret_key", "payoutd.toml:3", "mode 0600"]);
    checked.says("stripe mode", "ok", &["test mode"]);
    checked.says("schedule", "ok", &["the next run is at", "UTC"]);
    checked.says("mail", "ok", &["says hello", "takes the login"]);
    checked.says("accounts", "ok", &[&account, "mentor ada", "transfers are active"]);
    assert_eq!(mail.accepted(), [], "nothing is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_start_nothing_is_made() {
    let (world, _stripe, _mail) = all_well().await;
    let checked = Checked::of(&world);
    assert_eq!(checked.code, Some(0));
    checked.says("database", "ok", &["there is none", "payoutd.db", "payoutd serve"]);
    checked.says("state directory", "ok", &["will be made"]);
    checked.says("accounts", "skipped", &["database"]);
    assert!(!world.path("state").exists());
    let manual = Checked::by(world.payoutd(&["check", "--json"]).env("PAYOUTD_DATABASE_MIGRATE", "manual"));
    manual.says("database", "fail", &["payoutd migrate", "manual"]);
    assert!(!world.path("state").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_daemon() {
    let (world, _stripe, _mail) = all_well().await;
    let serving = world.serve();
    let mut command = world.payoutd(&["check", "--json"]);
    command.env("PAYOUTD_WEBHOOK_LISTEN", serving.webhooks.to_string());
    let checked = Checked::by(command.env("PAYOUTD_METRICS_LISTEN", serving.metrics.to_string()));
    assert_eq!(checked.code, Some(0));
    checked.says("daemon", "ok", &["one is running", &format!("process {}", serving.pid())]);
    checked.says("listener", "ok", &["payoutd answers there"]);
    checked.says("metrics", "ok", &["payoutd answers there"]);
    serving.signal("TERM");
    assert_eq!(serving.ended().code(), Some(0));
    Checked::of(&world).says("daemon", "ok", &["none is running"]);
}

/// As under systemd: the daemon has its own user, and an administrator looks.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_daemon_of_another_user() {
    if !is_root() {
        return;
    }
    let (world, _stripe, _mail) = all_well().await;
    fs::create_dir(world.path("state")).expect("made");
    for path in [world.path("state"), world.path("payoutd.toml")] {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
    }
    let mut serve = world.program(&program_for_nobody(&world), &["serve"]);
    let serving = Serving::start(serve.uid(NOBODY).gid(NOBODY));
    let checked = Checked::of(&world);
    assert_eq!(checked.code, Some(0));
    checked.says("state directory", "ok", &["belongs to user 65534", "this is root"]);
    checked.says("daemon", "ok", &[&format!("process {}", serving.pid())]);
    // Nothing of root's is left that the daemon could not write.
    for file in fs::read_dir(world.path("state")).expect("there") {
        let file = file.expect("readable");
        assert_eq!(file.metadata().expect("there").uid(), NOBODY, "{}", file.path().display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_stripe_does_not_take() {
    let stripe = sandbox("sk_test_another").await;
    let checked = Checked::of(&world(&stripe.base_url(), "transport = \"file\""));
    checked.fails_only("stripe");
    checked.says("stripe", "fail", &["does not take the key", "STRIPE_SECRET_KEY"]);
    checked.says("stripe mode", "skipped", &["key"]);
    checked.says("stripe events", "skipped", &["key"]);
    checked.says("accounts", "skipped", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_list_events() {
    let balance = Act::json(200, r#"{"object":"balance","livemode":false}"#);
    let no = Act::json(403, r#"{"error":{"type":"invalid_request_error","message":"no"}}"#);
    let stripe = ScriptedServer::start([balance, no]).await;
    let checked = Checked::of(&world(stripe.base.as_str(), "transport = \"file\""));
    checked.fails_only("stripe events");
    checked.says("stripe events", "fail", &["may not list events", "let the restricted key read events"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripe_of_the_other_mode() {
    let live = ScriptedServer::start([Act::json(200, r#"{"object":"balance","livemode":true}"#)]).await;
    let checked = Checked::of(&world(live.base.as_str(), "transport = \"file\""));
    checked.fails_only("stripe mode");
    checked.says("stripe mode", "fail", &["the key says test mode", "answers in live mode", "stripe.api_base"]);
    checked.says("accounts", "skipped", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripe_that_says_nothing_or_nonsense_or_too_little() {
    for (act, state, words) in [
        (Act::Hang, "fail", "cannot be reached"),
        (Act::Close, "fail", "cannot be reached"),
        (Act::json(200, "<html>"), "fail", "answered 200"),
        (Act::json(503, r#"{"error":{"type":"api_error","message":"down"}}"#), "fail", "answered 503: down"),
        (
            Act::json(403, r#"{"error":{"type":"invalid_request_error","message":"no"}}"#),
            "warn",
            "may not read the balance",
        ),
    ] {
        let server = ScriptedServer::start([act]).await;
        let world = world(server.base.as_str(), "transport = \"file\"");
        let mut command = world.payoutd(&["check", "--json"]);
        Checked::by(command.env("PAYOUTD_STRIPE_CALL_TIMEOUT", "300ms")).says("stripe", state, &[words]);
    }
    let nobody = Checked::of(&World::new());
    nobody.fails_only("stripe");
    nobody.says("stripe", "fail", &["http://127.0.0.1:9/ cannot be reached", "stripe.api_base"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mentors_whose_accounts_are_not_in_order() {
    let (world, stripe, _mail) = all_well().await;
    migrated(&world);
    let inactive: NewAccount = serde_json::from_str(r#"{"transfers":"inactive"}"#).expect("an account");
    let restricted = stripe.control().create_account(inactive).expect("a free id");
    for (mentor, account) in [("ben", restricted.as_str()), ("cy", "acct_nobody")] {
        assert_eq!(end_of(&mut world.payoutd(&["mentor", "add", mentor, "--account", account])).0, Some(0));
    }
    assert_eq!(end_of(&mut world.payoutd(&["mentor", "add", "dan"])).0, Some(0));
    let checked = Checked::of(&world);
    assert_eq!(checked.code, Some(0), "payoutd holds their payments, and works");
    checked.says("accounts", "warn", &[&restricted, "mentor ben", "not active", "held"]);
    checked.says("accounts", "warn", &["acct_nobody of mentor cy", "does not show it"]);
    assert_eq!(checked.all("accounts").len(), 2, "dan has none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_older_or_newer() {
    let (world, _stripe, _mail) = all_well().await;
    migrated(&world);
    sql(&world, "DELETE FROM __diesel_schema_migrations WHERE version <> '20261120000001'");
    let lacks = ["payoutd.db lacks ", " migration(s)", "20261120000002"];
    for (migrate, code, state) in [("auto", Some(0), "warn"), ("manual", Some(1), "fail")] {
        let mut command = world.payoutd(&["check", "--json"]);
        let checked = Checked::by(command.env("PAYOUTD_DATABASE_MIGRATE", migrate));
        assert_eq!(checked.code, code);
        checked.says("database", state, &lacks);
        checked.says("database", state, &["payoutd migrate"]);
        checked.says("accounts", "skipped", &["up to date"]);
    }
    sql(&world, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')");
    let checked = Checked::of(&world);
    checked.fails_only("database");
    checked.says("database", "fail", &["newer payoutd", "29991231000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away() {
    let (world, _stripe, _mail) = all_well().await;
    let mut command = world.payoutd(&["check", "--json"]);
    let url = "postgres://payoutd:planted@127.0.0.1:9/payoutd?sslmode=disable";
    let checked = Checked::by(command.env("DATABASE_URL", url));
    checked.fails_only("database");
    checked.says("database", "fail", &["postgres://payoutd:***@127.0.0.1:9", "cannot be reached", "DATABASE_URL"]);
    checked.says("secret", "ok", &["database.url from environment DATABASE_URL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_cannot_be_handed_over() {
    let stripe = sandbox("sk_test_planted").await;
    let mail = MailServer::start(Manners { password: Some("another"), ..Manners::default() });
    let port = TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound").port();
    for (section, words) in [
        (format!("smtp_url = \"smtp://127.0.0.1:{port}\""), ["connecting", "SMTP_URL"]),
        (format!("smtp_url = \"smtp://payouts:planted@127.0.0.1:{}\"", mail.port), ["logging in", "SMTP_URL"]),
        (format!("smtp_url = \"smtp://127.0.0.1:{}?tls=required\"", mail.port), ["STARTTLS", "SMTP_URL"]),
        ("transport = \"sendmail\"\nsendmail_path = \"/nonexistent\"".to_owned(), ["sendmail", "/nonexistent"]),
        ("transport = \"file\"\nfile_dir = \"/dev/null/mail\"".to_owned(), ["/dev/null", "not a directory"]),
    ] {
        let checked = Checked::of(&world(&stripe.base_url(), &section));
        checked.fails_only("mail");
        checked.says("mail", "fail", &words);
    }
    let files = Checked::of(&world(&stripe.base_url(), "transport = \"file\""));
    assert_eq!(files.code, Some(0));
    files.says("mail", "warn", &["nobody receives", "mail.transport"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_somebody_else_has() {
    let (world, _stripe, _mail) = all_well().await;
    let server = ScriptedServer::start([Act::json(200, "I am another")]).await;
    let address = format!("127.0.0.1:{}", server.base.port().expect("a port"));
    let mut command = world.payoutd(&["check", "--json"]);
    let checked = Checked::by(command.env("PAYOUTD_WEBHOOK_LISTEN", &address));
    checked.fails_only("listener");
    checked.says("listener", "fail", &[&address, "not by payoutd", "webhook.listen"]);
    let mut command = world.payoutd(&["check", "--json"]);
    let elsewhere = Checked::by(command.env("PAYOUTD_WEBHOOK_LISTEN", "192.0.2.1:8080"));
    elsewhere.says("listener", "fail", &["192.0.2.1:8080 cannot be listened on", "an address of this machine"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_of_another_user() {
    let (world, _stripe, _mail) = all_well().await;
    let state = world.path("state");
    fs::create_dir(&state).expect("made");
    if is_root() {
        chown(&state, Some(1), None).expect("root may");
        let as_root = Checked::of(&world);
        as_root.says("state directory", "warn", &["belongs to user 1", "this is root"]);
        assert_eq!(as_root.code, Some(0), "an administrator looks at a daemon that runs as another user");
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o500)).expect("ours");
    let mut command = if is_root() {
        chown(world.path("payoutd.toml"), Some(NOBODY), None).expect("root may");
        let mut command = world.program(&program_for_nobody(&world), &["check", "--json"]);
        command.uid(NOBODY).gid(NOBODY);
        command
    } else {
        world.payoutd(&["check", "--json"])
    };
    let checked = Checked::by(&mut command);
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).expect("ours");
    checked.says("state directory", "fail", &["belongs to user", "Permission denied", "chown", "state_dir"]);
    checked.says("database", "fail", &[]);
}

#[test]
fn a_configuration_that_is_wrong_is_shown_whole() {
    let world = World::new();
    world.configure(
        &CONFIG.replace("[log]", "[release]\nschedule = \"* * * * *\"\ntime_zone = \"Europe/Berln\"\n[log]"),
    );
    let checked = Checked::of(&world);
    assert_eq!(checked.code, Some(1));
    checked.says("configuration", "fail", &["payoutd.toml:15: release.schedule", "write \"0 * * * * *\""]);
    checked.says("configuration", "fail", &["release.time_zone", "did you mean \"Europe/Berlin\"?"]);
    for rest in ["secret", "database", "stripe", "mail", "listener", "accounts"] {
        checked.says(rest, "skipped", &["the configuration is wrong"]);
    }
    let bare = Checked::by(
        &mut world.program(env!("CARGO_BIN_EXE_payoutd").as_ref(), &["check", "--json", "--config", "/nonexistent"]),
    );
    assert_eq!(bare.code, Some(1));
    bare.says("configuration", "fail", &["cannot read /nonexistent"]);
}

#[test]
fn what_is_not_set_is_named_and_the_rest_is_looked_at() {
    let world = World::new();
    world.configure("[webhook]\nlisten = \"127.0.0.1:0\"\n");
    let checked = Checked::of(&world);
    assert_eq!(checked.code, Some(1));
    for name in ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "ADMIN_EMAIL", "SMTP_URL"] {
        checked.says("configuration", "fail", &[name]);
    }
    checked.says("stripe", "skipped", &["stripe.secret_key is not set"]);
    checked.says("mail", "skipped", &[]);
    checked.says("database", "ok", &["there is none"]);
}
