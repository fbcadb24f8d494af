//! What is done once a day, by one daemon of several: who does it, and what it needs to know.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{Books, Lease, Reconciling, StoreError};
use crate::domain::digest::{Chore, Digest};
use crate::domain::ids::PaymentId;
use crate::domain::notice::Outgoing;
use crate::domain::retention::Kept;

/// A chore of a day that this daemon has taken on.
#[derive(Debug, Clone)]
pub struct Turn {
    /// What.
    pub chore: Chore,
    /// Of which day.
    pub day: NaiveDate,
    /// By whom, and until when.
    pub lease: Lease,
    /// When the last one of an earlier day ended.
    pub last_ended: Option<DateTime<Utc>>,
}

/// What was removed of some rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// The last row that was looked at; `None` when the rest is too young.
    pub last: Option<i64>,
    /// How many were removed.
    pub removed: usize,
}

/// The chores of the configured database.
#[async_trait]
pub trait Chores: Books + Reconciling {
    /// Takes on a chore of a day. `None` when it is done, or somebody is at it whose lease stands.
    async fn begin_chore(
        &self,
        chore: Chore,
        day: NaiveDate,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<Turn>, StoreError>;
    /// Goes on with it under a later lease. `false` when somebody else has it by now.
    async fn go_on_with_chore(&self, turn: &mut Turn, until: DateTime<Utc>) -> Result<bool, StoreError>;
    /// Ends it and writes its emails, in one transaction. `false` when somebody else has it by now: nothing is written.
    async fn end_chore(
        &self,
        turn: Turn,
        notices: Vec<Outgoing>,
        note: String,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
    /// Adds up some of what was counted of payments. Answers whether there is more of it.
    async fn fold_counts(&self) -> Result<bool, StoreError>;
    /// Removes what is finished and was so before then, among so many rows after this one. Rows are in the order in which they
    /// were made, more or less.
    async fn remove_old(
        &self,
        what: Kept,
        before: DateTime<Utc>,
        after: i64,
        limit: i64,
    ) -> Result<Removed, StoreError>;
    /// The figures of a digest.
    async fn digest(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Digest, StoreError>;
    /// The payments that near the limit, oldest first.
    async fn near_limit(&self, now: DateTime<Utc>) -> Result<Vec<PaymentId>, StoreError>;
    /// The warnings that these call for.
    async fn limit_warnings(&self, payments: Vec<PaymentId>, now: DateTime<Utc>) -> Result<Vec<Outgoing>, StoreError>;
}
