//! `expand[]`: ids in an answer replaced by the objects that they name.

use serde_json::Value;

use super::Core;
use super::error::StripeError;
use super::params::Params;
use super::store::{Object, Store};

impl Core {
    pub(super) fn expand(&self, mut answer: Value, params: &Params) -> Result<Value, StripeError> {
        for path in params.list("expand") {
            let steps: Vec<&str> = path.split('.').collect();
            if !self.expand_path(&mut answer, &steps) {
                let text = format!("This property cannot be expanded ({path}).");
                return Err(StripeError::before_execution(400, None, text).with_param("expand"));
            }
        }
        Ok(answer)
    }

    /// False where the path names no property.
    fn expand_path(&self, value: &mut Value, steps: &[&str]) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            return true;
        };
        if let Value::Array(items) = value {
            return items.iter_mut().all(|item| self.expand_path(item, steps));
        }
        let Some(child) = value.as_object_mut().and_then(|object| object.get_mut(*step)) else {
            return false;
        };
        if let Some(object) = child.as_str().and_then(|id| self.find(id)) {
            *child = object;
        }
        child.is_null() || self.expand_path(child, rest)
    }

    /// Any object, by its id alone.
    fn find(&self, id: &str) -> Option<Value> {
        fn json<T: Object>(store: &Store<T>, id: &str) -> Option<Value> {
            store.get(id).map(Object::json)
        }
        match id.split('_').next()? {
            "txn" => json(&self.ledger.transactions, id),
            "ch" => json(&self.charges, id),
            "pi" => json(&self.intents, id),
            "re" => json(&self.refunds, id),
            "du" => json(&self.disputes, id),
            "acct" => json(&self.accounts, id),
            "tr" => json(&self.transfers, id),
            "po" => json(&self.payouts, id),
            _ => None,
        }
    }
}
