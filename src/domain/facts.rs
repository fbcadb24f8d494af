//! What Stripe told, reduced to what payoutd uses. Each fact carries the time of its telling, so that tellings
//! which come twice, late or in any order end in the same rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::dispute::Dispute;
use super::ids::{
    AccountId, ChargeId, EventId, IntentId, PaymentKey, PayoutId, RefundId, ReversalId, SessionId, TransferId,
};
use super::mentor::Capability;
use super::money::{Currency, MinorUnits};
use super::payment::{Collection, words};

/// When Stripe told something, and in which event. The later stamp wins; within a second the fact's own rank
/// decides, then the event's id, so that the order of arrival never does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The event's `created`, to the second.
    pub told_at: DateTime<Utc>,
    /// How far along its life the object is; compared when two tellings are of the same second.
    pub rank: i16,
    /// The event, or what stands for it where the object was read directly.
    pub event_id: EventId,
}

words!(
    /// The objects that together describe a payment; the first is believed over the later ones.
    SourceKind {
        /// `ch_…`
        Charge = "charge",
        /// `pi_…`
        PaymentIntent = "payment_intent",
        /// `cs_…`
        CheckoutSession = "checkout_session",
    }
);

/// What one object says about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which object.
    pub object_id: String,
    /// Of which kind.
    pub kind: SourceKind,
    /// The payment that it belongs to.
    pub key: PaymentKey,
    /// When it said so.
    pub stamp: Stamp,
    /// What it says.
    pub says: Says,
}

/// The content of a [`Source`], stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Says {
    /// Whether the money is real.
    pub livemode: bool,
    /// How far the customer's money has come.
    pub collection: Collection,
    /// What the customer pays.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// When the customer paid, if they have.
    pub paid_at: Option<DateTime<Utc>>,
    /// Since when the customer's money is reserved, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized_at: Option<DateTime<Utc>>,
    /// Whether it is authorised first and captured later.
    #[serde(default)]
    pub captured_later: bool,
    /// The payment intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_id: Option<IntentId>,
    /// The checkout session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// The charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<ChargeId>,
    /// What of a charge was refunded.
    #[serde(default)]
    pub refunded: MinorUnits,
    /// Whether a charge was ever disputed.
    #[serde(default)]
    pub disputed: bool,
    /// Whether Stripe moves a charge's money on by itself.
    #[serde(default)]
    pub destination_charge: bool,
    /// The transfer group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_group: Option<String>,
    /// What a charge settled in, where its balance transaction was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement_currency: Option<Currency>,
    /// How much of that, before Stripe's fees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement_amount: Option<MinorUnits>,
    /// The customer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<String>,
    /// The customer's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<String>,
    /// The object's metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A refund, as last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// Stripe's id.
    pub id: RefundId,
    /// Of which charge.
    pub charge_id: ChargeId,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Stripe's word for where it stands.
    pub status: String,
    /// The key under which payoutd asked for it, from its metadata; `None` for a refund of other hands.
    pub operation_key: Option<String>,
    /// When Stripe told so.
    pub stamp: Stamp,
}

/// A dispute, as last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeFact {
    /// The dispute.
    pub dispute: Dispute,
    /// Until when Stripe takes evidence, where it says so.
    pub evidence_due_by: Option<DateTime<Utc>>,
    /// When Stripe told so.
    pub stamp: Stamp,
}

/// A transfer, as last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferFact {
    /// Stripe's id.
    pub id: TransferId,
    /// From which charge, where one was named.
    pub charge_id: Option<ChargeId>,
    /// To whom.
    pub destination: AccountId,
    /// How much.
    pub amount: MinorUnits,
    /// What of it was taken back.
    pub reversed: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// What groups it with others.
    pub transfer_group: Option<String>,
    /// The key under which payoutd asked for it, from its metadata; `None` for a transfer of other hands.
    pub operation_key: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A transfer reversal; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalFact {
    /// Stripe's id.
    pub id: ReversalId,
    /// The transfer, with what has been taken back of it by then.
    pub transfer: TransferFact,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// The key under which payoutd asked for it, from its metadata; `None` for a reversal of other hands.
    pub operation_key: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A connected account, as last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFact {
    /// Stripe's id.
    pub id: AccountId,
    /// Whether it may receive transfers.
    pub transfers: Capability,
    /// The rest; `None` where only the capability was told.
    pub details: Option<AccountDetails>,
    /// The key under which payoutd made it, from its metadata; `None` for an account of other hands.
    pub operation_key: Option<String>,
    /// When Stripe told so.
    pub stamp: Stamp,
}

/// What an account's own telling has beside the capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDetails {
    /// Whether its owner has finished Stripe's forms.
    pub details_submitted: bool,
    /// Whether it may pay out to its bank.
    pub payouts_enabled: bool,
    /// Whether it may take payments itself.
    pub charges_enabled: bool,
    /// Why it is restricted.
    pub disabled_reason: Option<String>,
    /// What Stripe asks its owner for now.
    pub requirements: Vec<String>,
    /// When Stripe pays out by itself; `manual` for never.
    pub payout_interval: Option<String>,
}

/// A payout to a bank, as last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutFact {
    /// Stripe's id.
    pub id: PayoutId,
    /// Of which connected account; `None` for the platform's own.
    pub account_id: Option<AccountId>,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Stripe's word for where it stands.
    pub status: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// When the bank is to have it.
    pub arrives_at: Option<DateTime<Utc>>,
    /// The key under which payoutd asked for it, from its metadata; `None` for a payout of other hands.
    pub operation_key: Option<String>,
    /// The withdrawal that it is for, from its metadata.
    pub reference: Option<String>,
    /// When Stripe told so.
    pub stamp: Stamp,
}

/// What one event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// About a payment.
    Payment(Source),
    /// About a refund.
    Refund(RefundFact),
    /// About a dispute.
    Dispute(DisputeFact),
    /// About a transfer.
    Transfer(TransferFact),
    /// About a connected account.
    Account(AccountFact),
    /// A connected account left the platform.
    Deauthorized(AccountId, Stamp),
    /// About a payout to a bank.
    Payout(PayoutFact),
    /// Every transfer of this group was read: those that carry a key of payoutd's are facts of their own.
    GroupRead(String),
    /// Nothing that payoutd acts on, and why.
    Nothing(&'static str),
}
