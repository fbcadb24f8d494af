//! What the daemon refuses to start on: each with words that name the setting and the fix, and an exit code of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};

use crate::world::{CONFIG, World, end_of};

const CONFIGURATION: Option<i32> = Some(3);
const DATABASE: Option<i32> = Some(4);
const SCHEMA: Option<i32> = Some(5);
const ADDRESS_IN_USE: Option<i32> = Some(6);
const LOCKED: Option<i32> = Some(7);
const NOT_FOUND: Option<i32> = Some(8);

#[track_caller]
fn refused(command: &mut Command, code: Option<i32>, words: &[&str]) {
    let (ended, text) = end_of(command);
    assert_eq!(ended, code, "{text}");
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").expect("Linux").uid() == 0
}

pub const NOBODY: u32 = 65_534;

/// The program where a user other than root can execute it.
pub fn program_for_nobody(world: &World) -> PathBuf {
    let path = world.path("payoutd");
    fs::copy(env!("CARGO_BIN_EXE_payoutd"), &path).expect("copied");
    fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    path
}

/// `payoutd serve` as a user who is not root: this one, or nobody where tests run as root.
fn serve_as_nobody(world: &World) -> Command {
    if !is_root() {
        return world.payoutd(&["serve"]);
    }
    chown(world.path("payoutd.toml"), Some(NOBODY), None).expect("root may");
    let mut command = world.program(&program_for_nobody(world), &["serve"]);
    command.uid(NOBODY).gid(NOBODY);
    command
}

#[test]
fn two_daemons_on_one_sqlite_file() {
    let world = World::new();
    let serving = world.serve();
    let pid = format!("(process {})", serving.pid());
    let lock = world.path("state/payoutd.db.lock");
    let words = ["another payoutd", &pid, "payoutd.db", lock.to_str().expect("text"), "PostgreSQL"];
    refused(&mut world.payoutd(&["serve"]), LOCKED, &words);
    // Commands work beside the daemon.
    assert_eq!(end_of(&mut world.payoutd(&["status"])).0, Some(0));
    serving.signal("TERM");
    assert_eq!(serving.ended().code(), Some(0));
    world.serve();
}

#[test]
fn a_lock_goes_with_its_process_however_it_ends() {
    let world = World::new();
    let serving = world.serve();
    serving.signal("KILL");
    assert_eq!(serving.ended().code(), None);
    world.serve();
}

#[test]
fn a_port_in_use() {
    let (world, other) = (World::new(), World::new());
    let serving = other.serve();
    for (key, address) in [("webhook.listen", serving.webhooks), ("metrics.listen", serving.metrics)] {
        let section = key.split('.').next().expect("a section");
        let taken = format!("[{section}]\nlisten = \"{address}\"");
        world.configure(&CONFIG.replace(&format!("[{section}]\nlisten = \"127.0.0.1:0\""), &taken));
        refused(&mut world.payoutd(&["serve"]), ADDRESS_IN_USE, &[key, &address.to_string(), "free the port"]);
    }
}

#[test]
fn a_credential_that_cannot_be_used() {
    let world = World::new();
    let credentials = world.path("credentials");
    fs::create_dir(&credentials).expect("made");
    let open = world.write("open", "sk_test_planted", 0o644);
    let empty = world.write("empty", "\n", 0o600);
    let missing = world.path("missing");
    for (path, words) in [
        (&open, ["stripe.secret_key", "open to every user", "chmod o-rwx"]),
        (&empty, ["stripe.secret_key", "is empty", "STRIPE_SECRET_KEY_FILE"]),
        (&missing, ["stripe.secret_key", "cannot be read", "missing"]),
        (&credentials, ["stripe.secret_key", "cannot be read", "directory"]),
    ] {
        refused(world.payoutd(&["serve"]).env("STRIPE_SECRET_KEY_FILE", path), CONFIGURATION, &words);
    }
    let both = [("STRIPE_SECRET_KEY", "sk_test_planted"), ("STRIPE_SECRET_KEY_FILE", open.to_str().expect("text"))];
    let words = ["stripe.secret_key", "STRIPE_SECRET_KEY and by STRIPE_SECRET_KEY_FILE"];
    refused(world.payoutd(&["serve"]).envs(both), CONFIGURATION, &words);
}

#[test]
fn a_credential_of_another_user() {
    let world = World::new();
    let private = world.write("private", "sk_test_planted", 0o000);
    let words = ["stripe.secret_key", "private", "Permission denied", "chown"];
    refused(serve_as_nobody(&world).env("STRIPE_SECRET_KEY_FILE", private), CONFIGURATION, &words);
}

#[test]
fn a_configuration_that_everybody_can_read_and_that_holds_a_secret() {
    let world = World::new();
    world.write("payoutd.toml", CONFIG, 0o644);
    let words = ["stripe.secret_key", "stripe.webhook_secrets", "payoutd.toml:3", "chmod o-rwx"];
    refused(&mut world.payoutd(&["serve"]), CONFIGURATION, &words);
    world.write("payoutd.toml", CONFIG, 0o640);
    world.serve();
}

#[test]
fn a_state_directory_of_another_user() {
    let world = World::new();
    let state = world.path("state");
    fs::create_dir(&state).expect("made");
    if is_root() {
        // As root it could be written, and its owner could not write it afterwards.
        chown(&state, Some(1), None).expect("root may");
        refused(&mut world.payoutd(&["serve"]), DATABASE, &["state_dir", "user 1", "chown"]);
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o500)).expect("ours");
    refused(
        &mut serve_as_nobody(&world),
        DATABASE,
        &["payoutd.db", "Permission denied", "state_dir", "belongs to user"],
    );
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).expect("ours");
}

#[test]
fn a_read_only_sqlite_file() {
    let world = World::new();
    let state = world.path("state");
    fs::create_dir(&state).expect("made");
    let database = world.write("state/payoutd.db", "", 0o444);
    if is_root() {
        chown(&state, Some(NOBODY), None).expect("root may");
        chown(&database, Some(NOBODY), None).expect("root may");
    }
    refused(
        &mut serve_as_nobody(&world),
        DATABASE,
        &["database.url", "cannot write", "payoutd.db", "Permission denied"],
    );
}

#[test]
fn a_database_of_a_newer_payoutd_or_of_an_older_one() {
    let world = World::new();
    assert_eq!(end_of(&mut world.payoutd(&["migrate"])).0, Some(0));
    let database = world.path("state/payoutd.db");
    let mut connection = SqliteConnection::establish(database.to_str().expect("text")).expect("it opens");
    let run = |connection: &mut SqliteConnection, sql: &str| sql_query(sql).execute(connection).expect("it runs");
    run(&mut connection, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')");
    refused(&mut world.payoutd(&["serve"]), SCHEMA, &["newer payoutd", "29991231000000", "later"]);
    run(&mut connection, "DELETE FROM __diesel_schema_migrations");
    let mut manual = world.payoutd(&["serve"]);
    refused(manual.env("PAYOUTD_DATABASE_MIGRATE", "manual"), SCHEMA, &["payoutd migrate"]);
}

#[test]
fn a_schedule_and_a_time_zone_that_are_none() {
    let world = World::new();
    for (name, value, words) in [
        (
            "PAYOUTD_RELEASE_SCHEDULE",
            "*/5 * * * *",
            ["release.schedule", "seconds come first", "write \"0 */5 * * * *\""],
        ),
        ("PAYOUTD_RELEASE_SCHEDULE", "every minute", ["release.schedule", "is not a schedule", "six fields"]),
        ("PAYOUTD_RELEASE_SCHEDULE", "0 0 0 31 2 *", ["release.schedule", "never comes", "no such date"]),
        (
            "PAYOUTD_RELEASE_TIME_ZONE",
            "Europe/Berln",
            ["release.time_zone", "is not a time zone", "\"Europe/Berlin\"?"],
        ),
        ("PAYOUTD_MAIL_TIME_ZONE", "CEST", ["mail.time_zone", "is not a time zone", "\"Europe/Berlin\""]),
    ] {
        refused(world.payoutd(&["serve"]).env(name, value), CONFIGURATION, &words);
    }
    assert!(!world.path("state").exists(), "refused before anything was made");
}

#[test]
fn a_database_that_is_away() {
    let world = World::new();
    let url = "postgres://payoutd:planted@127.0.0.1:9/payoutd?sslmode=disable";
    refused(world.payoutd(&["serve"]).env("DATABASE_URL", url), DATABASE, &["database cannot be reached"]);
}

#[test]
fn a_payment_and_a_mentor_that_do_not_exist() {
    let world = World::new();
    assert_eq!(end_of(&mut world.payoutd(&["migrate"])).0, Some(0));
    refused(&mut world.payoutd(&["explain", "42"]), NOT_FOUND, &["no payment `42`"]);
    refused(&mut world.payoutd(&["mentor", "show", "ada"]), NOT_FOUND, &["no mentor `ada`"]);
    refused(&mut world.payoutd(&["nonsense"]), Some(2), &["nonsense"]);
}

#[test]
fn a_journal_where_there_is_none() {
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        return;
    }
    let world = World::new();
    let words = ["log.format", "journal", "text"];
    refused(world.payoutd(&["serve"]).env("PAYOUTD_LOG_FORMAT", "journald"), CONFIGURATION, &words);
}
