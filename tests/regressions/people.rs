//! What people decided stands, and who is owed money hears when it does not come.

use super::*;
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{AccountChange, CapabilityStatus, FaultMatch, FaultRule, NewDispute};
use payoutd::ports::{Clock, Store};

fn transfers(status: CapabilityStatus) -> AccountChange {
    AccountChange::Transfers { status, disabled_reason: None }
}

on_both_databases! {
    /// Given payments that failed, when something speaks against each by the time that a person presses retry, then none is
    /// paid, whatever it is that speaks against it.
    async fn a_retry_skips_no_hold(db: TestDb) {
        let town = Town::new(db).await;
        let bookings = ["B-flag", "B-hold", "B-dispute", "B-refund", "B-mentor"];
        for (booking, mentor) in bookings.iter().zip(["ada", "ada", "ada", "ada", "bo"]) {
            if town.sql.count(&format!("mentors WHERE id = '{mentor}'")).await == 0 {
                town.mentor(mentor).await;
            }
            town.charge(booking, mentor);
        }
        town.deliver().await;
        for booking in bookings {
            town.trouble(booking, refuse("some_rule"));
        }
        // Three definite refusals pause a mentor: that is lifted here, so that each payment has one reason of its own.
        for booking in bookings {
            town.reaches(booking, status::Failed).await;
        }
        town.sql.run("UPDATE holds SET lifted_at = placed_at WHERE lifted_at IS NULL").await;
        let of = |booking: &str| format!("(SELECT id FROM payments WHERE booking_id = '{booking}')");
        town.sql.run("UPDATE payments SET dispute_requested = true WHERE booking_id = 'B-flag'").await;
        town.sql.run(&format!("INSERT INTO holds (payment_id, reason) VALUES ({}, 'in doubt')", of("B-hold"))).await;
        town.sql.run("INSERT INTO holds (mentor_id, reason) VALUES ('bo', 'in doubt')").await;
        let charge = town.payment("B-dispute").await.case.payment.charge_id.expect("known").to_string();
        // Its webhook is lost: it is Stripe who is asked.
        town.sandbox.open_dispute(NewDispute::chargeback(&charge)).expect("disputable");
        let asks = "INSERT INTO refund_requests (payment_id, amount, reason) VALUES";
        town.sql.run(&format!("{asks} ({}, 10000, 'cancelled')", of("B-refund"))).await;
        for booking in bookings {
            let id = town.payment(booking).await.case.payment.id;
            assert!(town.store.retry(id, "zoe".into(), SystemClock.now()).await.expect("written"), "{booking}");
        }
        for (booking, why) in [
            ("B-flag", "flagged"),
            ("B-hold", "payment_hold"),
            ("B-dispute", "dispute_open"),
            ("B-mentor", "mentor_hold"),
        ] {
            assert_eq!(town.held_for(booking).await, why, "{booking}");
        }
        town.deliver().await;
        town.reaches("B-refund", status::Refunded).await;
        assert_eq!(town.sandbox.books().transfers.len(), 0);
    }

    /// Given a payment that a run has picked, when it is cancelled while its charge is being read, then what was read before
    /// does not count: it is not paid, and the customer gets the money back.
    async fn what_is_cancelled_while_it_is_read_is_not_paid(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.sandbox.add_fault(FaultRule::once(FaultMatch::reads("/v1/charges"), Fault::Delay { ms: 600 }));
        let run = town.house().begin_run();
        town.until("the charge is being read", async || town.sandbox.faults()[0].fired == 1).await;
        let asks = "INSERT INTO refund_requests (payment_id, amount, reason) SELECT id, 10000, 'cancelled' FROM payments";
        assert_eq!(town.sql.run(asks).await, 1);
        assert_eq!(run.await.expect("no panic").transferred, 0);
        town.not_paid("B-1");
        town.deliver().await;
        let refunded = async || {
            town.run().await;
            town.deliver().await;
            town.payment("B-1").await.case.payment.status == status::Refunded
        };
        town.until("it is refunded", refunded).await;
        assert_eq!(town.sandbox.books().transfers.len(), 0);
    }

    /// Given a mentor whom an admin paused by plain SQL, when Stripe tells that their account is in order, however often, then
    /// the pause stands until a person lifts it.
    async fn an_account_in_order_lifts_no_pause(db: TestDb) {
        let town = Town::new(db).await;
        let account = town.mentor("ada").await;
        town.sql.run("INSERT INTO holds (mentor_id, reason) VALUES ('ada', 'identity in doubt')").await;
        town.known_charge("B-1", "ada").await;
        for status in [CapabilityStatus::Inactive, CapabilityStatus::Active] {
            town.next_second().await;
            town.sandbox.change_account(&account, transfers(status)).expect("open");
            town.deliver().await;
            town.run().await;
        }
        assert_eq!(town.held_for("B-1").await, "mentor_hold");
        town.not_paid("B-1");
        town.sql.run("UPDATE holds SET lifted_at = placed_at").await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given payments that fail, each in its way, then each payee hears of it, once.
    async fn every_failure_is_told_to_the_payee(db: TestDb) {
        let town = Town::new(db).await;
        for mentor in ["ada", "bo"] {
            town.mentor(mentor).await;
        }
        let cy = town.mentor("cy").await;
        town.register("dan", None).await;
        town.charge("B-ada", "ada");
        town.charge("B-bo", "bo");
        town.charge("B-cy", "cy");
        town.charge("B-dan", "dan");
        town.deliver().await;
        town.sandbox.change_account(&cy, AccountChange::Close).expect("open");
        town.trouble("B-ada", refuse("some_rule"));
        town.trouble("B-bo", refuse("parameter_invalid_integer"));
        town.reaches("B-ada", status::Failed).await;
        town.reaches("B-bo", status::Failed).await;
        town.held_for("B-cy").await;
        town.held_for("B-dan").await;
        for (mentor, words) in
            [("ada", "could not send you"), ("bo", "could not send you"), ("cy", "waiting"), ("dan", "waiting")]
        {
            let told = town.email(&format!("{mentor}@example.org"), words).await;
            assert!(told.text.contains("90.00 USD") || told.subject.contains("90.00 USD"), "{told:?}");
        }
        town.run().await;
        town.mail_sent().await;
        for mentor in ["ada", "bo", "cy", "dan"] {
            let told = town.mailbox.find(&format!("{mentor}@example.org"), "");
            assert_eq!(told.len(), 1, "{mentor}: {told:#?}");
        }
    }
}
