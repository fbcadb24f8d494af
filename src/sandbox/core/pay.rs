//! A customer pays: the session, intent and charge that come of it, and the events in Stripe's order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::charge::{Charge, ChargeState, Contest};
use super::checkout_session::CheckoutSession;
use super::error::StripeError;
use super::payment_intent::{IntentState, PaymentIntent};
use super::store::Object;
use super::{Core, money};

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
    /// A slow method (bank debit): ended later with [`Core::end_async_payment`].
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

    fn check(&self) -> Result<(), StripeError> {
        let currency = self.settles_as.as_ref().map_or(&self.currency, |settlement| &settlement.currency);
        if self.amount_minor < 1 || !money::is_currency(&self.currency) || !money::is_currency(currency) {
            let text = "A payment needs a positive amount_minor and a known currency, in lower case.";
            return Err(StripeError::before_execution(400, None, text));
        }
        Ok(())
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

impl Core {
    pub(super) fn start_payment(&mut self, pay: Pay) -> Result<Paid, StripeError> {
        pay.check()?;
        let intent = (pay.through != PaidThrough::Charge).then(|| self.ids.object("pi_"));
        let session = (pay.through == PaidThrough::Checkout).then(|| self.ids.object("cs_test_"));
        let charge = self.ids.object("ch_");
        self.insert_charge(&pay, &charge, intent.clone());
        if let Some(id) = &intent {
            self.insert_intent(&pay, id, &charge);
        }
        if let Some(id) = &session {
            self.insert_session(&pay, id, intent.clone());
        }
        let paid = Paid { session, payment_intent: intent, charge };
        self.play(&paid, pay.result);
        Ok(paid)
    }

    fn insert_charge(&mut self, pay: &Pay, id: &str, payment_intent: Option<String>) {
        let mut metadata = pay.intent_metadata.clone();
        metadata.extend(pay.charge_metadata.clone());
        let own = || Settlement { currency: pay.currency.clone(), amount_minor: pay.amount_minor };
        self.charges.insert(Charge {
            id: id.to_owned(),
            created: self.now,
            amount: pay.amount_minor,
            amount_captured: 0,
            amount_refunded: 0,
            currency: pay.currency.clone(),
            settlement: pay.settles_as.clone().unwrap_or_else(own),
            settles_after_s: pay.settles_after_s.unwrap_or(self.settings.settlement_delay_s),
            state: ChargeState::Pending,
            balance_transaction: None,
            available_on: self.now,
            transferred: 0,
            payment_intent,
            transfer_group: pay.transfer_group.clone(),
            customer_name: pay.customer_name.clone(),
            customer_email: pay.customer_email.clone(),
            description: pay.description.clone(),
            metadata,
            contest: Contest::Never,
        });
    }

    fn insert_intent(&mut self, pay: &Pay, id: &str, charge: &str) {
        self.intents.insert(PaymentIntent {
            id: id.to_owned(),
            created: self.now,
            amount: pay.amount_minor,
            amount_received: 0,
            currency: pay.currency.clone(),
            state: IntentState::Processing,
            manual_capture: pay.result == PayResult::Authorizes,
            cancellation_reason: None,
            latest_charge: Some(charge.to_owned()),
            transfer_group: pay.transfer_group.clone(),
            description: pay.description.clone(),
            metadata: pay.intent_metadata.clone(),
        });
    }

    fn insert_session(&mut self, pay: &Pay, id: &str, payment_intent: Option<String>) {
        self.sessions.insert(CheckoutSession {
            id: id.to_owned(),
            created: self.now,
            amount: pay.amount_minor,
            currency: pay.currency.clone(),
            paid: false,
            payment_intent,
            customer_name: pay.customer_name.clone(),
            customer_email: pay.customer_email.clone(),
            client_reference_id: pay.client_reference_id.clone(),
            metadata: pay.session_metadata.clone(),
        });
    }

    fn play(&mut self, paid: &Paid, result: PayResult) {
        match result {
            PayResult::Succeeds => self.succeed(paid, "checkout.session.completed"),
            // A declined customer is still on the page: the session is not completed.
            PayResult::Fails => self.decline(paid),
            PayResult::Authorizes => {
                self.set_states(paid, ChargeState::Authorized, IntentState::RequiresCapture);
                self.emit("charge.succeeded", self.charge_json(&paid.charge));
                self.emit_intent(paid, "payment_intent.amount_capturable_updated");
                self.emit_session(paid, "checkout.session.completed");
            }
            PayResult::Processes => {
                self.emit("charge.pending", self.charge_json(&paid.charge));
                self.emit_session(paid, "checkout.session.completed");
            }
        }
    }

    fn succeed(&mut self, paid: &Paid, session_event: &str) {
        let amount = self.charges.get(&paid.charge).map_or(0, |charge| charge.amount);
        self.capture_charge(&paid.charge, amount);
        if let Some(intent) = paid.payment_intent.as_deref().and_then(|id| self.intents.get_mut(id)) {
            intent.state = IntentState::Succeeded;
            intent.amount_received = amount;
        }
        if let Some(session) = paid.session.as_deref().and_then(|id| self.sessions.get_mut(id)) {
            session.paid = true;
        }
        self.emit("charge.succeeded", self.charge_json(&paid.charge));
        self.emit_intent(paid, "payment_intent.succeeded");
        self.emit_session(paid, session_event);
    }

    fn decline(&mut self, paid: &Paid) {
        self.set_states(paid, ChargeState::Failed, IntentState::RequiresPaymentMethod);
        self.emit("charge.failed", self.charge_json(&paid.charge));
        self.emit_intent(paid, "payment_intent.payment_failed");
    }

    /// Ends a payment that was processing. `false` when the charge is not.
    pub(super) fn end_processing(&mut self, charge: &str, succeeds: bool) -> Result<(), StripeError> {
        let held = self.charge(charge)?;
        if held.state != ChargeState::Pending {
            return Err(StripeError::refused(400, None, format!("Charge {charge} is not pending.")));
        }
        let payment_intent = held.payment_intent.clone();
        let of_intent =
            |session: &&CheckoutSession| payment_intent.is_some() && session.payment_intent == payment_intent;
        let session = self.sessions.iter().find(of_intent).map(|session| session.id().to_owned());
        let charge = charge.to_owned();
        let paid = Paid { session, payment_intent, charge };
        if succeeds {
            self.succeed(&paid, "checkout.session.async_payment_succeeded");
        } else {
            self.decline(&paid);
            self.emit_session(&paid, "checkout.session.async_payment_failed");
        }
        Ok(())
    }

    fn set_states(&mut self, paid: &Paid, charge_state: ChargeState, intent_state: IntentState) {
        if let Some(charge) = self.charges.get_mut(&paid.charge) {
            charge.state = charge_state;
        }
        if let Some(intent) = paid.payment_intent.as_deref().and_then(|id| self.intents.get_mut(id)) {
            intent.state = intent_state;
        }
    }

    fn emit_intent(&mut self, paid: &Paid, event: &str) {
        if let Some(id) = &paid.payment_intent {
            self.emit(event, self.intent_json(id));
        }
    }

    fn emit_session(&mut self, paid: &Paid, event: &str) {
        if let Some(id) = &paid.session {
            self.emit(event, self.session_json(id));
        }
    }
}
