//! Payment intents: their states, capture and cancellation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Core;
use super::charge::ChargeState;
use super::error::StripeError;
use super::params::{Params, update_metadata};
use super::store::{Object, with_nulls};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntentState {
    Processing,
    RequiresCapture,
    RequiresPaymentMethod,
    Canceled { at: i64 },
    Succeeded,
}

impl IntentState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::Canceled { .. } => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub amount_received: i64,
    pub currency: String,
    pub state: IntentState,
    pub capture_method: &'static str,
    pub cancellation_reason: Option<String>,
    pub latest_charge: Option<String>,
    pub transfer_group: Option<String>,
    pub description: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

impl PaymentIntent {
    fn last_payment_error(&self) -> Value {
        if self.state != IntentState::RequiresPaymentMethod {
            return Value::Null;
        }
        json!({
            "charge": self.latest_charge, "code": "card_declined", "decline_code": "generic_decline",
            "doc_url": "https://stripe.com/docs/error-codes/card-declined",
            "message": "Your card was declined.", "type": "card_error",
        })
    }

    fn amount_capturable(&self) -> i64 {
        if self.state == IntentState::RequiresCapture { self.amount } else { 0 }
    }
}

/// Fields that Stripe always sends and the sandbox has nothing to say about.
const NOT_PLAYED: &str =
    "allowed_payment_method_types application application_fee_amount automatic_payment_methods customer
    customer_account excluded_payment_method_types managed_payments next_action on_behalf_of
    payment_method payment_method_configuration_details payment_record processing receipt_email review
    setup_future_usage shipping source statement_descriptor statement_descriptor_suffix transfer_data";

impl Object for PaymentIntent {
    const KIND: &'static str = "payment_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let canceled_at = match self.state {
            IntentState::Canceled { at } => Some(at),
            _ => None,
        };
        with_nulls(
            json!({
                "id": self.id, "object": "payment_intent", "amount": self.amount,
                "amount_capturable": self.amount_capturable(), "amount_details": {"tip": {}},
                "amount_received": self.amount_received, "canceled_at": canceled_at,
                "cancellation_reason": self.cancellation_reason,
                "capture_method": self.capture_method,
                "client_secret": format!("{}_secret_sandbox", self.id), "confirmation_method": "automatic",
                "created": self.created, "currency": self.currency, "description": self.description,
                "last_payment_error": self.last_payment_error(), "latest_charge": self.latest_charge,
                "livemode": false, "metadata": self.metadata, "payment_method_options": {},
                "payment_method_types": ["card"], "status": self.state.name(), "transfer_group": self.transfer_group,
            }),
            NOT_PLAYED,
        )
    }
}

impl Core {
    pub(super) fn intent(&self, id: &str) -> Result<&PaymentIntent, StripeError> {
        self.intents.get(id).ok_or_else(|| StripeError::no_such(PaymentIntent::KIND, id).with_param("intent"))
    }

    pub(super) fn intent_json(&self, id: &str) -> Value {
        self.intents.get(id).map_or(Value::Null, Object::json)
    }

    pub(super) fn capture_intent(&mut self, id: &str, params: &Params) -> Result<Value, StripeError> {
        params.allow(&["amount_to_capture", "metadata", "application_fee_amount", "statement_descriptor"])?;
        let amount = params.amount("amount_to_capture")?;
        let metadata = params.metadata()?;
        let intent = self.intent(id)?;
        if intent.state != IntentState::RequiresCapture {
            return Err(unexpected_state("captured", intent, "requires_capture"));
        }
        let amount = amount.unwrap_or(intent.amount);
        if amount > intent.amount {
            let text = "The requested capture amount is greater than the amount you can capture for this charge.";
            return Err(StripeError::refused(400, Some("amount_too_large"), text).with_param("amount_to_capture"));
        }
        let charge_id = intent.latest_charge.clone().unwrap_or_default();
        self.capture_charge(&charge_id, amount);
        if let Some(intent) = self.intents.get_mut(id) {
            intent.state = IntentState::Succeeded;
            intent.amount_received = amount;
            update_metadata(&mut intent.metadata, metadata);
        }
        self.emit("charge.captured", self.charge_json(&charge_id));
        self.emit("payment_intent.succeeded", self.intent_json(id));
        Ok(self.intent_json(id))
    }

    pub(super) fn cancel_intent(&mut self, id: &str, params: &Params) -> Result<Value, StripeError> {
        params.allow(&["cancellation_reason"])?;
        let reasons = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"];
        let reason = params.one_of("cancellation_reason", &reasons)?.map(str::to_owned);
        let intent = self.intent(id)?;
        if matches!(intent.state, IntentState::Succeeded | IntentState::Canceled { .. }) {
            let allowed =
                "requires_payment_method, requires_capture, requires_confirmation, requires_action, processing";
            return Err(unexpected_state("canceled", intent, allowed));
        }
        let at = self.now;
        if let Some(intent) = self.intents.get_mut(id) {
            intent.state = IntentState::Canceled { at };
            intent.cancellation_reason = reason;
        }
        self.let_authorization_go(id);
        self.emit("payment_intent.canceled", self.intent_json(id));
        Ok(self.intent_json(id))
    }

    /// Stripe shows a cancelled authorisation as a refunded charge that was never captured.
    fn let_authorization_go(&mut self, intent_id: &str) {
        let charge_id = self.intents.get(intent_id).and_then(|intent| intent.latest_charge.clone());
        let charge = charge_id.as_deref().and_then(|id| self.charges.get_mut(id));
        let Some(charge) = charge.filter(|charge| charge.state == ChargeState::Authorized) else {
            return;
        };
        let before = charge.amount_refunded;
        charge.amount_refunded = charge.amount;
        let object = charge.json();
        self.emit_change("charge.refunded", object, json!({"amount_refunded": before, "refunded": false}));
    }
}

fn unexpected_state(verb: &str, intent: &PaymentIntent, allowed: &str) -> StripeError {
    let text = format!(
        "This PaymentIntent could not be {verb} because it has a status of {}. Only a PaymentIntent with one of the \
         following statuses may be {verb}: {allowed}.",
        intent.state.name()
    );
    StripeError::refused(400, Some("payment_intent_unexpected_state"), text)
}
