//! The claim query against the decision: on random rows, changed at random by plain SQL, the database finds exactly
//! what `decide` would release, and never sleeps through a change that makes a payment payable.

use chrono::{DateTime, Utc};
use payoutd::domain::release::{Decision, decide};
use payoutd::ports::Store;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::events::hour;
use crate::sql::literal;
use crate::world::{World, now, policy, stories};

const PAYMENTS: i64 = 5;
const EVERYTHING: &[&str] = &["emails", "holds", "payments", "disputes", "transfers", "accounts", "mentors"];

/// One of a few values, some of which let a payment through and some of which do not.
fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(values)
}

fn payment_set() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => one_of(&["true", "false"]).prop_map(|flag| format!("dispute_requested = {flag}")),
        2 => one_of(&["'m1'", "'m2'", "'m3'", "NULL"]).prop_map(|mentor| format!("mentor_id = {mentor}")),
        2 => one_of(&["0", "1", "4000", "10000"]).prop_map(|amount| format!("refunded_amount = {amount}")),
        1 => one_of(&["'paid'", "'awaiting'", "'failed'"]).prop_map(|word| format!("collection = {word}")),
        1 => one_of(&["true", "false"]).prop_map(|live| format!("livemode = {live}")),
        1 => one_of(&["true", "false"]).prop_map(|yes| format!("charge_disputed = {yes}")),
        1 => one_of(&["true", "false"]).prop_map(|yes| format!("destination_charge = {yes}")),
        1 => one_of(&["NULL", "'does not add up'"]).prop_map(|why| format!("fee_conflict = {why}")),
        1 => one_of(&["NULL", "'usd'", "'eur'"]).prop_map(|code| format!("settlement_currency = {code}")),
        1 => one_of(&["NULL", "9200", "40"]).prop_map(|amount| format!("settlement_amount = {amount}")),
        1 => one_of(&["9000", "49", "50", "0"])
            .prop_map(|due| format!("mentor_amount = {due}, platform_fee = amount - {due}")),
        2 => (-20..20_i64).prop_map(|n| format!("dispute_period_ends = '{}'", literal(hour(n)))),
        1 => one_of(&["dispute_period_ends = NULL"]).prop_map(str::to_owned),
        1 => (-20..20_i64).prop_map(|n| format!("wait_until = '{}', wait_reason = 'preflight'", literal(hour(n)))),
        1 => one_of(&["wait_until = NULL, wait_reason = NULL"]).prop_map(str::to_owned),
        1 => one_of(&["'pending'", "'held'", "'failed'", "'refunded'"]).prop_map(|status| format!("status = {status}")),
    ]
}

fn dispute_row() -> impl Strategy<Value = String> {
    let status = one_of(&["needs_response", "won", "lost", "warning_closed", "under_review", "new_word"]);
    (1..=PAYMENTS, 1..4_i64, status).prop_map(|(payment, dispute, status)| {
        format!(
            "INSERT INTO disputes (stripe_dispute_id, stripe_charge_id, amount, currency, status, reason, told_at, \
             rank, event_id) VALUES ('du_{dispute}', 'ch_{payment}', 1, 'usd', '{status}', '', '{0}', 0, '') \
             ON CONFLICT (stripe_dispute_id) DO UPDATE SET status = excluded.status, \
             stripe_charge_id = excluded.stripe_charge_id",
            literal(hour(0))
        )
    })
}

fn transfer_row() -> impl Strategy<Value = String> {
    (1..=PAYMENTS, 1..3_i64, one_of(&["0", "50", "100"])).prop_map(|(payment, transfer, reversed)| {
        format!(
            "INSERT INTO transfers (stripe_transfer_id, stripe_charge_id, destination, amount, amount_reversed, \
             currency, created_at) VALUES ('tr_{transfer}', 'ch_{payment}', 'acct_1', 100, {reversed}, 'usd', '{0}') \
             ON CONFLICT (stripe_transfer_id) DO UPDATE SET amount_reversed = excluded.amount_reversed, \
             stripe_charge_id = excluded.stripe_charge_id",
            literal(hour(0))
        )
    })
}

fn account_row() -> impl Strategy<Value = String> {
    let left = one_of(&["NULL", "NULL", "transfers_told_at"]);
    (1..4_i64, one_of(&["active", "active", "pending", "inactive"]), left).prop_map(|(account, transfers, left)| {
        format!(
            "INSERT INTO accounts (stripe_account_id, transfers, transfers_told_at, transfers_rank, \
             transfers_event_id) VALUES ('acct_{account}', '{transfers}', '{0}', 0, '') \
             ON CONFLICT (stripe_account_id) DO UPDATE SET transfers = excluded.transfers; \
             UPDATE accounts SET deauthorized_at = {left} WHERE stripe_account_id = 'acct_{account}'",
            literal(hour(0))
        )
    })
}

/// Something that a person or another part of payoutd may do.
fn change() -> impl Strategy<Value = String> {
    let hold = (1..4_i64, 1..=PAYMENTS, 1..4_i64, any::<bool>());
    prop_oneof![
        6 => (1..=PAYMENTS, payment_set()).prop_map(|(id, set)| format!("UPDATE payments SET {set} WHERE id = {id}")),
        3 => hold.prop_map(|(hold, payment, mentor, on_payment)| {
            let (payment, mentor) =
                if on_payment { (payment.to_string(), "NULL".into()) } else { ("NULL".into(), format!("'m{mentor}'")) };
            format!(
                "DELETE FROM holds WHERE actor = 'actor {hold}'; INSERT INTO holds (payment_id, mentor_id, actor, \
                 reason) VALUES ({payment}, {mentor}, 'actor {hold}', 'x')"
            )
        }),
        2 => (1..4_i64).prop_map(|hold| format!("UPDATE holds SET lifted_at = placed_at WHERE actor = 'actor {hold}'")),
        1 => (1..4_i64).prop_map(|hold| format!("DELETE FROM holds WHERE actor = 'actor {hold}'")),
        2 => dispute_row(),
        1 => (1..4_i64).prop_map(|id| format!("DELETE FROM disputes WHERE stripe_dispute_id = 'du_{id}'")),
        1 => transfer_row(),
        1 => (1..3_i64).prop_map(|id| format!("DELETE FROM transfers WHERE stripe_transfer_id = 'tr_{id}'")),
        3 => account_row(),
        2 => (1..4_i64, one_of(&["NULL", "account"])).prop_map(|(id, account)| {
            let account = if account == "account" { format!("'acct_{id}'") } else { "NULL".into() };
            format!(
                "INSERT INTO mentors (id) VALUES ('m{id}') ON CONFLICT (id) DO NOTHING; \
                 UPDATE mentors SET stripe_account_id = {account} WHERE id = 'm{id}'"
            )
        }),
        1 => (1..4_i64).prop_map(|id| format!("DELETE FROM mentors WHERE id = 'm{id}'")),
    ]
}

/// What happens: changes, with looks of the release run between them.
#[derive(Debug, Clone)]
enum Step {
    Change(String),
    Pick,
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => change().prop_map(Step::Change), 1 => Just(Step::Pick)];
    prop::collection::vec(step, 1..30)
}

/// Payable payments of three mentors in order; the changes spoil them.
async fn begin(w: &World) {
    w.forgets_the_ledger().await;
    for table in EVERYTHING {
        w.sql.run(&format!("DELETE FROM {table}")).await;
    }
    let at = literal(hour(-72));
    let overriding = if w.sql.is_postgres() { "OVERRIDING SYSTEM VALUE" } else { "" };
    for id in 1..=PAYMENTS {
        let mentor = id % 3 + 1;
        w.sql
            .run(&format!(
                "INSERT INTO payments (id, payment_key, livemode, collection, stripe_charge_id, mentor_id, currency, \
                 amount, platform_fee, mentor_amount, platform_fee_bps, paid_at, dispute_period_ends) {overriding} \
                 VALUES ({id}, 'pi_{id}', false, 'paid', 'ch_{id}', 'm{mentor}', 'usd', 10000, 1000, 9000, 1000, \
                 '{at}', '{}')",
                literal(hour(0))
            ))
            .await;
    }
    for id in 1..4 {
        w.sql
            .run(&format!(
                "INSERT INTO mentors (id, stripe_account_id) VALUES ('m{id}', 'acct_{id}'); INSERT INTO accounts \
                 (stripe_account_id, transfers, transfers_told_at, transfers_rank, transfers_event_id) \
                 VALUES ('acct_{id}', 'active', '{at}', 0, '')"
            ))
            .await;
    }
}

/// The payments that the decision releases now, by all that the database holds, with whether each is due.
async fn releasable(w: &World, now: DateTime<Utc>) -> Vec<(i64, bool)> {
    let views = w.store.payments(None, 1_000).await.expect("read");
    let released = views.iter().filter(|view| matches!(decide(&view.case, &policy(), now), Decision::Release(_)));
    let mut ids: Vec<(i64, bool)> =
        released.map(|v| (v.case.payment.id.0, v.next_check_at.is_some_and(|at| at <= now))).collect();
    ids.sort_unstable();
    ids
}

async fn picked(w: &World, now: DateTime<Utc>) -> Vec<i64> {
    // Ready ones are due again at once, so that every look must find them.
    let picked = w.store.pick_due(1_000, now, now).await.expect("picked");
    let mut ids: Vec<i64> = picked.ready.iter().map(|(plan, _)| plan.payment_id.0).collect();
    ids.sort_unstable();
    ids
}

async fn holds_true(w: &World, history: &[Step]) -> Result<(), TestCaseError> {
    begin(w).await;
    for (n, step) in history.iter().enumerate() {
        // Time goes on with the story: windows end and pauses pass.
        let now = hour(i64::try_from(n).expect("few"));
        if let Step::Change(statement) = step {
            w.sql.run(statement).await;
        }
        let expected = releasable(w, now).await;
        let asleep: Vec<_> = expected.iter().filter(|(_, due)| !due).collect();
        prop_assert!(asleep.is_empty(), "payable and asleep after step {} {:?}: {:?}", n, step, asleep);
        if matches!(step, Step::Pick) || n + 1 == history.len() {
            let expected: Vec<i64> = expected.into_iter().map(|(id, _)| id).collect();
            prop_assert_eq!(picked(w, now).await, expected, "after step {} {:?}", n, step);
        }
    }
    Ok(())
}

stories! {
    /// Given random rows, when they change at random, then the query finds what the decision releases: all of it, and
    /// nothing else.
    async fn the_query_finds_what_the_decision_releases(w: World) {
        let cases = if w.sql.is_postgres() { 40 } else { 150 };
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        let outcome = TestRunner::new(config).run(&history(), |history| now(holds_true(&w, &history)));
        outcome.unwrap_or_else(|why| panic!("{why}"));
    }
}
