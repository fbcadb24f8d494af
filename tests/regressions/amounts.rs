//! Amounts that are what they seem, and states that stay true.

use super::*;
use payoutd::app::sandbox::Ending;

on_both_databases! {
    /// Given charges in currencies with no decimals, three, and two that must be zero, then what Stripe is sent and what the
    /// mentor reads is 90 % of what the customer read.
    async fn no_amount_is_a_hundred_times_itself(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        for (currency, charged, sent, reads) in [
            ("jpy", 10_000, 9_000, "9,000 JPY"),
            ("krw", 10_000, 9_000, "9,000 KRW"),
            ("vnd", 250_000, 225_000, "225,000 VND"),
            ("usd", 10_000, 9_000, "90.00 USD"),
            ("kwd", 10_000, 9_000, "9.000 KWD"),
            ("ugx", 1_000_000, 900_000, "9,000 UGX"),
        ] {
            let booking = format!("B-{currency}");
            town.pay(&booking, "ada", charged, currency);
            town.deliver().await;
            town.paid_once(&booking, sent).await;
            assert_eq!(town.transferred(&booking), [(sent, currency.to_owned())]);
            town.email("ada@example.org", &format!("You were paid {reads}")).await;
        }
    }

    /// Given a withdrawal that its bank had taken, when the bank sends it back days later, then it is shown as failed, the
    /// mentor is told, and the money is theirs to withdraw again.
    async fn a_payout_that_fails_after_it_was_paid_is_shown_as_failed(db: TestDb) {
        let town = Town::plan().with_prompt_settlement().found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.paid_once("B-1", 9_000).await;
        town.sql.run("INSERT INTO payout_requests (mentor_id, amount, currency) VALUES ('ada', 5000, 'usd')").await;
        let shown = async || town.sql.words("state", "payout_requests ORDER BY id").await;
        let stands = async |wanted: &[&str]| {
            let met = async || {
                town.run().await;
                town.deliver().await;
                shown().await == wanted
            };
            town.until(&format!("it is {wanted:?}"), met).await;
        };
        stands(&["in_transit"]).await;
        let payout = town.sandbox.books().payouts[0].id.clone();
        for (ending, state) in [(Ending::Succeeds, "paid"), (Ending::Fails, "failed")] {
            town.next_second().await;
            town.sandbox.settle_payout(&payout, ending).expect("it can end so");
            stands(&[state]).await;
        }
        town.email("ada@example.org", "did not reach your bank").await;
        let withdrawn = "CAST(coalesce(sum(withdrawn), 0) AS TEXT)";
        assert_eq!(town.sql.words(withdrawn, "mentor_balances WHERE mentor_id = 'ada'").await, ["0"]);
        town.sql.run("INSERT INTO payout_requests (mentor_id) VALUES ('ada')").await;
        stands(&["failed", "in_transit"]).await;
        assert_eq!(town.sandbox.books().payouts[1].amount_minor, 9_000);
    }
}
