//! The books, after all that can happen to money: the audit finds nothing, and what the ledger says is what Stripe says.

use super::*;
use payoutd::app::sandbox::{DisputeStatus, Ending, NewDispute, NewRefund, Paid, StripeFees};
use payoutd::domain::ids::MentorId;
use payoutd::ports::Books;

fn refund(town: &Town, paid: &Paid, amount_minor: Option<i64>) -> String {
    let refund = NewRefund { charge: paid.charge.clone(), amount_minor, pending: false };
    town.sandbox.refund(refund).expect("refundable")
}

async fn paid(town: &Town, booking: &str, mentor: &str) -> Paid {
    let paid = town.known_charge(booking, mentor).await;
    comes_by(town, booking, 9_000).await;
    paid
}

/// It is transferred, and the mentor has this much of it. What was paid again before, for others, is no second transfer.
async fn comes_by(town: &Town, booking: &str, amount: i64) {
    town.reaches(booking, status::Transferred).await;
    assert_eq!(town.left(booking), amount, "{booking}");
}

/// Runs until nothing is under way and nothing is due.
pub async fn comes_to_rest(town: &Town) {
    let rests = async || {
        town.deliver().await;
        town.run().await;
        let due = format!("payments WHERE next_check_at <= {}", town.sql.seconds_from_now(0));
        let live = "operations WHERE state IN ('planned', 'submitting', 'unknown')";
        town.sql.count(live).await == 0 && town.sql.count(&due).await == 0 && town.sandbox.undelivered().is_empty()
    };
    town.until("all is done", rests).await;
}

async fn ledger(town: &Town, account: &str) -> i64 {
    let sum = format!("ledger_entries WHERE account = '{account}'");
    town.sql.words("CAST(coalesce(sum(amount), 0) AS TEXT)", &sum).await[0].parse().expect("a number")
}

/// The audit finds nothing, and the ledger is what Stripe's own books say, fees included that payoutd is told of.
async fn books_are_right(town: &Town) {
    comes_to_rest(town).await;
    assert_eq!(town.store.audit_payments(0, 1_000).await.expect("audited").differences, []);
    assert_eq!(town.store.audit_mentors().await.expect("audited"), []);
    let books = town.sandbox.books();
    let of = |sums: &std::collections::BTreeMap<String, i64>| sums.get("usd").copied().unwrap_or(0);
    assert_eq!(ledger(town, "platform_balance").await, of(&books.available_minor) + of(&books.pending_minor));
    let there = of(&books.connected_minor);
    assert_eq!(ledger(town, "connected_balance").await, there);
    assert_eq!(ledger(town, "mentor_funds").await, -there);
}

on_both_databases! {
    /// Given refunds, disputes, reversals by us and by other hands, and debts, when all is done, then the books are right.
    async fn after_all_that_can_happen(db: TestDb) {
        let town = Town::plan().with_prompt_settlement().with_stripe_fees(StripeFees { dispute_minor: 1_500, ..StripeFees::default() });
        let town = town.found(db).await;
        let broke = town.mentor("ada").await;
        town.mentor("bo").await;
        books_are_right(&town).await;

        // Refunds before and after the transfer, and one that comes back.
        let early = town.charge("B-early", "bo");
        refund(&town, &early, Some(5_000));
        town.deliver().await;
        comes_by(&town, "B-early", 4_500).await;
        let late = paid(&town, "B-late", "bo").await;
        refund(&town, &late, Some(2_500));
        let back = refund(&town, &late, Some(1_000));
        books_are_right(&town).await;
        town.next_second().await;
        town.sandbox.settle_refund(&back, Ending::Fails).expect("it can come back");
        books_are_right(&town).await;
        assert_eq!(town.left("B-late"), 6_750);

        // Disputes: open, won, lost, an inquiry, and one before the transfer.
        let lost = paid(&town, "B-lost", "bo").await;
        let won = paid(&town, "B-won", "bo").await;
        let asked = paid(&town, "B-asked", "bo").await;
        let open = |paid: &Paid| town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        let (lost, won) = (open(&lost), open(&won));
        town.sandbox.open_dispute(NewDispute::inquiry(&asked.charge)).expect("disputable");
        let unpaid = town.charge("B-unpaid", "bo");
        open(&unpaid);
        books_are_right(&town).await;
        assert_eq!(ledger(&town, "disputed").await, 30_000);
        town.sandbox.set_dispute_status(&lost, DisputeStatus::Lost).expect("open");
        town.sandbox.set_dispute_status(&won, DisputeStatus::Won).expect("open");
        books_are_right(&town).await;
        assert_eq!(ledger(&town, "disputed").await, 10_000);
        assert_eq!(town.left("B-lost"), 0);

        // A reversal by other hands.
        paid(&town, "B-hands", "bo").await;
        let transfer = town.payment("B-hands").await.case.payment.transfer_id.expect("transferred");
        town.by_hand(&format!("/v1/transfers/{transfer}/reversals"), None, "amount=1000").await;
        books_are_right(&town).await;

        // A debt, netted with what is earned next.
        let gone = paid(&town, "B-gone", "ada").await;
        town.by_hand("/v1/payouts", Some(&broke), "amount=9000&currency=usd").await;
        refund(&town, &gone, None);
        books_are_right(&town).await;
        assert_eq!(ledger(&town, "mentor_debt").await, 9_000);
        town.pay("B-netted", "ada", 6_000, "usd");
        town.deliver().await;
        town.reaches("B-netted", status::Netted).await;
        town.known_charge("B-rest", "ada").await;
        comes_by(&town, "B-rest", 5_400).await;
        books_are_right(&town).await;
        assert_eq!(ledger(&town, "mentor_debt").await, 0);

        let balance = town.store.balances(MentorId::new("ada")).await.expect("read").remove(0);
        assert_eq!((balance.earned_minor, balance.paid_minor, balance.owed_minor), (14_400, 14_400, 0));
    }
}
