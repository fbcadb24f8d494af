//! Currencies of every kind, each from the charge to its refunds: nothing is sent that Stripe cannot move, and amounts read
//! as people write them.

use super::*;
use crate::settlement::books_are_right;
use payoutd::app::sandbox::NewRefund;
use payoutd::ports::{Asks, NewRefundRequest, Request};

/// What is charged, what is sent, two refunds, and what is left after each; and how the first amount reads.
struct Story {
    currency: &'static str,
    charged: i64,
    sent: i64,
    refunds: [(i64, i64); 2],
    reads: &'static str,
}

async fn happens(town: &Town, story: &Story) {
    let Story { currency, charged, sent, refunds, reads } = story;
    let booking = format!("B-{currency}");
    let paid = town.pay(&booking, "ada", *charged, currency);
    town.deliver().await;
    town.paid_once(&booking, *sent).await;
    town.email("ada@example.org", &format!("You were paid {reads}")).await;
    for (amount, left) in refunds {
        let refund = NewRefund { charge: paid.charge.clone(), amount_minor: Some(*amount), pending: false };
        town.sandbox.refund(refund).expect("refundable");
        town.deliver().await;
        let there = async || {
            town.run().await;
            town.left(&booking) == *left
        };
        town.until(&format!("{booking} comes to {left}"), there).await;
        books_are_right(town).await;
    }
    let moved = town.sql.words("CAST(amount AS TEXT)", &format!("operations WHERE currency = '{currency}'")).await;
    let step = payoutd::domain::money::Currency::parse(currency).expect("known").step();
    assert!(moved.iter().all(|amount| amount.parse::<i64>().expect("a number") % step == 0), "{currency}: {moved:?}");
}

on_both_databases! {
    /// Given charges in currencies without decimals, with three, in whole units and as usual, then fee, transfer, partial
    /// refunds and emails are right in each.
    async fn each_is_right_from_charge_to_refund(db: TestDb) {
        let town = Town::plan().with_prompt_settlement().found(db).await;
        town.mentor("ada").await;
        for story in [
            Story { currency: "jpy", charged: 15_000, sent: 13_500, refunds: [(4_999, 9_001), (10_001, 0)], reads: "13,500 JPY" },
            Story { currency: "kwd", charged: 12_340, sent: 11_110, refunds: [(6_170, 5_560), (6_170, 0)], reads: "11.110 KWD" },
            Story { currency: "huf", charged: 3_900_050, sent: 3_510_000, refunds: [(1_234_567, 2_398_900), (2_665_483, 0)], reads: "35,100.00 HUF" },
            Story { currency: "isk", charged: 1_050_500, sent: 945_400, refunds: [(350_000, 630_400), (700_500, 0)], reads: "9,454 ISK" },
            Story { currency: "gbp", charged: 5_000, sent: 4_500, refunds: [(1, 4_499), (4_999, 0)], reads: "45.00 GBP" },
        ] {
            happens(&town, &story).await;
        }
    }

    /// Given refunds that are asked for in amounts that the currency does not have, then they are refused in words, and
    /// nothing moves.
    async fn amounts_that_a_currency_does_not_have_are_refused(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"1h\"").found(db).await;
        town.mentor("ada").await;
        for (currency, charged, asked, words) in [
            ("kwd", 10_000, 1_234, Some("1.234 KWD cannot be refunded: the smallest step is 0.010 KWD")),
            ("isk", 100_000, 150, Some("1.50 ISK cannot be refunded: the smallest step is 1 ISK")),
            ("jpy", 1_000, 333, None),
            ("huf", 100_000, 150, None),
        ] {
            let booking = format!("B-{currency}");
            town.pay(&booking, "ada", charged, currency);
            town.deliver().await;
            let payment_id = town.payment(&booking).await.case.payment.id;
            let request = NewRefundRequest {
                payment_id,
                ask: payoutd::domain::request::Ask::Amount(asked),
                currency: None,
                reason: "a cancelled session".into(),
                request_key: None,
                requested_by: "e2e".into(),
            };
            let now = payoutd::ports::Clock::now(&payoutd::app::SystemClock);
            let Request::Recorded(view) = town.store.ask_refund(request, now).await.expect("asked") else { panic!("known") };
            assert_eq!(view.outcome.as_deref(), words, "{currency}");
        }
    }
}
