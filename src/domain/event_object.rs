//! The shapes of Stripe's objects inside an event, as far as payoutd reads them. Unknown fields are fine, and a
//! field that payoutd does not need is not named.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An id, given alone or as the object that it names.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "it must be an id, or an object with an `id`")]
pub(super) enum Expandable {
    Id(String),
    Object { id: String },
}

impl Expandable {
    pub(super) fn into_id(self) -> String {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Person {
    pub name: Option<String>,
    pub email: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub id: String,
    pub livemode: bool,
    pub payment_intent: Option<Expandable>,
    pub payment_status: String,
    pub amount_total: Option<i64>,
    pub currency: Option<String>,
    pub customer_details: Option<Person>,
    pub metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub id: String,
    pub livemode: bool,
    pub amount: i64,
    #[serde(default)]
    pub amount_received: i64,
    pub currency: String,
    pub status: String,
    #[serde(default)]
    pub capture_method: String,
    pub latest_charge: Option<Expandable>,
    pub receipt_email: Option<String>,
    pub transfer_group: Option<String>,
    pub transfer_data: Option<serde::de::IgnoredAny>,
    pub metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Charge {
    pub id: String,
    pub livemode: bool,
    pub amount: i64,
    pub amount_captured: Option<i64>,
    #[serde(default)]
    pub amount_refunded: i64,
    pub created: i64,
    pub currency: String,
    #[serde(default)]
    pub captured: bool,
    #[serde(default)]
    pub paid: bool,
    pub status: String,
    #[serde(default)]
    pub disputed: bool,
    pub payment_intent: Option<Expandable>,
    pub billing_details: Option<Person>,
    pub receipt_email: Option<String>,
    pub transfer_group: Option<String>,
    pub transfer_data: Option<serde::de::IgnoredAny>,
    pub balance_transaction: Option<BalanceTransaction>,
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A balance transaction, given alone by id or (where it was asked for) with what came in.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "it must be an id, or an object with a `currency` and an `amount`")]
pub(super) enum BalanceTransaction {
    Object { currency: String, amount: Option<i64> },
    Id(#[expect(dead_code, reason = "only the expanded form says what came in")] String),
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub id: String,
    pub charge: Option<Expandable>,
    pub amount: i64,
    pub currency: String,
    pub status: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    pub id: String,
    pub charge: Expandable,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub balance_transactions: Vec<DisputeMovement>,
    pub evidence_details: Option<EvidenceDetails>,
}

/// What Stripe says of a dispute's evidence.
#[derive(Debug, Deserialize)]
pub(super) struct EvidenceDetails {
    pub due_by: Option<i64>,
}

/// What a dispute moved on the platform's balance.
#[derive(Debug, Deserialize)]
pub(super) struct DisputeMovement {
    #[serde(default)]
    pub fee: i64,
    #[serde(default)]
    pub currency: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Transfer {
    pub id: String,
    pub amount: i64,
    #[serde(default)]
    pub amount_reversed: i64,
    pub currency: String,
    pub created: i64,
    pub destination: Option<Expandable>,
    pub source_transaction: Option<Expandable>,
    pub transfer_group: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reversal {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub created: i64,
    pub transfer: Transfer,
    pub metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub id: String,
    pub capabilities: Option<Capabilities>,
    #[serde(default)]
    pub details_submitted: bool,
    #[serde(default)]
    pub payouts_enabled: bool,
    #[serde(default)]
    pub charges_enabled: bool,
    pub requirements: Option<Requirements>,
    pub settings: Option<Settings>,
    pub metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub payouts: Option<PayoutSettings>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PayoutSettings {
    pub schedule: Option<Schedule>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Schedule {
    pub interval: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Capabilities {
    pub transfers: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Requirements {
    pub disabled_reason: Option<String>,
    pub currently_due: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Capability {
    pub id: String,
    pub account: Expandable,
    pub status: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payout {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub failure_message: Option<String>,
    pub failure_code: Option<String>,
    pub arrival_date: Option<i64>,
    pub metadata: Option<BTreeMap<String, String>>,
}
