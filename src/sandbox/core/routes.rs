//! Which call goes where.

use serde_json::Value;

use super::Core;
use super::error::StripeError;
use super::ledger::Owner;
use super::params::Params;
use super::store::Object;
use super::wire::{Method, Request};

impl Core {
    /// Executes a request: the object or list it answers with. An error left everything as it was.
    pub(super) fn route(&mut self, request: &Request) -> Result<Value, StripeError> {
        let owner = self.acting_account(request)?;
        let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let rest = match segments.as_slice() {
            ["v1", rest @ ..] => rest,
            _ => return Err(unrecognized(request)),
        };
        match request.method {
            Method::Get => {
                let params = Params::parse(&request.query);
                let answer = self.read(rest, &params, &owner, request)?;
                self.expand(answer, &params)
            }
            Method::Post => {
                let params = Params::parse(&request.body);
                let answer = self.write(rest, &params, owner, request)?;
                Ok(self.expand(answer.clone(), &params).unwrap_or(answer))
            }
            Method::Other => Err(unrecognized(request)),
        }
    }

    fn acting_account(&self, request: &Request) -> Result<Owner, StripeError> {
        match &request.stripe_account {
            None => Ok(Owner::Platform),
            Some(id) => Ok(Owner::Connected(self.account(id)?.id.clone())),
        }
    }

    fn read(&self, path: &[&str], params: &Params, owner: &Owner, request: &Request) -> Result<Value, StripeError> {
        match path {
            ["balance"] => Ok(self.balance(owner)),
            ["accounts"] => self.list_accounts(params),
            ["balance_transactions"] => self.list_balance_transactions(params, owner),
            ["payouts"] => self.list_payouts(params, owner),
            ["charges"] => self.list_charges(params),
            ["refunds"] => self.list_refunds(params),
            ["disputes"] => self.list_disputes(params),
            ["transfers"] => self.list_transfers(params),
            ["transfers", id, "reversals"] => self.list_reversals(id, params),
            ["events"] => self.list_events(params),
            _ => {
                params.allow(&["client_secret"])?;
                self.read_one(path, owner, request)
            }
        }
    }

    fn read_one(&self, path: &[&str], owner: &Owner, request: &Request) -> Result<Value, StripeError> {
        match path {
            ["balance_transactions", id] => self.get_balance_transaction(id),
            ["payouts", id] => self.get_payout(id, owner),
            ["charges", id] => self.charge(id).map(Object::json),
            ["payment_intents", id] => self.intent(id).map(Object::json),
            ["checkout", "sessions", id] => self.session(id).map(Object::json),
            ["refunds", id] => self.refund(id).map(Object::json),
            ["disputes", id] => self.dispute(id).map(Object::json),
            ["accounts", id] => self.account(id).map(Object::json),
            ["accounts", id, "capabilities", name] => self.get_capability(id, name),
            ["transfers", id] => self.transfer(id).map(Object::json),
            ["transfers", id, "reversals", reversal] => self.get_reversal(id, reversal),
            ["events", id] => self.get_event(id),
            _ => Err(unrecognized(request)),
        }
    }

    fn write(&mut self, path: &[&str], params: &Params, owner: Owner, request: &Request) -> Result<Value, StripeError> {
        match path {
            ["payment_intents", id, "capture"] => self.capture_intent(id, params),
            ["payment_intents", id, "cancel"] => self.cancel_intent(id, params),
            ["refunds"] => self.create_refund(params),
            ["refunds", id] => self.update_refund(id, params),
            ["accounts"] => self.create_account(params),
            ["accounts", id] => self.update_account(id, params),
            ["account_links"] => self.create_account_link(params),
            ["transfers"] => self.create_transfer(params),
            ["transfers", id] => self.update_transfer(id, params),
            ["transfers", id, "reversals"] => self.create_reversal(id, params),
            ["payouts"] => self.create_payout(params, owner),
            ["payouts", id, "cancel"] => self.cancel_payout(id, params, &owner),
            _ => Err(unrecognized(request)),
        }
    }
}

fn unrecognized(request: &Request) -> StripeError {
    let (method, path) = (request.method.name(), &request.path);
    let text = format!(
        "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
         https://support.stripe.com/."
    );
    StripeError::before_execution(404, None, text)
}
