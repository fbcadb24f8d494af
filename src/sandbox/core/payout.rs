//! Payouts: the bank leg, from an account's balance to its bank.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Core;
use super::error::StripeError;
use super::ledger::{Movement, Owner};
use super::page::{allow, page};
use super::params::Params;
use super::store::Object;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayoutState {
    Pending,
    Paid,
    Failed,
}

#[derive(Debug, Clone)]
pub(super) struct Payout {
    id: String,
    created: i64,
    owner: Owner,
    amount: i64,
    currency: String,
    state: PayoutState,
    balance_transaction: Option<String>,
    failure_balance_transaction: Option<String>,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
}

impl Object for Payout {
    const KIND: &'static str = "payout";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let status = match self.state {
            PayoutState::Pending => "pending",
            PayoutState::Paid => "paid",
            PayoutState::Failed => "failed",
        };
        let failed = self.state == PayoutState::Failed;
        json!({
            "id": self.id, "object": "payout", "amount": self.amount, "application_fee": null,
            "application_fee_amount": null, "arrival_date": self.created + 2 * 86_400, "automatic": false,
            "balance_transaction": self.balance_transaction, "created": self.created, "currency": self.currency,
            "description": self.description, "destination": null,
            "failure_balance_transaction": self.failure_balance_transaction,
            "failure_code": failed.then_some("account_closed"),
            "failure_message": failed.then_some("The bank account has been closed."),
            "livemode": false, "metadata": self.metadata, "method": "standard", "original_payout": null,
            "payout_method": null, "reconciliation_status": "not_applicable", "reversed_by": null,
            "source_type": "card", "statement_descriptor": null, "status": status, "trace_id": null,
            "type": "bank_account",
        })
    }
}

impl Core {
    pub(super) fn create_payout(&mut self, params: &Params, owner: Owner) -> Result<Value, StripeError> {
        params.allow(&[
            "amount",
            "currency",
            "description",
            "destination",
            "metadata",
            "method",
            "source_type",
            "statement_descriptor",
        ])?;
        let currency = params.required_currency()?;
        let amount = params.required_amount("amount")?;
        let description = params.text("description")?.map(str::to_owned);
        let metadata = params.metadata()?;
        if self.ledger.available(&owner, &currency) < amount {
            return Err(StripeError::balance_insufficient());
        }
        let payout = Payout {
            id: self.ids.object("po_"),
            created: self.now,
            owner,
            amount,
            currency,
            state: PayoutState::Pending,
            balance_transaction: None,
            failure_balance_transaction: None,
            description,
            metadata,
        };
        Ok(self.send_payout(payout))
    }

    fn send_payout(&mut self, mut payout: Payout) -> Value {
        payout.balance_transaction = Some(self.post_payout(&payout, "payout", -payout.amount));
        let id = payout.id.clone();
        self.payouts.insert(payout);
        self.emit_payout(&id, "payout.created");
        self.payout_json(&id)
    }

    /// The bank took the money, or sent it back.
    pub(super) fn end_payout(&mut self, id: &str, state: PayoutState) -> Result<(), StripeError> {
        let payout = self.payouts.get(id).ok_or_else(|| StripeError::no_such(Payout::KIND, id))?.clone();
        if payout.state == PayoutState::Failed || payout.state == state {
            return Err(StripeError::refused(400, None, format!("Payout {id} has ended already.")));
        }
        let failed = state == PayoutState::Failed;
        let credit = failed.then(|| self.post_payout(&payout, "payout_failure", payout.amount));
        if let Some(held) = self.payouts.get_mut(id) {
            held.state = state;
            held.failure_balance_transaction = credit;
        }
        self.emit_payout(id, if failed { "payout.failed" } else { "payout.paid" });
        Ok(())
    }

    fn post_payout(&mut self, payout: &Payout, kind: &'static str, amount: i64) -> String {
        self.post(Movement {
            owner: payout.owner.clone(),
            kind,
            reporting_category: if amount < 0 { "payout" } else { "payout_reversal" },
            source: Some(&payout.id),
            currency: &payout.currency,
            amount,
            fee: 0,
            conversion: None,
            description: payout.description.clone(),
            available_on: self.now,
        })
    }

    fn emit_payout(&mut self, id: &str, event: &str) {
        let owner = self.payouts.get(id).map(|payout| payout.owner.clone());
        let object = self.payout_json(id);
        match owner {
            Some(Owner::Connected(account)) => self.emit_for(&account, event, object, None),
            _ => self.emit(event, object),
        }
    }

    fn payout_json(&self, id: &str) -> Value {
        self.payouts.get(id).map_or(Value::Null, Object::json)
    }

    pub(super) fn get_payout(&self, id: &str, owner: &Owner) -> Result<Value, StripeError> {
        let found = self.payouts.get(id).filter(|payout| payout.owner == *owner);
        found.map(Object::json).ok_or_else(|| StripeError::no_such(Payout::KIND, id).with_param("payout"))
    }

    pub(super) fn list_payouts(&self, params: &Params, owner: &Owner) -> Result<Value, StripeError> {
        allow(params, &[])?;
        page(params, "/v1/payouts", self.payouts.iter(), |payout| payout.owner == *owner)
    }
}
