//! Where webhooks go: checked, then kept, before anything else looks at them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

/// An authentic event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Stripe's id, or one made from the body's hash when the body is not an event.
    pub event_id: String,
    /// Such as `charge.succeeded`; empty when the body is not an event.
    pub kind: String,
    /// When Stripe made it.
    pub created_at: DateTime<Utc>,
    /// Whether it is about real money.
    pub livemode: bool,
    /// The connected account that it is about.
    pub account: Option<String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Why the body is not an event, when it is not; such a row is kept for a person to look at.
    pub unreadable: Option<String>,
}

/// What keeping an event came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is in the table now, committed.
    New,
    /// It was there already.
    Again,
}

/// Keeps events. Many callers may wait on one commit.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Returns once the event is committed.
    async fn keep(&self, event: NewEvent) -> Result<Kept, StoreError>;
}

/// Why a webhook is not believed. The words go to the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no `Stripe-Signature` header.
    #[error("the Stripe-Signature header is missing")]
    Missing,
    /// The header cannot be read.
    #[error("the Stripe-Signature header cannot be read: {0}")]
    Malformed(&'static str),
    /// No `v1` signature fits any of the secrets.
    #[error("no signature fits: check that the endpoint's signing secret is the configured one")]
    NoMatch,
    /// It was signed too long ago.
    #[error("signed {age_s} s ago, more than the tolerance of {tolerance_s} s: check the clock, or a replay")]
    TooOld {
        /// Its age in seconds.
        age_s: i64,
        /// The tolerance in seconds.
        tolerance_s: i64,
    },
    /// It was signed in the future.
    #[error("signed {ahead_s} s in the future, more than the tolerance of {tolerance_s} s: check the clock")]
    InFuture {
        /// How far ahead, in seconds.
        ahead_s: i64,
        /// The tolerance in seconds.
        tolerance_s: i64,
    },
}

/// Checks that a webhook comes from Stripe.
pub trait SignatureCheck: Send + Sync {
    /// Checks the header's value (`None` when there is no such header) against the body.
    fn check(&self, header: Option<&str>, body: &[u8], now: DateTime<Utc>) -> Result<(), SignatureError>;
}

/// Whether the daemon can do its work.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Readiness {
    /// Whether all of it is well.
    pub ready: bool,
    /// `ok`, or what is wrong with the database.
    pub database: String,
    /// `ok`, or what is wrong with the migrations.
    pub migrations: String,
    /// `closed`, or why no transfer is tried.
    pub breaker: String,
    /// How long the oldest event has waited to be projected, in seconds; 0 when none waits.
    pub oldest_unprojected_event_s: i64,
}

/// Tells the figures of the daemon.
#[async_trait]
pub trait Figures: Send + Sync {
    /// All of them as they are now, in Prometheus' text format.
    async fn text(&self) -> String;
}

/// Answers for the daemon's health.
#[async_trait]
pub trait Health: Send + Sync {
    /// Looks now.
    async fn readiness(&self) -> Readiness;
}
