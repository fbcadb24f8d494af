//! What the commands show: tables for people, JSON for programs, on a database with one payment of each kind.

use diesel::prelude::*;

use crate::program::Program;

/// Two mentors and five payments, written as webhooks and runs would have left them.
const ROWS: &str = "
INSERT INTO accounts (stripe_account_id, transfers, transfers_told_at, transfers_rank, transfers_event_id)
VALUES ('acct_1Ada', 'active', '2026-01-01T00:00:00.000Z', 0, 'evt_1');
INSERT INTO mentors (id, name, email, stripe_account_id, created_at, updated_at) VALUES
  ('ada', 'Ada Mentor', 'ada@example.org', 'acct_1Ada', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'),
  ('bo', 'Bo Mentor', 'bo@example.org', NULL, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z');
INSERT INTO payments (id, payment_key, stripe_payment_intent_id, stripe_charge_id, livemode, status, collection,
  booking_id, mentor_id, currency, amount, platform_fee, mentor_amount, platform_fee_bps, paid_at, dispute_period_ends,
  hold_reasons, next_check_at) VALUES
  (1, 'pi_1', 'pi_1', 'ch_1', false, 'pending', 'paid', 'B-due', 'ada', 'usd', 12345, 1235, 11110, 1000,
   '2026-01-01T00:00:00.000Z', '2026-01-04T00:00:00.000Z', '', '2026-01-04T00:00:00.000Z'),
  (2, 'pi_2', 'pi_2', 'ch_2', false, 'pending', 'paid', 'B-window', 'ada', 'jpy', 12000, 1200, 10800, 1000,
   '2026-01-01T00:00:00.000Z', '2999-01-04T00:00:00.000Z', '', '2999-01-04T00:00:00.000Z'),
  (3, 'pi_3', 'pi_3', 'ch_3', false, 'held', 'paid', 'B-held', 'bo', 'eur', 10000, 1000, 9000, 1000,
   '2026-01-01T00:00:00.000Z', '2026-01-04T00:00:00.000Z', 'no_account', '2026-01-04T00:00:00.000Z'),
  (4, 'pi_4', 'pi_4', 'ch_4', false, 'failed', 'paid', 'B-failed', 'ada', 'gbp', 5000, 500, 4500, 1000,
   '2026-01-01T00:00:00.000Z', '2026-01-04T00:00:00.000Z', 'failed', NULL),
  (5, 'pi_5', 'pi_5', NULL, false, 'unpaid', 'awaiting', 'B-unpaid', 'ada', 'usd', 100, 10, 90, 1000,
   NULL, NULL, 'not_paid', NULL);
INSERT INTO sweeps (id, covers_from, swept_to, charges_to, swept_at, failing_since)
VALUES (1, '2026-01-01T00:00:00.000Z', '2026-01-04T00:00:00.000Z', '2026-01-04T00:00:00.000Z', '2026-01-04T00:00:00.000Z',
  '2026-01-04T00:01:00.000Z');
";

pub fn with_payments() -> Program {
    let program = Program::new();
    program.prints(&["migrate"]);
    let mut conn = SqliteConnection::establish(&program.database().to_string_lossy()).expect("there");
    diesel::connection::SimpleConnection::batch_execute(&mut conn, ROWS).expect("written");
    program
}

fn flag(program: &Program) {
    let mut conn = SqliteConnection::establish(&program.database().to_string_lossy()).expect("there");
    let line = "UPDATE payments SET dispute_requested = true, dispute_reason = 'no show' WHERE id = 1";
    diesel::sql_query(line).execute(&mut conn).expect("written");
}

#[test]
fn a_payments_story() {
    let program = with_payments();
    flag(&program);
    program.prints(&["hold", "B-due", "--reason", "customer called"]);
    program.prints(&["hold", "--mentor", "ada", "--reason", "identity in doubt"]);
    insta::assert_snapshot!("explain_held", program.redact(&program.prints(&["explain", "1"])));
    insta::assert_snapshot!("explain_waiting", program.redact(&program.prints(&["explain", "B-window"])));
    insta::assert_snapshot!("explain_unpaid", program.redact(&program.prints(&["explain", "pi_5"])));
    let shown = program.json(&["explain", "ch_1", "--json"]);
    assert_eq!((shown["id"].as_i64(), shown["decision"].as_str()), (Some(1), Some("hold")));
    let codes: Vec<_> = shown["reasons"].as_array().expect("a list").iter().map(|r| r["code"].clone()).collect();
    assert_eq!(codes, ["flagged", "payment_hold", "mentor_hold"]);
    assert!(shown["timeline"].as_array().is_some_and(|story| story.len() >= 2), "{shown}");
}

#[test]
fn a_payment_that_is_due() {
    let program = with_payments();
    insta::assert_snapshot!("explain_due", program.redact(&program.prints(&["explain", "#1"])));
    assert_eq!(program.json(&["explain", "1", "--json"])["decision"], "release");
}

#[test]
fn figures() {
    let program = with_payments();
    insta::assert_snapshot!("status", program.redact(&program.prints(&["status"])));
    let figures = program.json(&["status", "--json"]);
    assert_eq!(figures["due"], 2);
    assert!(figures["payments"].as_object().is_some_and(|kinds| kinds.len() == 4), "{figures}");
}

#[test]
fn what_a_run_would_do_writes_nothing() {
    let program = with_payments();
    let before = program.prints(&["status"]);
    insta::assert_snapshot!("run_dry", program.redact(&program.prints(&["run", "--dry-run"])));
    let rows = program.json(&["run", "--dry-run", "--json"]);
    let would: Vec<_> = rows.as_array().expect("a list").iter().map(|row| row["would"].clone()).collect();
    assert_eq!(would, ["pay", "hold"]);
    assert_eq!(program.prints(&["status"]), before);
}

/// Stripe is away: the run says so, pays nothing and burns nothing.
#[test]
fn a_run_without_stripe() {
    let program = with_payments();
    let said = program.run(&["run", "--json"]);
    let counts: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|why| panic!("{why}: {said:?}"));
    assert_eq!((counts["transferred"].as_i64(), counts["waiting"].as_i64()), (Some(0), Some(1)), "{said:?}");
    assert_eq!(program.json(&["explain", "1", "--json"])["status"], "pending");
}

#[test]
fn mentors() {
    let program = with_payments();
    insta::assert_snapshot!("mentor_list", program.redact(&program.prints(&["mentor", "list"])));
    program.prints(&["hold", "--mentor", "ada", "--reason", "identity in doubt"]);
    insta::assert_snapshot!("mentor_show", program.redact(&program.prints(&["mentor", "show", "ada"])));
    assert_eq!(program.json(&["mentor", "list", "--json"]).as_array().map(Vec::len), Some(2));
    let shown = program.json(&["mentor", "show", "bo", "--json"]);
    assert_eq!((shown["id"].as_str(), shown["account"].is_null()), (Some("bo"), true));
    let add = ["mentor", "add", "cy", "--name", "Cy Mentor", "--email", "cy@example.org"];
    insta::assert_snapshot!("mentor_add", program.prints(&add));
    program.prints(&["mentor", "add", "cy", "--account", "acct_1Cy"]);
    let shown = program.json(&["mentor", "show", "cy", "--json"]);
    assert_eq!((shown["name"].as_str(), shown["account"].as_str()), (Some("Cy Mentor"), Some("acct_1Cy")));
}

#[test]
fn holding_lifting_and_retrying() {
    let program = with_payments();
    let said = [
        program.prints(&["hold", "1", "--reason", "customer called"]),
        program.prints(&["hold", "1", "--reason", "customer called again"]),
        program.prints(&["lift", "1", "--reason", "settled"]),
        program.prints(&["lift", "1", "--reason", "settled"]),
        program.prints(&["hold", "--mentor", "bo", "--reason", "identity in doubt"]),
        program.prints(&["lift", "--mentor", "bo", "--reason", "identity confirmed"]),
        program.prints(&["retry", "B-failed"]),
    ];
    insta::assert_snapshot!("hold_lift_retry", program.redact(&said.concat()));
    assert_eq!(program.json(&["explain", "4", "--json"])["status"], "pending");
}
