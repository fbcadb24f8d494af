//! The Stripe client against a server that misbehaves: what is sent, and what each kind of trouble is called.

mod scripted_server;

#[path = "stripe_client/reading.rs"]
mod reading;
#[path = "stripe_client/sending.rs"]
mod sending;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use payoutd::domain::facts::TransferFact;
use payoutd::domain::ids::{AccountId, ChargeId, IdempotencyKey, PaymentId};
use payoutd::domain::money::{Currency, MinorUnits};
use payoutd::domain::operation::{Done, Order, TransferOrder};
use payoutd::domain::triage::{Failure, Refusal};
use payoutd::ports::{Called, StripeGateway};
use payoutd::stripe::{API_VERSION, Client, Settings};
use scripted_server::{Act, KEY, ScriptedServer, StandingClock, client, settings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;
use url::Url;

/// A lease that does not run out.
const FAR: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;
const OPERATION: &str = "payoutd:transfer:pi_1:0";

fn key() -> IdempotencyKey {
    IdempotencyKey::new(OPERATION)
}

fn order() -> TransferOrder {
    TransferOrder {
        amount: MinorUnits::new(9_000).unwrap(),
        currency: Currency::parse("usd").unwrap(),
        destination: AccountId::new("acct_1"),
        source_transaction: Some(ChargeId::new("ch_1")),
        transfer_group: "booking_7".into(),
        payment_id: PaymentId(42),
        netted: MinorUnits::ZERO,
        kept: MinorUnits::new(10_000).unwrap(),
        refunds: vec![],
        carried: MinorUnits::ZERO,
        converted: None,
    }
}

fn transfer(id: &str, operation: Option<&str>) -> Value {
    let metadata = operation.map_or(json!({}), |key| json!({ "payoutd_operation": key }));
    json!({
        "id": id, "object": "transfer", "amount": 9_000, "amount_reversed": 0, "created": 1_799_999_000,
        "currency": "usd", "destination": "acct_1", "source_transaction": "ch_1", "transfer_group": "booking_7",
        "metadata": metadata,
    })
}

fn changed(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

fn dispute(id: &str, charge: &str) -> Value {
    json!({ "id": id, "object": "dispute", "charge": charge, "amount": 10_000, "currency": "usd",
            "status": "needs_response", "reason": "fraudulent" })
}

fn charge(id: &str) -> Value {
    json!({
        "id": id, "object": "charge", "livemode": false, "amount": 10_000, "amount_captured": 10_000,
        "amount_refunded": 0, "created": 1_799_000_000, "currency": "usd", "captured": true, "paid": true,
        "status": "succeeded", "disputed": false, "payment_intent": "pi_1",
        "balance_transaction": { "id": "txn_1", "object": "balance_transaction", "currency": "eur" },
    })
}

fn page(data: &[Value], has_more: bool) -> Act {
    Act::json(200, json!({ "object": "list", "data": data, "has_more": has_more }))
}

async fn scripted(script: impl IntoIterator<Item = Act>) -> (ScriptedServer, Client) {
    let server = ScriptedServer::start(script).await;
    let client = client(settings(&server.base));
    (server, client)
}

async fn impatient(server: &ScriptedServer) -> Client {
    client(Settings { call_timeout: Duration::from_millis(300), ..settings(&server.base) })
}

async fn create_transfer(
    client: &Client,
    key: &IdempotencyKey,
    order: &TransferOrder,
    not_after: chrono::DateTime<chrono::Utc>,
) -> Called<TransferFact> {
    let called = client.carry_out(key, &Order::Transfer(order.clone()), not_after).await;
    of_transfer(called, as_transfer)
}

async fn find_transfer(client: &Client, key: &IdempotencyKey, order: &TransferOrder) -> Called<Option<TransferFact>> {
    let called = client.find(key, &Order::Transfer(order.clone())).await;
    of_transfer(called, |found| found.map(as_transfer))
}

fn of_transfer<A, B>(called: Called<A>, as_transfer: impl FnOnce(A) -> B) -> Called<B> {
    let Called { result, status, request_id, took } = called;
    Called { result: result.map(as_transfer), status, request_id, took }
}

fn as_transfer(done: Done) -> TransferFact {
    match done {
        Done::Transfer(transfer) => transfer,
        other => panic!("not a transfer: {other:?}"),
    }
}

async fn create(client: &Client) -> Called<TransferFact> {
    create_transfer(client, &key(), &order(), FAR).await
}

#[track_caller]
fn failure<T: std::fmt::Debug>(called: &Called<T>) -> &Failure {
    called.result.as_ref().expect_err("the call should have failed")
}

#[track_caller]
fn assert_unreadable<T: std::fmt::Debug>(called: &Called<T>, status: u16) {
    assert!(matches!(failure(called), Failure::Unreadable { status: s, .. } if *s == status), "{called:?}");
    assert_eq!(called.status, Some(status));
}
