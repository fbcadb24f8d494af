//! Checkout sessions: the page on which a customer paid.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Core;
use super::error::StripeError;
use super::store::{Object, with_nulls};

/// How far the customer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionState {
    /// Still on the page.
    Open,
    /// Done with the page; the money is not there.
    Unpaid,
    Paid,
}

#[derive(Debug, Clone)]
pub(super) struct CheckoutSession {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub state: SessionState,
    pub payment_intent: Option<String>,
    pub customer_name: Option<String>,
    pub customer_email: Option<String>,
    pub client_reference_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

impl CheckoutSession {
    fn customer_details(&self) -> Value {
        json!({
            "address": null, "business_name": null, "email": self.customer_email, "individual_name": null,
            "name": self.customer_name, "phone": null, "tax_exempt": "none", "tax_ids": [],
        })
    }
}

/// Fields that Stripe always sends and the sandbox has nothing to say about.
const NOT_PLAYED: &str =
    "after_expiration allow_promotion_codes allowed_payment_method_types billing_address_collection
    client_secret collected_information consent consent_collection currency_conversion customer
    customer_account customer_email integration_identifier invoice invoice_creation locale
    managed_payments origin_context payment_link payment_method_configuration_details permissions
    recovered_from saved_payment_method_options setup_intent shipping_address_collection shipping_cost
    submit_type subscription url wallet_options";

impl Object for CheckoutSession {
    const KIND: &'static str = "checkout.session";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let (status, payment_status) = match self.state {
            SessionState::Open => ("open", "unpaid"),
            SessionState::Unpaid => ("complete", "unpaid"),
            SessionState::Paid => ("complete", "paid"),
        };
        with_nulls(
            json!({
                "id": self.id, "object": "checkout.session", "adaptive_pricing": {"enabled": false},
                "amount_subtotal": self.amount, "amount_total": self.amount,
                "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
                "cancel_url": "https://shop.example/cancelled", "client_reference_id": self.client_reference_id,
                "created": self.created, "currency": self.currency, "custom_fields": [],
                "custom_text": {
                    "after_submit": null, "shipping_address": null, "submit": null,
                    "terms_of_service_acceptance": null,
                },
                "customer_creation": "if_required", "customer_details": self.customer_details(), "discounts": [],
                "expires_at": self.created + 86_400, "livemode": false, "metadata": self.metadata, "mode": "payment",
                "payment_intent": self.payment_intent, "payment_method_collection": "if_required",
                "payment_method_options": {}, "payment_method_types": ["card"],
                "payment_status": payment_status,
                "phone_number_collection": {"enabled": false}, "shipping_options": [], "status": status,
                "success_url": "https://shop.example/thanks",
                "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
                "ui_mode": "hosted_page",
            }),
            NOT_PLAYED,
        )
    }
}

impl Core {
    pub(super) fn session(&self, id: &str) -> Result<&CheckoutSession, StripeError> {
        self.sessions.get(id).ok_or_else(|| StripeError::no_such(CheckoutSession::KIND, id).with_param("session"))
    }

    pub(super) fn session_json(&self, id: &str) -> Value {
        self.sessions.get(id).map_or(Value::Null, Object::json)
    }
}
