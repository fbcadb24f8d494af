//! A customer pays: the session, intent and charge that come of it, and the events in Stripe's order.

use serde_json::{Value, json};

use super::Core;
use super::charge::{Charge, ChargeState, Contest};
use super::checkout_session::{CheckoutSession, SessionState};
use super::error::StripeError;
use super::pay::{Paid, PaidThrough, Pay, PayResult, Settlement};
use super::payment_intent::{IntentState, PaymentIntent};
use super::settings::CaptureStyle;
use super::store::Object;

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
            capture_method: self.capture_method(pay.result),
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
            state: if pay.result == PayResult::Fails { SessionState::Open } else { SessionState::Unpaid },
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
            session.state = SessionState::Paid;
        }
        let async_capture = paid.payment_intent.is_some() && self.settings.capture == CaptureStyle::AutomaticAsync;
        let mut charge = self.charge_json(&paid.charge);
        if async_capture {
            charge["balance_transaction"] = Value::Null;
        }
        self.emit("charge.succeeded", charge);
        self.emit_intent(paid, "payment_intent.succeeded");
        self.emit_session(paid, session_event);
        if async_capture {
            let previous = json!({"balance_transaction": null});
            self.emit_change("charge.updated", self.charge_json(&paid.charge), previous);
        }
    }

    fn capture_method(&self, result: PayResult) -> &'static str {
        match (result, self.settings.capture) {
            (PayResult::Authorizes, _) => "manual",
            (_, CaptureStyle::Automatic) => "automatic",
            (_, CaptureStyle::AutomaticAsync) => "automatic_async",
        }
    }

    fn decline(&mut self, paid: &Paid) {
        self.set_states(paid, ChargeState::Failed, IntentState::RequiresPaymentMethod);
        self.emit("charge.failed", self.charge_json(&paid.charge));
        self.emit_intent(paid, "payment_intent.payment_failed");
    }

    /// Ends a payment that was processing.
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
