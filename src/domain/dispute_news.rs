//! What people are told when a dispute is opened, goes on or is over: each turn once, whatever Stripe tells again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::adjust::LateAction;
use super::dispute::{Dispute, Standing, standing};
use super::mentor::Mentor;
use super::notice::{Notice, Outgoing, PaymentBrief, brief};
use super::payment::{Collection, Payment, PaymentStatus, words};
use super::policy::Policy;

words!(
    /// A turn in a dispute's life.
    Turn {
        /// The bank asks; no money has moved.
        Inquiry = "inquiry",
        /// The bank has taken the money back for now.
        Opened = "opened",
        /// What was an inquiry is a dispute now.
        Escalated = "escalated",
        /// What was decided is disputed again.
        Appealed = "appealed",
        /// The platform keeps the money.
        Won = "won",
        /// The customer keeps it.
        Lost = "lost",
        /// The inquiry ended without a dispute.
        InquiryClosed = "inquiry_closed",
        /// Settled before it became a dispute.
        Prevented = "prevented",
    }
);

words!(
    /// What it means for the mentor's part.
    MentorMoney {
        /// Not sent, and not before it is over.
        Held = "held",
        /// Sent, and left with them unless it is lost.
        Kept = "kept",
        /// Sent, and taken back.
        GoesBack = "goes_back",
        /// Not sent, and never will be.
        Gone = "gone",
        /// Not sent, and due again.
        Due = "due",
        /// Sent, and theirs.
        Stays = "stays",
        /// Whatever was taken back because of it is sent again.
        ComesBack = "comes_back",
    }
);

words!(
    /// Whom it is told.
    Audience {
        /// The admins.
        Admin = "admin",
        /// The mentor.
        Mentor = "mentor",
        /// The customer, who asked for it.
        Customer = "customer",
    }
);

/// A turn of a dispute, as emails speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeBrief {
    /// Who reads it.
    pub audience: Audience,
    /// What happened.
    pub turn: Turn,
    /// Which payment; with the mentor's part for the mentor, and else with what is disputed.
    pub payment: PaymentBrief,
    /// What it means for the mentor's part; `None` where there is none.
    pub money: Option<MentorMoney>,
    /// The customer's reason, in Stripe's word.
    pub reason: String,
    /// Until when evidence is taken.
    pub due_by: Option<DateTime<Utc>>,
    /// What to call the customer.
    pub customer: Option<String>,
    /// Who could not be told, in words.
    pub untold: Option<String>,
}

impl Turn {
    /// Whether it is over with this.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Won | Self::Lost | Self::InquiryClosed | Self::Prevented)
    }
}

impl DisputeBrief {
    /// A word for the kind, as stored in the outbox.
    pub fn kind(&self) -> &'static str {
        match (self.audience, self.turn.is_end()) {
            (Audience::Admin, false) => "dispute_opened",
            (Audience::Admin, true) => "dispute_closed",
            (Audience::Mentor, false) => "payment_disputed",
            (Audience::Mentor, true) => "dispute_decided",
            (Audience::Customer, _) => "dispute_acknowledged",
        }
    }
}

/// A dispute with what hangs on it.
#[derive(Debug, Clone, Copy)]
pub struct Disputed<'a> {
    /// The dispute as it is now.
    pub dispute: &'a Dispute,
    /// Until when evidence is taken.
    pub due_by: Option<DateTime<Utc>>,
    /// The payment.
    pub payment: &'a Payment,
    /// Who is to be paid, where they are registered.
    pub mentor: Option<&'a Mentor>,
}

/// The turn from one status to the next; `None` when nothing turned, or nobody knows what it means.
pub fn turn(before: Option<&str>, now: &str) -> Option<Turn> {
    let here = stage(now)?;
    let there = before.and_then(stage);
    match (there, here) {
        (Some(there), here) if there == here => None,
        (Some(Turn::Inquiry | Turn::InquiryClosed), Turn::Opened) => Some(Turn::Escalated),
        _ => Some(here),
    }
}

fn stage(status: &str) -> Option<Turn> {
    match status {
        "warning_needs_response" | "warning_under_review" => Some(Turn::Inquiry),
        "needs_response" | "under_review" => Some(Turn::Opened),
        "appeal_needs_response" | "appeal_under_review" => Some(Turn::Appealed),
        "won" => Some(Turn::Won),
        "lost" => Some(Turn::Lost),
        "warning_closed" => Some(Turn::InquiryClosed),
        "prevented" => Some(Turn::Prevented),
        _ => None,
    }
}

/// Whom to tell of the turn that a dispute took since its status was `before`.
pub fn news(disputed: &Disputed<'_>, before: Option<&str>, policy: &Policy) -> Vec<Outgoing> {
    let Some(turn) = turn(before, &disputed.dispute.status) else { return Vec::new() };
    let on_appeal = before.and_then(stage) == Some(Turn::Appealed);
    let told = Told { disputed, turn, on_appeal, policy };
    let mentor = told.to_mentor();
    let customer = told.to_customer();
    let admin = told.to_admin();
    [Some(admin), mentor, customer].into_iter().flatten().collect()
}

struct Told<'a> {
    disputed: &'a Disputed<'a>,
    turn: Turn,
    on_appeal: bool,
    policy: &'a Policy,
}

impl Told<'_> {
    fn to_admin(&self) -> Outgoing {
        let Disputed { dispute, payment, mentor, .. } = self.disputed;
        let disputed = PaymentBrief { currency: dispute.currency, ..brief(payment, *mentor, dispute.amount) };
        let mut brief = self.brief(Audience::Admin, disputed);
        brief.untold = self.untold();
        let kind = brief.kind();
        Outgoing::to_admin(Notice::Dispute(brief), kind, self.key(), Some(payment.id))
    }

    fn to_mentor(&self) -> Option<Outgoing> {
        let Disputed { payment, mentor, .. } = self.disputed;
        self.money().filter(|_| self.turn != Turn::Appealed)?;
        let brief = self.brief(Audience::Mentor, brief(payment, *mentor, payment.mentor_due()));
        let key = format!("{}:{}", brief.kind(), self.key());
        Outgoing::to_mentor(*mentor, Notice::Dispute(brief), key, true)
    }

    fn to_customer(&self) -> Option<Outgoing> {
        let Disputed { dispute, payment, mentor, .. } = self.disputed;
        if !self.acknowledges() {
            return None;
        }
        let disputed = PaymentBrief { currency: dispute.currency, ..brief(payment, *mentor, dispute.amount) };
        let brief = self.brief(Audience::Customer, disputed);
        // Once, however far it goes.
        let key = format!("{}:{}", brief.kind(), dispute.id);
        Outgoing::to_customer(&payment.customer, Notice::Dispute(brief), key)
    }

    fn acknowledges(&self) -> bool {
        let new = matches!(self.turn, Turn::Inquiry | Turn::Opened | Turn::Escalated);
        self.policy.letters.dispute_acknowledgement && new
    }

    fn brief(&self, audience: Audience, payment: PaymentBrief) -> DisputeBrief {
        let Disputed { dispute, due_by, payment: of, .. } = self.disputed;
        DisputeBrief {
            audience,
            turn: self.turn,
            payment,
            money: self.money(),
            reason: dispute.reason.clone(),
            due_by: due_by.filter(|_| !self.turn.is_end()),
            customer: of.customer.name.clone(),
            untold: None,
        }
    }

    /// One email for each turn; an end that comes again after an appeal is another one.
    fn key(&self) -> String {
        let turn = match self.turn {
            Turn::Escalated => Turn::Opened,
            turn => turn,
        };
        let again = if self.on_appeal && self.turn.is_end() { ":appeal" } else { "" };
        format!("{}:{turn}{again}", self.disputed.dispute.id)
    }

    /// What becomes of the mentor's part, where there is one.
    fn money(&self) -> Option<MentorMoney> {
        let Disputed { dispute, payment, .. } = self.disputed;
        if payment.mentor_id.is_none() || payment.collection != Collection::Paid || payment.refunded_in_full() {
            return None;
        }
        let sent = payment.status.is_paid() || payment.status == PaymentStatus::Releasing;
        // In another currency nobody knows what of the payment it is: no money moves because of it.
        let known = dispute.currency == payment.currency;
        let taken = known && (self.policy.after.open_dispute == LateAction::Reverse || self.on_appeal);
        Some(match (standing(&dispute.status), sent) {
            (Standing::Open | Standing::Unknown, false) => MentorMoney::Held,
            (Standing::Open | Standing::Unknown, true) if taken => MentorMoney::GoesBack,
            (Standing::Open | Standing::Unknown, true) => MentorMoney::Kept,
            (Standing::Lost, true) if known => MentorMoney::GoesBack,
            (Standing::Lost, true) => MentorMoney::Stays,
            (Standing::Lost, false) => MentorMoney::Gone,
            (Standing::Cleared, false) => MentorMoney::Due,
            (Standing::Cleared, true) if taken => MentorMoney::ComesBack,
            (Standing::Cleared, true) => MentorMoney::Stays,
        })
    }

    fn untold(&self) -> Option<String> {
        let Disputed { payment, mentor, .. } = self.disputed;
        let for_mentor = self.money().is_some() && self.turn != Turn::Appealed;
        let mentor = for_mentor && mentor.is_none_or(|mentor| mentor.email.is_none());
        let customer = self.acknowledges() && payment.customer.email.is_none();
        match (mentor, customer) {
            (true, true) => Some("the mentor and the customer: no address of theirs is known".into()),
            (true, false) => Some("the mentor: no address of theirs is known".into()),
            (false, true) => Some("the customer: no address of theirs is known".into()),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
#[path = "dispute_news_tests.rs"]
mod tests;
