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
    Canceled,
}

impl PayoutState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Payout {
    pub id: String,
    pub created: i64,
    pub owner: Owner,
    pub amount: i64,
    pub currency: String,
    pub instant: bool,
    pub state: PayoutState,
    balance_transaction: Option<String>,
    failure_balance_transaction: Option<String>,
    description: Option<String>,
    pub metadata: BTreeMap<String, String>,
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
        let (method, days) = if self.instant { ("instant", 0) } else { ("standard", 2) };
        let failed = self.state == PayoutState::Failed;
        json!({
            "id": self.id, "object": "payout", "amount": self.amount, "application_fee": null,
            "application_fee_amount": null, "arrival_date": self.created + days * 86_400, "automatic": false,
            "balance_transaction": self.balance_transaction, "created": self.created, "currency": self.currency,
            "description": self.description, "destination": null,
            "failure_balance_transaction": self.failure_balance_transaction,
            "failure_code": failed.then_some("account_closed"),
            "failure_message": failed.then_some("The bank account has been closed."),
            "livemode": false, "metadata": self.metadata, "method": method, "original_payout": null,
            "payout_method": null, "reconciliation_status": "not_applicable", "reversed_by": null,
            "source_type": "card", "statement_descriptor": null, "status": self.state.name(), "trace_id": null,
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
        params.one_of("method", &["instant", "standard"])?;
        let instant = params.raw("method") == Some("instant");
        self.may_pay_out(&owner, instant)?;
        if self.ledger.available(&owner, &currency) < amount {
            return Err(StripeError::balance_insufficient());
        }
        let payout = Payout {
            id: self.ids.object("po_"),
            created: self.now,
            owner,
            amount,
            currency,
            instant,
            state: PayoutState::Pending,
            balance_transaction: None,
            failure_balance_transaction: None,
            description,
            metadata,
        };
        Ok(self.send_payout(payout))
    }

    /// Whether the account can pay out to its bank, and at once where that is asked.
    fn may_pay_out(&self, owner: &Owner, instant: bool) -> Result<(), StripeError> {
        let Owner::Connected(id) = owner else { return Ok(()) };
        let account = self.account(id)?;
        if !account.is_active() {
            let text = "Cannot create payouts: this account has requirements that need to be satisfied first.";
            return Err(StripeError::refused(400, Some("payouts_not_allowed"), text));
        }
        if instant && !account.instant_payouts {
            let text = "This account's external account is not eligible for instant payouts.";
            return Err(StripeError::refused(400, Some("instant_payouts_unsupported"), text));
        }
        Ok(())
    }

    /// Takes a payout back before the bank has it.
    pub(super) fn cancel_payout(&mut self, id: &str, params: &Params, owner: &Owner) -> Result<Value, StripeError> {
        params.allow(&[])?;
        self.get_payout(id, owner)?;
        let pending =
            self.payouts.get(id).is_some_and(|payout| payout.state == PayoutState::Pending && !payout.instant);
        if !pending {
            let text = format!("Payout {id} cannot be canceled: only pending standard payouts can be.");
            return Err(StripeError::refused(400, Some("payout_cannot_be_canceled"), text));
        }
        self.end_payout(id, PayoutState::Canceled)?;
        Ok(self.payout_json(id))
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
        if matches!(payout.state, PayoutState::Failed | PayoutState::Canceled) || payout.state == state {
            return Err(StripeError::refused(400, None, format!("Payout {id} has ended already.")));
        }
        let credit = match state {
            PayoutState::Failed => Some(self.post_payout(&payout, "payout_failure", payout.amount)),
            PayoutState::Canceled => Some(self.post_payout(&payout, "payout_cancel", payout.amount)),
            PayoutState::Pending | PayoutState::Paid => None,
        };
        if let Some(held) = self.payouts.get_mut(id) {
            held.state = state;
            held.failure_balance_transaction = credit;
        }
        self.emit_payout(id, &format!("payout.{}", state.name()));
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
