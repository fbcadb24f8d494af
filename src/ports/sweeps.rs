//! Preflight by sweep, as the jobs see the database: how far Stripe's lists were taken in, and picking and claiming at once
//! what the last sweep answers for.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Claimed, Lease, Picked, StoreError};
use crate::domain::facts::Fact;
use crate::domain::sweep::{Sweep, Swept};

/// How sweeping stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepStanding {
    /// Up to where it was done; `None` before the first.
    pub last: Option<Swept>,
    /// When the last one began that was done to its end.
    pub at: Option<DateTime<Utc>>,
    /// Whether a payment is due to be looked at.
    pub is_due: bool,
}

/// An event that was kept, and from which nothing has followed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadEvent {
    /// Stripe's id.
    pub event_id: String,
    /// Whether it was tried, and could not be read.
    pub failed: bool,
}

/// What a look at the due payments brought, where a sweep answers for some of them.
#[derive(Debug, Clone, Default)]
pub struct PickedBySweep {
    /// The look. What is ready among it has to be read by itself.
    pub picked: Picked,
    /// The intents that were committed at once.
    pub claimed: Vec<Claimed>,
}

/// The database.
#[async_trait]
pub trait Sweeps: Send + Sync {
    /// How sweeping stands.
    async fn sweep_standing(&self, now: DateTime<Utc>) -> Result<SweepStanding, StoreError>;
    /// Records a step that was done, `began` where it was the last one. It never goes back, and of two daemons that began anew
    /// the later beginning counts: answers since when there is no gap.
    async fn swept(&self, step: Swept, began: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, StoreError>;
    /// Records that one failed that began then. Answers when the first one did since the last good one.
    async fn sweep_failed(&self, from: Swept, began: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError>;
    /// Takes in what was listed, in any order and any number of times.
    async fn take_in_listed(&self, facts: Vec<Fact>, now: DateTime<Utc>) -> Result<(), StoreError>;
    /// Those of these events from which nothing has followed yet.
    async fn unread_events(&self, ids: Vec<String>) -> Result<Vec<UnreadEvent>, StoreError>;
    /// Looks at payments that are due, as [`Store::pick_due`](super::Store::pick_due) does, and commits at once the intents of
    /// those for which the sweep answers: tx 1 of the money rule, with the decision under the lock. All or nothing.
    async fn pick_by_sweep(
        &self,
        limit: i64,
        sweep: Sweep,
        lease: Lease,
        revisit_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<PickedBySweep, StoreError>;
}
