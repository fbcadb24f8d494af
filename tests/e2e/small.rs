//! Payments that are too small to be sent alone: kept for the mentor, told to them, and sent with what comes next.

use super::*;
use crate::books::comes_to_rest;
use crate::settlement::books_are_right;
use payoutd::app::sandbox::{Ending, Fault, NewRefund, Paid};
use payoutd::domain::ids::MentorId;
use payoutd::ports::Books;

/// Nothing under 10.00 USD is sent.
async fn carrying(db: TestDb) -> Town {
    let plan = Town::plan().with("release.small_amounts", "\"carry\"").with("minimums.usd", 1_000);
    plan.with_prompt_settlement().found(db).await
}

fn refund(town: &Town, paid: &Paid) -> String {
    let refund = NewRefund { charge: paid.charge.clone(), amount_minor: None, pending: false };
    town.sandbox.refund(refund).expect("refundable")
}

/// A payment of 5.00, of which 4.50 are the mentor's.
async fn small(town: &Town, booking: &str) -> Paid {
    let paid = town.pay(booking, "ada", 500, "usd");
    town.deliver().await;
    paid
}

async fn carried(town: &Town, booking: &str) -> Paid {
    let paid = small(town, booking).await;
    town.reaches(booking, status::Carried).await;
    town.not_paid(booking);
    paid
}

async fn kept(town: &Town) -> Vec<String> {
    town.sql.words("CAST(outstanding AS TEXT) || ' ' || CAST(credit AS TEXT)", "mentor_debts").await
}

on_both_databases! {
    /// Given three small payments, then the first two are kept, with an email each, and the third is sent with them; the
    /// books are right all the while, and what the mentor has of each is known.
    async fn together_they_are_enough(db: TestDb) {
        let town = carrying(db).await;
        town.mentor("ada").await;
        carried(&town, "B-1").await;
        town.email("ada@example.org", "too little to be sent alone").await;
        books_are_right(&town).await;
        carried(&town, "B-2").await;
        town.email("ada@example.org", "that is 9.00 USD by now").await;
        books_are_right(&town).await;
        let balance = town.store.balances(MentorId::new("ada")).await.expect("read").remove(0);
        assert_eq!((balance.earned_minor, balance.carried_minor, balance.paid_minor), (900, 900, 0));
        small(&town, "B-3").await;
        town.paid_once("B-3", 1_350).await;
        let email = town.email("ada@example.org", "You were paid 13.50 USD").await;
        assert!(email.text.contains("9.00 USD of it is from earlier payments"), "{email:?}");
        books_are_right(&town).await;
        let balance = town.store.balances(MentorId::new("ada")).await.expect("read").remove(0);
        assert_eq!((balance.earned_minor, balance.carried_minor, balance.paid_minor), (1_350, 0, 1_350));
        town.not_paid("B-1");
        town.not_paid("B-2");
    }

    /// Given credit and a balance that is short, then what is small waits for funds with its credit put back, and what can
    /// be sent alone goes without it.
    async fn a_short_balance_keeps_no_regular_payment_back(db: TestDb) {
        // Nothing is available on the balance, and the platform keeps nothing of a charge.
        let plan = Town::plan().with("release.small_amounts", "\"carry\"").with("minimums.usd", 1_000);
        let town = plan.with("fees.platform_fee_bps", 0).found(db).await;
        town.mentor("ada").await;
        carried(&town, "B-1").await;
        town.known_charge("B-2", "ada").await;
        town.paid_once("B-2", 10_000).await;
        assert_eq!(kept(&town).await, ["0 500"]);
        let calls = town.calls("B-2").await;
        assert_eq!(calls, ["create 400", "create 200"], "with the credit first, then without");
        books_are_right(&town).await;
    }

    /// Given an answer that is lost after the effect, then what was kept is sent once.
    async fn a_lost_answer_sends_it_once(db: TestDb) {
        let town = carrying(db).await;
        town.mentor("ada").await;
        carried(&town, "B-1").await;
        carried(&town, "B-2").await;
        town.trouble("B-3", Fault::ResetAfterEffect);
        small(&town, "B-3").await;
        town.paid_once("B-3", 1_350).await;
        assert_eq!(kept(&town).await, ["0 0"]);
        books_are_right(&town).await;
    }

    /// Given payments that were kept, when one is refunded, then it comes out of what is kept; when its money was sent
    /// already, it is owed and kept out of what comes next; when the refund comes back, it is kept again.
    async fn refunds_of_what_was_kept(db: TestDb) {
        let town = carrying(db).await;
        town.mentor("ada").await;
        let first = carried(&town, "B-1").await;
        let second = carried(&town, "B-2").await;
        let back = refund(&town, &first);
        town.deliver().await;
        comes_to_rest(&town).await;
        assert_eq!(kept(&town).await, ["0 450"]);
        town.email("ada@example.org", "comes out of what we keep for your next transfer").await;
        assert!(town.mailbox.find("admin@example.com", "could not be taken back").is_empty());
        books_are_right(&town).await;
        town.next_second().await;
        town.sandbox.settle_refund(&back, Ending::Fails).expect("it can come back");
        town.deliver().await;
        comes_to_rest(&town).await;
        assert_eq!(kept(&town).await, ["0 900"]);
        books_are_right(&town).await;

        town.known_charge("B-big", "ada").await;
        town.paid_once("B-big", 9_900).await;
        refund(&town, &second);
        town.deliver().await;
        comes_to_rest(&town).await;
        assert_eq!(kept(&town).await, ["450 0"]);
        books_are_right(&town).await;
        town.known_charge("B-next", "ada").await;
        town.paid_once("B-next", 8_550).await;
        assert_eq!(kept(&town).await, ["0 0"]);
        books_are_right(&town).await;
    }

    /// Given a minimum that the operator did not set, when Stripe says that an amount is too small, then a person is asked,
    /// and the mentor is not paused for it, however often that happens.
    async fn stripes_own_minimum_is_a_matter_for_a_person(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        for booking in ["B-1", "B-2", "B-3"] {
            let refusal = Fault::Refuse { status: 400, code: "amount_too_small".into(), message: "Amount must be at least $0.50 usd".into() };
            town.trouble(booking, refusal);
            town.pay(booking, "ada", 10, "usd");
            town.deliver().await;
            town.reaches(booking, status::Failed).await;
        }
        town.email("admin@example.com", "at least $0.50").await;
        assert_eq!(town.sql.count("holds").await, 0);
        town.known_charge("B-4", "ada").await;
        town.paid_once("B-4", 9_000).await;
    }
}
