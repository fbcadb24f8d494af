//! What a database may not know of itself because it is a copy of an earlier one: which payments are looked for at Stripe
//! before they are paid, and which transfers found there may be taken for the payment's own. It pays nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::TransferFact;
use super::ids::{MentorId, PaymentKey};
use super::money::MinorUnits;
use super::operation::{OperationKind, TransferOrder};
use super::payment::Payment;
use super::policy::Policy;
use super::release::{Case, may_be_paid, transfer_group};
use super::turn::span;

/// Stripe's clock and ours may differ by so much: with more, no webhook's signature would be believed.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Whether a payment may have been paid by a daemon of whose work this database does not know. It was charged before
/// `known_since`, and so long ago that its idempotency key would not stop a second transfer any more.
pub fn to_be_looked_for(
    payment: &Payment,
    known_since: DateTime<Utc>,
    key_max_age: Duration,
    now: DateTime<Utc>,
) -> bool {
    let Some(charged) = payment.paid_at.into_iter().chain(payment.authorized_at).min() else { return true };
    charged < known_since + SKEW && now - charged >= span(key_max_age)
}

/// The payment that a key of ours pays, with the kind and the generation of its operation.
pub fn paid_by(key: &str) -> Option<(OperationKind, PaymentKey, i32)> {
    let mut parts = key.strip_prefix("payoutd:")?.split(':');
    let kind = OperationKind::from_word(parts.next()?)?;
    if !matches!(kind, OperationKind::Transfer | OperationKind::Restore) {
        return None;
    }
    let payment = parts.next().filter(|payment| !payment.is_empty())?;
    Some((kind, PaymentKey::new(payment), parts.next_back()?.parse().ok()?))
}

/// The order that a transfer answers which Stripe has under the payment's own key and which no operation asked for.
/// `None` where it is not what would be or would have been sent: that is for a person, and the payment stays held.
pub fn adoptable(case: &Case, transfer: &TransferFact, policy: &Policy) -> Option<(MentorId, TransferOrder)> {
    let without = Case { foreign_transfer: None, ..case.clone() };
    if let Ok(plan) = may_be_paid(&without, policy) {
        let order = TransferOrder::from_plan(&plan);
        if is_answered(&order, transfer) {
            return Some((plan.mentor_id, order));
        }
    }
    let mentor_id = case.payment.mentor_id.clone()?;
    let destination = case.mentor.as_ref()?.account_id.clone()?;
    let order = whole(case, transfer, destination)?;
    is_answered(&order, transfer).then_some((mentor_id, order))
}

/// Whether a transfer is what an order asks for, and nothing else goes with it: a debt that it lowered or credit that it
/// took would have to be known as they were.
pub fn is_answered(order: &TransferOrder, transfer: &TransferFact) -> bool {
    (transfer.amount, transfer.currency) == (order.amount, order.currency)
        && transfer.destination == order.destination
        && (order.source_transaction.is_none() || transfer.charge_id == order.source_transaction)
        && (order.netted, order.carried) == (MinorUnits::ZERO, MinorUnits::ZERO)
}

/// The whole of the mentor's part, or what is left of it after refunds: measured as it was when it was sent.
fn whole(case: &Case, transfer: &TransferFact, destination: super::ids::AccountId) -> Option<TransferOrder> {
    let payment = &case.payment;
    if payment.conversion().is_some() {
        return None;
    }
    let charge_id = payment.charge_id.as_ref()?;
    let now_left = transfer.amount == payment.mentor_due();
    let known = || case.refunds.iter().filter(|refund| !refund.failed).map(|refund| refund.id.clone()).collect();
    let (kept, refunds) = match now_left {
        true => (payment.amount.saturating_sub(payment.refunded), known()),
        false if transfer.amount == payment.mentor_amount => (payment.amount, Vec::new()),
        false => return None,
    };
    Some(TransferOrder {
        amount: transfer.amount,
        currency: payment.currency,
        destination,
        source_transaction: Some(charge_id.clone()),
        transfer_group: transfer.transfer_group.clone().unwrap_or_else(|| transfer_group(payment, charge_id)),
        payment_id: payment.id,
        netted: MinorUnits::ZERO,
        kept,
        refunds,
        carried: MinorUnits::ZERO,
        converted: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_payment() {
        let read =
            |key| paid_by(key).map(|(kind, payment, generation)| (kind.word(), payment.into_string(), generation));
        assert_eq!(read("payoutd:transfer:pi_1:2"), Some(("transfer", "pi_1".into(), 2)));
        assert_eq!(read("payoutd:restore:ch_9:du_1:1"), Some(("restore", "ch_9".into(), 1)));
        for other in ["payoutd:reversal:pi_1:re_1:1", "payoutd:transfer:pi_1", "payoutd:transfer::1", "other", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
