//! The books: what the ledger says, and whether it is true. What is found is data; who looks decides what to do.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::StoreError;
use crate::domain::ids::MentorId;
use crate::domain::money::Currency;
use crate::domain::notice::{Notice, Outgoing};
use crate::domain::payment::words;
use crate::domain::report::ReportFigures;

words!(
    /// What the audit compares.
    AuditCheck {
        /// A payment's entries, with what the rules make of its rows.
        Entries = "entries",
        /// The two sides of a journal.
        Journal = "journal",
        /// An account's balance for a payment, with what plain SQL makes of its rows.
        Balance = "balance",
        /// What Stripe holds as transferred and taken back, with what was ordered and due.
        Transfer = "transfer",
        /// What a mentor owes or has as credit, with how it came about and with the ledger.
        Debt = "debt",
        /// A payout's entries, and its withdrawal, with what Stripe told of it.
        Withdrawal = "withdrawal",
        /// A mentor's balances, with each other.
        Mentor = "mentor",
        /// How many payments there are, with how many were counted.
        Count = "count",
        /// Rows that cannot be read.
        Unreadable = "unreadable",
    }
);

impl AuditCheck {
    /// What is wrong, in words without ids.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Entries => "the ledger's entries are not what its rows say",
            Self::Journal => "its two sides do not balance",
            Self::Balance => "an account's balance is not what its rows say",
            Self::Transfer => "what Stripe transferred is not what was ordered or due",
            Self::Debt => "what is owed or carried over is not the sum of its entries",
            Self::Withdrawal => "what was paid out to a bank is not what was recorded",
            Self::Mentor => "what was earned is not where the balances say",
            Self::Count => "there are not as many payments as were counted",
            Self::Unreadable => "its rows cannot be read",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was compared.
    pub check: AuditCheck,
    /// About what: `payment 42`, `journal 7`, `mentor ada`.
    pub subject: String,
    /// What it should be, in minor units (of a count: payments); nothing where rows cannot be read.
    pub should_minor: Option<i64>,
    /// What it is.
    pub is_minor: Option<i64>,
    /// In words.
    pub what: String,
}

impl Difference {
    /// What is wrong, as an email says it.
    pub fn sentence(&self) -> String {
        match (self.should_minor, self.is_minor) {
            (Some(should), Some(is)) if self.check == AuditCheck::Count => {
                format!("{}: should be {should}, is {is}", self.check.sentence())
            }
            (Some(should), Some(is)) => {
                format!("{}: should be {should}, is {is}, in minor units", self.check.sentence())
            }
            _ => self.check.sentence().to_owned(),
        }
    }
}

/// Tells the admins that the books are not right: at most once a day, whoever looked.
pub fn audit_alert(count: usize, first: &[Difference], day: NaiveDate) -> Outgoing {
    let first = first.iter().map(|d| (d.subject.clone(), d.sentence())).collect();
    let notice = Notice::AuditDifference { count, first };
    Outgoing::to_admin(notice, "audit_difference", day, None)
}

/// What was found on one page of payments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The page's last payment; `None` when there are no more.
    pub last: Option<i64>,
    /// How many payments.
    pub looked_at: i64,
    /// What is wrong with them.
    pub differences: Vec<Difference>,
}

/// What was posted for one page of payments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostedPage {
    /// The page's last payment; `None` when there are no more.
    pub last: Option<i64>,
    /// How many payments.
    pub looked_at: i64,
    /// How many journals.
    pub journals: i64,
}

/// What a mentor has in one currency, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// In what.
    pub currency: Currency,
    /// Their part of what customers paid, after refunds and lost disputes.
    pub earned_minor: i64,
    /// Not transferred: the window is open.
    pub pending_minor: i64,
    /// Not transferred: something speaks against it.
    pub held_minor: i64,
    /// Not transferred: due now, or on its way.
    pub available_minor: i64,
    /// Too small to be sent alone: goes out with a later payment.
    pub carried_minor: i64,
    /// Transferred, less what was taken back.
    pub paid_minor: i64,
    /// Sent on to their bank, by payoutd or by other hands.
    pub withdrawn_minor: i64,
    /// Their debt.
    pub owed_minor: i64,
}

/// What happened on one day, in UTC and in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDay {
    /// The day.
    pub day: NaiveDate,
    /// In what.
    pub currency: Currency,
    /// How much of what.
    pub figures: ReportFigures,
}

/// What mentors have earned and have not been paid, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingPayouts {
    /// In what.
    pub currency: Currency,
    /// Of how many payments.
    pub payments: i64,
    /// How much, in minor units.
    pub amount_minor: i64,
}

/// The books of the configured database.
#[async_trait]
pub trait Books: Send + Sync {
    /// How many payments there are to look at.
    async fn count_payments(&self) -> Result<i64, StoreError>;
    /// Looks at the payments after this number, as they stand at one moment.
    async fn audit_payments(&self, after: i64, limit: i64) -> Result<AuditPage, StoreError>;
    /// Looks at what is of no one payment: debts, balances, journals that name no payment.
    async fn audit_mentors(&self) -> Result<Vec<Difference>, StoreError>;
    /// Posts what the ledger lacks of the payments after this number.
    async fn post_missing(&self, after: i64, limit: i64, now: DateTime<Utc>) -> Result<PostedPage, StoreError>;
    /// Counts payments anew. Answers how many counts were wrong.
    async fn recount(&self) -> Result<usize, StoreError>;
    /// What happened in a span of time, by day and currency, oldest first.
    async fn report(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<ReportDay>, StoreError>;
    /// What is to be paid out to mentors, now or later.
    async fn pending_payouts(&self) -> Result<Vec<PendingPayouts>, StoreError>;
    /// A mentor's balances, by currency.
    async fn balances(&self, mentor: MentorId) -> Result<Vec<Balance>, StoreError>;
}
