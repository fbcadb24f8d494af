//! Everything that goes wrong between payoutd and Stripe: what is tried again, what is looked up, what a person must
//! mend. Whatever happens, Stripe never holds two transfers of one payment.

use super::*;
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{Fault, FaultMatch, FaultRule, ServerErrorPoint};
use payoutd::ports::{Clock, Store};

/// A town with one mentor and one payment that is due, and whose transfer goes wrong once.
async fn in_trouble(db: TestDb, fault: Fault) -> Town {
    let town = Town::new(db).await;
    town.mentor("ada").await;
    town.known_charge("B-1", "ada").await;
    town.trouble("B-1", fault);
    town
}

fn server_error(at: ServerErrorPoint) -> Fault {
    Fault::ServerError { status: 500, at }
}

fn refuse(status: u16, code: &str) -> Fault {
    Fault::Refuse { status, code: code.into(), message: format!("Refused by the test: {code}.") }
}

/// It was paid once, by the first operation under its first key.
async fn healed(town: &Town, calls: &[&str], operation: &str) {
    town.paid_once("B-1", 9_000).await;
    assert_eq!(town.calls("B-1").await, calls);
    assert_eq!(town.operations("B-1").await, [operation]);
    town.mail_sent().await;
    let emails = town.mailbox.all();
    assert_eq!(emails.len(), 1, "the mentor is told, and nobody else: {emails:#?}");
}

on_both_databases! {
    /// Given a 500 before anything was done, when tried again under the same key, then it is paid.
    async fn a_500_before_the_effect_heals(db: TestDb) {
        let town = in_trouble(db, server_error(ServerErrorPoint::BeforeExecution)).await;
        healed(&town, &["create 500", "create 200"], "confirmed 1 1").await;
    }

    /// Given a timeout after the transfer was made, when asked again under the same key, then Stripe tells of it.
    async fn a_timeout_after_the_effect_heals(db: TestDb) {
        let town = in_trouble(db, Fault::TimeoutAfterEffect { hold_ms: None }).await;
        healed(&town, &["create -", "create 200"], "confirmed 1 1").await;
    }

    /// Given a timeout before anything was done, when tried again, then it is paid.
    async fn a_timeout_before_the_effect_heals(db: TestDb) {
        let town = in_trouble(db, Fault::TimeoutBeforeEffect { hold_ms: None }).await;
        healed(&town, &["create -", "create 200"], "confirmed 1 1").await;
    }

    /// Given a connection that breaks before the effect, when tried again, then it is paid.
    async fn a_reset_before_the_effect_heals(db: TestDb) {
        let town = in_trouble(db, Fault::ResetBeforeEffect).await;
        healed(&town, &["create -", "create 200"], "confirmed 1 1").await;
    }

    /// Given a connection that breaks after the effect, when asked again, then Stripe tells of it.
    async fn a_reset_after_the_effect_heals(db: TestDb) {
        let town = in_trouble(db, Fault::ResetAfterEffect).await;
        healed(&town, &["create -", "create 200"], "confirmed 1 1").await;
    }

    /// Given a 200 with a body that is not JSON, when asked again, then Stripe tells what was done.
    async fn a_garbled_200_heals(db: TestDb) {
        let town = in_trouble(db, Fault::Garbage).await;
        healed(&town, &["create 200", "create 200"], "confirmed 1 1").await;
    }

    /// Given more rate limits than there are attempts, when Stripe has time again, then it is paid, and no attempt
    /// was counted.
    async fn rate_limits_do_not_count(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.sandbox.add_fault(FaultRule::times(5, FaultMatch::transfer_group("B-1"), Fault::RateLimited));
        let calls = ["create 429", "create 429", "create 429", "create 429", "create 429", "create 200"];
        healed(&town, &calls, "confirmed 1 0").await;
    }

    /// Given more lock timeouts than there are attempts, when the lock is free, then it is paid; none was counted.
    async fn lock_timeouts_do_not_count(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.sandbox.add_fault(FaultRule::times(4, FaultMatch::transfer_group("B-1"), Fault::LockTimeout));
        healed(&town, &["create 429", "create 429", "create 429", "create 429", "create 200"], "confirmed 1 0").await;
    }

    /// Given a request that outlives our timeout, when asked again while it still runs, then Stripe says that the key
    /// is in use, which counts for nothing; once it has ended, its transfer is the one.
    async fn a_key_in_use_is_asked_again(db: TestDb) {
        let town = in_trouble(db, Fault::Delay { ms: 1_800 }).await;
        town.paid_once("B-1", 9_000).await;
        let calls = town.calls("B-1").await;
        assert_eq!(calls.first().map(String::as_str), Some("create -"), "{calls:?}");
        assert!(calls.iter().any(|call| call == "create 409"), "{calls:?}");
        assert_eq!(calls.last().map(String::as_str), Some("create 200"), "{calls:?}");
        assert_eq!(town.operations("B-1").await, ["confirmed 1 1"]);
    }

    /// Given a 500 that Stripe stores under the key although the transfer was made, when the counted attempts have only
    /// heard it again, then nothing is called failed or sent under another key: a look finds the transfer.
    async fn a_stored_500_whose_transfer_was_made_is_found_by_looking(db: TestDb) {
        let town = in_trouble(db, server_error(ServerErrorPoint::EffectDone)).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create 500", "create 500", "create 500", "look_up 200"]);
        assert_eq!(town.operations("B-1").await.len(), 1);
        town.mail_sent().await;
        assert_eq!(town.mailbox.find("ada@example.org", "You were paid").len(), 1);
    }

    /// Given a 500 that Stripe stores under the key with nothing done, when a look proves that, then a new key pays.
    async fn a_stored_500_with_nothing_done_is_paid_under_a_new_key(db: TestDb) {
        let town = Town::plan().with("rescue.key_max_age", "\"1s\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.trouble("B-1", server_error(ServerErrorPoint::NothingDone));
        town.paid_once("B-1", 9_000).await;
        let operations = town.operations("B-1").await;
        assert_eq!(operations.len(), 2, "{operations:?}");
        assert!(operations[0].starts_with("rejected 1"), "{operations:?}");
        assert_eq!(operations[1], "confirmed 2 0");
        let calls = town.calls("B-1").await;
        assert!(calls.contains(&"look_up 200".to_owned()), "absence was proven: {calls:?}");
        let keys = town.sql.words("idempotency_key", "operations ORDER BY generation").await;
        assert!(keys[0].ends_with(":1") && keys[1].ends_with(":2"), "{keys:?}");
    }

    /// Given an outcome that stays unknown, when it has for too long, then the admin is told once, and how to look.
    async fn an_outcome_unknown_for_long_is_told_once(db: TestDb) {
        let town = Town::plan().with("rescue.unknown_alert_after", "\"300ms\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        let group = FaultMatch::transfer_group("B-1");
        town.sandbox.add_fault(FaultRule::always(group, Fault::ResetAfterEffect));
        town.sandbox.add_fault(FaultRule::always(FaultMatch::reads("/v1/transfers"), Fault::LockTimeout));
        town.run().await;
        town.email(town::ADMIN, "Unclear whether payment").await;
        let tried = town.calls("B-1").await.len();
        let more = async || town.calls("B-1").await.len() > tried + 3;
        town.until("it goes on asking", more).await;
        town.sandbox.clear_faults();
        town.paid_once("B-1", 9_000).await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.find(town::ADMIN, "Unclear").len(), 1);
    }

    /// Given a platform balance that is too short, when tried, then nothing has failed: the admin is told once, and
    /// once there are funds a new key pays.
    async fn short_funds_wait_and_a_new_key_pays(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        town.charge("B-2", "ada");
        town.deliver().await;
        let short = FaultRule::times(4, FaultMatch::transfers(), refuse(400, "balance_insufficient"));
        town.sandbox.add_fault(short);
        town.paid_once("B-1", 9_000).await;
        town.paid_once("B-2", 9_000).await;
        let operations = [town.operations("B-1").await, town.operations("B-2").await].concat();
        assert_eq!(operations.iter().filter(|op| op.starts_with("rejected")).count(), 4, "{operations:?}");
        assert!(operations.iter().all(|op| op.ends_with(" 0")), "no attempt was counted: {operations:?}");
        town.mail_sent().await;
        let told = town.mailbox.find(town::ADMIN, "too short");
        assert_eq!(told.len(), 1, "once a day: {:#?}", town.mailbox.all());
        assert_eq!(town.mailbox.find("ada@example.org", "You were paid").len(), town.mailbox.all().len() - 1);
    }

    /// Given a refusal for good, when it comes, then payment and operation have failed, admin and mentor are told, and
    /// no run tries again; a person's retry pays under a new key.
    async fn a_refusal_for_good_waits_for_a_person(db: TestDb) {
        let town = in_trouble(db, refuse(400, "transfer_source_balance_parameters_mismatch")).await;
        let view = town.reaches("B-1", status::Failed).await;
        town.run().await;
        town.not_paid("B-1");
        assert_eq!(town.operations("B-1").await, ["rejected 1 1"]);
        let admin = town.email(town::ADMIN, "Refused by the test").await;
        assert!(admin.subject.contains("failed") && admin.text.contains("payoutd retry"), "{admin:?}");
        let mentor = town.email("ada@example.org", "could not send you").await;
        assert!(!mentor.text.contains("parameters_mismatch"), "no code for people: {mentor:?}");
        let id = view.case.payment.id;
        assert!(town.store.retry(id, "zoe".into(), SystemClock.now()).await.expect("written"));
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.operations("B-1").await, ["rejected 1 1", "confirmed 2 0"]);
        assert!(!town.store.retry(id, "zoe".into(), SystemClock.now()).await.expect("readable"), "paid is paid");
    }

    /// Given a failed payment that is flagged, when a person retries it, then every check is asked again and it is
    /// not paid.
    async fn a_retry_passes_no_check_by(db: TestDb) {
        let town = in_trouble(db, refuse(400, "some_rule")).await;
        let id = town.reaches("B-1", status::Failed).await.case.payment.id;
        town.sql.run("UPDATE payments SET dispute_requested = true WHERE booking_id = 'B-1'").await;
        assert!(town.store.retry(id, "zoe".into(), SystemClock.now()).await.expect("written"));
        assert_eq!(town.held_for("B-1").await, "flagged");
        town.not_paid("B-1");
    }

    /// Given a charge that cannot be read, when its payment is due, then it waits, and is paid once it can be read.
    async fn a_charge_that_cannot_be_read_is_not_paid(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        let unreadable = FaultRule::always(FaultMatch::reads("/v1/charges"), server_error(ServerErrorPoint::BeforeExecution));
        town.sandbox.add_fault(unreadable);
        let tries = async || {
            town.run().await;
            town.sandbox.faults()[0].fired >= 3
        };
        town.until("it was tried to read", tries).await;
        town.not_paid("B-1");
        let view = town.payment("B-1").await;
        assert_eq!(view.case.payment.status, status::Pending);
        let why = view.case.payment.pause.expect("it says why it waits").why;
        assert_eq!(why, payoutd::domain::payment::WaitWhy::Preflight);
        assert_eq!(town.operations("B-1").await, [""; 0]);
        town.sandbox.clear_faults();
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.mailbox.find(town::ADMIN, "").len(), 0, "{:#?}", town.mailbox.all());
    }

    /// Given one bad payment among many, when they are due together, then it alone fails.
    async fn one_bad_payment_does_not_fail_its_batch(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        for number in 1..=20 {
            town.charge(&format!("B-{number}"), "ada");
        }
        town.deliver().await;
        town.trouble("B-7", refuse(400, "some_rule"));
        town.reaches("B-7", status::Failed).await;
        for number in (1..=20).filter(|number| *number != 7) {
            town.paid_once(&format!("B-{number}"), 9_000).await;
        }
    }
}
