//! Stripe's objects and events as the tests tell them: a usual one, with what the story needs set on it.

use chrono::{DateTime, TimeDelta, Utc};
use payoutd::domain::event;
use payoutd::domain::facts::Fact;
use payoutd::ports::NewEvent;
use serde_json::{Value, json};

/// So many hours after the customer paid.
pub fn hour(n: i64) -> DateTime<Utc> {
    minute(60 * n)
}

/// So many minutes after the customer paid.
pub fn minute(n: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time") + TimeDelta::minutes(n)
}

/// After the dispute window.
pub fn later() -> DateTime<Utc> {
    hour(73)
}

/// One of Stripe's objects.
#[derive(Debug, Clone)]
pub struct Object(pub Value);

impl Object {
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Object {
        self.0[field] = value.into();
        self
    }

    pub fn metadata(mut self, name: &str, value: &str) -> Object {
        self.0["metadata"][name] = value.into();
        self
    }

    /// The event of that type about it.
    pub fn told(&self, kind: &str, at: DateTime<Utc>) -> Event {
        let object = self.0["id"].as_str().unwrap_or("none");
        let id = format!("evt_{object}_{}_{}", kind.replace('.', "_"), at.timestamp());
        Event { id, kind: kind.into(), at, livemode: false, account: None, object: self.0.clone() }
    }
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub at: DateTime<Utc>,
    pub livemode: bool,
    pub account: Option<String>,
    pub object: Value,
}

impl Event {
    /// About a connected account.
    pub fn of_account(mut self, account: &str) -> Event {
        self.account = Some(account.into());
        self
    }

    pub fn body(&self) -> Vec<u8> {
        let mut body = json!({
            "id": self.id, "object": "event", "api_version": "2026-10-28.endive", "created": self.at.timestamp(),
            "livemode": self.livemode, "type": self.kind, "data": { "object": self.object },
        });
        if let Some(account) = &self.account {
            body["account"] = account.as_str().into();
        }
        body.to_string().into_bytes()
    }

    pub fn arrives(&self, at: DateTime<Utc>) -> NewEvent {
        NewEvent {
            event_id: self.id.clone(),
            kind: self.kind.clone(),
            created_at: self.at,
            livemode: self.livemode,
            account: self.account.clone(),
            body: self.body(),
            received_at: at,
            unreadable: None,
        }
    }

    /// What it says.
    pub fn fact(&self) -> Fact {
        event::facts(&self.body()).expect("readable").1
    }
}

/// Charge `ch_{name}` of intent `pi_{name}`: 100.00 USD, paid, for mentor `m1`.
pub fn charge(name: &str) -> Object {
    Object(json!({
        "id": format!("ch_{name}"), "object": "charge", "livemode": false, "amount": 10_000,
        "amount_captured": 10_000, "amount_refunded": 0, "created": hour(0).timestamp(), "currency": "usd",
        "captured": true, "paid": true, "status": "succeeded", "disputed": false,
        "payment_intent": format!("pi_{name}"),
        "billing_details": { "name": "Card Holder", "email": null }, "balance_transaction": "txn_1",
        "metadata": { "mentorUserId": "m1", "bookingId": format!("booking-{name}") },
    }))
}

/// The intent of `ch_{name}`, succeeded.
pub fn intent(name: &str) -> Object {
    Object(json!({
        "id": format!("pi_{name}"), "object": "payment_intent", "livemode": false, "amount": 10_000,
        "amount_received": 10_000, "currency": "usd", "status": "succeeded",
        "latest_charge": format!("ch_{name}"), "metadata": { "mentorUserId": "m1" },
    }))
}

/// The checkout session of `pi_{name}`, paid.
pub fn session(name: &str) -> Object {
    Object(json!({
        "id": format!("cs_{name}"), "object": "checkout.session", "livemode": false,
        "payment_intent": format!("pi_{name}"), "payment_status": "paid", "amount_total": 10_000, "currency": "usd",
        "customer_details": { "name": "Grace Customer", "email": "grace@example.org" },
        "metadata": { "mentorUserId": "m1", "bookingId": format!("booking-{name}") },
    }))
}

/// Refund `re_{name}` of `ch_{charge}`.
pub fn refund(name: &str, charge: &str, amount: i64, status: &str) -> Object {
    Object(json!({
        "id": format!("re_{name}"), "object": "refund", "charge": format!("ch_{charge}"), "amount": amount,
        "currency": "usd", "status": status,
    }))
}

/// Dispute `du_{name}` of `ch_{charge}`.
pub fn dispute(name: &str, charge: &str, status: &str) -> Object {
    Object(json!({
        "id": format!("du_{name}"), "object": "dispute", "charge": format!("ch_{charge}"), "amount": 10_000,
        "currency": "usd", "status": status, "reason": "fraudulent",
    }))
}

/// Account `acct_{name}`, whose `transfers` capability is as given.
pub fn account(name: &str, transfers: &str) -> Object {
    Object(json!({
        "id": format!("acct_{name}"), "object": "account", "capabilities": { "transfers": transfers },
        "details_submitted": true, "payouts_enabled": true, "requirements": { "disabled_reason": null },
    }))
}

/// The `transfers` capability of `acct_{name}`.
pub fn capability(name: &str, status: &str) -> Object {
    Object(json!({ "id": "transfers", "object": "capability", "account": format!("acct_{name}"), "status": status }))
}

/// The owner of `acct_{name}` disconnects it.
pub fn deauthorized(name: &str, at: DateTime<Utc>) -> Event {
    let application = Object(json!({ "id": "ca_1", "object": "application", "name": "The platform" }));
    let mut event = application.told("account.application.deauthorized", at).of_account(&format!("acct_{name}"));
    event.id.push_str(name);
    event
}

/// Transfer `tr_{name}` of `ch_{charge}` to `acct_m1`, made by other hands.
pub fn transfer(name: &str, charge: &str) -> Object {
    Object(json!({
        "id": format!("tr_{name}"), "object": "transfer", "amount": 9_000, "amount_reversed": 0, "currency": "usd",
        "created": hour(1).timestamp(), "destination": "acct_m1", "source_transaction": format!("ch_{charge}"),
        "transfer_group": null, "metadata": {},
    }))
}

/// Payout `po_{name}` from `acct_m1` to a bank.
pub fn payout(name: &str, status: &str) -> Object {
    Object(json!({
        "id": format!("po_{name}"), "object": "payout", "amount": 9_000, "currency": "usd", "status": status,
        "failure_message": null, "failure_code": null,
    }))
}
