//! Disputes and inquiries: their statuses, and the money that the platform is debited and gets back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Core;
use super::charge::Contest;
use super::error::StripeError;
use super::ledger::{Movement, Owner};
use super::page::{allow, page};
use super::params::Params;
use super::store::Object;

/// The status of a dispute, in Stripe's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are Stripe's and say it all")]
pub enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
    Prevented,
    AppealNeedsResponse,
    AppealUnderReview,
}

impl DisputeStatus {
    fn name(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Prevented => "prevented",
            Self::AppealNeedsResponse => "appeal_needs_response",
            Self::AppealUnderReview => "appeal_under_review",
        }
    }

    fn is_closed(self) -> bool {
        matches!(self, Self::WarningClosed | Self::Won | Self::Lost | Self::Prevented)
    }

    fn is_appeal(self) -> bool {
        matches!(self, Self::AppealNeedsResponse | Self::AppealUnderReview)
    }

    /// Whether the money is away from the platform in this status.
    fn takes_funds(self) -> bool {
        self.contest() == Contest::Chargeback
    }

    fn contest(self) -> Contest {
        match self {
            Self::WarningNeedsResponse | Self::WarningUnderReview => Contest::Inquiry,
            Self::NeedsResponse | Self::UnderReview | Self::Lost => Contest::Chargeback,
            Self::AppealNeedsResponse | Self::AppealUnderReview => Contest::Chargeback,
            Self::WarningClosed | Self::Won | Self::Prevented => Contest::Over,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Dispute {
    id: String,
    created: i64,
    amount: i64,
    currency: String,
    charge: String,
    payment_intent: Option<String>,
    reason: String,
    status: DisputeStatus,
    /// Debit and credit, as they were posted.
    movements: Vec<Value>,
}

/// Which way the disputed money goes: out once, and back at most once.
#[derive(Debug, Clone, Copy)]
enum Direction {
    Withdrawn,
    Reinstated,
}

impl Direction {
    fn event(self) -> &'static str {
        match self {
            Self::Withdrawn => "charge.dispute.funds_withdrawn",
            Self::Reinstated => "charge.dispute.funds_reinstated",
        }
    }
}

impl Object for Dispute {
    const KIND: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let case_type = if self.status.contest() == Contest::Inquiry { "inquiry" } else { "chargeback" };
        json!({
            "id": self.id, "object": "dispute", "amount": self.amount, "balance_transactions": self.movements,
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "enhanced_eligibility_types": [], "evidence": no_evidence(),
            "evidence_details": {
                "due_by": self.created + 7 * 86_400, "enhanced_eligibility": {}, "has_evidence": false,
                "past_due": false, "submission_count": 0, "submission_method": "not_submitted",
            },
            "intended_submission_method": null,
            "is_charge_refundable": self.status.contest() == Contest::Inquiry,
            "livemode": false, "metadata": {}, "payment_intent": self.payment_intent,
            "payment_method_details": {
                "card": {"brand": "visa", "case_type": case_type, "network": "visa", "network_reason_code": "10.4"},
                "type": "card",
            },
            "reason": self.reason, "status": self.status.name(),
        })
    }
}

const EVIDENCE: &str = "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure
    cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip
    customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id
    product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date
    service_documentation shipping_address shipping_carrier shipping_date shipping_documentation
    shipping_tracking_number uncategorized_file uncategorized_text";

/// Every field that evidence could have, empty.
fn no_evidence() -> Value {
    let fields = EVIDENCE.split_whitespace();
    let mut evidence: Value = fields.map(|field| (field.to_owned(), Value::Null)).collect();
    evidence["enhanced_evidence"] = json!({});
    evidence
}

/// A dispute to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDispute {
    /// `ch_…`
    pub charge: String,
    /// Minor units of the charge's currency; all of it where not given.
    #[serde(default)]
    pub amount_minor: Option<i64>,
    /// As the bank gives it: `fraudulent`, `product_not_received`, …
    #[serde(default = "fraudulent")]
    pub reason: String,
    /// Where it starts: `needs_response` is a chargeback, `warning_needs_response` an inquiry.
    #[serde(default = "needs_response")]
    pub status: DisputeStatus,
}

fn fraudulent() -> String {
    "fraudulent".into()
}

fn needs_response() -> DisputeStatus {
    DisputeStatus::NeedsResponse
}

impl NewDispute {
    /// A chargeback of a whole charge.
    pub fn chargeback(charge: &str) -> Self {
        Self { charge: charge.into(), amount_minor: None, reason: fraudulent(), status: needs_response() }
    }

    /// An inquiry about a whole charge.
    pub fn inquiry(charge: &str) -> Self {
        Self { status: DisputeStatus::WarningNeedsResponse, ..Self::chargeback(charge) }
    }
}

impl Core {
    pub(super) fn start_dispute(&mut self, new: NewDispute) -> Result<String, StripeError> {
        let charge = self.charge(&new.charge)?;
        if charge.balance_transaction.is_none() {
            return Err(StripeError::refused(400, None, format!("Charge {} was not captured.", charge.id)));
        }
        let most = charge.amount_captured - charge.amount_refunded;
        let amount = new.amount_minor.unwrap_or(most);
        if !(1..=most).contains(&amount) {
            let text = format!("A dispute of {amount} of charge {}: it must be of 1 to {most}.", charge.id);
            return Err(StripeError::refused(400, None, text));
        }
        let dispute = Dispute {
            id: String::new(),
            created: self.now,
            amount,
            currency: charge.currency.clone(),
            charge: charge.id.clone(),
            payment_intent: charge.payment_intent.clone(),
            reason: new.reason,
            status: new.status,
            movements: Vec::new(),
        };
        let id = self.ids.object("du_");
        self.disputes.insert(Dispute { id: id.clone(), ..dispute });
        self.enter_status(&id, new.status, "charge.dispute.created", None);
        Ok(id)
    }

    /// Moves a dispute on, with the money and the events that go with it.
    pub(super) fn move_dispute(&mut self, id: &str, status: DisputeStatus) -> Result<(), StripeError> {
        let dispute = self.dispute(id)?;
        let appealed = dispute.status == DisputeStatus::Lost && status.is_appeal();
        if dispute.status.is_closed() && !appealed {
            let text = format!("Dispute {id} is closed ({}).", dispute.status.name());
            return Err(StripeError::refused(400, None, text));
        }
        let previous = json!({"status": dispute.status.name()});
        let event = if status.is_closed() { "charge.dispute.closed" } else { "charge.dispute.updated" };
        self.enter_status(id, status, event, Some(previous));
        Ok(())
    }

    /// The money moves first, so that every event shows the dispute as it then is.
    fn enter_status(&mut self, id: &str, status: DisputeStatus, event: &str, previous: Option<Value>) {
        let Some(dispute) = self.disputes.get_mut(id) else {
            return;
        };
        dispute.status = status;
        let direction = match (status.takes_funds(), dispute.movements.len()) {
            (true, 0) => Some(Direction::Withdrawn),
            (false, 1) => Some(Direction::Reinstated),
            _ => None,
        };
        let charge = self.charges.get_mut(&dispute.charge);
        if let Some(charge) = charge {
            charge.contest = status.contest();
        }
        if let Some(direction) = direction {
            self.move_disputed_funds(id, direction);
        }
        let object = self.dispute_json(id);
        match previous {
            Some(previous) => self.emit_change(event, object.clone(), previous),
            None => self.emit(event, object.clone()),
        }
        if let Some(direction) = direction {
            self.emit(direction.event(), object);
        }
    }

    fn move_disputed_funds(&mut self, id: &str, direction: Direction) {
        let Some(dispute) = self.disputes.get(id) else {
            return;
        };
        let Some(charge) = self.charges.get(&dispute.charge) else {
            return;
        };
        let settled = charge.settled(dispute.amount);
        let (charge_id, currency) = (charge.id.clone(), charge.settlement.currency.clone());
        let (what, amount, fee) = match direction {
            Direction::Withdrawn => ("withdrawal", -settled, self.settings.fees.dispute_minor),
            Direction::Reinstated => ("withdrawal reversal", settled, 0),
        };
        let transaction = self.post(Movement {
            owner: Owner::Platform,
            kind: "adjustment",
            reporting_category: if amount < 0 { "dispute" } else { "dispute_reversal" },
            source: Some(id),
            currency: &currency,
            amount,
            fee,
            conversion: None,
            description: Some(format!("Chargeback {what} for {charge_id}")),
            available_on: self.now,
        });
        let posted = self.ledger.transactions.get(&transaction).map(Object::json);
        if let Some(held) = self.disputes.get_mut(id) {
            held.movements.extend(posted);
        }
    }

    pub(super) fn dispute(&self, id: &str) -> Result<&Dispute, StripeError> {
        self.disputes.get(id).ok_or_else(|| StripeError::no_such(Dispute::KIND, id).with_param("dispute"))
    }

    fn dispute_json(&self, id: &str) -> Value {
        self.disputes.get(id).map_or(Value::Null, Object::json)
    }

    pub(super) fn list_disputes(&self, params: &Params) -> Result<Value, StripeError> {
        allow(params, &["charge", "payment_intent"])?;
        let (charge, intent) = (params.text("charge")?, params.text("payment_intent")?);
        page(params, "/v1/disputes", self.disputes.iter(), |dispute| {
            charge.is_none_or(|wanted| dispute.charge == wanted)
                && intent.is_none_or(|wanted| dispute.payment_intent.as_deref() == Some(wanted))
        })
    }
}
