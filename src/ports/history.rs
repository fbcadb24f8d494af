//! What happened to a mentor's money, as the ledger's journals tell it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::StoreError;
use crate::domain::ids::{MentorId, PaymentId};
use crate::domain::money::Currency;

/// Where a page of a history goes on: after this journal's part in this currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPlace {
    /// The journal.
    pub journal: i64,
    /// The currency.
    pub currency: Currency,
}

/// One journal's effect on a mentor in one currency. Added up from the first, the changes are what there is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// The journal.
    pub journal: i64,
    /// When it was posted.
    pub at: DateTime<Utc>,
    /// `charge`, `fee`, `refund`, `transfer`, `reversal`, `dispute`, `debt` or `withdrawal`.
    pub kind: String,
    /// Because of which payment.
    pub payment: Option<PaymentId>,
    /// The payment's booking.
    pub booking: Option<String>,
    /// In what.
    pub currency: Currency,
    /// By how much it changed what they have earned and were not sent, in minor units.
    pub due_minor: i64,
    /// By how much it changed what they have in their account.
    pub account_minor: i64,
    /// By how much it changed what they owe.
    pub owed_minor: i64,
}

/// Histories of mentors.
#[async_trait]
pub trait Histories: Send + Sync {
    /// What happened, newest first, from a place on. What comes later changes no page that goes on from an older place.
    async fn history(
        &self,
        mentor: MentorId,
        after: Option<HistoryPlace>,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>, StoreError>;
}
