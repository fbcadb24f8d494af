//! Transfers and reversals: how much, from what, to whom.

use payoutd::sandbox::{AccountChange, CapabilityStatus, NewAccount, Pay, PayResult, ReversalCover, SourceLimit};
use serde_json::json;

use crate::sandbox_support::Stripe;

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
