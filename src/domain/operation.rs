//! An operation: one write to Stripe, from its committed intent to its outcome. Its parameters never change.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{AccountId, ChargeId, IdempotencyKey, MentorId, OperationId, PaymentId, PaymentKey};
use super::money::{Currency, MinorUnits};
use super::payment::words;
use super::release::Plan;

words!(
    /// Where an operation stands, and who moves it next.
    OperationState {
        /// Known not to be done, due at `next_attempt_at`; the submit loop moves it.
        Planned = "planned",
        /// Leased; the call may be on the wire. Its worker moves it, or the rescuer when the lease runs out.
        Submitting = "submitting",
        /// Stripe may or may not have done it; the rescuer moves it. It keeps its claim on the payment.
        Unknown = "unknown",
        /// Stripe's id is stored. Nobody moves it.
        Confirmed = "confirmed",
        /// Stripe said no and nothing was done. Nobody moves it; another generation may follow.
        Rejected = "rejected",
    }
);

/// The frozen parameters of a transfer, stored as JSON with the operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOrder {
    /// How much, in minor units.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// To which connected account.
    pub destination: AccountId,
    /// From which charge.
    pub source_transaction: ChargeId,
    /// What a look-up finds it by.
    pub transfer_group: String,
    /// The payment's row, for the transfer's metadata.
    pub payment_id: PaymentId,
}

impl TransferOrder {
    /// The order that a plan asks for.
    pub fn from_plan(plan: &Plan) -> Self {
        Self {
            amount: plan.amount,
            currency: plan.currency,
            destination: plan.destination.clone(),
            source_transaction: plan.charge_id.clone(),
            transfer_group: plan.transfer_group.clone(),
            payment_id: plan.payment_id,
        }
    }
}

/// An operation as its worker holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its row.
    pub id: OperationId,
    /// The payment it pays.
    pub payment_id: PaymentId,
    /// Who is paid.
    pub mentor_id: MentorId,
    /// Goes up only after a definite refusal.
    pub generation: i32,
    /// The key it is sent under, always.
    pub key: IdempotencyKey,
    /// What is asked for, always.
    pub order: TransferOrder,
    /// Whether some earlier request may have been carried out.
    pub maybe_done: bool,
    /// Attempts that count against the limit.
    pub attempts: u32,
    /// When its first request left.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// When its latest request left.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// Since when its outcome is unknown.
    pub unknown_since: Option<DateTime<Utc>>,
    /// The lease under which it is worked on; an outcome under an older lease is not written.
    pub lease_epoch: i64,
    /// Until when it is this worker's. Nothing is sent after: somebody else may have taken it up by then.
    pub lease_until: DateTime<Utc>,
}

/// The key of a payment's transfer. It names the payment by Stripe's id, not by our row, so that a database that was
/// restored or begun anew cannot pay again what was paid in the last day.
pub fn transfer_key(payment: &PaymentKey, generation: i32) -> IdempotencyKey {
    IdempotencyKey::new(format!("payoutd:transfer:{payment}:{generation}"))
}
