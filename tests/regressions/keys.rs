//! Idempotency keys, lost answers and claims: whatever is not known, nothing is paid a second time.

use super::*;
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{FaultMatch, FaultRule, NewRefund, ServerErrorPoint};
use payoutd::ports::{Clock, Store};

/// One payment that is due, and so long waits that the story decides when the next attempt is.
async fn patient(db: TestDb) -> Town {
    with(db, Town::plan()).await
}

async fn with(db: TestDb, plan: town::Plan) -> Town {
    let plan = plan.with("retry.base", "\"60s\"").with("retry.busy", "\"60s\"").with("rescue.retry", "\"60s\"");
    let town = plan.with("release.preflight_retry", "\"60s\"").found(db).await;
    town.mentor("ada").await;
    town.known_charge("B-1", "ada").await;
    town
}

async fn next_attempt(town: &Town) {
    let past = town.sql.seconds_from_now(-1);
    town.sql.run(&format!("UPDATE operations SET next_attempt_at = {past} WHERE next_attempt_at IS NOT NULL")).await;
}

/// Stripe answers no read any more.
fn no_reads(town: &Town) {
    let down = Fault::ServerError { status: 500, at: ServerErrorPoint::BeforeExecution };
    town.sandbox.add_fault(FaultRule::always(FaultMatch::reads("/v1/"), down));
}

async fn runs(town: &Town, times: usize) {
    for _ in 0..times {
        town.run().await;
    }
}

on_both_databases! {
    /// Given a transfer on the wire, when every read fails from then on, then its id is stored with its answer, and no
    /// later batch pays again.
    async fn a_transfer_id_survives_every_later_read(db: TestDb) {
        let town = patient(db).await;
        town.trouble("B-1", Fault::Delay { ms: 400 });
        let run = town.house().begin_run();
        town.until("the call is on the wire", async || town.sandbox.faults()[0].fired == 1).await;
        no_reads(&town);
        run.await.expect("no panic");
        let view = town.payment("B-1").await;
        assert_eq!(view.case.payment.status, status::Transferred);
        assert_eq!(view.case.payment.transfer_id.expect("stored").as_str(), town.sandbox.books().transfers[0].id);
        runs(&town, 3).await;
        town.sandbox.clear_faults();
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create 200"]);
    }

    /// Given a transfer that was made and whose answer was lost, when the look for it fails again and again, then nothing is
    /// sent; when it succeeds, what is there is adopted.
    async fn a_look_that_fails_pays_nothing_again(db: TestDb) {
        let town = patient(db).await;
        town.trouble("B-1", Fault::ResetAfterEffect);
        town.run().await;
        let days_ago = town.sql.seconds_from_now(-2 * 86_400);
        town.sql.run(&format!("UPDATE operations SET first_sent_at = {days_ago}, last_sent_at = {days_ago}")).await;
        no_reads(&town);
        for looks in 1..=3 {
            next_attempt(&town).await;
            town.until("it looked", async || town.calls("B-1").await.len() > looks).await;
            town.run().await;
            assert_eq!(town.operations("B-1").await, ["unknown 1 1"]);
            assert_eq!(town.transferred("B-1").len(), 1);
        }
        assert_eq!(town.calls("B-1").await.iter().filter(|call| call.starts_with("create")).count(), 1);
        town.sandbox.clear_faults();
        next_attempt(&town).await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a key that Stripe has forgotten, when its transfer was made and nobody knows, then the key is not used again: to
    /// Stripe it would be new, and would pay again.
    async fn an_expired_key_is_not_a_new_one(db: TestDb) {
        let plan = Town::plan().with("rescue.key_max_age", "\"1s\"").with_key_lifetime_s(1);
        let town = with(db, plan).await;
        town.trouble("B-1", Fault::ResetAfterEffect);
        // A payment that comes of that age between its look and its claim is looked at again, with its transfers.
        let tried = async || {
            town.run().await;
            !town.operations("B-1").await.is_empty()
        };
        town.until("it is tried", tried).await;
        assert_eq!(town.operations("B-1").await, ["unknown 1 1"]);
        for _ in 0..3 {
            town.next_second().await;
        }
        next_attempt(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create -", "look_up 200"]);
    }

    /// Given a transfer that was made and whose answer was lost, when a refund changes what is due, then the key never meets
    /// the other amount: Stripe would refuse that, and who takes it for a failure pays under a new key.
    async fn a_key_never_meets_another_amount(db: TestDb) {
        let town = patient(db).await;
        town.trouble("B-1", Fault::ResetAfterEffect);
        town.run().await;
        let charge = town.payment("B-1").await.case.payment.charge_id.expect("known").to_string();
        town.sandbox.refund(NewRefund { charge, amount_minor: Some(5_000), pending: false }).expect("refundable");
        town.deliver().await;
        let settled = async || {
            next_attempt(&town).await;
            town.run().await;
            let live = "operations WHERE state IN ('planned', 'submitting', 'unknown')";
            town.left("B-1") == 4_500 && town.sql.count(live).await == 0
        };
        town.until("what was sent too much is taken back", settled).await;
        assert_eq!(town.transferred("B-1"), [(9_000, "usd".to_owned())]);
        let calls = town.calls("B-1").await;
        assert!(!calls.iter().any(|call| call.ends_with(" 400")), "{calls:?}");
        assert_eq!(town.sandbox.books().duplicates, 0);
    }

    /// Given `balance_insufficient`, which Stripe stores under the key and replays for a day, when there are funds, then the
    /// next attempt is under another key and pays.
    async fn a_stored_refusal_is_not_asked_for_again(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.trouble("B-1", refuse("balance_insufficient"));
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create 400", "create 200"]);
        let keys = town.sql.words("idempotency_key", "operations ORDER BY generation").await;
        assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
    }

    /// Given a call that timed out while Stripe did what it asked for, when runs and impatient people come, then the claim
    /// stands: nothing is sent but the same under the same key.
    async fn a_timeout_releases_no_claim(db: TestDb) {
        let town = patient(db).await;
        town.trouble("B-1", Fault::TimeoutAfterEffect { hold_ms: None });
        town.run().await;
        assert_eq!(town.operations("B-1").await, ["unknown 1 1"]);
        let view = town.payment("B-1").await;
        assert_eq!(view.case.payment.status, status::Releasing);
        let id = view.case.payment.id;
        assert!(!town.store.retry(id, "zoe".into(), SystemClock.now()).await.expect("readable"), "nothing has failed");
        let now = town.sql.seconds_from_now(-1);
        town.sql.run(&format!("UPDATE payments SET next_check_at = {now}")).await;
        runs(&town, 3).await;
        assert_eq!(town.calls("B-1").await, ["create -"]);
        next_attempt(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.operations("B-1").await, ["confirmed 1 1"]);
        assert_eq!(town.sql.count("operations").await, 1, "one key, and no other");
    }
}
