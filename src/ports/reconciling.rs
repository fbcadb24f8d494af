//! Comparing the database with Stripe, a page at a time: what is kept, what differs, and taking in what is missing.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Span, StoreError};
use crate::domain::discrepancy::{Compared, Discrepancy};
use crate::domain::facts::Fact;
use crate::domain::ids::{AccountId, ChargeId};
use crate::domain::notice::{Notice, Outgoing};

/// Something that is kept, to be looked for at Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// Stripe's id of it.
    pub stripe_id: String,
    /// Its time here: when it was made, or last told of.
    pub at: DateTime<Utc>,
    /// Its charge.
    pub charge: Option<ChargeId>,
    /// Of a payout: whose, where it is not the platform's own.
    pub account: Option<AccountId>,
}

/// A discrepancy that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenDiscrepancy {
    /// Its row.
    pub id: i64,
    /// When it was first found.
    pub found_at: DateTime<Utc>,
    /// What it is.
    #[serde(flatten)]
    pub what: Discrepancy,
    /// What to type next.
    pub command: String,
}

/// Tells the admins that this database and Stripe differ: at most once a day, whoever looked.
pub fn discrepancy_alert(count: i64, first: &[OpenDiscrepancy], day: chrono::NaiveDate) -> Outgoing {
    let line = |open: &OpenDiscrepancy| (open.what.about(), open.what.kind.sentence().to_owned());
    let notice = Notice::Discrepancies { count, first: first.iter().map(line).collect() };
    Outgoing::to_admin(notice, "discrepancies", day, None)
}

/// The database.
#[async_trait]
pub trait Reconciling: Send + Sync {
    /// Compares a page of what Stripe has, each with when it was made.
    async fn compare(&self, there: Vec<(Fact, DateTime<Utc>)>) -> Result<Vec<Discrepancy>, StoreError>;
    /// What is kept of a span of time, in order, after this one.
    async fn kept(
        &self,
        what: Compared,
        span: Span,
        after: Option<KeptRow>,
        limit: i64,
    ) -> Result<Vec<KeptRow>, StoreError>;
    /// Connected accounts of which a payout is kept that was told of in a span of time, after this one.
    async fn accounts_paid_out(
        &self,
        span: Span,
        after: Option<AccountId>,
        limit: i64,
    ) -> Result<Vec<AccountId>, StoreError>;
    /// Takes in what Stripe has: what is missing or old here. No money moves by it.
    async fn take_in(&self, facts: Vec<Fact>, now: DateTime<Utc>) -> Result<(), StoreError>;
    /// Records what was found. Answers how many of them were not open before.
    async fn note(&self, found: Vec<Discrepancy>, now: DateTime<Utc>) -> Result<i64, StoreError>;
    /// Closes what stands in this span of time and was not found since.
    async fn close_gone(&self, span: Span, since: DateTime<Utc>) -> Result<i64, StoreError>;
    /// How many are open, and the first of them.
    async fn open_discrepancies(&self, limit: i64) -> Result<(i64, Vec<OpenDiscrepancy>), StoreError>;
}
