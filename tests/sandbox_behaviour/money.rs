//! Where the money is: balances, refunds, disputes, captures and payouts.

use payoutd::sandbox::{DisputeStatus, Ending, NewDispute, NewRefund, Paid, Pay, PayResult};
use serde_json::{Value, json};

use crate::sandbox_support::Stripe;

/// The platform's balance in one currency: available, pending.
async fn balance(stripe: &Stripe, currency: &str) -> (i64, i64) {
    let balance = stripe.get("/v1/balance").await.json();
    let side = |side: &str| {
        let lines = balance[side].as_array().cloned().unwrap_or_default();
        let line = lines.into_iter().find(|line| line["currency"] == currency);
        line.and_then(|line| line["amount"].as_i64()).unwrap_or(0)
    };
    (side("available"), side("pending"))
}

#[tokio::test]
async fn money_is_pending_then_available_and_never_made() {
    let stripe = Stripe::start_with(|mut options| {
        options.settings.fees.charge_basis_points = 300;
        options
    })
    .await;
    let mentor = stripe.mentor();
    let charge = stripe.pay(Pay::new(10_000, "usd")).charge;
    assert_eq!(balance(&stripe, "usd").await, (0, 9_700));

    let unsourced = format!("amount=4000&currency=usd&destination={mentor}");
    assert_eq!(stripe.post("/v1/transfers", &unsourced).await.error().1, "balance_insufficient");
    let sourced = stripe.post("/v1/transfers", &format!("{unsourced}&source_transaction={charge}")).await;
    assert_eq!(sourced.status, 200);
    assert_eq!(balance(&stripe, "usd").await, (0, 5_700));

    stripe.clock.advance(2 * 86_400);
    assert_eq!(balance(&stripe, "usd").await, (5_700, 0));
    assert_eq!(stripe.post("/v1/transfers", &unsourced).await.status, 200);
    assert_eq!(stripe.post("/v1/transfers", &unsourced).await.error().1, "balance_insufficient");
    stripe.post(&format!("/v1/transfers/{}/reversals", sourced.id()), "amount=1500").await;
    stripe.post("/v1/refunds", &format!("charge={charge}&amount=1000")).await;
    assert_eq!(balance(&stripe, "usd").await, (2_200, 0));

    let page = stripe.get("/v1/balance_transactions?limit=100").await.json();
    let nets = page["data"].as_array().expect("a list").iter().filter_map(|line| line["net"].as_i64());
    assert_eq!(nets.sum::<i64>(), 2_200);
}

#[tokio::test]
async fn a_payments_balance_transaction_comes_a_little_later() {
    let stripe = Stripe::start().await;
    let charge = stripe.pay(Pay::new(1_000, "usd")).charge;
    let events = stripe.sandbox.events();
    let of = |kind: &str| {
        let event = events.iter().find(|event| event.kind == kind).expect("the event").json();
        event["data"]["object"]["balance_transaction"].clone()
    };
    let held = stripe.get(&format!("/v1/charges/{charge}")).await.json()["balance_transaction"].clone();
    assert!(held.as_str().is_some_and(|id| id.starts_with("txn_")));
    assert_eq!((of("charge.succeeded"), of("charge.updated")), (Value::Null, held));
}

#[tokio::test]
async fn refunds_stop_at_what_is_left() {
    let stripe = Stripe::start().await;
    let paid = stripe.pay(Pay::new(2_000, "eur"));
    let intent = paid.payment_intent.expect("an intent");

    let part = stripe.post("/v1/refunds", &format!("payment_intent={intent}&amount=1300")).await;
    assert_eq!(part.json()["charge"], paid.charge);
    let over = stripe.post("/v1/refunds", &format!("charge={}&amount=1000", paid.charge)).await;
    assert_eq!(over.message(), "Refund amount (€10.00) is greater than unrefunded amount on charge (€7.00)");
    stripe.post("/v1/refunds", &format!("charge={}", paid.charge)).await;
    let charge = stripe.get(&format!("/v1/charges/{}", paid.charge)).await.json();
    assert_eq!((&charge["refunded"], &charge["amount_refunded"]), (&json!(true), &json!(2_000)));
    let again = stripe.post("/v1/refunds", &format!("charge={}", paid.charge)).await;
    assert_eq!(again.error().1, "charge_already_refunded");
    assert_eq!(stripe.post("/v1/refunds", "").await.error().1, "parameter_missing");
    assert_eq!(stripe.get(&format!("/v1/refunds?payment_intent={intent}")).await.ids().len(), 2);
}

#[tokio::test]
async fn a_refund_that_comes_back_is_the_platforms_money_again() {
    let stripe = Stripe::start().await;
    stripe.sandbox.set_available_balance("usd", 0).expect("a balance");
    let charge = stripe.pay(Pay::new(2_000, "usd").settles_after_s(0)).charge;
    let refund = NewRefund { charge: charge.clone(), amount_minor: None, pending: true };
    let refund = stripe.sandbox.refund(refund).expect("a refund");
    assert_eq!(balance(&stripe, "usd").await.0, 0);

    stripe.sandbox.settle_refund(&refund, Ending::Fails).expect("it comes back");

    assert_eq!(balance(&stripe, "usd").await.0, 2_000);
    assert_eq!(stripe.get(&format!("/v1/refunds/{refund}")).await.json()["status"], "failed");
    assert_eq!(stripe.get(&format!("/v1/charges/{charge}")).await.json()["amount_refunded"], 0);
    assert!(stripe.sandbox.settle_refund(&refund, Ending::Succeeds).is_err());
}

/// The types of the events since some moment, oldest first.
fn kinds(stripe: &Stripe, skip: usize) -> Vec<String> {
    stripe.sandbox.events().into_iter().skip(skip).map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_chargeback_takes_the_money_and_a_win_brings_it_back() {
    let stripe = Stripe::start_with(|mut options| {
        options.settings.fees.dispute_minor = 1_500;
        options
    })
    .await;
    let charge = stripe.pay(Pay::new(10_000, "usd").settles_after_s(0)).charge;
    let before = stripe.sandbox.events().len();

    let dispute = stripe.sandbox.open_dispute(NewDispute::chargeback(&charge)).expect("a dispute");
    assert_eq!(balance(&stripe, "usd").await.0, -1_500);
    assert_eq!(stripe.get(&format!("/v1/charges/{charge}")).await.json()["disputed"], true);
    assert_eq!(stripe.post("/v1/refunds", &format!("charge={charge}")).await.error().1, "charge_disputed");
    for status in [DisputeStatus::UnderReview, DisputeStatus::Won] {
        stripe.sandbox.set_dispute_status(&dispute, status).expect("it moves on");
    }

    assert_eq!(balance(&stripe, "usd").await.0, 8_500);
    let wanted = [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ];
    assert_eq!(kinds(&stripe, before), wanted);
    assert!(stripe.sandbox.set_dispute_status(&dispute, DisputeStatus::Lost).is_err());
    let listed = stripe.get(&format!("/v1/disputes?charge={charge}")).await;
    assert_eq!(listed.json()["data"][0]["status"], "won");
}

#[tokio::test]
async fn what_settled_in_another_currency_goes_back_in_it() {
    let stripe = Stripe::start().await;
    let pay = || stripe.pay(Pay::new(10_000, "eur").settles_as(10_800, "usd").settles_after_s(0)).charge;
    let (refunded, disputed) = (pay(), pay());
    assert_eq!(balance(&stripe, "usd").await.0, 21_600);
    stripe.post("/v1/refunds", &format!("charge={refunded}&amount=5000")).await;
    assert_eq!(balance(&stripe, "usd").await.0, 16_200);
    stripe.sandbox.open_dispute(NewDispute::chargeback(&disputed)).expect("a dispute");
    assert_eq!(balance(&stripe, "usd").await.0, 5_400);
    assert_eq!(balance(&stripe, "eur").await, (0, 0));
}

#[tokio::test]
async fn a_held_card_is_captured_in_part_or_let_go() {
    let stripe = Stripe::start().await;
    let hold = || stripe.pay(Pay::new(5_000, "usd").result(PayResult::Authorizes).settles_after_s(0));
    let (taken, let_go) = (hold(), hold());
    let intent = |paid: &Paid| format!("/v1/payment_intents/{}", paid.payment_intent.clone().expect("an intent"));
    assert_eq!(balance(&stripe, "usd").await, (0, 0));

    let over = stripe.post(&format!("{}/capture", intent(&taken)), "amount_to_capture=5001").await;
    assert_eq!(over.error(), (400, "amount_too_large".into(), "amount_to_capture".into()));
    let captured = stripe.post(&format!("{}/capture", intent(&taken)), "amount_to_capture=4000").await.json();
    assert_eq!((&captured["status"], &captured["amount_received"]), (&json!("succeeded"), &json!(4_000)));
    assert_eq!(balance(&stripe, "usd").await, (4_000, 0));

    let before = stripe.sandbox.events().len();
    assert_eq!(stripe.post(&format!("{}/cancel", intent(&let_go)), "").await.json()["status"], "canceled");
    assert_eq!(kinds(&stripe, before), ["charge.refunded", "payment_intent.canceled"]);
    assert_eq!(balance(&stripe, "usd").await, (4_000, 0));
    for call in ["capture", "cancel"] {
        let reply = stripe.post(&format!("{}/{call}", intent(&let_go)), "").await;
        assert_eq!(reply.error().1, "payment_intent_unexpected_state");
    }
}

#[tokio::test]
async fn a_session_says_whether_the_money_is_there() {
    let stripe = Stripe::start().await;
    for (result, status, payment_status) in [
        (PayResult::Succeeds, "complete", "paid"),
        (PayResult::Processes, "complete", "unpaid"),
        (PayResult::Authorizes, "complete", "unpaid"),
        (PayResult::Fails, "open", "unpaid"),
    ] {
        let session = stripe.pay(Pay::new(100, "usd").result(result)).session.expect("a session");
        let session = stripe.get(&format!("/v1/checkout/sessions/{session}")).await.json();
        assert_eq!((&session["status"], &session["payment_status"]), (&json!(status), &json!(payment_status)));
    }
    let slow = stripe.pay(Pay::new(100, "usd").result(PayResult::Processes));
    stripe.sandbox.end_async_payment(&slow.charge, Ending::Succeeds).expect("it goes through");
    let session = stripe.get(&format!("/v1/checkout/sessions/{}", slow.session.expect("a session"))).await.json();
    assert_eq!(session["payment_status"], "paid");
    assert!(stripe.sandbox.end_async_payment(&slow.charge, Ending::Fails).is_err());
}

#[tokio::test]
async fn an_inquiry_moves_no_money_until_it_becomes_a_chargeback() {
    let stripe = Stripe::start().await;
    let charge = stripe.pay(Pay::new(10_000, "usd").settles_after_s(0)).charge;
    let dispute = stripe.sandbox.open_dispute(NewDispute::inquiry(&charge)).expect("an inquiry");
    assert_eq!(balance(&stripe, "usd").await.0, 10_000);
    stripe.sandbox.set_dispute_status(&dispute, DisputeStatus::NeedsResponse).expect("escalated");
    assert_eq!(balance(&stripe, "usd").await.0, 0);
    stripe.sandbox.set_dispute_status(&dispute, DisputeStatus::Lost).expect("lost");
    assert_eq!(balance(&stripe, "usd").await.0, 0);
}

#[tokio::test]
async fn a_connected_account_pays_out_its_own_balance() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    stripe.sandbox.set_available_balance("usd", 5_000).expect("a balance");
    stripe.post("/v1/transfers", &format!("amount=3000&currency=usd&destination={mentor}")).await;
    let as_mentor = [("Stripe-Account", mentor.as_str())];
    let send = |form: &'static str| stripe.client.send("POST", "/v1/payouts", form, &as_mentor);

    let over = send("amount=3001&currency=usd").await.expect("an answer");
    assert_eq!(over.error().1, "balance_insufficient");
    let payout = send("amount=3000&currency=usd").await.expect("an answer").id();
    stripe.sandbox.settle_payout(&payout, Ending::Fails).expect("the bank sends it back");
    let event = stripe.sandbox.events().pop().expect("an event");
    assert_eq!((event.kind.as_str(), &event.json()["account"]), ("payout.failed", &json!(mentor)));
    assert_eq!(send("amount=3000&currency=usd").await.expect("an answer").status, 200);
    let stranger =
        stripe.client.send("GET", "/v1/balance", "", &[("Stripe-Account", "acct_no")]).await.expect("an answer");
    assert_eq!(stranger.error(), (403, "account_invalid".into(), String::new()));
}
