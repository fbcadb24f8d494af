//! Transfers from the platform to connected accounts, and every reason for which Stripe refuses one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Core;
use super::account::{Access, Account};
use super::charge::{Charge, ChargeState};
use super::error::StripeError;
use super::ledger::{Movement, Owner};
use super::money::{self, spoken};
use super::page::{allow, page};
use super::params::{Params, update_metadata};
use super::reversal::Reversal;
use super::store::Object;

#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub amount_reversed: i64,
    pub currency: String,
    pub destination: String,
    pub destination_payment: String,
    pub balance_transaction: Option<String>,
    pub available_on: i64,
    pub source_transaction: Option<String>,
    pub transfer_group: Option<String>,
    pub description: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub reversals: Vec<Reversal>,
    pub idempotency_key: Option<String>,
}

impl Transfer {
    pub fn is_reversed(&self) -> bool {
        self.amount_reversed == self.amount
    }
}

impl Object for Transfer {
    const KIND: &'static str = "transfer";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let reversals: Vec<Value> = self.reversals.iter().rev().take(10).map(Object::json).collect();
        json!({
            "id": self.id, "object": "transfer", "amount": self.amount, "amount_reversed": self.amount_reversed,
            "balance_transaction": self.balance_transaction, "created": self.created, "currency": self.currency,
            "description": self.description, "destination": self.destination,
            "destination_payment": self.destination_payment, "livemode": false, "metadata": self.metadata,
            "reversals": {
                "object": "list", "data": reversals, "has_more": self.reversals.len() > 10,
                "url": format!("/v1/transfers/{}/reversals", self.id),
            },
            "reversed": self.is_reversed(), "source_transaction": self.source_transaction, "source_type": "card",
            "transfer_group": self.transfer_group,
        })
    }
}

const CREATE_PARAMS: &[&str] = &[
    "amount",
    "currency",
    "description",
    "destination",
    "metadata",
    "source_transaction",
    "source_type",
    "transfer_group",
];

impl Core {
    pub(super) fn create_transfer(&mut self, params: &Params) -> Result<Value, StripeError> {
        params.allow(CREATE_PARAMS)?;
        let currency = params.required_currency()?;
        let amount = params.required_amount("amount")?;
        let destination = params.required("destination")?;
        let source = params.text("source_transaction")?;
        let group = params.text("transfer_group")?.map(str::to_owned);
        let description = params.text("description")?.map(str::to_owned);
        let metadata = params.metadata()?;

        money::check_amount(amount, &currency)?;
        let destination = self.receiving_account(destination)?.id.clone();
        let source = source.map(|id| self.source_charge(id, amount, &currency)).transpose()?.cloned();
        if source.is_none() && self.ledger.available(&Owner::Platform, &currency) < amount {
            return Err(StripeError::balance_insufficient());
        }
        let transfer = Transfer {
            id: self.ids.object("tr_"),
            created: self.now,
            amount,
            amount_reversed: 0,
            currency,
            destination,
            destination_payment: self.ids.object("py_"),
            balance_transaction: None,
            available_on: source.as_ref().map_or(self.now, |charge| charge.available_on),
            transfer_group: group.or_else(|| source.as_ref().map(group_of)),
            source_transaction: source.map(|charge| charge.id),
            description,
            metadata,
            reversals: Vec::new(),
            idempotency_key: self.cause.idempotency_key.clone(),
        };
        Ok(self.make_transfer(transfer))
    }

    fn make_transfer(&mut self, mut transfer: Transfer) -> Value {
        transfer.balance_transaction = Some(self.move_funds(&transfer, -transfer.amount, &transfer.id));
        let source = transfer.source_transaction.as_deref();
        if let Some(charge) = source.and_then(|id| self.charges.get_mut(id)) {
            charge.transferred += transfer.amount;
            charge.transfer_group = charge.transfer_group.take().or_else(|| transfer.transfer_group.clone());
        }
        let object = transfer.json();
        self.transfers.insert(transfer);
        self.emit("transfer.created", object.clone());
        object
    }

    /// Posts both sides of a transfer (a negative amount) or of a reversal (a positive one).
    /// Both become available when the charge does that the transfer draws on.
    pub(super) fn move_funds(&mut self, transfer: &Transfer, amount: i64, source: &str) -> String {
        let reversal = amount > 0;
        let mut side = |owner, kind, amount, source: &str| {
            self.post(Movement {
                owner,
                kind,
                reporting_category: if reversal { "transfer_reversal" } else { "transfer" },
                source: Some(source),
                currency: &transfer.currency,
                amount,
                fee: 0,
                conversion: None,
                description: transfer.description.clone(),
                available_on: transfer.available_on,
            })
        };
        let receiver = Owner::Connected(transfer.destination.clone());
        let (sent, received) = if reversal { ("transfer_refund", "payment_refund") } else { ("transfer", "payment") };
        side(receiver, received, -amount, &transfer.destination_payment);
        side(Owner::Platform, sent, amount, source)
    }

    fn receiving_account(&self, id: &str) -> Result<&Account, StripeError> {
        let account = self.accounts.get(id);
        let account = account.ok_or_else(|| StripeError::no_such_param("destination", id, "destination"))?;
        match account.access {
            Access::Deauthorized => Err(StripeError::no_access(id)),
            Access::Closed => {
                let text = format!("The account {id} is closed and cannot receive transfers.");
                Err(StripeError::refused(400, Some("account_closed"), text).with_param("destination"))
            }
            Access::Open if !account.is_active() => Err(StripeError::refused(
                400,
                Some("insufficient_capabilities_for_transfer"),
                "Your destination account needs to have at least one of the following capabilities enabled: \
                 transfers, crypto_transfers, legacy_payments",
            )),
            Access::Open => Ok(account),
        }
    }

    /// The charge that a transfer draws on, if it allows this much in this currency.
    fn source_charge(&self, id: &str, amount: i64, currency: &str) -> Result<&Charge, StripeError> {
        let param = "source_transaction";
        let charge = self.charges.get(id).ok_or_else(|| StripeError::no_such_param(Charge::KIND, id, param))?;
        if charge.state != ChargeState::Captured {
            let text = format!("The charge {id} cannot be used as a source_transaction: it is not paid and captured.");
            return Err(StripeError::refused(400, None, text).with_param(param));
        }
        let settled_in = &charge.settlement.currency;
        if settled_in != currency {
            let text = format!(
                "The currency of source_transaction's balance transaction ({settled_in}) must be the same as the \
                 transfer currency ({currency})"
            );
            return Err(StripeError::refused(400, None, text).with_param("currency"));
        }
        let limit = charge.source_amount(self.settings.source_limit);
        if amount > limit - charge.transferred {
            return Err(over_the_source(charge, limit));
        }
        Ok(charge)
    }

    pub(super) fn transfer(&self, id: &str) -> Result<&Transfer, StripeError> {
        self.transfers.get(id).ok_or_else(|| StripeError::no_such(Transfer::KIND, id))
    }

    pub(super) fn transfer_json(&self, id: &str) -> Value {
        self.transfers.get(id).map_or(Value::Null, Object::json)
    }

    pub(super) fn update_transfer(&mut self, id: &str, params: &Params) -> Result<Value, StripeError> {
        params.allow(&["description", "metadata"])?;
        let description = params.text("description")?.map(str::to_owned);
        let update = params.metadata()?;
        let before = self.transfer(id)?.clone();
        if let Some(transfer) = self.transfers.get_mut(id) {
            update_metadata(&mut transfer.metadata, update);
            transfer.description = description.or(transfer.description.take());
        }
        let previous = json!({"description": before.description, "metadata": before.metadata});
        self.emit_change("transfer.updated", self.transfer_json(id), previous);
        Ok(self.transfer_json(id))
    }

    pub(super) fn list_transfers(&self, params: &Params) -> Result<Value, StripeError> {
        allow(params, &["destination", "transfer_group"])?;
        let (destination, group) = (params.text("destination")?, params.text("transfer_group")?);
        page(params, "/v1/transfers", self.transfers.iter(), |transfer| {
            destination.is_none_or(|wanted| transfer.destination == wanted)
                && group.is_none_or(|wanted| transfer.transfer_group.as_deref() == Some(wanted))
        })
    }
}

/// A transfer joins its charge's group; Stripe makes one where the charge has none.
fn group_of(charge: &Charge) -> String {
    charge.transfer_group.clone().unwrap_or_else(|| format!("group_{}", charge.id))
}

fn over_the_source(charge: &Charge, limit: i64) -> StripeError {
    let currency = &charge.settlement.currency;
    let mut text = format!(
        "Transfers using this transaction as a source must not exceed the source amount of {}.",
        spoken(limit, currency)
    );
    if charge.transferred > 0 {
        let already = spoken(charge.transferred, currency);
        text += &format!(" (There is already a transfer using this source, amounting to {already}.)");
    }
    StripeError::refused(400, None, text)
}
