//! README and ARCHITECTURE tell the truth: commands, settings, SQL, codes, events and files that they name are there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use diesel::sql_types::{Nullable, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use payoutd::domain::payment::PaymentStatus;

const README: &str = include_str!("../README.md");
const ARCHITECTURE: &str = include_str!("../ARCHITECTURE.md");
const SHIPPED: &str = include_str!("../config/payoutd.toml");
const REASONS: &str = include_str!("../src/domain/reason.rs");
const EVENTS: &str = include_str!("../src/domain/read.rs");
const MANIFEST: &str = include_str!("../Cargo.toml");

/// The lines of the fenced blocks in one language, with continued lines joined.
fn fenced(language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let blocks = README.split(&opening).skip(1).filter_map(|rest| rest.split("\n```").next());
    let text = blocks.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    text.lines().map(str::to_owned).collect()
}

/// What stands between single backticks, outside of fenced blocks.
fn spans(document: &str) -> Vec<&str> {
    let prose = document.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

fn payoutd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    command.env_clear();
    command
}

/// The help of the subcommand that a command line names.
fn help(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let nested = ["mentor", "webhooks", "emails", "operations"];
    let depth = if words.first().is_some_and(|first| nested.contains(first)) { 2 } else { 1 };
    let output = payoutd().args(&words[..depth.min(words.len())]).arg("--help").output().expect("it starts");
    assert!(output.status.success(), "`{line}`: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_command_that_readme_shows_is_one() {
    let shown = fenced("sh");
    let commands: BTreeSet<&str> = shown.iter().map(String::as_str).chain(spans(README)).collect();
    let commands: Vec<&str> = commands.into_iter().filter(|line| line.starts_with("payoutd ")).collect();
    assert!(commands.len() > 15, "reads the wrong lines: {commands:?}");
    for line in commands {
        let help = help(line);
        for option in line.split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "`{line}`: there is no {option}");
        }
    }
}

/// `section.key` for every key that the shipped configuration shows.
fn shipped_keys() -> BTreeSet<String> {
    let mut section = "";
    let mut keys = BTreeSet::new();
    for line in SHIPPED.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        let key = line.strip_prefix('#').and_then(|rest| rest.split_once(" = ")).map(|(key, _)| key);
        if let Some(key) = key.filter(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) {
            keys.insert(if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") });
        }
    }
    keys
}

#[test]
fn every_setting_that_readme_names_is_one() {
    let keys = shipped_keys();
    let sections: BTreeSet<&str> =
        keys.iter().filter_map(|key| key.split_once('.')).map(|(section, _)| section).collect();
    let named = spans(README).into_iter().filter_map(|span| span.split([' ', '=']).next()).filter(|span| {
        span.split_once('.').is_some_and(|(section, key)| sections.contains(section) && !key.contains('.'))
    });
    // `payout.paid` and the like are events, not settings.
    let named: BTreeSet<&str> = named.filter(|name| !EVENTS.contains(&format!("\"{name}\""))).collect();
    assert!(named.len() > 8, "reads the wrong names: {named:?}");
    for name in named {
        assert!(keys.contains(name), "there is no setting {name}");
    }
    let variables: BTreeSet<String> =
        keys.iter().map(|key| format!("PAYOUTD_{}", key.replace('.', "_").to_uppercase())).collect();
    for word in README.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|word| word.starts_with("PAYOUTD_"))
    {
        // The last is a field of the journal.
        let is_known = word == "PAYOUTD_" || variables.contains(word) || word == "PAYOUTD_PAYMENT_ID";
        assert!(is_known, "there is no variable {word}");
    }
}

#[test]
fn every_status_and_reason_is_explained_and_no_other() {
    let in_code = REASONS.lines().filter_map(|line| line.trim().strip_suffix("\",")?.split_once("=> \""));
    let codes: BTreeSet<&str> = in_code.map(|(_, code)| code).filter(|code| !code.contains(' ')).collect();
    let statuses = PaymentStatus::ALL.iter().map(|status| status.word());
    let words = README.split("## What the words mean").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows =
        words.expect("the section is there").lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: BTreeSet<&str> = rows.collect();
    assert!(codes.len() > 20, "reads the wrong lines: {codes:?}");
    assert_eq!(explained, codes.into_iter().chain(statuses).collect());
}

#[test]
fn every_event_that_readme_asks_for_is_read() {
    let rows = README
        .lines()
        .filter(|line| line.starts_with("| your account |") || line.starts_with("| connected accounts |"));
    let named: BTreeSet<&str> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 20, "reads the wrong rows: {named:?}");
    for name in named {
        let read = EVENTS.contains(&format!("\"{name}\"")) || name.starts_with("charge.dispute.");
        assert!(read, "{name} is stored and ignored");
    }
}

#[derive(QueryableByName)]
struct Audited {
    #[diesel(sql_type = Text)]
    actor: String,
    #[diesel(sql_type = Text)]
    action: String,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
}

#[test]
fn the_sql_that_readme_shows_flags_a_payment_and_takes_it_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("payoutd.db");
    let migrated = payoutd().arg("migrate").env("DATABASE_URL", format!("sqlite://{}", file.display())).output();
    let migrated = migrated.expect("it starts");
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let mut conn = SqliteConnection::establish(&file.to_string_lossy()).expect("it opens");
    let mut run = |sql: &str| diesel::sql_query(sql).execute(&mut conn).unwrap_or_else(|why| panic!("{sql}: {why}"));
    run("INSERT INTO payments (id, payment_key, livemode, collection, currency, amount, platform_fee, mentor_amount, \
         platform_fee_bps, next_check_at) VALUES (42, 'pi_1', false, 'paid', 'usd', 1000, 100, 900, 1000, NULL)");

    let shown = fenced("sql");
    assert_eq!(shown.len(), 6, "{shown:?}");
    for line in &shown {
        assert_eq!(run(line), 1, "{line}");
    }

    let audited: Vec<Audited> = diesel::sql_query("SELECT actor, action, detail FROM audit_log ORDER BY id")
        .load(&mut conn)
        .expect("it is read");
    let audited: Vec<_> = audited.iter().map(|row| (&*row.actor, &*row.action, row.detail.as_deref())).collect();
    let why = "customer says the session never happened";
    assert_eq!(audited, [("sql", "flag", Some(why)), ("ana", "unflag", None)]);
    let woken = "SELECT id FROM payments WHERE id = 42 AND NOT dispute_requested AND next_check_at IS NOT NULL";
    assert_eq!(
        diesel::sql_query(format!("UPDATE payments SET booking_id = 'B' WHERE id IN ({woken})")).execute(&mut conn),
        Ok(1)
    );
}

#[test]
fn every_file_and_crate_of_the_architecture_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files =
        spans(ARCHITECTURE).into_iter().filter(|span| span.contains('/') && !span.contains([' ', '*', '{', ':']));
    let files: Vec<&str> = files.filter(|span| span.contains('.') || span.starts_with("src/")).collect();
    assert!(files.len() > 15, "reads the wrong spans: {files:?}");
    for file in files {
        let found = root.join(file).exists() || root.join("src").join(file).exists();
        assert!(found, "there is no {file}");
    }
    let manifest: toml::Table = MANIFEST.parse().expect("TOML");
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().expect("a table").keys() {
            assert!(ARCHITECTURE.contains(&format!("`{name}`")), "ARCHITECTURE gives no reason for {name}");
        }
    }
}
