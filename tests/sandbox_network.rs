//! What only a network can do: answers that never come, requests that overlap, webhooks that are refused, repeated
//! and out of order. Each test is a story over real sockets; nothing sleeps.

mod sandbox_support;

use std::net::SocketAddr;

use aws_lc_rs::hmac;
use payoutd::sandbox::{
    Core, DeliveryRetry, Fault, FaultMatch, FaultRule, Outcome, Pay, Request, Sandbox, SandboxError, ServerErrorPoint,
    Settings, signature_header,
};
use sandbox_support::{ApiClient, Clock, Endpoint, KEY, START, Stripe, until};
use serde_json::{Value, json};

/// Once, to the next request that creates a transfer.
fn once(fault: Fault) -> FaultRule {
    FaultRule::once(FaultMatch::transfers(), fault)
}

fn refuse() -> Fault {
    Fault::Refuse { status: 400, code: "account_closed".into(), message: "The account is closed.".into() }
}

fn server_error(at: ServerErrorPoint) -> Fault {
    Fault::ServerError { status: 503, at }
}

/// What a client sees that sends a transfer and, hearing nothing good, sends it again with the same key.
/// 0 is a connection that closed without an answer.
struct Seen {
    first: u16,
    transfers_then: usize,
    second: u16,
    transfers_in_the_end: usize,
}

async fn send_twice(fault: Fault) -> Seen {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    stripe.sandbox.set_available_balance("usd", 10_000).expect("a balance");
    stripe.sandbox.add_fault(once(fault));
    let form = format!("amount=100&currency=usd&destination={mentor}");
    let send = || stripe.client.post_with_key("/v1/transfers", &form, "k1");
    let transfers = || stripe.sandbox.books().transfers.len();

    let first = send().await.map_or(0, |reply| reply.status);
    let transfers_then = transfers();
    let second = send().await.map_or(0, |reply| reply.status);
    assert_eq!(stripe.sandbox.faults()[0].fired, 1);
    Seen { first, transfers_then, second, transfers_in_the_end: transfers() }
}

#[tokio::test]
async fn every_fault_leaves_what_it_says_behind() {
    use ServerErrorPoint::{BeforeExecution, EffectDone, NothingDone};
    for (fault, first, transfers_then, second, transfers_in_the_end) in [
        (Fault::Delay { ms: 1 }, 200, 1, 200, 1),
        (Fault::ResetBeforeEffect, 0, 0, 200, 1),
        (Fault::ResetAfterEffect, 0, 1, 200, 1),
        (Fault::TimeoutBeforeEffect { hold_ms: Some(1) }, 0, 0, 200, 1),
        (Fault::TimeoutAfterEffect { hold_ms: Some(1) }, 200, 1, 200, 1),
        (server_error(BeforeExecution), 503, 0, 200, 1),
        (server_error(NothingDone), 503, 0, 503, 0),
        (server_error(EffectDone), 503, 1, 503, 1),
        (Fault::RateLimited, 429, 0, 200, 1),
        (Fault::LockTimeout, 429, 0, 200, 1),
        (Fault::Garbage, 200, 1, 200, 1),
        (refuse(), 400, 0, 400, 0),
    ] {
        let name = format!("{fault:?}");
        let seen = send_twice(fault).await;
        assert_eq!((seen.first, seen.transfers_then), (first, transfers_then), "{name}, first time");
        assert_eq!((seen.second, seen.transfers_in_the_end), (second, transfers_in_the_end), "{name}, second time");
    }
}

#[tokio::test]
async fn faults_say_what_stripe_says() {
    let stripe = Stripe::start().await;
    let transfer = || stripe.post("/v1/transfers", "amount=100&currency=usd&destination=acct_x");
    stripe.sandbox.add_fault(once(Fault::LockTimeout));
    let locked = transfer().await;
    assert_eq!((locked.error().1.as_str(), locked.header("Stripe-Should-Retry")), ("lock_timeout", Some("true")));
    stripe.sandbox.add_fault(once(Fault::Garbage));
    assert!(serde_json::from_str::<Value>(&transfer().await.text).is_err());
    stripe.sandbox.add_fault(once(refuse()));
    assert_eq!((transfer().await.message().as_str(), transfer().await.status), ("The account is closed.", 400));
}

#[tokio::test]
async fn a_rule_hits_only_what_it_matches() {
    let stripe = Stripe::start().await;
    let (ada, ben) = (stripe.mentor(), stripe.mentor());
    stripe.sandbox.set_available_balance("usd", 10_000).expect("a balance");
    let metadata = [("payment".to_owned(), "7".to_owned())].into();
    let matching = FaultMatch { destination: Some(ada.clone()), metadata, ..FaultMatch::transfer_group("g1") };
    stripe.sandbox.add_fault(FaultRule::always(matching, refuse()));
    for (form, status) in [
        (format!("destination={ada}&transfer_group=g1&metadata[payment]=7"), 400),
        (format!("destination={ben}&transfer_group=g1&metadata[payment]=7"), 200),
        (format!("destination={ada}&transfer_group=g2&metadata[payment]=7"), 200),
        (format!("destination={ada}&transfer_group=g1&metadata[payment]=8"), 200),
        (format!("destination={ada}&transfer_group=g1&metadata[payment]=7"), 400),
    ] {
        assert_eq!(
            stripe.post("/v1/transfers", &format!("amount=1&currency=usd&{form}")).await.status,
            status,
            "{form}"
        );
    }
    assert_eq!(stripe.sandbox.faults()[0].fired, 2);
    stripe.sandbox.clear_faults();
    assert!(stripe.sandbox.faults().is_empty());
}

#[tokio::test]
async fn a_key_is_in_use_while_its_first_request_runs() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    stripe.sandbox.set_available_balance("usd", 10_000).expect("a balance");
    stripe.sandbox.add_fault(once(Fault::TimeoutBeforeEffect { hold_ms: None }));
    let form = format!("amount=100&currency=usd&destination={mentor}");

    let (client, body) = (stripe.client.clone(), form.clone());
    let first = tokio::spawn(async move { client.post_with_key("/v1/transfers", &body, "k1").await.is_ok() });
    until(|| stripe.sandbox.faults()[0].fired == 1).await;
    let second = stripe.post_with_key("/v1/transfers", &form, "k1").await;
    assert_eq!((second.status, second.error().1.as_str()), (409, "idempotency_key_in_use"));

    first.abort();
    let retried = loop {
        let reply = stripe.post_with_key("/v1/transfers", &form, "k1").await;
        if reply.status != 409 {
            break reply;
        }
    };
    assert_eq!((retried.status, retried.header("Idempotent-Replayed")), (200, None));
    assert_eq!(stripe.sandbox.books().transfers.len(), 1);
}

#[tokio::test]
async fn an_effect_outlives_the_client_that_asked_for_it() {
    let stripe = Stripe::start().await;
    let mentor = stripe.mentor();
    stripe.sandbox.set_available_balance("usd", 10_000).expect("a balance");
    stripe.sandbox.add_fault(once(Fault::Delay { ms: 20 }));
    let form = format!("amount=100&currency=usd&destination={mentor}");
    let client = stripe.client.clone();
    let first = tokio::spawn(async move { client.post_with_key("/v1/transfers", &form, "k1").await.is_ok() });
    until(|| stripe.sandbox.faults()[0].fired == 1).await;
    first.abort();
    until(|| stripe.sandbox.books().transfers.len() == 1).await;
}

#[tokio::test]
async fn shutdown_does_not_wait_for_what_hangs() {
    let stripe = Stripe::start().await;
    let endpoint = Endpoint::start(u32::MAX).await;
    stripe.sandbox.add_webhook(&endpoint.url, "whsec_test");
    let hang = Fault::TimeoutAfterEffect { hold_ms: None };
    stripe.sandbox.add_fault(FaultRule::always(FaultMatch::reads("/v1/balance"), hang));
    stripe.pay(Pay::new(100, "usd"));
    let client = stripe.client.clone();
    let hanging = tokio::spawn(async move { client.send("GET", "/v1/balance", "", &[]).await.is_err() });
    until(|| stripe.sandbox.faults()[0].fired == 1).await;

    let base = stripe.sandbox.base_url();
    stripe.sandbox.shutdown().await;
    assert!(hanging.await.expect("the client lives"), "the connection closed without an answer");
    assert!(ApiClient::new(&base).send("GET", "/v1/balance", "", &[]).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_is_not_a_sandbox_is_refused() {
    let clock = Clock::new();
    let mut live = clock.options();
    live.settings.secret_key = "sk_live_1".into();
    assert!(matches!(Sandbox::start(live).await, Err(SandboxError::NotATestKey)));
    let mut open = clock.options();
    open.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(Sandbox::start(open).await, Err(SandboxError::NotLoopback(_))));
    let first = Sandbox::start(clock.options()).await.expect("it starts");
    let mut taken = clock.options();
    taken.listen = first.base_url().trim_start_matches("http://").parse().expect("an address");
    assert!(matches!(Sandbox::start(taken).await, Err(SandboxError::Listen { .. })));
}

const QUICK: DeliveryRetry = DeliveryRetry { first_ms: 1, longest_ms: 4, attempts: 10, timeout_ms: 5_000 };

#[tokio::test]
async fn webhooks_are_signed_and_repeated_until_they_are_taken() {
    let endpoint = Endpoint::start(2).await;
    let stripe = Stripe::start_with(|mut options| {
        options.retry = QUICK;
        options.webhook(&endpoint.url, "whsec_test")
    })
    .await;
    stripe.pay(Pay::new(1_000, "usd"));
    stripe.sandbox.wait_for_deliveries().await;

    let deliveries = endpoint.deliveries();
    assert_eq!(deliveries.len(), 4 + 2, "two of the first four were refused and came again");
    let wanted = ["charge.succeeded", "charge.updated", "checkout.session.completed", "payment_intent.succeeded"];
    assert!(endpoint.kinds().keys().eq(&wanted), "{:?}", endpoint.kinds());
    assert!(stripe.sandbox.undelivered().is_empty());
    for delivery in deliveries {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"whsec_test");
        let tag = hmac::sign(&key, format!("{START}.{}", delivery.body).as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(delivery.signature, format!("t={START},v1={hex}"));
        assert_eq!(delivery.event()["pending_webhooks"], 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_never_takes_anything_is_given_up() {
    let endpoint = Endpoint::start(u32::MAX).await;
    let stripe = Stripe::start_with(|mut options| {
        options.retry = DeliveryRetry { attempts: 3, ..QUICK };
        options.webhook(&endpoint.url, "whsec_test")
    })
    .await;
    stripe.pay(Pay::new(1_000, "usd").through(payoutd::sandbox::PaidThrough::Charge));
    stripe.sandbox.wait_for_deliveries().await;
    assert_eq!(endpoint.deliveries().len(), 3);
    assert_eq!(stripe.sandbox.undelivered().len(), 1);
}

#[tokio::test]
async fn the_caller_may_deliver_late_twice_and_backwards() {
    let endpoint = Endpoint::start(0).await;
    let stripe = Stripe::start_with(|options| options.manual_delivery().webhook(&endpoint.url, "whsec_test")).await;
    stripe.pay(Pay::new(1_000, "usd"));
    stripe.sandbox.wait_for_deliveries().await;
    assert!(endpoint.deliveries().is_empty());

    let mut events = stripe.sandbox.undelivered();
    assert_eq!(events.len(), 4);
    events.reverse();
    for event in events.iter().chain(&events[..1]) {
        assert_eq!(stripe.sandbox.deliver(&event.id).await.expect("delivered"), [200]);
    }
    let kinds: Vec<_> = endpoint.deliveries().iter().map(sandbox_support::Delivery::kind).collect();
    let backwards = ["charge.updated", "checkout.session.completed", "payment_intent.succeeded", "charge.succeeded"];
    let wanted = [&backwards[..], &backwards[..1]].concat();
    assert_eq!(kinds, wanted);
    assert!(stripe.sandbox.undelivered().is_empty());
    assert!(stripe.sandbox.deliver("evt_nothing").await.is_err());
}

#[test]
fn the_signature_depends_on_time_body_and_secret() {
    let header = signature_header("whsec_a", START, b"{}");
    assert_eq!(header, signature_header("whsec_a", START, b"{}"));
    for other in [
        signature_header("whsec_b", START, b"{}"),
        signature_header("whsec_a", START + 1, b"{}"),
        signature_header("whsec_a", START, b"{ }"),
    ] {
        assert_ne!(header.split_once(",v1="), other.split_once(",v1="));
    }
}

/// Calls the control as another process would.
async fn control(stripe: &Stripe, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = stripe.client.send(method, &format!("/_sandbox/{path}"), &body, &[]).await.expect("an answer");
    (reply.status, reply.json())
}

#[tokio::test]
async fn another_process_controls_it_over_http() {
    let endpoint = Endpoint::start(0).await;
    let stripe = Stripe::start().await;
    let post = |path: &'static str, body: Value| control(&stripe, "POST", path, body);

    assert_eq!(post("webhooks", json!({"url": endpoint.url, "secret": "whsec_x"})).await.0, 200);
    let account = post("accounts", json!({"id": "acct_ada", "country": "DE", "default_currency": "eur"})).await.1;
    assert_eq!(account, json!({"id": "acct_ada"}));
    let (_, paid) =
        post("pay", json!({"amount_minor": 5000, "currency": "eur", "intent_metadata": {"mentorUserId": "m1"}})).await;
    let charge = paid["charge"].as_str().expect("a charge").to_owned();
    let rule = json!({"match": {"destination": "acct_ada"}, "times": 1, "fault": {"kind": "timeout_after_effect", "hold_ms": 1}});
    assert_eq!(post("faults", rule).await.1, json!({"id": 1}));
    let form = format!("amount=4500&currency=eur&destination=acct_ada&source_transaction={charge}");
    stripe.post_with_key("/v1/transfers", &form, "k1").await;
    assert_eq!(control(&stripe, "GET", "faults", Value::Null).await.1[0]["fired"], 1);
    assert_eq!(control(&stripe, "DELETE", "faults", Value::Null).await.0, 200);
    let refund = post("refunds", json!({"charge": charge, "amount_minor": 100})).await.1["id"].clone();
    assert!(refund.as_str().is_some_and(|id| id.starts_with("re_")));
    let dispute = post("disputes", json!({"charge": charge, "status": "warning_needs_response"})).await.1["id"].clone();
    let path = format!("disputes/{}", dispute.as_str().expect("an id"));
    assert_eq!(control(&stripe, "POST", &path, json!({"status": "warning_closed"})).await.0, 200);
    let inactive = json!({"change": "transfers", "status": "inactive"});
    assert_eq!(post("accounts/acct_ada", inactive).await.0, 200);
    assert_eq!(post("balance", json!({"currency": "eur", "amount_minor": 7})).await.0, 200);
    assert_eq!(post("wait", Value::Null).await.0, 200);

    let books = control(&stripe, "GET", "books", Value::Null).await.1;
    assert_eq!(
        (&books["duplicates"], &books["live_by_charge"][&charge], &books["available_minor"]["eur"]),
        (&json!(0), &json!(1), &json!(7))
    );
    assert_eq!(books["transfers"][0]["idempotency_key"], "k1");
    assert_eq!(control(&stripe, "GET", "events", Value::Null).await.1, json!([]));
    assert_eq!(endpoint.deliveries().len(), stripe.sandbox.events().len());

    for (path, body) in
        [("pay", json!({"amount": 1})), ("disputes", json!({"charge": "ch_no"})), ("nonsense", json!({}))]
    {
        let (status, refusal) = post(path, body).await;
        assert!(status == 400 && refusal["error"]["message"].is_string(), "{path}: {refusal}");
    }
}

/// Everything a run of the state machine says, as text.
fn run(seed: u64) -> Vec<String> {
    let mut core = Core::new(Settings { seed, ..Settings::default() });
    let paid = core.pay(START, Pay::new(1_000, "usd")).expect("a customer pays");
    let mentor = core.add_account(START, Default::default()).expect("an account");
    let form = format!("amount=900&currency=usd&destination={mentor}&source_transaction={}", paid.charge);
    core.add_fault(once(Fault::Delay { ms: 5 }));
    let outcome = core.request(START + 1, Request::post(KEY, "/v1/transfers", &form).with_key("k"));
    let Outcome::Wait { ticket, hold } = outcome else { panic!("{outcome:?}") };
    let mut said = vec![format!("{hold:?}"), format!("{:?}", core.resume(START + 2, ticket))];
    said.extend(core.events().map(|event| event.json().to_string()));
    said
}

#[test]
fn the_state_machine_says_the_same_for_the_same_calls() {
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
