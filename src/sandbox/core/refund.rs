//! Refunds of charges. Refunding a charge does not touch its transfers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Core;
use super::charge::{Charge, ChargeState, Contest};
use super::error::StripeError;
use super::ledger::{Movement, Owner};
use super::money::{self, spoken};
use super::page::{allow, page};
use super::params::{Params, update_metadata};
use super::store::Object;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundState {
    Pending,
    Succeeded,
    Failed,
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub charge: String,
    pub payment_intent: Option<String>,
    pub reason: Option<String>,
    pub state: RefundState,
    pub balance_transaction: Option<String>,
    pub failure_balance_transaction: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

impl Object for Refund {
    const KIND: &'static str = "refund";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let status = match self.state {
            RefundState::Pending => "pending",
            RefundState::Succeeded => "succeeded",
            RefundState::Failed => "failed",
        };
        let mut refund = json!({
            "id": self.id, "object": "refund", "amount": self.amount,
            "balance_transaction": self.balance_transaction, "charge": self.charge, "created": self.created,
            "currency": self.currency, "customer": null, "customer_account": null,
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": self.metadata, "payment_intent": self.payment_intent, "payment_method": null,
            "reason": self.reason, "receipt_number": null, "source_transfer_reversal": null, "status": status,
            "transfer_reversal": null,
        });
        if self.state == RefundState::Failed {
            refund["failure_reason"] = json!("expired_or_canceled_card");
            refund["failure_balance_transaction"] = json!(self.failure_balance_transaction);
        }
        refund
    }
}

/// What a refund is asked to be.
pub(super) struct RefundRequest {
    pub charge: String,
    pub amount: Option<i64>,
    pub reason: Option<String>,
    pub state: RefundState,
    pub metadata: BTreeMap<String, String>,
}

impl Core {
    pub(super) fn create_refund(&mut self, params: &Params) -> Result<Value, StripeError> {
        params.allow(&["charge", "payment_intent", "amount", "reason", "metadata"])?;
        let amount = params.amount("amount")?;
        let reason = params.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
        let request = RefundRequest {
            charge: self.refunded_charge(params)?,
            amount,
            reason: reason.map(str::to_owned),
            state: RefundState::Succeeded,
            metadata: params.metadata()?,
        };
        self.refund_charge(request)
    }

    fn refunded_charge(&self, params: &Params) -> Result<String, StripeError> {
        if let Some(id) = params.text("charge")? {
            let known = self.charges.get(id).map(|charge| charge.id.clone());
            return known.ok_or_else(|| StripeError::no_such_param(Charge::KIND, id, "charge"));
        }
        let Some(id) = params.text("payment_intent")? else {
            let text = "One of the following params should be provided for this request: payment_intent or charge.";
            return Err(StripeError::before_execution(400, Some("parameter_missing"), text));
        };
        let intent = self.intents.get(id);
        let intent = intent.ok_or_else(|| StripeError::no_such_param("payment_intent", id, "payment_intent"))?;
        intent.latest_charge.clone().ok_or_else(|| {
            let text = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
            StripeError::refused(400, None, text).with_param("payment_intent")
        })
    }

    /// Refunds what is asked for, or what is left of the charge.
    pub(super) fn refund_charge(&mut self, request: RefundRequest) -> Result<Value, StripeError> {
        let charge = self.charge(&request.charge)?.clone();
        let amount = refund_amount(&charge, request.amount)?;
        money::check_amount(amount, &charge.currency)?;
        let id = self.ids.object("re_");
        let balance_transaction = self.debit_refund(&id, &charge, amount);
        self.refunds.insert(Refund {
            id: id.clone(),
            created: self.now,
            amount,
            currency: charge.currency.clone(),
            charge: charge.id.clone(),
            payment_intent: charge.payment_intent.clone(),
            reason: request.reason,
            state: request.state,
            balance_transaction,
            failure_balance_transaction: None,
            metadata: request.metadata,
        });
        if let Some(held) = self.charges.get_mut(&charge.id) {
            held.amount_refunded += amount;
        }
        let before = json!({"amount_refunded": charge.amount_refunded, "refunded": false});
        self.emit("refund.created", self.refund_json(&id));
        self.emit_change("charge.refunded", self.charge_json(&charge.id), before);
        Ok(self.refund_json(&id))
    }

    /// An authorisation that was never captured has no money on the balance to take back.
    fn debit_refund(&mut self, id: &str, charge: &Charge, amount: i64) -> Option<String> {
        (charge.state == ChargeState::Captured).then(|| {
            self.post(Movement {
                owner: Owner::Platform,
                kind: "refund",
                reporting_category: "refund",
                source: Some(id),
                currency: &charge.settlement.currency,
                amount: -charge.settled(amount),
                fee: 0,
                conversion: charge.conversion(),
                description: None,
                available_on: charge.available_on,
            })
        })
    }

    /// The bank took the refund, or sent it back: then the money is the platform's again.
    pub(super) fn end_refund(&mut self, id: &str, state: RefundState) -> Result<(), StripeError> {
        let refund = self.refund(id)?.clone();
        if refund.state == RefundState::Failed || refund.state == state {
            return Err(StripeError::refused(400, None, format!("Refund {id} has ended already.")));
        }
        if let Some(held) = self.refunds.get_mut(id) {
            held.state = state;
        }
        if state == RefundState::Failed {
            self.take_refund_back(&refund);
        }
        self.emit_change("refund.updated", self.refund_json(id), json!({"status": refund.json()["status"]}));
        if state == RefundState::Failed {
            self.emit("refund.failed", self.refund_json(id));
        }
        Ok(())
    }

    fn take_refund_back(&mut self, refund: &Refund) {
        let Some(charge) = self.charges.get_mut(&refund.charge) else {
            return;
        };
        charge.amount_refunded -= refund.amount;
        let charge = charge.clone();
        let transaction = self.post(Movement {
            owner: Owner::Platform,
            kind: "refund_failure",
            reporting_category: "refund_failure",
            source: Some(&refund.id),
            currency: &charge.settlement.currency,
            amount: charge.settled(refund.amount),
            fee: 0,
            conversion: charge.conversion(),
            description: None,
            available_on: self.now,
        });
        if let Some(held) = self.refunds.get_mut(&refund.id) {
            held.failure_balance_transaction = Some(transaction);
        }
    }

    pub(super) fn update_refund(&mut self, id: &str, params: &Params) -> Result<Value, StripeError> {
        params.allow(&["metadata"])?;
        let update = params.metadata()?;
        let before = self.refund(id)?.metadata.clone();
        if let Some(held) = self.refunds.get_mut(id) {
            update_metadata(&mut held.metadata, update);
        }
        self.emit_change("refund.updated", self.refund_json(id), json!({"metadata": before}));
        Ok(self.refund_json(id))
    }

    pub(super) fn refund(&self, id: &str) -> Result<&Refund, StripeError> {
        self.refunds.get(id).ok_or_else(|| StripeError::no_such(Refund::KIND, id))
    }

    fn refund_json(&self, id: &str) -> Value {
        self.refunds.get(id).map_or(Value::Null, Object::json)
    }

    pub(super) fn list_refunds(&self, params: &Params) -> Result<Value, StripeError> {
        allow(params, &["charge", "payment_intent"])?;
        let (charge, intent) = (params.text("charge")?, params.text("payment_intent")?);
        page(params, "/v1/refunds", self.refunds.iter(), |refund| {
            charge.is_none_or(|wanted| refund.charge == wanted)
                && intent.is_none_or(|wanted| refund.payment_intent.as_deref() == Some(wanted))
        })
    }
}

fn refund_amount(charge: &Charge, asked: Option<i64>) -> Result<i64, StripeError> {
    let left = charge.refundable();
    if charge.contest == Contest::Chargeback {
        let text = format!("Charge {} has been charged back; cannot issue a refund.", charge.id);
        return Err(StripeError::refused(400, Some("charge_disputed"), text));
    }
    if left <= 0 && charge.amount_refunded > 0 {
        let text = format!("Charge {} has already been refunded.", charge.id);
        return Err(StripeError::refused(400, Some("charge_already_refunded"), text));
    }
    let amount = asked.unwrap_or(left);
    if amount > left || amount == 0 {
        let text = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            spoken(amount, &charge.currency),
            spoken(left, &charge.currency)
        );
        return Err(StripeError::refused(400, None, text).with_param("amount"));
    }
    if charge.state == ChargeState::Authorized && amount < left {
        let text = "You cannot partially refund an uncaptured charge. Instead, capture the charge with an amount \
                    less than the original amount";
        return Err(StripeError::refused(400, None, text).with_param("amount"));
    }
    Ok(amount)
}
