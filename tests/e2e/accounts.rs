//! The mentor's side: no account yet, one that may not receive, one that was closed.

use super::*;
use payoutd::app::sandbox::{AccountChange, CapabilityStatus, NewAccount};

fn transfers(status: CapabilityStatus) -> AccountChange {
    AccountChange::Transfers { status, disabled_reason: None }
}

on_both_databases! {
    /// Given a mentor without an account, when a payment is due, then the mentor is asked for one; when it is there,
    /// they are paid.
    async fn a_mentor_without_an_account_is_asked_for_one_and_then_paid(db: TestDb) {
        let town = Town::new(db).await;
        town.register("ada", None).await;
        town.known_charge("B-1", "ada").await;
        assert_eq!(town.held_for("B-1").await, "no_account");
        let asked = town.email("ada@example.org", "B-1").await;
        assert!(asked.subject.contains("90.00 USD") && asked.subject.contains("waiting"), "{asked:?}");
        assert!(asked.text.contains("Stripe account"), "{asked:?}");
        town.run().await;
        let account = town.sandbox.create_account(NewAccount::default()).expect("free");
        town.register("ada", Some(&account)).await;
        town.paid_once("B-1", 9_000).await;
        town.email("ada@example.org", "You were paid").await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.all().len(), 2, "asked once, told once: {:?}", town.mailbox.all());
    }

    /// Given a charge for somebody unknown, when due, then it is recorded and held and the admin told; when the
    /// mentor is added, it is paid.
    async fn an_unknown_mentor_is_the_admins_matter(db: TestDb) {
        let town = Town::new(db).await;
        town.known_charge("B-1", "nobody").await;
        assert_eq!(town.held_for("B-1").await, "mentor_unknown");
        let told = town.email(town::ADMIN, "nobody").await;
        assert!(told.text.contains("payoutd mentor add"), "{told:?}");
        town.mentor("nobody").await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given an account without the capability, when a payment is due, then it is held and the mentor told; when
    /// Stripe says that it is active, it is paid.
    async fn an_account_without_the_capability_waits_for_it(db: TestDb) {
        let town = Town::new(db).await;
        let new = NewAccount { transfers: CapabilityStatus::Inactive, ..NewAccount::default() };
        let account = town.sandbox.create_account(new).expect("free");
        town.register("ada", Some(&account)).await;
        town.known_charge("B-1", "ada").await;
        let held = async || {
            town.run().await;
            town.payment("B-1").await.case.payment.hold_reasons == "transfers_inactive"
        };
        town.until("it is held for the capability", held).await;
        town.not_paid("B-1");
        town.email("ada@example.org", "90.00 USD").await;
        town.next_second().await;
        town.sandbox.change_account(&account, transfers(CapabilityStatus::Active)).expect("open");
        // capability.updated alone; account.updated never comes.
        town.deliver_only(&["capability.updated"]).await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given an account that loses the capability within the window, when the window ends, then it is held.
    async fn a_capability_that_is_lost_in_the_window_holds(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"72h\"").found(db).await;
        let account = town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.run().await;
        town.next_second().await;
        town.sandbox.change_account(&account, transfers(CapabilityStatus::Inactive)).expect("open");
        town.deliver().await;
        town.window_ends("B-1").await;
        assert_eq!(town.held_for("B-1").await, "transfers_inactive");
        town.next_second().await;
        town.sandbox.change_account(&account, transfers(CapabilityStatus::Active)).expect("open");
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given an account that was closed without a word, when Stripe refuses the transfer, then all of the mentor's
    /// payments are held, mentor and admin are told, and nothing has failed. A new account and a lift pay them.
    async fn a_closed_account_holds_the_mentor(db: TestDb) {
        let town = Town::new(db).await;
        let account = town.mentor("ada").await;
        town.known_charge("B-0", "ada").await;
        town.paid_once("B-0", 9_000).await;
        town.sandbox.change_account(&account, AccountChange::Close).expect("open");
        town.charge("B-1", "ada");
        town.charge("B-2", "ada");
        town.deliver_only(&["payment_intent", "checkout", "charge"]).await;
        for booking in ["B-1", "B-2"] {
            assert_eq!(town.held_for(booking).await, "mentor_restricted", "{:#?}", town.story(booking).await);
            town.not_paid(booking);
        }
        let told = town.email(town::ADMIN, "are on hold").await;
        assert!(told.subject.starts_with("All payments to") && told.text.contains("Ada Mentor"), "{told:?}");
        town.email("ada@example.org", "waiting").await;
        let fresh = town.sandbox.create_account(NewAccount::default()).expect("free");
        town.register("ada", Some(&fresh)).await;
        let ada = payoutd::domain::hold::Subject::Mentor(payoutd::domain::ids::MentorId::new("ada"));
        let now = payoutd::ports::Clock::now(&payoutd::app::SystemClock);
        let lifted = payoutd::ports::Store::lift_holds(&town.store, ada, "zoe".into(), "a new account".into(), now);
        lifted.await.expect("written");
        town.paid_once("B-1", 9_000).await;
        town.paid_once("B-2", 9_000).await;
    }

    /// Given a mentor who disconnects from the platform, when a payment is due, then it is held and the mentor asked
    /// to reconnect.
    async fn a_disconnected_account_is_asked_back(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"72h\"").found(db).await;
        let account = town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.run().await;
        town.sandbox.change_account(&account, AccountChange::Deauthorize).expect("open");
        town.deliver().await;
        town.window_ends("B-1").await;
        assert_eq!(town.held_for("B-1").await, "account_disconnected");
        town.not_paid("B-1");
        town.email("ada@example.org", "connect your Stripe account again").await;
    }

    /// Given a mentor's account that is changed while a transfer's outcome is unknown, then the order that may have
    /// been carried out is not repeated to the new one under the old key.
    async fn a_new_account_never_changes_an_order_under_its_key(db: TestDb) {
        let town = Town::new(db).await;
        let first = town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.trouble("B-1", payoutd::app::sandbox::Fault::ResetAfterEffect);
        let second = town.sandbox.create_account(NewAccount::default()).expect("free");
        // The account changes in the moment between the request and its outcome.
        town.run().await;
        town.register("ada", Some(&second)).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.sandbox.books().transfers[0].destination, first);
    }
}
