//! Holds: reasons that someone or something placed on a payment or on a mentor.

use chrono::{DateTime, Utc};

use super::ids::{MentorId, PaymentId};
use super::payment::words;

words!(
    /// Who places a hold. Automation lifts only what automation placed.
    HoldSource {
        /// A person, through the CLI or SQL.
        Admin = "admin",
        /// payoutd, because of something Stripe said about the mentor's account.
        Stripe = "stripe",
        /// payoutd, by a rule of its own.
        Automation = "automation",
    }
);

/// What a hold stands on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One payment.
    Payment(PaymentId),
    /// Everything of one mentor.
    Mentor(MentorId),
}

/// An open or lifted hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its row.
    pub id: i64,
    /// On what.
    pub subject: Subject,
    /// By whom, in kind.
    pub source: HoldSource,
    /// By whom, by name.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub placed_at: DateTime<Utc>,
    /// Until when; `None` while it stands.
    pub lifted_at: Option<DateTime<Utc>>,
}

impl Hold {
    /// Whether it still stands.
    pub fn is_open(&self) -> bool {
        self.lifted_at.is_none()
    }
}
