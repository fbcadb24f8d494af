//! What follows a transfer: refunds and disputes take the mentor's share back, or make it a debt; what turns out well is
//! paid again; other hands are respected.

use super::*;
use payoutd::app::sandbox::{DisputeStatus, Ending, Fault, FaultMatch, FaultRule, NewDispute, NewRefund, Paid};

async fn town(db: TestDb) -> Town {
    let town = Town::new(db).await;
    town.mentor("ada").await;
    town
}

/// A payment of 100.00, of which the mentor has 90.00.
async fn paid(town: &Town, booking: &str) -> Paid {
    let paid = town.known_charge(booking, "ada").await;
    town.paid_once(booking, 9_000).await;
    paid
}

fn refund(town: &Town, paid: &Paid, amount_minor: Option<i64>) -> String {
    let refund = NewRefund { charge: paid.charge.clone(), amount_minor, pending: false };
    town.sandbox.refund(refund).expect("refundable")
}

/// Runs until the mentor has been sent this much of the payment in all, at Stripe and in the database.
async fn comes_to(town: &Town, booking: &str, left: i64) {
    town.deliver().await;
    let there = async || {
        town.run().await;
        town.left(booking) == left && nothing_under_way(town).await
    };
    town.until(&format!("{booking} comes to {left}"), there).await;
    // And stays there, whatever is told again.
    town.deliver().await;
    town.run().await;
    assert_eq!(town.left(booking), left);
}

async fn nothing_under_way(town: &Town) -> bool {
    town.sql.count("operations WHERE state IN ('planned', 'submitting', 'unknown')").await == 0
}

/// The reversals that payoutd recorded, oldest first.
async fn reversals(town: &Town) -> Vec<i64> {
    let rows = town
        .sql
        .words("CAST(amount AS TEXT)", "operations WHERE kind = 'reversal' AND state = 'confirmed' ORDER BY id")
        .await;
    rows.iter().map(|amount| amount.parse().expect("a number")).collect()
}

async fn debt(town: &Town) -> i64 {
    town.sql
        .words("CAST(outstanding AS TEXT)", "mentor_debts")
        .await
        .first()
        .map_or(0, |owed| owed.parse().expect("a number"))
}

async fn owes(town: &Town, amount: i64) {
    let there = async || {
        town.run().await;
        debt(town).await == amount
    };
    town.until(&format!("they owe {amount}"), there).await;
}

async fn transfer_id(town: &Town, booking: &str) -> String {
    town.payment(booking).await.case.payment.transfer_id.expect("transferred").into_string()
}

on_both_databases! {
    /// Given a payment that was paid, when it is refunded in parts, then the share of each is taken back, and the mentor
    /// is told.
    async fn refunds_take_the_share_back(db: TestDb) {
        let town = town(db).await;
        let paid = paid(&town, "B-1").await;
        refund(&town, &paid, Some(2_500));
        comes_to(&town, "B-1", 6_750).await;
        let email = town.email("ada@example.org", "22.50 USD").await;
        assert!(email.text.contains("because the customer was refunded"), "{email:?}");
        refund(&town, &paid, Some(1_000));
        refund(&town, &paid, None);
        comes_to(&town, "B-1", 0).await;
        let reversals = reversals(&town).await;
        assert_eq!((reversals.iter().sum::<i64>(), reversals.len()), (9_000, 3));
    }

    /// Given a refund after the transfer, when the bank sends it back, then the share is paid again, once.
    async fn a_refund_that_fails_is_paid_again(db: TestDb) {
        let town = town(db).await;
        let paid = paid(&town, "B-1").await;
        let id = refund(&town, &paid, Some(5_000));
        comes_to(&town, "B-1", 4_500).await;
        town.next_second().await;
        town.sandbox.settle_refund(&id, Ending::Fails).expect("it can come back");
        comes_to(&town, "B-1", 9_000).await;
        town.email("ada@example.org", "sent it again").await;
    }

    /// Given an answer to a reversal that is lost after the effect, when it is found out, then it was done once.
    async fn a_lost_answer_reverses_once(db: TestDb) {
        let town = town(db).await;
        let paid = paid(&town, "B-1").await;
        let path = format!("/v1/transfers/{}/reversals", transfer_id(&town, "B-1").await);
        let matching = FaultMatch { path_prefix: Some(path), ..FaultMatch::transfers() };
        town.sandbox.add_fault(FaultRule::once(matching, Fault::ResetAfterEffect));
        refund(&town, &paid, Some(5_000));
        comes_to(&town, "B-1", 4_500).await;
        assert_eq!(reversals(&town).await, [4_500]);
    }

    /// Given a mentor whose account is empty, when their payment is refunded, then they owe it, it is kept out of what
    /// they earn next, and never more than that.
    async fn what_stripe_will_not_give_back_is_netted(db: TestDb) {
        let town = Town::plan().with_prompt_settlement().found(db).await;
        let account = town.mentor("ada").await;
        let paid = paid(&town, "B-1").await;
        town.by_hand("/v1/payouts", Some(&account), "amount=9000&currency=usd").await;
        refund(&town, &paid, None);
        town.deliver().await;
        owes(&town, 9_000).await;
        town.email("ada@example.org", "kept out of your next payments").await;
        town.email("admin@example.com", "could not be taken back").await;
        // All of the next one goes towards it, and part of the one after.
        town.pay("B-2", "ada", 6_000, "usd");
        town.deliver().await;
        town.reaches("B-2", status::Netted).await;
        town.not_paid("B-2");
        owes(&town, 3_600).await;
        town.known_charge("B-3", "ada").await;
        town.paid_once("B-3", 5_400).await;
        owes(&town, 0).await;
        town.known_charge("B-4", "ada").await;
        town.paid_once("B-4", 9_000).await;
    }

    /// Given a dispute after the transfer, when it is open, then an admin is told and nothing moves; when it is lost, the
    /// share is taken back.
    async fn a_dispute_that_is_lost_is_taken_back(db: TestDb) {
        let town = town(db).await;
        let paid = paid(&town, "B-1").await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        comes_to(&town, "B-1", 9_000).await;
        town.email("admin@example.com", "is disputed: 100.00 USD").await;
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Lost).expect("open");
        comes_to(&town, "B-1", 0).await;
        town.email("ada@example.org", "disputed the payment with their bank").await;
    }

    /// Given an operator who takes back at once, when a dispute is opened and won, then the share goes and comes back, once.
    async fn a_dispute_that_is_won_is_paid_again(db: TestDb) {
        let town = Town::plan().with("after_transfer.open_dispute", "\"reverse\"").found(db).await;
        town.mentor("ada").await;
        let paid = paid(&town, "B-1").await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        comes_to(&town, "B-1", 0).await;
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        comes_to(&town, "B-1", 9_000).await;
    }

    /// Given webhooks that are lost, when something else wakes the payment, then what Stripe says is read before money
    /// moves.
    async fn the_dispute_is_read_before_money_moves(db: TestDb) {
        let town = Town::plan().with("after_transfer.open_dispute", "\"reverse\"").found(db).await;
        town.mentor("ada").await;
        let paid = paid(&town, "B-1").await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        // It is over by the time its opening is told.
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        town.deliver_only(&["charge.dispute.created"]).await;
        town.run().await;
        town.run().await;
        assert_eq!(town.left("B-1"), 9_000);
        assert_eq!(reversals(&town).await, [0; 0]);
    }

    /// Given an operator who takes back what is flagged late, when the flag is raised and lifted, then the money goes and
    /// comes back.
    async fn a_late_flag_is_answered_as_the_operator_says(db: TestDb) {
        let town = Town::plan().with("after_transfer.late_flag", "\"reverse\"").found(db).await;
        town.mentor("ada").await;
        paid(&town, "B-1").await;
        town.sql.run("UPDATE payments SET dispute_requested = true, dispute_reason = 'identity in doubt'").await;
        comes_to(&town, "B-1", 0).await;
        town.sql.run("UPDATE payments SET dispute_requested = false").await;
        comes_to(&town, "B-1", 9_000).await;
    }

    /// Given a reversal done in the dashboard, when it is told, then it is adopted: nothing is sent again, and a refund
    /// takes only what is missing.
    async fn a_reversal_by_other_hands_is_adopted(db: TestDb) {
        let town = town(db).await;
        let paid = paid(&town, "B-1").await;
        let path = format!("/v1/transfers/{}/reversals", transfer_id(&town, "B-1").await);
        town.by_hand(&path, None, "amount=1000").await;
        comes_to(&town, "B-1", 8_000).await;
        let view = town.payment("B-1").await;
        assert_eq!(view.case.payment.status, status::Transferred);
        refund(&town, &paid, Some(5_000));
        comes_to(&town, "B-1", 4_500).await;
        assert_eq!(reversals(&town).await, [3_500]);
    }

    /// Given a debt that later payments paid off, when its cause goes, then what was paid off is paid to the mentor.
    async fn what_was_paid_off_in_vain_is_repaid(db: TestDb) {
        let town = Town::plan().with_prompt_settlement().found(db).await;
        let account = town.mentor("ada").await;
        let first = paid(&town, "B-1").await;
        town.by_hand("/v1/payouts", Some(&account), "amount=9000&currency=usd").await;
        let refunded = refund(&town, &first, None);
        town.deliver().await;
        owes(&town, 9_000).await;
        town.charge("B-2", "ada");
        town.deliver().await;
        town.reaches("B-2", status::Netted).await;
        owes(&town, 0).await;
        town.next_second().await;
        town.sandbox.settle_refund(&refunded, Ending::Fails).expect("it can come back");
        comes_to(&town, "B-1", 18_000).await;
        owes(&town, 0).await;
    }

    /// Given a restore that a hold keeps back, when the hold is lifted, then it is paid.
    async fn a_restore_waits_for_what_keeps_it_back(db: TestDb) {
        let town = town(db).await;
        let first = paid(&town, "B-1").await;
        let refunded = refund(&town, &first, Some(5_000));
        comes_to(&town, "B-1", 4_500).await;
        town.sql.run("INSERT INTO holds (mentor_id, reason) VALUES ('ada', 'identity in doubt')").await;
        town.next_second().await;
        town.sandbox.settle_refund(&refunded, Ending::Fails).expect("it can come back");
        comes_to(&town, "B-1", 4_500).await;
        town.email("admin@example.com", "identity in doubt").await;
        town.sql.run("UPDATE holds SET lifted_at = placed_at").await;
        comes_to(&town, "B-1", 9_000).await;
    }

    /// Given a charge that tells of a refund which no event of its own has told of, when a run comes in between, then it is
    /// read, and the share is taken back.
    async fn a_refund_that_only_the_charge_tells_of_is_read(db: TestDb) {
        let town = town(db).await;
        let first = paid(&town, "B-1").await;
        refund(&town, &first, Some(5_000));
        town.deliver_only(&["charge.refunded"]).await;
        let taken = async || {
            town.run().await;
            town.left("B-1") == 4_500
        };
        town.until("the share is taken back", taken).await;
        comes_to(&town, "B-1", 4_500).await;
    }
}
