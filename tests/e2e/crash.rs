//! The daemon dies in the middle, or nobody knows what became of a call. Another takes up what it left, under the same
//! key, and what can no longer be sent safely is looked up instead.

use super::*;
use payoutd::app::sandbox::{Fault, FaultMatch, FaultRule};

/// Long waits between attempts, so that a story decides when the next one is.
async fn patient(db: TestDb) -> Town {
    let plan = Town::plan().with("retry.base", "\"60s\"").with("retry.busy", "\"60s\"").with("rescue.retry", "\"60s\"");
    let town = plan.with("release.preflight_retry", "\"60s\"").with("stripe.call_timeout", "\"4s\"").found(db).await;
    town.mentor("ada").await;
    town.known_charge("B-1", "ada").await;
    town
}

/// The next attempt of what is under way is due now.
async fn next_attempt(town: &Town) {
    let past = town.sql.seconds_from_now(-1);
    town.sql.run(&format!("UPDATE operations SET next_attempt_at = {past} WHERE next_attempt_at IS NOT NULL")).await;
}

/// The first request was so long ago.
async fn sent_days_ago(town: &Town, days: i64) {
    let then = town.sql.seconds_from_now(-86_400 * days);
    town.sql.run(&format!("UPDATE operations SET first_sent_at = {then}, last_sent_at = {then}")).await;
}

async fn flag(town: &Town, raised: bool) {
    let set = format!("UPDATE payments SET dispute_requested = {raised} WHERE booking_id = 'B-1'");
    assert_eq!(town.sql.run(&set).await, 1);
}

/// The transfer went wrong in this way, and its outcome is unknown.
async fn unknown_after(town: &Town, fault: Fault) {
    town.trouble("B-1", fault);
    town.run().await;
    assert_eq!(town.operations("B-1").await, ["unknown 1 1"]);
    assert_eq!(town.payment("B-1").await.case.payment.status, status::Releasing);
}

on_both_databases! {
    /// Given a daemon that dies while its call is on the wire, when the lease has run out, then another sends again
    /// under the same key, and there is one transfer.
    async fn a_crash_before_the_effect_is_rescued(db: TestDb) {
        let mut town = patient(db).await;
        town.trouble("B-1", Fault::Delay { ms: 600 });
        die_in_the_call(&mut town).await;
        town.start().await;
        town.run().await;
        assert_eq!(town.operations("B-1").await, ["submitting 1 0"], "nobody touches it while the lease stands");
        town.leases_run_out().await;
        busy_no_more(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.operations("B-1").await.len(), 1);
        told_once(&town).await;
    }

    /// Given a daemon that dies after Stripe did the transfer and before it wrote that down, when the lease has run
    /// out, then another learns of it under the same key.
    async fn a_crash_after_the_effect_is_rescued(db: TestDb) {
        let mut town = patient(db).await;
        town.trouble("B-1", Fault::TimeoutAfterEffect { hold_ms: Some(3_000) });
        die_in_the_call(&mut town).await;
        assert_eq!(town.transferred("B-1").len(), 1, "Stripe has done it");
        town.start().await;
        town.leases_run_out().await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create 200"], "the dead one's call is on no record");
        told_once(&town).await;
    }

    /// Given a crash after the effect and a flag raised since, when rescued, then nothing is sent again: the transfer
    /// is found by looking, and the admin told that it went out all the same.
    async fn a_flag_after_a_crash_is_not_sent_over(db: TestDb) {
        let mut town = patient(db).await;
        town.trouble("B-1", Fault::TimeoutAfterEffect { hold_ms: Some(3_000) });
        die_in_the_call(&mut town).await;
        flag(&town, true).await;
        town.start().await;
        town.leases_run_out().await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["look_up 200"]);
        town.email(town::ADMIN, "was sent, perhaps wrongly").await;
    }

    /// Given a transfer that was made and whose outcome is unknown, when a flag is raised, then it is looked up, not
    /// sent again; it is adopted and the admin told that it went out despite the flag.
    async fn a_flag_on_an_unknown_outcome_is_looked_up_and_told(db: TestDb) {
        let town = patient(db).await;
        unknown_after(&town, Fault::ResetAfterEffect).await;
        flag(&town, true).await;
        next_attempt(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create -", "look_up 200"]);
        let told = town.email(town::ADMIN, "was sent, perhaps wrongly").await;
        assert!(told.text.contains("Flagged by an admin"), "{told:?}");
    }

    /// Given a transfer that was not made and whose outcome is unknown, when a flag is raised, then a look finds
    /// nothing, the order is withdrawn and the payment held; when the flag is taken back, a new key pays.
    async fn a_flag_on_an_unknown_outcome_that_never_was_holds(db: TestDb) {
        let town = patient(db).await;
        unknown_after(&town, Fault::ResetBeforeEffect).await;
        flag(&town, true).await;
        next_attempt(&town).await;
        assert_eq!(town.held_for("B-1").await, "flagged");
        town.not_paid("B-1");
        let calls = town.calls("B-1").await;
        assert!(calls.len() >= 2 && calls[1..].iter().all(|call| call == "look_up 200"), "{calls:?}");
        flag(&town, false).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.operations("B-1").await, ["rejected 1 1", "confirmed 2 0"]);
    }

    /// Given a refund while the outcome is unknown, when taken up again, then the charge is read first, and the larger
    /// order is not sent again; what is due now is paid under a new key.
    async fn a_refund_on_an_unknown_outcome_is_not_overpaid(db: TestDb) {
        let town = patient(db).await;
        unknown_after(&town, Fault::ResetBeforeEffect).await;
        let charge = town.payment("B-1").await.case.payment.charge_id.expect("known").to_string();
        let refund = payoutd::app::sandbox::NewRefund { charge, amount_minor: Some(5_000), pending: false };
        // Its webhook is lost.
        town.sandbox.refund(refund).expect("refundable");
        next_attempt(&town).await;
        town.paid_once("B-1", 4_500).await;
        assert_eq!(town.operations("B-1").await.len(), 2);
    }

    /// Given a key so old that Stripe may have forgotten it, when the transfer was made, then it is only looked up.
    async fn an_old_key_is_looked_up_and_adopted(db: TestDb) {
        let town = patient(db).await;
        unknown_after(&town, Fault::ResetAfterEffect).await;
        sent_days_ago(&town, 2).await;
        next_attempt(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create -", "look_up 200"]);
        assert_eq!(town.operations("B-1").await, ["confirmed 1 1"]);
    }

    /// Given a key so old, when the transfer was never made, then it is never sent again: absence is proven, and a new
    /// key pays.
    async fn an_old_key_is_never_sent_again(db: TestDb) {
        let town = patient(db).await;
        unknown_after(&town, Fault::ResetBeforeEffect).await;
        sent_days_ago(&town, 2).await;
        next_attempt(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create -", "look_up 200", "create 200"]);
        assert_eq!(town.operations("B-1").await, ["rejected 1 1", "confirmed 2 0"]);
        let key = town.sandbox.books().transfers[0].idempotency_key.clone();
        assert!(key.is_some_and(|key| key.ends_with(":2")), "not under the old key");
    }

    /// Given a look that fails, when the key is old, then the outcome stays unknown until one succeeds.
    async fn a_look_that_fails_proves_nothing(db: TestDb) {
        let town = patient(db).await;
        unknown_after(&town, Fault::ResetAfterEffect).await;
        sent_days_ago(&town, 2).await;
        town.sandbox.add_fault(FaultRule::once(FaultMatch::reads("/v1/transfers"), Fault::Garbage));
        next_attempt(&town).await;
        let looked = async || town.calls("B-1").await.len() == 2;
        town.until("it looked", looked).await;
        assert_eq!(town.operations("B-1").await, ["unknown 1 1"]);
        next_attempt(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.operations("B-1").await, ["confirmed 1 1"]);
    }

    /// Given a daemon that is stopped and started in the middle of everything, then nothing is lost: events that were
    /// not projected, payments that waited, emails that were queued.
    async fn a_restart_loses_nothing(db: TestDb) {
        let mut town = Town::new(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        for event in town.sandbox.undelivered() {
            assert_eq!(town.sandbox.deliver(&event.id).await.expect("there"), [200]);
        }
        town.take_house().crash();
        town.start().await;
        town.all_read().await;
        town.restart().await;
        town.paid_once("B-1", 9_000).await;
        told_once(&town).await;
    }
}

/// Begins a run, and lets the daemon die while its call is on the wire.
async fn die_in_the_call(town: &mut Town) {
    let _ended_with_it = town.house().begin_run();
    on_the_wire(town).await;
    town.take_house().crash();
    assert_eq!(town.operations("B-1").await, ["submitting 1 0"]);
}

async fn on_the_wire(town: &Town) {
    town.until("the call is on the wire", async || town.sandbox.faults()[0].fired == 1).await;
}

/// What was told that its key is in use is asked again until it is not.
async fn busy_no_more(town: &Town) {
    let ended = async || {
        next_attempt(town).await;
        town.payment("B-1").await.case.payment.status == status::Transferred
    };
    town.until("the earlier request has ended", ended).await;
}

async fn told_once(town: &Town) {
    town.email("ada@example.org", "You were paid").await;
    town.mail_sent().await;
    assert_eq!(town.mailbox.all().len(), 1, "{:#?}", town.mailbox.all());
}

/// Given a worker that lost its lease while its call ran, when another has taken over, then one of the two writes
/// the outcome, and there is one transfer.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_under_a_lost_lease_is_not_written_twice() {
    // SQLite serves one daemon.
    let town = patient(TestDb::postgres().await).await;
    town.trouble("B-1", Fault::Delay { ms: 700 });
    let other = town.another_house().await;
    let run = town.house().begin_run();
    on_the_wire(&town).await;
    town.leases_run_out().await;
    // One of the two rescuers takes it and is told that the key is in use.
    let taken_over = async || town.calls("B-1").await.contains(&"create 409".to_owned());
    town.until("another has asked under the same key", taken_over).await;
    run.await.expect("no panic");
    next_attempt(&town).await;
    busy_no_more(&town).await;
    town.paid_once("B-1", 9_000).await;
    told_once(&town).await;
    assert!(other.close().await);
}
