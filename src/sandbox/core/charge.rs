//! Charges: what customers paid, what became of it, and how much of it may still be transferred.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::StripeError;
use super::ledger::{Movement, Owner};
use super::money;
use super::page::{allow, page};
use super::params::Params;
use super::settings::SourceLimit;
use super::store::{Object, with_nulls};
use super::{Core, Settlement};

/// What became of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChargeState {
    Pending,
    Failed,
    /// The money is held on the card until it is captured or let go.
    Authorized,
    Captured,
}

/// Where the customer's bank stands on a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contest {
    Never,
    /// A question; no money moved.
    Inquiry,
    /// The money was taken back: no refund on top of it.
    Chargeback,
    Over,
}

#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub amount_captured: i64,
    pub amount_refunded: i64,
    pub currency: String,
    /// What the whole charge becomes on the platform's balance.
    pub settlement: Settlement,
    pub settles_after_s: i64,
    pub state: ChargeState,
    pub balance_transaction: Option<String>,
    pub available_on: i64,
    /// Live transfers out of this charge: made less reversed, in the settlement currency.
    pub transferred: i64,
    pub payment_intent: Option<String>,
    pub transfer_group: Option<String>,
    pub customer_name: Option<String>,
    pub customer_email: Option<String>,
    pub description: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub contest: Contest,
}

impl Charge {
    /// An amount of the charge, in the currency and at the rate in which the charge settled.
    pub fn settled(&self, amount: i64) -> i64 {
        money::scale(amount, self.settlement.amount_minor, self.amount)
    }

    /// The presented amount to show an exchange rate with, where there is one.
    pub fn conversion(&self) -> Option<(i64, i64)> {
        let converted = self.settlement.currency != self.currency;
        converted.then_some((self.settlement.amount_minor, self.amount))
    }

    /// How much may be transferred out of this charge in all, in the settlement currency.
    pub fn source_amount(&self, limit: SourceLimit) -> i64 {
        match limit {
            SourceLimit::ChargeAmount => self.settled(self.amount_captured),
            SourceLimit::LessRefunds => self.settled(self.amount_captured - self.amount_refunded),
        }
    }

    pub fn refundable(&self) -> i64 {
        let refundable = match self.state {
            ChargeState::Captured => self.amount_captured,
            ChargeState::Authorized => self.amount,
            ChargeState::Pending | ChargeState::Failed => 0,
        };
        refundable - self.amount_refunded
    }

    fn status(&self) -> &'static str {
        match self.state {
            ChargeState::Pending => "pending",
            ChargeState::Failed => "failed",
            ChargeState::Authorized | ChargeState::Captured => "succeeded",
        }
    }

    fn outcome(&self) -> Value {
        let (network_status, seller_message, kind) = match self.state {
            ChargeState::Failed => {
                ("declined_by_network", "The bank did not return any further details.", "issuer_declined")
            }
            _ => ("approved_by_network", "Payment complete.", "authorized"),
        };
        json!({
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": network_status, "reason": null, "risk_level": "normal",
            "seller_message": seller_message, "type": kind,
        })
    }

    fn payment_method_details(&self) -> Value {
        json!({
            "type": "card",
            "card": {
                "amount_authorized": self.amount, "authorization_code": null, "brand": "visa",
                "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass"},
                "country": "US", "electronic_commerce_indicator": null, "exp_month": 8, "exp_year": 2034,
                "funding": "credit", "installments": null, "last4": "4242", "mandate": null, "network": "visa",
                "network_transaction_id": null, "regulated_status": null, "three_d_secure": null,
                "transaction_link_id": null, "wallet": null,
            },
        })
    }
}

/// Fields that Stripe always sends and the sandbox has nothing to say about.
const NOT_PLAYED: &str = "application application_fee application_fee_amount calculated_statement_descriptor customer
    failure_balance_transaction on_behalf_of payment_method receipt_email receipt_number receipt_url
    review shipping source source_transfer statement_descriptor statement_descriptor_suffix
    transfer_data";

impl Object for Charge {
    const KIND: &'static str = "charge";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let failed = self.state == ChargeState::Failed;
        let paid = matches!(self.state, ChargeState::Authorized | ChargeState::Captured);
        with_nulls(
            json!({
                "id": self.id, "object": "charge", "amount": self.amount, "amount_captured": self.amount_captured,
                "amount_refunded": self.amount_refunded, "balance_transaction": self.balance_transaction,
                "billing_details": {
                    "address": null, "email": self.customer_email, "name": self.customer_name, "phone": null,
                    "tax_id": null,
                },
                "captured": self.state == ChargeState::Captured, "created": self.created, "currency": self.currency,
                "description": self.description, "disputed": self.contest != Contest::Never,
                "failure_code": failed.then_some("card_declined"),
                "failure_message": failed.then_some("Your card was declined."), "fraud_details": {},
                "livemode": false, "metadata": self.metadata, "outcome": self.outcome(), "paid": paid,
                "payment_intent": self.payment_intent, "payment_method_details": self.payment_method_details(),
                "refunded": self.amount_refunded > 0 && self.refundable() == 0, "status": self.status(),
                "transfer_group": self.transfer_group,
            }),
            NOT_PLAYED,
        )
    }
}

impl Core {
    pub(super) fn charge(&self, id: &str) -> Result<&Charge, StripeError> {
        self.charges.get(id).ok_or_else(|| StripeError::no_such(Charge::KIND, id))
    }

    pub(super) fn list_charges(&self, params: &Params) -> Result<Value, StripeError> {
        allow(params, &["customer", "payment_intent", "transfer_group"])?;
        let (intent, group) = (params.text("payment_intent")?, params.text("transfer_group")?);
        page(params, "/v1/charges", self.charges.iter(), |charge| {
            intent.is_none_or(|wanted| charge.payment_intent.as_deref() == Some(wanted))
                && group.is_none_or(|wanted| charge.transfer_group.as_deref() == Some(wanted))
        })
    }

    /// Takes the money of an authorised or pending charge onto the platform's balance.
    pub(super) fn capture_charge(&mut self, id: &str, amount: i64) {
        let Some(charge) = self.charges.get(id).cloned() else {
            return;
        };
        let settled = charge.settled(amount);
        let available_on = self.now + charge.settles_after_s;
        let transaction = self.post(Movement {
            owner: Owner::Platform,
            kind: "charge",
            reporting_category: "charge",
            source: Some(id),
            currency: &charge.settlement.currency,
            amount: settled,
            fee: self.settings.fees.for_charge(settled),
            conversion: charge.conversion(),
            description: charge.description.clone(),
            available_on,
        });
        if let Some(charge) = self.charges.get_mut(id) {
            charge.state = ChargeState::Captured;
            charge.amount_captured = amount;
            charge.balance_transaction = Some(transaction);
            charge.available_on = available_on;
        }
    }

    /// The object as it is now; null for an id that is not there.
    pub(super) fn charge_json(&self, id: &str) -> Value {
        self.charges.get(id).map_or(Value::Null, Object::json)
    }
}
