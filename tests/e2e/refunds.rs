//! Refunds and disputes before the transfer stop or shrink it, also when their webhooks never came.

use super::*;
use payoutd::app::sandbox::{DisputeStatus, Ending, NewDispute, NewRefund, Paid};

fn refund(town: &Town, paid: &Paid, amount_minor: Option<i64>) -> String {
    let refund = NewRefund { charge: paid.charge.clone(), amount_minor, pending: false };
    town.sandbox.refund(refund).expect("refundable")
}

async fn with_open_window(db: TestDb) -> Town {
    let town = Town::plan().with("window.dispute_window", "\"72h\"").found(db).await;
    town.mentor("ada").await;
    town.mentor("bo").await;
    town
}

on_both_databases! {
    /// Given a full refund within the window, when the window ends, then nothing is ever paid, and no email bothers
    /// anyone.
    async fn a_full_refund_is_never_paid(db: TestDb) {
        let town = with_open_window(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        refund(&town, &paid, None);
        town.deliver().await;
        town.reaches("B-1", status::Refunded).await;
        town.window_ends("B-1").await;
        town.run().await;
        town.reaches("B-1", status::Refunded).await;
        town.not_paid("B-1");
        assert_eq!(town.operations("B-1").await, [""; 0]);
        assert_eq!(town.mailbox.all().len(), 0);
    }

    /// Given partial refunds within the window, when it ends, then the mentor's share has shrunk in proportion.
    async fn a_partial_refund_shrinks_the_share(db: TestDb) {
        let town = with_open_window(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        refund(&town, &paid, Some(2_500));
        town.deliver().await;
        refund(&town, &paid, Some(1_500));
        town.deliver().await;
        town.window_ends("B-1").await;
        town.paid_once("B-1", 5_400).await;
        let email = town.email("ada@example.org", "54.00 USD").await;
        assert!(!email.text.contains("90.00"), "{email:?}");
    }

    /// Given a refund that the bank sends back, when told, then the whole share is due again.
    async fn a_refund_that_fails_gives_the_share_back(db: TestDb) {
        let town = with_open_window(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        let id = refund(&town, &paid, None);
        town.deliver().await;
        town.window_ends("B-1").await;
        town.reaches("B-1", status::Refunded).await;
        town.next_second().await;
        town.sandbox.settle_refund(&id, Ending::Fails).expect("it can come back");
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given refunds whose webhooks were lost, when the charges are read before the transfers, then they count.
    async fn preflight_finds_refunds_whose_webhooks_were_lost(db: TestDb) {
        let town = with_open_window(db).await;
        let whole = town.known_charge("B-whole", "ada").await;
        let part = town.known_charge("B-part", "bo").await;
        refund(&town, &whole, None);
        refund(&town, &part, Some(5_000));
        town.window_ends("B-whole").await;
        town.window_ends("B-part").await;
        town.reaches("B-whole", status::Refunded).await;
        town.not_paid("B-whole");
        assert_eq!(town.operations("B-whole").await, [""; 0]);
        town.paid_once("B-part", 4_500).await;
        // The webhooks come after all, and change nothing.
        town.deliver().await;
        town.run().await;
        town.not_paid("B-whole");
        town.paid_once("B-part", 4_500).await;
    }

    /// Given a dispute whose webhook was lost, when the charge is read, then the payment is held; when the dispute is
    /// won, it is paid.
    async fn preflight_finds_a_dispute_whose_webhook_was_lost(db: TestDb) {
        let town = with_open_window(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.window_ends("B-1").await;
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        town.not_paid("B-1");
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::UnderReview).expect("open");
        town.deliver_only(&["charge.dispute."]).await;
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a dispute that is lost, when all is told, then the payment stays held for good.
    async fn a_lost_dispute_is_never_paid(db: TestDb) {
        let town = with_open_window(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.deliver().await;
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        town.window_ends("B-1").await;
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Lost).expect("open");
        town.deliver().await;
        let held = async || town.payment("B-1").await.case.payment.hold_reasons.contains("dispute_lost");
        town.run().await;
        town.until("it is held because the dispute is lost", held).await;
        town.run().await;
        town.not_paid("B-1");
    }

    /// Given an inquiry, when it is closed, then the payment is paid; not before.
    async fn an_inquiry_holds_until_it_is_closed(db: TestDb) {
        let town = with_open_window(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        let inquiry = town.sandbox.open_dispute(NewDispute::inquiry(&paid.charge)).expect("disputable");
        town.deliver().await;
        town.window_ends("B-1").await;
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        town.not_paid("B-1");
        town.sandbox.set_dispute_status(&inquiry, DisputeStatus::WarningClosed).expect("open");
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given two disputes of one charge, when only one is won, then it stays held.
    async fn every_dispute_must_be_over(db: TestDb) {
        let town = with_open_window(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        let open = |amount| {
            let dispute = NewDispute { amount_minor: Some(amount), ..NewDispute::chargeback(&paid.charge) };
            town.sandbox.open_dispute(dispute).expect("disputable")
        };
        let (first, second) = (open(4_000), open(3_000));
        town.deliver().await;
        town.window_ends("B-1").await;
        assert_eq!(town.held_for("B-1").await.replace(",dispute_open", ""), "dispute_open");
        town.sandbox.set_dispute_status(&first, DisputeStatus::Won).expect("open");
        town.deliver().await;
        town.run().await;
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        town.not_paid("B-1");
        town.sandbox.set_dispute_status(&second, DisputeStatus::Won).expect("open");
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
    }
}
