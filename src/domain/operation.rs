//! An operation: one write to Stripe, from its committed intent to its outcome. Its parameters never change.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::facts::{AccountFact, PayoutFact, RefundFact, ReversalFact, Source, TransferFact};
use super::ids::{
    ChargeId, IdempotencyKey, IntentId, MentorId, OperationId, PaymentId, PaymentKey, RequestId, TransferId,
    WithdrawalId,
};
use super::money::{Currency, MinorUnits};
use super::onboarding::{AccountOrder, ScheduleOrder};
use super::payment::words;
use super::withdrawal::PayoutOrder;

pub use super::transfer_order::TransferOrder;

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

/// The frozen parameters of a transfer reversal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversalOrder {
    /// How much, in minor units.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Of which transfer.
    pub transfer_id: TransferId,
    /// The payment's row, for the reversal's metadata.
    pub payment_id: PaymentId,
}

/// The frozen parameters of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundOrder {
    /// How much, in minor units.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Of which charge.
    pub charge_id: ChargeId,
    /// The payment's row, for the refund's metadata.
    pub payment_id: PaymentId,
    /// Who asked for it.
    pub request_id: RequestId,
}

/// The frozen parameters of what is done to an authorised payment intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentOrder {
    /// How much is authorised, in minor units: all of it is captured or let go of.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Which payment intent.
    pub intent_id: IntentId,
    /// The payment's row.
    pub payment_id: PaymentId,
    /// The refund request that it answers, where it was one that brought it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
}

words!(
    /// What an operation does at Stripe.
    OperationKind {
        /// Pays the mentor.
        Transfer = "transfer",
        /// Pays the mentor again what payoutd had taken back, once the cause is gone.
        Restore = "restore",
        /// Takes back from the mentor.
        Reversal = "reversal",
        /// Gives back to the customer.
        Refund = "refund",
        /// Charges what was authorised.
        Capture = "capture",
        /// Lets go of what was authorised.
        Cancel = "cancel",
        /// Pays out from a mentor's connected account to their bank.
        Payout = "payout",
        /// Makes a connected account.
        Account = "account",
        /// Has a connected account pay out only when it is asked to.
        Schedule = "schedule",
    }
);

/// The frozen parameters of an operation, stored as JSON with it, under its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// `POST /v1/transfers`
    Transfer(TransferOrder),
    /// `POST /v1/transfers` again, for what was taken back.
    Restore(TransferOrder),
    /// `POST /v1/transfers/{id}/reversals`
    Reversal(ReversalOrder),
    /// `POST /v1/refunds`
    Refund(RefundOrder),
    /// `POST /v1/payment_intents/{id}/capture`
    Capture(IntentOrder),
    /// `POST /v1/payment_intents/{id}/cancel`
    Cancel(IntentOrder),
    /// `POST /v1/payouts`, on a connected account.
    Payout(PayoutOrder),
    /// `POST /v1/accounts`
    Account(AccountOrder),
    /// `POST /v1/accounts/{id}`
    Schedule(ScheduleOrder),
}

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A payment.
    Payment(PaymentId),
    /// A withdrawal.
    Withdrawal(WithdrawalId),
    /// The mentor's account.
    Account,
}

impl About {
    /// The payment, where it is one.
    pub fn payment(self) -> Option<PaymentId> {
        match self {
            Self::Payment(id) => Some(id),
            Self::Withdrawal(_) | Self::Account => None,
        }
    }

    /// The withdrawal, where it is one.
    pub fn withdrawal(self) -> Option<WithdrawalId> {
        match self {
            Self::Withdrawal(id) => Some(id),
            Self::Payment(_) | Self::Account => None,
        }
    }
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payment(id) => write!(f, "payment {id}"),
            Self::Withdrawal(id) => write!(f, "withdrawal {id}"),
            Self::Account => f.write_str("an account"),
        }
    }
}

impl Order {
    /// What it does.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Transfer(_) => OperationKind::Transfer,
            Self::Restore(_) => OperationKind::Restore,
            Self::Reversal(_) => OperationKind::Reversal,
            Self::Refund(_) => OperationKind::Refund,
            Self::Capture(_) => OperationKind::Capture,
            Self::Cancel(_) => OperationKind::Cancel,
            Self::Payout(_) => OperationKind::Payout,
            Self::Account(_) => OperationKind::Account,
            Self::Schedule(_) => OperationKind::Schedule,
        }
    }

    /// Whether it puts right what was paid: it follows a transfer.
    pub fn follows_a_transfer(&self) -> bool {
        matches!(self, Self::Restore(_) | Self::Reversal(_))
    }

    /// The refund request that it answers.
    pub fn request_id(&self) -> Option<RequestId> {
        match self {
            Self::Refund(order) => Some(order.request_id),
            Self::Capture(order) | Self::Cancel(order) => order.request_id,
            _ => None,
        }
    }

    /// The money that it moves, where it moves any.
    pub fn money(&self) -> Option<(MinorUnits, Currency)> {
        Some(match self {
            Self::Transfer(order) | Self::Restore(order) => (order.amount, order.currency),
            Self::Reversal(order) => (order.amount, order.currency),
            Self::Refund(order) => (order.amount, order.currency),
            Self::Capture(order) | Self::Cancel(order) => (order.amount, order.currency),
            Self::Payout(order) => (order.amount, order.currency),
            Self::Account(_) | Self::Schedule(_) => return None,
        })
    }

    /// How much money it moves.
    pub fn amount(&self) -> MinorUnits {
        self.money().map_or(MinorUnits::ZERO, |(amount, _)| amount)
    }

    /// The same for people.
    pub fn sum(&self) -> String {
        self.money().map_or_else(|| "nothing".to_owned(), |(amount, currency)| currency.display(amount))
    }

    /// As it is stored.
    pub fn parameters(&self) -> Result<serde_json::Value, serde_json::Error> {
        match self {
            Self::Transfer(order) | Self::Restore(order) => serde_json::to_value(order),
            Self::Reversal(order) => serde_json::to_value(order),
            Self::Refund(order) => serde_json::to_value(order),
            Self::Capture(order) | Self::Cancel(order) => serde_json::to_value(order),
            Self::Payout(order) => serde_json::to_value(order),
            Self::Account(order) => serde_json::to_value(order),
            Self::Schedule(order) => serde_json::to_value(order),
        }
    }

    /// Reads what is stored.
    pub fn read(kind: OperationKind, parameters: &serde_json::Value) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            OperationKind::Transfer => Self::Transfer(TransferOrder::deserialize(parameters)?),
            OperationKind::Restore => Self::Restore(TransferOrder::deserialize(parameters)?),
            OperationKind::Reversal => Self::Reversal(ReversalOrder::deserialize(parameters)?),
            OperationKind::Refund => Self::Refund(RefundOrder::deserialize(parameters)?),
            OperationKind::Capture => Self::Capture(IntentOrder::deserialize(parameters)?),
            OperationKind::Cancel => Self::Cancel(IntentOrder::deserialize(parameters)?),
            OperationKind::Payout => Self::Payout(PayoutOrder::deserialize(parameters)?),
            OperationKind::Account => Self::Account(AccountOrder::deserialize(parameters)?),
            OperationKind::Schedule => Self::Schedule(ScheduleOrder::deserialize(parameters)?),
        })
    }
}

/// What Stripe did for an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// A transfer.
    Transfer(TransferFact),
    /// A reversal.
    Reversal(ReversalFact),
    /// A refund.
    Refund(RefundFact),
    /// What a payment intent says once it was captured or let go of.
    Intent(Box<Source>),
    /// A payout to a bank.
    Payout(PayoutFact),
    /// A connected account, as it is then.
    Account(Box<AccountFact>),
}

impl Done {
    /// Stripe's id of it.
    pub fn id(&self) -> &str {
        match self {
            Self::Transfer(transfer) => transfer.id.as_str(),
            Self::Reversal(reversal) => reversal.id.as_str(),
            Self::Refund(refund) => refund.id.as_str(),
            Self::Intent(intent) => &intent.object_id,
            Self::Payout(payout) => payout.id.as_str(),
            Self::Account(account) => account.id.as_str(),
        }
    }
}

/// Why an operation is rejected that nobody refused: Stripe had no such thing when it was looked for.
pub const ABSENT: &str = "absent";
/// The same: it was withdrawn unsent.
pub const WITHDRAWN: &str = "withdrawn";

/// An operation as its worker holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its row.
    pub id: OperationId,
    /// What it is about.
    pub about: About,
    /// The mentor whose money it moves.
    pub mentor_id: MentorId,
    /// What brought it about: a refund's or dispute's id, a request, `flag`; empty for the first transfer.
    pub cause: String,
    /// Goes up only after a definite refusal.
    pub generation: i32,
    /// The key it is sent under, always.
    pub key: IdempotencyKey,
    /// What is asked for, always.
    pub order: Order,
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

/// The key of any other operation. It names the payment and the cause.
pub fn adjustment_key(kind: OperationKind, payment: &PaymentKey, cause: &str, generation: i32) -> IdempotencyKey {
    IdempotencyKey::new(format!("payoutd:{kind}:{payment}:{cause}:{generation}"))
}
