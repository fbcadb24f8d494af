//! What the cron endpoint needs of the other rooms: somebody who runs, and somebody who remembers tokens.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::{RunCounts, StoreError, Trigger};
use crate::domain::ids::RunId;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutcome {
    /// Which run.
    pub run_id: RunId,
    /// What it did.
    pub counts: RunCounts,
    /// Why not all that is due was tried, such as what opened the breaker.
    pub trouble: Option<String>,
}

/// Why there is no outcome of a run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoRun {
    /// The database did not let it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing new is begun.
    #[error("the daemon is stopping, and begins no run")]
    Stopping,
    /// It ended in the middle; what it left is found by the next one and by the rescuer.
    #[error("the run broke off")]
    BrokeOff,
}

/// A run under way.
pub struct RunTicket {
    /// Which run.
    pub run_id: RunId,
    /// Whether somebody else had begun it.
    pub joined: bool,
    /// Its end. The run goes on whether this is waited for or not.
    pub ended: BoxFuture<'static, Result<RunOutcome, NoRun>>,
}

/// Starts runs.
#[async_trait]
pub trait RunTrigger: Send + Sync {
    /// Starts a run, or joins the one that this daemon has under way. Returns once it is on record.
    async fn trigger(&self, trigger: Trigger) -> Result<RunTicket, NoRun>;
}

/// Remembers which tokens were used, for all daemons that share a database.
#[async_trait]
pub trait UsedTokens: Send + Sync {
    /// Whether the token with this `jti` is used for the first time. It is remembered at least until `expires_at`, from
    /// when on it is refused for its age.
    async fn use_once(&self, jti: &str, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool, StoreError>;
}
