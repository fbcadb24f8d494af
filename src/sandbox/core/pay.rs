//! A payment that a customer makes: what it is, and how it is to go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::StripeError;
use super::money;

/// How a customer pays, and so which objects there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaidThrough {
    /// A checkout session, with its payment intent and charge.
    #[default]
    Checkout,
    /// A payment intent and its charge.
    PaymentIntent,
    /// A charge alone, as older integrations make it.
    Charge,
}

/// How the payment goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayResult {
    /// Paid at once.
    #[default]
    Succeeds,
    /// Declined.
    Fails,
    /// Held on the card: to be captured or cancelled.
    Authorizes,
    /// A slow method (bank debit): ended later with [`Core::end_async_payment`](super::Core::end_async_payment).
    Processes,
}

/// The currency and amount in which a whole charge arrives on the platform's balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// ISO 4217, lower case.
    pub currency: String,
    /// Minor units of that currency.
    pub amount_minor: i64,
}

/// A payment that a customer makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Who pays.
    #[serde(default)]
    pub customer_name: Option<String>,
    /// Where to reach them.
    #[serde(default)]
    pub customer_email: Option<String>,
    /// Which objects there are.
    #[serde(default)]
    pub through: PaidThrough,
    /// How it goes.
    #[serde(default)]
    pub result: PayResult,
    /// Metadata of the checkout session only: Stripe does not copy it.
    #[serde(default)]
    pub session_metadata: BTreeMap<String, String>,
    /// Metadata of the payment intent, which Stripe copies to the charge.
    #[serde(default)]
    pub intent_metadata: BTreeMap<String, String>,
    /// Metadata of the charge only.
    #[serde(default)]
    pub charge_metadata: BTreeMap<String, String>,
    /// The group, on intent and charge.
    #[serde(default)]
    pub transfer_group: Option<String>,
    /// On intent and charge.
    #[serde(default)]
    pub description: Option<String>,
    /// The platform's own reference, on the session.
    #[serde(default)]
    pub client_reference_id: Option<String>,
    /// Where the platform's balance is in another currency than the charge.
    #[serde(default)]
    pub settles_as: Option<Settlement>,
    /// Seconds until the money is available; the sandbox's setting where not given.
    #[serde(default)]
    pub settles_after_s: Option<i64>,
}

impl Pay {
    /// A payment through checkout that succeeds.
    pub fn new(amount_minor: i64, currency: &str) -> Self {
        Self {
            amount_minor,
            currency: currency.into(),
            customer_name: None,
            customer_email: None,
            through: PaidThrough::default(),
            result: PayResult::default(),
            session_metadata: BTreeMap::new(),
            intent_metadata: BTreeMap::new(),
            charge_metadata: BTreeMap::new(),
            transfer_group: None,
            description: None,
            client_reference_id: None,
            settles_as: None,
            settles_after_s: None,
        }
    }

    /// Who pays.
    #[must_use]
    pub fn by(mut self, name: &str, email: &str) -> Self {
        self.customer_name = Some(name.into());
        self.customer_email = Some(email.into());
        self
    }

    /// Metadata on the session and on the intent (and so on the charge).
    #[must_use]
    pub fn metadata(self, key: &str, value: &str) -> Self {
        self.session_metadata(key, value).intent_metadata(key, value)
    }

    /// Metadata on the session only.
    #[must_use]
    pub fn session_metadata(mut self, key: &str, value: &str) -> Self {
        self.session_metadata.insert(key.into(), value.into());
        self
    }

    /// Metadata on the intent and its charge.
    #[must_use]
    pub fn intent_metadata(mut self, key: &str, value: &str) -> Self {
        self.intent_metadata.insert(key.into(), value.into());
        self
    }

    /// Metadata on the charge only.
    #[must_use]
    pub fn charge_metadata(mut self, key: &str, value: &str) -> Self {
        self.charge_metadata.insert(key.into(), value.into());
        self
    }

    /// Which objects there are.
    #[must_use]
    pub fn through(mut self, through: PaidThrough) -> Self {
        self.through = through;
        self
    }

    /// How it goes.
    #[must_use]
    pub fn result(mut self, result: PayResult) -> Self {
        self.result = result;
        self
    }

    /// In a group from the start.
    #[must_use]
    pub fn transfer_group(mut self, group: &str) -> Self {
        self.transfer_group = Some(group.into());
        self
    }

    /// Arrives on the balance in another currency.
    #[must_use]
    pub fn settles_as(mut self, amount_minor: i64, currency: &str) -> Self {
        let currency = currency.into();
        self.settles_as = Some(Settlement { currency, amount_minor });
        self
    }

    /// Available after this many seconds.
    #[must_use]
    pub fn settles_after_s(mut self, seconds: i64) -> Self {
        self.settles_after_s = Some(seconds);
        self
    }

    pub(super) fn check(&self) -> Result<(), StripeError> {
        let currency = self.settles_as.as_ref().map_or(&self.currency, |settlement| &settlement.currency);
        if self.amount_minor < 1 || !money::is_currency(&self.currency) || !money::is_currency(currency) {
            let text = "A payment needs a positive amount_minor and a known currency, in lower case.";
            return Err(StripeError::before_execution(400, None, text));
        }
        money::check_amount(self.amount_minor, &self.currency)
    }
}

/// The objects that a payment made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// `cs_test_…`
    pub session: Option<String>,
    /// `pi_…`
    pub payment_intent: Option<String>,
    /// `ch_…`
    pub charge: String,
}
