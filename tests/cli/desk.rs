//! The look-up and desk commands: tables with fixed times, JSON, refusals with their codes, and a list that is watched.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::program::{Program, bare};

/// Payments, events, emails, runs and operations of every state, written as webhooks and runs would have left them.
const ROWS: &str = "
INSERT INTO mentors (id, name, created_at, updated_at) VALUES
  ('ada', 'Ada Mentor', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'),
  ('bo', 'Bo Mentor', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z');
INSERT INTO payments (id, payment_key, stripe_payment_intent_id, stripe_charge_id, livemode, status, collection,
  booking_id, mentor_id, currency, amount, platform_fee, mentor_amount, platform_fee_bps, paid_at, dispute_period_ends,
  dispute_requested, dispute_reason, hold_reasons, next_check_at, transfer_id, transfer_status) VALUES
  (1, 'pi_1', 'pi_1', 'ch_1', false, 'transferred', 'paid', 'B-paid', 'ada', 'usd', 12345, 1235, 11110, 1000,
   '2026-01-01T00:00:00.000Z', '2026-01-04T00:00:00.000Z', false, NULL, '', NULL, 'tr_1', 'paid'),
  (2, 'pi_2', 'pi_2', 'ch_2', false, 'pending', 'paid', 'B-window', 'ada', 'jpy', 12000, 1200, 10800, 1000,
   '2026-01-02T12:00:00.000Z', '2999-01-04T00:00:00.000Z', false, NULL, '', '2999-01-04T00:00:00.000Z', NULL, NULL),
  (3, 'pi_3', 'pi_3', 'ch_3', false, 'held', 'paid', 'B-held', 'ada', 'eur', 10000, 1000, 9000, 1000,
   '2026-01-03T00:00:00.000Z', '2026-01-04T00:00:00.000Z', true, 'no show', 'flagged,no_account', NULL, NULL, NULL),
  (4, 'pi_4', 'pi_4', 'ch_4', false, 'releasing', 'paid', 'B-doubt', 'ada', 'gbp', 5000, 500, 4500, 1000,
   '2026-01-04T00:00:00.000Z', '2026-01-05T00:00:00.000Z', false, NULL, '', NULL, NULL, NULL);
INSERT INTO operations (id, kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, parameters, state,
  maybe_done, attempts, first_sent_at, last_sent_at, unknown_since, next_attempt_at, stripe_id, error_code, error,
  created_at, updated_at) VALUES
  (7, 'transfer', 1, 'ada', 1, 'payoutd:transfer:pi_1:1', 11110, 'usd',
   '{\"amount\":11110,\"currency\":\"usd\",\"destination\":\"acct_1\",\"source_transaction\":\"ch_1\",\"transfer_group\":\"g\",\"payment_id\":1}',
   'confirmed', false, 0,
   '2026-01-04T00:00:00.000Z', '2026-01-04T00:00:00.000Z', NULL, NULL, 'tr_1', NULL, NULL,
   '2026-01-04T00:00:00.000Z', '2026-01-04T00:00:00.000Z'),
  (8, 'transfer', 4, 'ada', 1, 'payoutd:transfer:pi_4:1', 4500, 'gbp',
   '{\"amount\":4500,\"currency\":\"gbp\",\"destination\":\"acct_1\",\"source_transaction\":\"ch_4\",\"transfer_group\":\"g\",\"payment_id\":4}',
   'unknown', true, 2, '2026-01-05T00:00:00.000Z', '2026-01-05T00:00:10.000Z', '2026-01-05T00:00:01.000Z',
   '2026-01-05T00:05:00.000Z', NULL, 'no_answer', 'no answer within the call timeout',
   '2026-01-05T00:00:00.000Z', '2026-01-05T00:00:10.000Z');
INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms, http_status, error_code, error, request_id)
VALUES (8, 'create', '2026-01-05T00:00:00.000Z', 30000, NULL, 'no_answer', 'no answer within the call timeout', NULL),
  (8, 'create', '2026-01-05T00:00:10.000Z', 41, 500, 'api_error', 'An unknown error occurred', 'req_8');
INSERT INTO webhook_events (id, event_id, type, stripe_created, livemode, body, received_at, state, attempts,
  next_attempt_at, note, projected_at, payment_key) VALUES
  (1, 'evt_1', 'charge.succeeded', '2026-01-01T00:00:00.000Z', false, CAST('{\"id\":\"evt_1\",\"amount\":12345}' AS BLOB),
   '2026-01-01T00:00:01.000Z', 'projected', 1, NULL, NULL, '2026-01-01T00:00:02.000Z', 'pi_1'),
  (2, 'evt_2', 'charge.refunded', '2026-01-02T00:00:00.000Z', false, CAST('not JSON' AS BLOB),
   '2026-01-02T00:00:01.000Z', 'failed', 3, '2999-01-01T00:00:00.000Z', 'the body is not JSON', NULL, NULL);
INSERT INTO emails (id, once_key, kind, recipient, to_address, mentor_id, payment_id, notice, state, attempts, error,
  created_at, sent_at) VALUES
  (1, 'one', 'paid', 'mentor', 'ada@example.org', 'ada', 1, '{}', 'sent', 1, NULL, '2026-01-04T00:00:00.000Z',
   '2026-01-04T00:00:03.000Z'),
  (2, 'two', 'on_hold', 'mentor', 'ada@example.org', 'ada', 3, '{}', 'failed', 5, '550 no such user',
   '2026-01-04T00:00:00.000Z', NULL);
INSERT INTO runs (id, trigger, started_at, finished_at, looked_at, transferred, held, waiting, failed, unfinished, error)
VALUES (1, 'schedule', '2026-01-04T00:00:00.000Z', '2026-01-04T00:00:01.250Z', 4, 1, 1, 1, 0, 1, NULL),
  (2, 'cron', '2026-01-04T00:01:00.000Z', '2026-01-04T00:01:00.007Z', 0, 0, 0, 0, 0, 0, 'Stripe cannot be reached'),
  (3, 'cli', '2026-01-04T00:02:00.000Z', NULL, 0, 0, 0, 0, 0, 0, NULL);
";

pub fn with_rows() -> Program {
    let program = Program::new();
    program.prints(&["migrate"]);
    let mut conn = SqliteConnection::establish(&program.database().to_string_lossy()).expect("there");
    conn.batch_execute(ROWS).expect("written");
    program
}

/// What several commands print, each under its line.
fn printed(program: &Program, commands: &[&[&str]]) -> String {
    let one = |args: &&[&str]| format!("$ payoutd {}\n{}", args.join(" "), program.prints(args));
    commands.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Its words, with the code that it must end with.
fn refuses(program: &Program, code: i32, args: &[&str]) -> String {
    let said = program.run(args);
    assert_eq!(said.code, Some(code), "{args:?}: {said:?}");
    format!("$ payoutd {}\n{}", args.join(" "), said.err.lines().next().unwrap_or_default())
}

#[test]
fn payments() {
    let program = with_rows();
    let commands: &[&[&str]] = &[
        &["payments"],
        &["payments", "--status", "held", "--status", "releasing"],
        &["payments", "--reason", "no_account"],
        &["payments", "--flagged", "--mentor", "ada"],
        &["payments", "--since", "2026-01-02", "--until", "2026-01-03"],
        &["payments", "--limit", "1", "--before", "3"],
        &["payments", "--mentor", "bo"],
        &["payments", "--due"],
    ];
    insta::assert_snapshot!("payments", printed(&program, commands));
    let shown = program.json(&["payments", "--reason", "flagged", "--json"]);
    assert_eq!(shown.as_array().map(Vec::len), Some(1));
    assert_eq!(shown[0]["reasons"], serde_json::json!(["flagged", "no_account"]));
    assert_eq!((shown[0]["id"].as_i64(), shown[0]["flagged"].as_bool()), (Some(3), Some(true)));
    assert_eq!(
        (shown[0]["mentor_due"].as_i64(), shown[0]["paid_at"].as_str()),
        (Some(9_000), Some("2026-01-03T00:00:00Z"))
    );
    assert_eq!(program.json(&["payments", "--mentor", "bo", "--json"]), serde_json::json!([]));
}

#[test]
fn runs() {
    let program = with_rows();
    insta::assert_snapshot!("runs", printed(&program, &[&["runs"], &["runs", "--failed"]]));
    let shown = program.json(&["runs", "--json"]);
    assert_eq!((shown[0]["finished_at"].is_null(), shown[2]["duration_ms"].as_i64()), (true, Some(1_250)));
}

#[test]
fn webhooks() {
    let program = with_rows();
    let commands: &[&[&str]] = &[
        &["webhooks", "list"],
        &["webhooks", "list", "--type", "charge.succeeded"],
        &["webhooks", "show", "evt_1"],
        &["webhooks", "show", "2"],
        &["webhooks", "replay", "evt_1", "2"],
        &["webhooks", "ignore", "evt_2", "--reason", "not ours"],
        &["webhooks", "list", "--state", "ignored"],
        &["webhooks", "replay", "--failed"],
        &["webhooks", "replay", "2"],
    ];
    insta::assert_snapshot!("webhooks", printed(&program, commands));
    let shown = program.json(&["webhooks", "show", "1", "--json"]);
    assert_eq!((shown["type"].as_str(), shown["body"]["amount"].as_i64()), (Some("charge.succeeded"), Some(12_345)));
    assert_eq!(program.json(&["webhooks", "show", "2", "--json"])["body"], "not JSON");
    assert_eq!(program.json(&["webhooks", "list", "--json"])[1]["payment"], 1);
}

#[test]
fn all_failed_events_are_replayed() {
    let program = with_rows();
    let first = program.prints(&["webhooks", "replay", "--failed"]);
    assert!(first.starts_with("1 failed event is to be projected again."), "{first}");
    assert!(program.prints(&["webhooks", "list", "--state", "pending"]).contains("evt_2"));
}

#[test]
fn emails() {
    let program = with_rows();
    let commands: &[&[&str]] = &[
        &["emails", "list"],
        &["emails", "list", "--state", "sent", "--to", "ada", "--kind", "paid"],
        &["emails", "retry", "2"],
        &["emails", "retry", "--failed"],
    ];
    insta::assert_snapshot!("emails", program.redact(&printed(&program, commands)));
    assert_eq!(program.json(&["emails", "list", "--state", "queued", "--json"])[0]["attempts"], 0);
}

#[test]
fn operations() {
    let program = with_rows();
    let commands: &[&[&str]] = &[
        &["operations", "list"],
        &["operations", "list", "--all"],
        &["operations", "list", "--state", "rejected"],
        &["operations", "show", "8"],
        &["operations", "show", "tr_1"],
    ];
    insta::assert_snapshot!("operations", printed(&program, commands));
    for name in ["#4", "B-doubt", "pi_4", "ch_4", "payoutd:transfer:pi_4:1"] {
        let shown = program.json(&["operations", "show", name, "--json"]);
        assert_eq!((shown[0]["id"].as_i64(), shown[0]["calls"].as_array().map(Vec::len)), (Some(8), Some(2)), "{name}");
    }
}

/// Stripe cannot be reached: the operation is as unknown as before, the look is on record, and the code says so.
#[test]
fn an_operation_that_cannot_be_looked_for() {
    let program = with_rows();
    let said = program.run(&["operations", "resolve", "8", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let shown: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|why| panic!("{why}: {said:?}"));
    assert_eq!((shown["outcome"].as_str(), shown["payment"].as_i64()), (Some("unknown"), Some(4)));
    assert!(shown["next_attempt_at"].is_string() && shown["why"].is_string(), "{shown}");
    let story = program.json(&["operations", "show", "8", "--json"]);
    assert_eq!((story[0]["state"].as_str(), story[0]["lease_owner"].is_null()), (Some("unknown"), true));
    assert_eq!(story[0]["calls"][2]["kind"], "look_up");
    assert!(program.prints(&["explain", "4"]).contains("resolve by zoe: operation 8"));
}

#[test]
fn what_cannot_be_is_refused() {
    let program = with_rows();
    let refused = [
        refuses(&program, 8, &["payments", "--mentor", "nobody"]),
        refuses(&program, 2, &["payments", "--reason", "no_reason"]),
        refuses(&program, 2, &["payments", "--status", "paid"]),
        refuses(&program, 2, &["payments", "--since", "yesterday"]),
        refuses(&program, 2, &["payments", "--watch", "--interval", "1ms"]),
        refuses(&program, 2, &["payments", "--limit", "0"]),
        refuses(&program, 8, &["webhooks", "show", "evt_none"]),
        refuses(&program, 8, &["webhooks", "replay", "2", "evt_none"]),
        refuses(&program, 1, &["webhooks", "ignore", "evt_1", "--reason", "why"]),
        refuses(&program, 2, &["webhooks", "ignore", "evt_2", "--reason", " "]),
        refuses(&program, 1, &["emails", "retry", "1"]),
        refuses(&program, 8, &["emails", "retry", "99"]),
        refuses(&program, 8, &["operations", "show", "99"]),
        refuses(&program, 8, &["operations", "show", "#3"]),
        refuses(&program, 8, &["operations", "resolve", "99"]),
        refuses(&program, 1, &["operations", "resolve", "7"]),
    ];
    insta::assert_snapshot!("desk_refusals", refused.join("\n"));
    // One that is not there keeps the others from being touched.
    assert_eq!(program.json(&["webhooks", "show", "2", "--json"])["state"], "failed");
}

/// Where it is not a terminal each list follows the one before, until Ctrl-C, which is no failure.
#[test]
fn a_list_that_is_watched() {
    let program = with_rows();
    let mut watching = bare()
        .arg("--config")
        .arg(program.config())
        .args(["payments", "--watch", "--interval", "100ms"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("piped")).lines();
    for _ in 0..2 {
        let header = lines.by_ref().map(|line| line.expect("UTF-8")).find(|line| line.starts_with("PAYMENT"));
        assert!(header.is_some(), "it ended by itself");
    }
    let interrupt = Command::new("kill").args(["-INT", &watching.id().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    let rest: Vec<String> = lines.map(|line| line.expect("UTF-8")).collect();
    assert!(rest.iter().all(|line| !line.contains('\x1b')), "nothing is cleared: {rest:?}");
    assert_eq!(watching.wait().expect("ended").code(), Some(0));
}
