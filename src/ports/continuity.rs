//! How far the database knows what happened: how long without a gap, and up to which of Stripe's events.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::StoreError;

/// How far the database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Continuity {
    /// Since when payoutd has worked with this very database without a gap. What was sent before may be missing in it.
    pub known_since: DateTime<Utc>,
    /// Up to when Stripe's events are kept, those that no webhook brought included.
    pub caught_up_to: Option<DateTime<Utc>>,
    /// When they were last asked for to the end.
    pub caught_up_at: Option<DateTime<Utc>>,
    /// How many events that brought which no webhook had brought.
    pub caught_up_found: i64,
}

/// A step of catching up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaughtUp {
    /// All events of before are kept.
    pub to: DateTime<Utc>,
    /// How many of them were new since it was begun.
    pub found: i64,
    /// When it was begun, where this was the last step.
    pub ended: Option<DateTime<Utc>>,
}

/// The database.
#[async_trait]
pub trait Continuities: Send + Sync {
    /// Says that payoutd works with it now, and answers how far it knows. After a gap it knows from now on.
    async fn beat(&self, now: DateTime<Utc>) -> Result<Continuity, StoreError>;
    /// Records a step of catching up. It never goes back: of two daemons at it, the further one counts.
    async fn caught_up(&self, step: CaughtUp) -> Result<(), StoreError>;
    /// When Stripe made the latest event that is kept, as far as the last ones say.
    async fn latest_event(&self) -> Result<Option<DateTime<Utc>>, StoreError>;
}
