//! What people decide: flags by plain SQL, holds and lifts, and the one who never clears another's.

use super::*;
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{AccountChange, CapabilityStatus, Fault, FaultMatch, FaultRule};
use payoutd::domain::hold::Subject;
use payoutd::domain::ids::{MentorId, PaymentId};
use payoutd::ports::{Clock, Store};

const FLAG: &str = "UPDATE payments SET dispute_requested = true, dispute_reason = 'no session took place' \
    WHERE booking_id = 'B-1'";

async fn hold(town: &Town, on: Subject, actor: &str) {
    let placed = town.store.place_hold(on, actor.into(), "identity in doubt".into(), SystemClock.now()).await;
    assert!(placed.expect("written").is_some());
}

async fn lift(town: &Town, on: Subject) -> usize {
    let lifted = town.store.lift_holds(on, "zoe".into(), "settled".into(), SystemClock.now()).await;
    lifted.expect("written").len()
}

async fn id_of(town: &Town, booking: &str) -> PaymentId {
    town.payment(booking).await.case.payment.id
}

on_both_databases! {
    /// Given the admin's line of SQL within the window, when it ends, then nothing is paid; when the flag is taken
    /// back, it is. Both are on record.
    async fn a_flag_by_plain_sql_stops_a_payment_until_it_is_taken_back(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"72h\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.run().await;
        assert_eq!(town.sql.run(FLAG).await, 1);
        town.window_ends("B-1").await;
        assert_eq!(town.held_for("B-1").await, "flagged");
        town.run().await;
        town.not_paid("B-1");
        town.sql.run("UPDATE payments SET dispute_requested = false WHERE booking_id = 'B-1'").await;
        town.paid_once("B-1", 9_000).await;
        let record = town.sql.words("action", "audit_log WHERE subject_kind = 'payment' ORDER BY id").await;
        assert_eq!(record, ["flag", "unflag"]);
        let why = town.sql.words("detail", "audit_log WHERE action = 'flag'").await;
        assert_eq!(why, ["no session took place"]);
    }

    /// Given a flag on a payment that is due this moment, when the run comes, then it is not paid: the flag is read
    /// under the lock, after the charge was read.
    async fn a_flag_counts_until_the_very_claim(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        // The charge is being read while the admin types.
        let slow = Fault::Delay { ms: 700 };
        town.sandbox.add_fault(FaultRule::once(FaultMatch::reads("/v1/charges"), slow));
        let run = town.house().begin_run();
        let reading = async || town.sandbox.faults()[0].fired == 1;
        town.until("the charge is being read", reading).await;
        assert_eq!(town.sql.run(FLAG).await, 1);
        assert_eq!(run.await.expect("no panic").transferred, 0);
        assert_eq!(town.held_for("B-1").await, "flagged");
        town.not_paid("B-1");
        assert_eq!(town.operations("B-1").await, [""; 0]);
    }

    /// Given holds by two people on one payment, when only the flag is taken back, then it stays held; when the holds
    /// are lifted, it is paid.
    async fn holds_are_a_set(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"72h\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        let payment = Subject::Payment(id_of(&town, "B-1").await);
        hold(&town, payment.clone(), "zoe").await;
        hold(&town, payment.clone(), "yan").await;
        town.sql.run(FLAG).await;
        town.window_ends("B-1").await;
        let reasons = town.held_for("B-1").await;
        assert_eq!(reasons, "flagged,payment_hold,payment_hold");
        town.sql.run("UPDATE payments SET dispute_requested = false WHERE booking_id = 'B-1'").await;
        town.run().await;
        assert_eq!(town.held_for("B-1").await, "payment_hold,payment_hold");
        town.not_paid("B-1");
        assert_eq!(lift(&town, payment).await, 2);
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a hold on a mentor, when their payments are due, then all of them wait and those of others do not.
    async fn a_hold_on_a_mentor_holds_all_of_theirs_and_nobody_elses(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.mentor("bo").await;
        let ada = Subject::Mentor(MentorId::new("ada"));
        hold(&town, ada.clone(), "zoe").await;
        for (booking, mentor) in [("B-1", "ada"), ("B-2", "ada"), ("B-3", "bo")] {
            town.charge(booking, mentor);
        }
        town.deliver().await;
        town.paid_once("B-3", 9_000).await;
        for booking in ["B-1", "B-2"] {
            assert_eq!(town.held_for(booking).await, "mentor_hold");
            town.not_paid(booking);
        }
        assert_eq!(lift(&town, ada).await, 1);
        town.paid_once("B-1", 9_000).await;
        town.paid_once("B-2", 9_000).await;
    }

    /// Given a person's hold on a mentor whose account is restricted and then in order again, when Stripe says so,
    /// then the person's hold stays.
    async fn automation_never_lifts_a_persons_hold(db: TestDb) {
        let town = Town::new(db).await;
        let account = town.mentor("ada").await;
        hold(&town, Subject::Mentor(MentorId::new("ada")), "zoe").await;
        town.known_charge("B-1", "ada").await;
        for status in [CapabilityStatus::Inactive, CapabilityStatus::Active] {
            town.next_second().await;
            let change = AccountChange::Transfers { status, disabled_reason: None };
            town.sandbox.change_account(&account, change).expect("open");
            town.deliver().await;
            town.run().await;
        }
        assert_eq!(town.held_for("B-1").await, "mentor_hold");
        town.not_paid("B-1");
    }
}
