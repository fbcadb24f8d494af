//! Idempotency keys, and who and what is let in at all.

use payoutd::sandbox::Pay;

use crate::sandbox_support::{KEY, Stripe};

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
