//! Charges that settle in another currency than they were made in: the mentor's part is sent in that currency, and all
//! that follows is right in it; or it waits for a person.

use std::collections::BTreeSet;

use super::*;
use crate::books::comes_to_rest;
use payoutd::app::sandbox::{DisputeStatus, Ending, Fault, NewDispute, NewRefund, Paid, Pay, StripeFees};
use payoutd::domain::ids::MentorId;
use payoutd::ports::Books;

async fn converting(db: TestDb) -> Town {
    let plan = Town::plan().with("release.settlement_currency", "\"convert\"").with_prompt_settlement();
    let fees = StripeFees { dispute_minor: 1_500, ..StripeFees::default() };
    plan.with_stripe_fees(fees).found(db).await
}

/// A charge that settles as another amount of another currency.
fn charge(town: &Town, booking: &str, paid: (i64, &str), settles_as: (i64, &str)) -> Paid {
    let pay = Pay::new(paid.0, paid.1)
        .by("Casey Customer", "casey@example.com")
        .metadata("mentorUserId", "ada")
        .metadata("bookingId", booking)
        .transfer_group(booking)
        .settles_as(settles_as.0, settles_as.1);
    town.sandbox.pay(pay).expect("a valid payment")
}

fn refund(town: &Town, paid: &Paid, amount_minor: Option<i64>) -> String {
    let refund = NewRefund { charge: paid.charge.clone(), amount_minor, pending: false };
    town.sandbox.refund(refund).expect("refundable")
}

/// What is left with the mentor, by currency, is this; and all is at rest and in the books.
async fn comes_to(town: &Town, booking: &str, left: i64) {
    town.deliver().await;
    let there = async || {
        town.run().await;
        town.left(booking) == left
    };
    town.until(&format!("{booking} comes to {left}"), there).await;
    books_are_right(town).await;
    assert_eq!(town.left(booking), left, "{booking} stays there");
}

async fn ledger(town: &Town, account: &str, currency: &str) -> i64 {
    let sum = format!("ledger_entries WHERE account = '{account}' AND currency = '{currency}'");
    town.sql.words("CAST(coalesce(sum(amount), 0) AS TEXT)", &sum).await[0].parse().expect("a number")
}

/// The audit finds nothing, and in each currency the ledger is what Stripe's own books say.
pub async fn books_are_right(town: &Town) {
    comes_to_rest(town).await;
    assert_eq!(town.store.audit_payments(0, 1_000).await.expect("audited").differences, []);
    assert_eq!(town.store.audit_mentors().await.expect("audited"), []);
    let books = town.sandbox.books();
    let mut currencies: BTreeSet<String> =
        books.available_minor.keys().chain(books.pending_minor.keys()).cloned().collect();
    currencies.extend(town.sql.words("currency", "ledger_entries GROUP BY currency").await);
    for currency in &currencies {
        let of = |sums: &std::collections::BTreeMap<String, i64>| sums.get(currency).copied().unwrap_or(0);
        let platform = of(&books.available_minor) + of(&books.pending_minor);
        assert_eq!(ledger(town, "platform_balance", currency).await, platform, "platform_balance in {currency}");
        let there = of(&books.connected_minor);
        assert_eq!(ledger(town, "connected_balance", currency).await, there, "connected_balance in {currency}");
    }
}

async fn earned_and_paid(town: &Town, currency: &str) -> (i64, i64, i64) {
    let balances = town.store.balances(MentorId::new("ada")).await.expect("read");
    let balance = balances.iter().find(|balance| balance.currency.code() == currency);
    balance.map_or((0, 0, 0), |balance| (balance.earned_minor, balance.paid_minor, balance.owed_minor))
}

on_both_databases! {
    /// Given a charge in USD that settled in EUR, when it is due, then the mentor's part of what came in is sent in EUR, the
    /// email says how that came about, and refunds take their share of it back.
    async fn the_mentors_part_is_sent_where_it_settled(db: TestDb) {
        let town = converting(db).await;
        town.mentor("ada").await;
        let paid = charge(&town, "B-1", (10_000, "usd"), (9_200, "eur"));
        town.deliver().await;
        let view = town.reaches("B-1", status::Transferred).await;
        assert_eq!(town.transferred("B-1"), [(8_280, "eur".to_owned())]);
        assert_eq!(view.case.payment.pay_currency().code(), "eur");
        let email = town.email("ada@example.org", "You were paid 82.80 EUR").await;
        assert!(email.text.contains("The customer paid 100.00 USD, of which 90.00 USD is yours."), "{email:?}");
        assert!(email.text.contains("It reached us as 92.00 EUR"), "{email:?}");
        books_are_right(&town).await;
        assert_eq!(earned_and_paid(&town, "eur").await, (8_280, 8_280, 0));
        assert_eq!(earned_and_paid(&town, "usd").await, (0, 0, 0));

        refund(&town, &paid, Some(2_500));
        comes_to(&town, "B-1", 6_210).await;
        town.email("ada@example.org", "We had to take back 20.70 EUR").await;
        let back = refund(&town, &paid, Some(5_000));
        comes_to(&town, "B-1", 2_070).await;
        // The bank sends one back.
        town.next_second().await;
        town.sandbox.settle_refund(&back, Ending::Fails).expect("it can come back");
        comes_to(&town, "B-1", 6_210).await;
        assert_eq!(earned_and_paid(&town, "eur").await, (6_210, 6_210, 0));
    }

    /// Given charges that settled elsewhere and were partly refunded before, or that settle in a currency without decimals,
    /// then what is sent is rounded down to what that currency can pay.
    async fn into_currencies_of_other_decimals(db: TestDb) {
        let town = converting(db).await;
        town.mentor("ada").await;
        for (booking, paid, settled, sent) in [
            ("B-jpy", (10_000, "usd"), (14_937, "jpy"), 13_443),
            ("B-usd", (15_000, "jpy"), (9_871, "usd"), 8_883),
            ("B-kwd", (10_000, "usd"), (30_775, "kwd"), 27_690),
            ("B-isk", (10_000, "eur"), (1_449_900, "isk"), 1_304_900),
        ] {
            charge(&town, booking, paid, settled);
            town.deliver().await;
            town.reaches(booking, status::Transferred).await;
            assert_eq!(town.transferred(booking), [(sent, settled.1.to_owned())]);
        }
        let paid = charge(&town, "B-part", (10_000, "usd"), (9_200, "eur"));
        refund(&town, &paid, Some(5_000));
        town.deliver().await;
        town.reaches("B-part", status::Transferred).await;
        assert_eq!(town.transferred("B-part"), [(4_140, "eur".to_owned())]);
        refund(&town, &paid, Some(2_500));
        comes_to(&town, "B-part", 2_070).await;
    }

    /// Given a dispute of such a charge, when it is lost, then the mentor's part goes back, and the fee, which the bank took
    /// in the currency of settlement, is borne by whom the operator says.
    async fn a_lost_dispute_takes_it_back(db: TestDb) {
        let plan = Town::plan().with("release.settlement_currency", "\"convert\"").with_prompt_settlement();
        let plan = plan.with("after_transfer.dispute_fee", "\"mentor\"");
        let fees = StripeFees { dispute_minor: 1_500, ..StripeFees::default() };
        let town = plan.with_stripe_fees(fees).found(db).await;
        town.mentor("ada").await;
        let paid = charge(&town, "B-1", (10_000, "usd"), (9_200, "eur"));
        town.deliver().await;
        town.reaches("B-1", status::Transferred).await;
        let open = NewDispute { amount_minor: Some(5_000), ..NewDispute::chargeback(&paid.charge) };
        let dispute = town.sandbox.open_dispute(open).expect("disputable");
        comes_to(&town, "B-1", 8_280).await;
        assert_eq!(ledger(&town, "disputed", "eur").await, 4_600);
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Lost).expect("open");
        comes_to(&town, "B-1", 4_140 - 1_500).await;
        assert_eq!(ledger(&town, "disputed", "eur").await, 0);
        assert_eq!(earned_and_paid(&town, "eur").await, (2_640, 2_640, 0));
    }

    /// Given a mentor whose account is empty, when such a payment is refunded, then they owe it in the currency that they
    /// were paid in: it is kept out of what they earn in that, and in no other.
    async fn debts_are_in_the_currency_of_the_transfer(db: TestDb) {
        let town = converting(db).await;
        let account = town.mentor("ada").await;
        let paid = charge(&town, "B-1", (10_000, "usd"), (9_200, "eur"));
        town.deliver().await;
        town.reaches("B-1", status::Transferred).await;
        town.by_hand("/v1/payouts", Some(&account), "amount=8280&currency=eur").await;
        refund(&town, &paid, None);
        comes_to_rest(&town).await;
        assert_eq!(town.sql.words("currency || ' ' || CAST(outstanding AS TEXT)", "mentor_debts").await, ["eur 8280"]);
        town.email("ada@example.org", "82.80 EUR").await;
        books_are_right(&town).await;

        town.known_charge("B-usd", "ada").await;
        town.reaches("B-usd", status::Transferred).await;
        assert_eq!(town.transferred("B-usd"), [(9_000, "usd".to_owned())]);
        charge(&town, "B-2", (10_000, "usd"), (9_300, "eur"));
        town.deliver().await;
        town.reaches("B-2", status::Transferred).await;
        assert_eq!(town.transferred("B-2"), [(90, "eur".to_owned())]);
        books_are_right(&town).await;
        assert_eq!(earned_and_paid(&town, "eur").await, (8_370, 8_370, 0));
    }

    /// Given an operator who said nothing, then such a charge waits for a person; when they decide to convert, it is looked
    /// at again and sent.
    async fn it_waits_unless_the_operator_converts(db: TestDb) {
        let mut town = Town::new(db).await;
        town.mentor("ada").await;
        charge(&town, "B-1", (10_000, "usd"), (9_200, "eur"));
        town.deliver().await;
        assert_eq!(town.held_for("B-1").await, "other_settlement_currency");
        town.not_paid("B-1");
        books_are_right(&town).await;
        town.set("release.settlement_currency", "\"convert\"");
        town.restart().await;
        town.reaches("B-1", status::Transferred).await;
        assert_eq!(town.transferred("B-1"), [(8_280, "eur".to_owned())]);
        books_are_right(&town).await;
    }

    /// Given an answer that is lost after the effect, then it is sent again as it was frozen, and done once.
    async fn a_lost_answer_converts_once(db: TestDb) {
        let town = converting(db).await;
        town.mentor("ada").await;
        town.trouble("B-1", Fault::ResetAfterEffect);
        charge(&town, "B-1", (10_000, "usd"), (9_200, "eur"));
        town.deliver().await;
        town.reaches("B-1", status::Transferred).await;
        assert_eq!(town.transferred("B-1"), [(8_280, "eur".to_owned())]);
        assert_eq!(town.sandbox.books().duplicates, 0);
        let frozen = town.sql.words("CAST(parameters AS TEXT)", "operations").await.remove(0);
        let frozen: serde_json::Value = serde_json::from_str(&frozen).expect("JSON");
        let converted = serde_json::json!({"from": "usd", "charged": 10_000, "into": "eur", "settled": 9_200, "due": 9_000});
        assert_eq!((&frozen["amount"], &frozen["converted"]), (&serde_json::json!(8_280), &converted));
    }
}
