//! The sandbox answers as Stripe does: idempotency, refusals, balances, lists. Each test is a story over real HTTP.

mod sandbox_support;

use payoutd::sandbox::{
    AccountChange, CapabilityStatus, DisputeStatus, Ending, NewAccount, NewDispute, NewRefund, Paid, Pay, PayResult,
    ReversalCover, SourceLimit,
};
use sandbox_support::{KEY, START, Stripe};
use serde_json::{Value, json};

#[tokio::test]
async fn the_same_key_replays_the_first_answer() {
    let stripe = Stripe::start().await;
    let (mentor, paid) = (stripe.mentor(), stripe.pay(Pay::new(10_000, "usd")));
    let form = format!("amount=9000&currency=usd&destination={mentor}&source_transaction={}", paid.charge);

    let first = stripe.post_with_key("/v1/transfers", &form, "k1").await;
    let again = stripe.post_with_key("/v1/transfers", &form, "k1").await;

    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.text, again.text);
    assert_eq!(first.header("Idempotent-Replayed"), None);
    assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
    assert_eq!(again.header("Original-Request"), first.header("Request-Id"));
    assert_ne!(again.header("Request-Id"), first.header("Request-Id"));
    assert_eq!(first.header("Idempotency-Key"), Some("k1"));
    assert_eq!(first.header("Stripe-Should-Retry"), Some("false"));
    assert_eq!(stripe.sandbox.books().transfers.len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_its_parameters_and_its_endpoint() {
    let stripe = Stripe::start().await;
    let (mentor, paid) = (stripe.mentor(), stripe.pay(Pay::new(10_000, "usd")));
    let form = format!("currency=usd&destination={mentor}&source_transaction={}", paid.charge);
    stripe.post_with_key("/v1/transfers", &format!("amount=9000&{form}"), "k1").await;

    let reordered = stripe.post_with_key("/v1/transfers", &format!("{form}&amount=9000"), "k1").await;
    assert_eq!(reordered.header("Idempotent-Replayed"), Some("true"));

    for (path, form) in [("/v1/transfers", format!("amount=9001&{form}")), ("/v1/refunds", "charge=x".to_owned())] {
        let reply = stripe.post_with_key(path, &form, "k1").await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json()["error"]["type"], "idempotency_error");
        assert!(reply.message().contains("'k1'"), "{}", reply.message());
    }
    assert_eq!(stripe.sandbox.books().transfers.len(), 1);
}

#[tokio::test]
async fn a_refusal_in_execution_is_kept_and_a_refusal_before_it_is_not() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    let form = format!("amount=500&currency=usd&destination={mentor}");

    let poor = stripe.post_with_key("/v1/transfers", &form, "kept").await;
    let invalid = stripe.post_with_key("/v1/transfers", &format!("{form}&colour=red"), "unused").await;
    stripe.sandbox.set_available_balance("usd", 10_000).expect("a balance");
    let still_poor = stripe.post_with_key("/v1/transfers", &form, "kept").await;
    let corrected = stripe.post_with_key("/v1/transfers", &form, "unused").await;

    assert_eq!(poor.error(), (400, "balance_insufficient".into(), String::new()));
    assert_eq!(poor.header("Stripe-Should-Retry"), Some("false"));
    assert_eq!(invalid.error(), (400, "parameter_unknown".into(), "colour".into()));
    assert_eq!(still_poor.text, poor.text);
    assert_eq!(corrected.status, 200);
}

#[tokio::test]
async fn keys_are_per_account_and_forgotten_after_a_day() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    stripe.sandbox.set_available_balance("usd", 10_000).expect("a balance");
    let form = format!("amount=500&currency=usd&destination={mentor}");
    let first = stripe.post_with_key("/v1/transfers", &form, "k").await.id();

    let headers = [("Idempotency-Key", "k"), ("Stripe-Account", mentor.as_str())];
    let payout =
        stripe.client.send("POST", "/v1/payouts", "amount=200&currency=usd", &headers).await.expect("an answer");
    assert_eq!(payout.json()["object"], "payout");

    stripe.clock.advance(24 * 3_600);
    assert_eq!(stripe.post_with_key("/v1/transfers", &form, "k").await.id(), first);
    stripe.clock.advance(3_600);
    assert_ne!(stripe.post_with_key("/v1/transfers", &form, "k").await.id(), first);
}

#[tokio::test]
async fn parameters_are_refused_in_stripes_words() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    let base = format!("currency=usd&destination={mentor}");
    for (form, status, code, param) in [
        ("currency=usd&amount=1".to_owned(), 400, "parameter_missing", "destination"),
        (base.clone(), 400, "parameter_missing", "amount"),
        (format!("{base}&amount=12.5"), 400, "parameter_invalid_integer", "amount"),
        (format!("{base}&amount=0"), 400, "parameter_invalid_integer", "amount"),
        (format!("{base}&amount=-5"), 400, "parameter_invalid_integer", "amount"),
        (format!("{base}&amount=99999999999999999999"), 400, "parameter_invalid_integer", "amount"),
        (format!("{base}&amount=100&colour=red"), 400, "parameter_unknown", "colour"),
        ("currency=&destination=x&amount=1".to_owned(), 400, "parameter_invalid_empty", "currency"),
        ("currency=zzz&destination=x&amount=1".to_owned(), 400, "", "currency"),
        ("currency=usd&amount=1&destination=acct_nobody".to_owned(), 400, "resource_missing", "destination"),
    ] {
        let reply = stripe.post("/v1/transfers", &form).await;
        assert_eq!(reply.error(), (status, code.into(), param.into()), "{form}");
    }
    assert_eq!(stripe.get("/v1/transfers/tr_nothing").await.error(), (404, "resource_missing".into(), "id".into()));
    assert_eq!(stripe.get("/v1/nothing").await.status, 404);
}

#[tokio::test]
async fn only_the_right_key_gets_in() {
    let stripe = Stripe::start().await;
    for (header, status) in [
        (format!("Bearer {KEY}"), 200),
        // RFC 4648 of `sk_test_sandbox:`
        ("Basic c2tfdGVzdF9zYW5kYm94Og==".to_owned(), 200),
        ("Bearer sk_test_wrong_key_here".to_owned(), 401),
        ("Bearer sk_live_wrong_key_here".to_owned(), 401),
        (String::new(), 401),
    ] {
        let reply =
            stripe.client.send("GET", "/v1/balance", "", &[("Authorization", &header)]).await.expect("an answer");
        assert_eq!(reply.status, status, "{header}");
        assert!(reply.header("Request-Id").is_some_and(|id| id.starts_with("req_")));
    }
}

#[tokio::test]
async fn transfers_of_a_charge_never_exceed_it() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    let charge = stripe.pay(Pay::new(7_000, "eur")).charge;
    let form = |amount: i64| format!("amount={amount}&currency=eur&destination={mentor}&source_transaction={charge}");

    let too_much = stripe.post("/v1/transfers", &form(7_001)).await;
    let most = stripe.post("/v1/transfers", &form(6_300)).await;
    let twice = stripe.post("/v1/transfers", &form(6_300)).await;
    assert_eq!(
        too_much.message(),
        "Transfers using this transaction as a source must not exceed the source amount of €70.00."
    );
    assert_eq!(
        twice.message(),
        "Transfers using this transaction as a source must not exceed the source amount of €70.00. \
         (There is already a transfer using this source, amounting to €63.00.)"
    );

    let rest = stripe.post("/v1/transfers", &form(700)).await;
    assert_eq!((most.status, rest.status), (200, 200));
    stripe.post(&format!("/v1/transfers/{}/reversals", most.id()), "").await;
    assert_eq!(stripe.post("/v1/transfers", &form(6_300)).await.status, 200);
}

#[tokio::test]
async fn a_refund_shrinks_what_may_be_transferred_unless_set_otherwise() {
    for (limit, want) in [(SourceLimit::LessRefunds, 400), (SourceLimit::ChargeAmount, 200)] {
        let stripe = Stripe::start_with(|mut options| {
            options.settings.source_limit = limit;
            options
        })
        .await;
        let (mentor, charge) = (stripe.mentor(), stripe.pay(Pay::new(7_000, "eur")).charge);
        stripe.post("/v1/refunds", &format!("charge={charge}&amount=2000")).await;
        let form = format!("amount=5001&currency=eur&destination={mentor}&source_transaction={charge}");
        assert_eq!(stripe.post("/v1/transfers", &form).await.status, want, "{limit:?}");
    }
}

#[tokio::test]
async fn a_source_is_a_captured_charge_in_the_settled_currency() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    let settled = stripe.pay(Pay::new(10_000, "eur").settles_as(10_800, "usd"));
    let held = stripe.pay(Pay::new(10_000, "usd").result(PayResult::Authorizes));
    let form = |currency: &str, source: &str| {
        format!("amount=10500&currency={currency}&destination={mentor}&source_transaction={source}")
    };

    let wrong = stripe.post("/v1/transfers", &form("eur", &settled.charge)).await;
    assert_eq!(
        wrong.message(),
        "The currency of source_transaction's balance transaction (usd) must be the same as the transfer currency (eur)"
    );
    assert_eq!(stripe.post("/v1/transfers", &form("usd", &settled.charge)).await.status, 200);

    let intent = settled.payment_intent.expect("an intent");
    let not_a_charge = stripe.post("/v1/transfers", &form("usd", &intent)).await;
    assert_eq!(not_a_charge.error(), (400, "resource_missing".into(), "source_transaction".into()));
    assert_eq!(stripe.post("/v1/transfers", &form("usd", &held.charge)).await.status, 400);
}

#[tokio::test]
async fn a_transfer_joins_the_group_of_its_charge() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    let grouped = stripe.pay(Pay::new(1_000, "usd").transfer_group("booking-7")).charge;
    let plain = stripe.pay(Pay::new(1_000, "usd")).charge;
    let form = |source: &str| format!("amount=900&currency=usd&destination={mentor}&source_transaction={source}");

    let group = stripe.post("/v1/transfers", &form(&grouped)).await.json()["transfer_group"].clone();
    assert_eq!(group, "booking-7");
    let made = stripe.post("/v1/transfers", &form(&plain)).await.json()["transfer_group"].clone();
    assert_eq!(made, format!("group_{plain}"));
    assert_eq!(stripe.get(&format!("/v1/charges/{plain}")).await.json()["transfer_group"], made);
}

#[tokio::test]
async fn a_destination_must_be_able_to_receive() {
    let stripe = Stripe::start().await;
    stripe.sandbox.set_available_balance("usd", 100_000).expect("a balance");
    let incomplete = NewAccount { transfers: CapabilityStatus::Inactive, ..NewAccount::default() };
    let incomplete = stripe.sandbox.create_account(incomplete).expect("an account");
    let (closed, gone) = (stripe.mentor(), stripe.mentor());
    stripe.sandbox.change_account(&closed, AccountChange::Close).expect("closed");
    stripe.sandbox.change_account(&gone, AccountChange::Deauthorize).expect("gone");
    for (account, status, code) in [
        (&incomplete, 400, "insufficient_capabilities_for_transfer"),
        (&closed, 400, "account_closed"),
        (&gone, 403, "account_invalid"),
    ] {
        let reply = stripe.post("/v1/transfers", &format!("amount=100&currency=usd&destination={account}")).await;
        assert_eq!((reply.status, reply.error().1.as_str()), (status, code));
    }
    assert_eq!(stripe.get(&format!("/v1/accounts/{gone}")).await.error().1, "account_invalid");

    let active = AccountChange::Transfers { status: CapabilityStatus::Active, disabled_reason: None };
    stripe.sandbox.change_account(&incomplete, active).expect("onboarded");
    let reply = stripe.post("/v1/transfers", &format!("amount=100&currency=usd&destination={incomplete}")).await;
    assert_eq!(reply.status, 200);
}

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
async fn reversals_stop_at_what_is_left() {
    let stripe = Stripe::start().await;
    let (mentor, charge) = (stripe.mentor(), stripe.pay(Pay::new(10_000, "usd")).charge);
    let form = format!("amount=9000&currency=usd&destination={mentor}&source_transaction={charge}");
    let path = format!("/v1/transfers/{}", stripe.post("/v1/transfers", &form).await.id());

    assert_eq!(stripe.post(&format!("{path}/reversals"), "amount=4000").await.json()["amount"], 4_000);
    assert_eq!(
        stripe.post(&format!("{path}/reversals"), "amount=5001").await.error(),
        (400, String::new(), "amount".into())
    );
    assert_eq!(stripe.post(&format!("{path}/reversals"), "").await.json()["amount"], 5_000);
    assert_eq!(stripe.post(&format!("{path}/reversals"), "").await.status, 400);
    let transfer = stripe.get(&path).await.json();
    assert_eq!((&transfer["amount_reversed"], &transfer["reversed"]), (&json!(9_000), &json!(true)));
    assert_eq!(stripe.get(&format!("{path}/reversals")).await.ids().len(), 2);
}

#[tokio::test]
async fn a_reversal_takes_only_what_the_account_still_has() {
    for (cover, want) in [(ReversalCover::Needed, 400), (ReversalCover::MayGoNegative, 200)] {
        let stripe = Stripe::start_with(|mut options| {
            options.settings.reversal_cover = cover;
            options
        })
        .await;
        let mentor = stripe.mentor();
        stripe.sandbox.set_available_balance("usd", 1_000).expect("a balance");
        let transfer =
            stripe.post("/v1/transfers", &format!("amount=900&currency=usd&destination={mentor}")).await.id();
        let as_mentor = [("Stripe-Account", mentor.as_str())];
        stripe.client.send("POST", "/v1/payouts", "amount=500&currency=usd", &as_mentor).await.expect("paid out");

        let reversals = format!("/v1/transfers/{transfer}/reversals");
        assert_eq!(stripe.post(&reversals, "amount=400").await.status, 200);
        assert_eq!(stripe.post(&reversals, "amount=1").await.status, want, "{cover:?}");
    }
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
async fn lists_page_both_ways_and_filter() {
    let stripe = Stripe::start().await;
    stripe.sandbox.set_available_balance("usd", 100_000).expect("a balance");
    let (ada, ben) = (stripe.mentor(), stripe.mentor());
    let mut newest_first = Vec::new();
    for number in 0..25 {
        let account = if number % 5 == 0 { &ben } else { &ada };
        let form = format!("amount=100&currency=usd&destination={account}&transfer_group=g{}", number % 2);
        newest_first.insert(0, stripe.post("/v1/transfers", &form).await.id());
        stripe.clock.advance(10);
    }

    let first = stripe.get("/v1/transfers").await;
    assert_eq!((first.ids(), &first.json()["has_more"]), (newest_first[..10].to_vec(), &json!(true)));
    let last = stripe.get(&format!("/v1/transfers?limit=20&starting_after={}", newest_first[9])).await;
    assert_eq!((last.ids(), &last.json()["has_more"]), (newest_first[10..].to_vec(), &json!(false)));
    let before = stripe.get(&format!("/v1/transfers?limit=3&ending_before={}", newest_first[9])).await;
    assert_eq!((before.ids(), &before.json()["has_more"]), (newest_first[6..9].to_vec(), &json!(true)));

    assert_eq!(stripe.get("/v1/transfers?limit=100&transfer_group=g1").await.ids().len(), 12);
    assert_eq!(stripe.get(&format!("/v1/transfers?limit=100&destination={ben}")).await.ids().len(), 5);
    let range = format!("created[gte]={}&created[lt]={}", START + 50, START + 80);
    assert_eq!(stripe.get(&format!("/v1/transfers?{range}")).await.ids(), newest_first[17..20].to_vec());
    assert_eq!(stripe.get("/v1/transfers?limit=101").await.error().2, "limit");
    assert_eq!(stripe.get("/v1/transfers?starting_after=tr_no").await.error().2, "starting_after");
}

#[tokio::test]
async fn events_are_listed_by_type_and_time_and_name_their_request() {
    let stripe = Stripe::start().await;
    let (mentor, charge) = (stripe.mentor(), stripe.pay(Pay::new(1_000, "usd")).charge);
    stripe.clock.advance(100);
    let form = format!("amount=900&currency=usd&destination={mentor}&source_transaction={charge}");
    let transfer = stripe.post_with_key("/v1/transfers", &form, "k1").await;

    let listed = stripe.get("/v1/events?type=transfer.created").await.json();
    let event = &listed["data"][0];
    assert_eq!(event["data"]["object"]["id"], transfer.id());
    assert_eq!(event["request"], json!({"id": transfer.header("Request-Id"), "idempotency_key": "k1"}));
    let one = stripe.get(&format!("/v1/events/{}", event["id"].as_str().expect("an id"))).await.json();
    assert_eq!(&one, event);

    let two = stripe.get("/v1/events?types[]=charge.*&types[]=payment_intent.succeeded").await;
    assert_eq!(two.ids().len(), 3);
    assert_eq!(stripe.get(&format!("/v1/events?created[gt]={START}")).await.ids().len(), 1);
    let types = |many| "types[]=charge.refunded&".repeat(many);
    assert_eq!(stripe.get(&format!("/v1/events?{}", types(20))).await.status, 200);
    let refused = stripe.get(&format!("/v1/events?{}", types(21))).await;
    assert_eq!((refused.status, refused.json()["error"]["param"].clone()), (400, json!("types")));
    let paid: Vec<Value> = stripe.sandbox.events().iter().map(|event| event.json()["request"]["id"].clone()).collect();
    assert_eq!(paid[0], Value::Null, "no API request caused the customer's payment");
}

#[tokio::test]
async fn objects_are_expanded_on_request() {
    let stripe = Stripe::start().await;
    let paid = stripe.pay(Pay::new(10_000, "eur").settles_as(10_800, "usd"));
    let one = stripe.get(&format!("/v1/charges/{}?expand[]=balance_transaction", paid.charge)).await.json();
    assert_eq!(one["balance_transaction"]["currency"], "usd");
    assert_eq!(one["balance_transaction"]["amount"], 10_800);
    assert_eq!(one["balance_transaction"]["exchange_rate"], 1.08);

    let intent = paid.payment_intent.expect("an intent");
    let path = format!("/v1/charges?payment_intent={intent}&expand[]=data.balance_transaction");
    assert_eq!(stripe.get(&path).await.json()["data"][0]["balance_transaction"]["net"], 10_800);
    let path = format!("/v1/payment_intents/{intent}?expand[]=latest_charge.balance_transaction");
    assert_eq!(stripe.get(&path).await.json()["latest_charge"]["balance_transaction"]["status"], "pending");
    let wrong = stripe.get(&format!("/v1/charges/{}?expand[]=nonsense", paid.charge)).await;
    assert_eq!(wrong.message(), "This property cannot be expanded (nonsense).");
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

#[tokio::test]
async fn too_many_requests_in_a_second_are_refused_and_not_kept() {
    let stripe = Stripe::start_with(|mut options| {
        options.settings.requests_per_second = Some(2);
        options
    })
    .await;
    let mentor = stripe.mentor();
    stripe.sandbox.set_available_balance("usd", 5_000).expect("a balance");
    let form = format!("amount=100&currency=usd&destination={mentor}");
    stripe.get("/v1/balance").await;
    stripe.get("/v1/balance").await;

    let refused = stripe.post_with_key("/v1/transfers", &form, "k").await;
    assert_eq!(refused.error().1, "rate_limit");
    assert_eq!((refused.status, refused.header("Stripe-Rate-Limited-Reason")), (429, Some("global-rate")));
    stripe.clock.advance(1);
    let sent = stripe.post_with_key("/v1/transfers", &form, "k").await;
    assert_eq!((sent.status, sent.header("Idempotent-Replayed")), (200, None));
}

#[tokio::test]
async fn the_books_count_live_transfers_of_one_group_as_duplicates() {
    let stripe = Stripe::start().await;
    stripe.sandbox.set_available_balance("usd", 5_000).expect("a balance");
    let mentor = stripe.mentor();
    let form = format!("amount=100&currency=usd&destination={mentor}&transfer_group=booking-1");
    stripe.post("/v1/transfers", &form).await;
    let second = stripe.post("/v1/transfers", &form).await.id();
    let books = stripe.sandbox.books();
    assert_eq!((books.duplicates, books.live_by_group["booking-1"], books.available_minor["usd"]), (1, 2, 4_800));

    stripe.post(&format!("/v1/transfers/{second}/reversals"), "").await;
    assert_eq!(stripe.sandbox.books().duplicates, 0);
    assert_eq!(stripe.sandbox.books().transfers[1].reversed_minor, 100);
}
