//! Transfer reversals: money back from a connected account, in parts, up to what is left of the transfer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Core;
use super::error::StripeError;
use super::ledger::Owner;
use super::money::{self, spoken};
use super::page::{allow, page};
use super::params::Params;
use super::settings::ReversalCover;
use super::store::Object;
use super::transfer::Transfer;

#[derive(Debug, Clone)]
pub(super) struct Reversal {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub transfer: String,
    pub balance_transaction: String,
    pub destination_payment_refund: String,
    pub metadata: BTreeMap<String, String>,
}

impl Object for Reversal {
    const KIND: &'static str = "transfer_reversal";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "transfer_reversal", "amount": self.amount,
            "balance_transaction": self.balance_transaction, "created": self.created, "currency": self.currency,
            "destination_payment_refund": self.destination_payment_refund, "metadata": self.metadata,
            "source_refund": null, "transfer": self.transfer,
        })
    }
}

impl Core {
    pub(super) fn create_reversal(&mut self, transfer_id: &str, params: &Params) -> Result<Value, StripeError> {
        params.allow(&["amount", "description", "metadata", "refund_application_fee"])?;
        let asked = params.amount("amount")?;
        let metadata = params.metadata()?;
        let transfer = self.transfer(transfer_id)?.clone();
        let left = transfer.amount - transfer.amount_reversed;
        let amount = asked.unwrap_or(left);
        if amount > left || left == 0 {
            return Err(too_much(amount, left, &transfer.currency));
        }
        money::check_amount(amount, &transfer.currency)?;
        self.check_cover(&transfer, amount)?;
        let id = self.ids.object("trr_");
        let reversal = Reversal {
            balance_transaction: self.move_funds(&transfer, amount, &id),
            destination_payment_refund: self.ids.object("pyr_"),
            id,
            created: self.now,
            amount,
            currency: transfer.currency.clone(),
            transfer: transfer.id.clone(),
            metadata,
        };
        Ok(self.book_reversal(&transfer, reversal))
    }

    fn book_reversal(&mut self, transfer: &Transfer, reversal: Reversal) -> Value {
        let (object, amount) = (reversal.json(), reversal.amount);
        if let Some(held) = self.transfers.get_mut(&transfer.id) {
            held.amount_reversed += amount;
            held.reversals.push(reversal);
        }
        if let Some(charge) = transfer.source_transaction.as_deref().and_then(|id| self.charges.get_mut(id)) {
            charge.transferred -= amount;
        }
        let previous = json!({"amount_reversed": transfer.amount_reversed, "reversed": false});
        self.emit_change("transfer.reversed", self.transfer_json(&transfer.id), previous);
        object
    }

    /// Pending money counts: the reversal of a pending transfer takes back what has not arrived yet.
    fn check_cover(&self, transfer: &Transfer, amount: i64) -> Result<(), StripeError> {
        let receiver = Owner::Connected(transfer.destination.clone());
        let covered = self.ledger.total(&receiver, &transfer.currency) >= amount;
        if covered || self.settings.reversal_cover == ReversalCover::MayGoNegative {
            return Ok(());
        }
        Err(StripeError::balance_insufficient())
    }

    pub(super) fn list_reversals(&self, transfer_id: &str, params: &Params) -> Result<Value, StripeError> {
        allow(params, &[])?;
        let url = format!("/v1/transfers/{transfer_id}/reversals");
        page(params, &url, self.transfer(transfer_id)?.reversals.iter(), |_| true)
    }

    pub(super) fn get_reversal(&self, transfer_id: &str, id: &str) -> Result<Value, StripeError> {
        let found = self.transfer(transfer_id)?.reversals.iter().find(|reversal| reversal.id == id);
        found.map(Object::json).ok_or_else(|| StripeError::no_such(Reversal::KIND, id))
    }
}

fn too_much(amount: i64, left: i64, currency: &str) -> StripeError {
    let text = format!(
        "Reversal amount ({}) is greater than unreversed amount on transfer ({})",
        spoken(amount, currency),
        spoken(left, currency)
    );
    StripeError::refused(400, None, text).with_param("amount")
}
