//! What is asked of Stripe for a transfer, and by which measure: frozen with its operation.

use serde::{Deserialize, Serialize};

use super::conversion::Converted;
use super::ids::{AccountId, ChargeId, PaymentId, RefundId};
use super::money::{Currency, MinorUnits};
use super::release::Plan;

/// The frozen parameters of a transfer, stored as JSON with the operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOrder {
    /// How much, in minor units.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// To which connected account.
    pub destination: AccountId,
    /// From which charge; none where it comes out of the platform's balance.
    pub source_transaction: Option<ChargeId>,
    /// What a look-up finds it by.
    pub transfer_group: String,
    /// The payment's row, for the transfer's metadata.
    pub payment_id: PaymentId,
    /// What of the mentor's part went towards their debt instead.
    #[serde(default)]
    pub netted: MinorUnits,
    /// What of the charge had not been refunded then: later refunds take their share of the transfer by this measure.
    #[serde(default)]
    pub kept: MinorUnits,
    /// The refunds that this measure knew of.
    #[serde(default)]
    pub refunds: Vec<RefundId>,
    /// What of earlier payments, too small to be sent alone, is sent with it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub carried: MinorUnits,
    /// How the mentor's part became this currency, where the charge settled in another than it was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converted: Option<Converted>,
}

impl TransferOrder {
    /// The mentor's part of this payment: what is sent of it, and what went towards their debt.
    pub fn gross(&self) -> MinorUnits {
        let own = self.amount.saturating_sub(self.carried);
        own.checked_add(self.netted).unwrap_or(own)
    }

    /// Whether another order would pay the same part of the same charge to the same account.
    pub fn is_still(&self, other: &Self) -> bool {
        let nothing = MinorUnits::ZERO;
        let unmeasured = |order: &Self| Self {
            amount: order.gross(),
            netted: nothing,
            carried: nothing,
            source_transaction: None,
            ..order.clone()
        };
        let (ours, theirs) = (unmeasured(self), unmeasured(other));
        // Out of the platform's balance or out of the charge, as the credit was then; but never of another charge.
        let other_charge = self.source_transaction.is_some()
            && other.source_transaction.is_some()
            && self.source_transaction != other.source_transaction;
        if other_charge {
            return false;
        }
        // Operations of before the measure was recorded have none.
        if self.kept == MinorUnits::ZERO {
            return ours == Self { kept: MinorUnits::ZERO, refunds: Vec::new(), ..theirs };
        }
        ours == theirs
    }

    /// The order that a plan asks for.
    pub fn from_plan(plan: &Plan) -> Self {
        Self {
            amount: plan.amount,
            currency: plan.currency,
            destination: plan.destination.clone(),
            source_transaction: (!plan.beyond_charge).then(|| plan.charge_id.clone()),
            transfer_group: plan.transfer_group.clone(),
            payment_id: plan.payment_id,
            netted: plan.netted,
            kept: plan.kept,
            refunds: plan.refunds.clone(),
            carried: plan.carried,
            converted: plan.converted,
        }
    }
}

fn is_nothing(amount: &MinorUnits) -> bool {
    *amount == MinorUnits::ZERO
}
