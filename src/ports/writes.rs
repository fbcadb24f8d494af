//! What somebody decides about a payment from afar, once for each key: a completed session, a hold, a lift.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::hold::Subject;
use crate::domain::ids::PaymentId;

/// What makes a repeated write the same write, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteKey {
    /// Unique among all writes.
    pub key: String,
    /// Who asks.
    pub actor: String,
}

/// What is asked for. Written out, it is what two writes under one key are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "write", rename_all = "snake_case")]
pub enum Write {
    /// The session is over.
    Complete {
        /// Of which payment.
        payment: PaymentId,
        /// Since when; `None` for now.
        completed_at: Option<DateTime<Utc>>,
    },
    /// Do not pay it.
    Hold {
        /// Which payment.
        payment: PaymentId,
        /// Why, in words.
        reason: String,
    },
    /// Lift every open hold on it.
    Lift {
        /// Which payment.
        payment: PaymentId,
        /// Why, in words.
        reason: String,
    },
}

impl Write {
    /// What it is about.
    pub fn payment(&self) -> PaymentId {
        match self {
            Self::Complete { payment, .. } | Self::Hold { payment, .. } | Self::Lift { payment, .. } => *payment,
        }
    }
}

/// What a write came to, as it is kept for whoever asks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteAnswer {
    /// Of a completed session.
    Completed {
        /// Which payment.
        payment: PaymentId,
        /// What stands: what was said first.
        session_completed_at: DateTime<Utc>,
        /// Whether that is what this write said.
        recorded: bool,
    },
    /// Of a hold.
    Held {
        /// Which payment.
        payment: PaymentId,
        /// The hold; `None` where one of the same person stood there already.
        hold: Option<i64>,
    },
    /// Of a lift.
    Lifted {
        /// Which payment.
        payment: PaymentId,
        /// What stood there.
        lifted: Vec<LiftedHold>,
    },
}

/// A hold that was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftedHold {
    /// Its row.
    pub id: i64,
    /// Who placed it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub placed_at: DateTime<Utc>,
}

/// What asking came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is done.
    Now(WriteAnswer),
    /// It was done before, under the same key.
    Before(WriteAnswer),
    /// Something else was asked for before, under the same key. Nothing was done but to record that.
    KeyTaken,
}

/// Where it is decided. Each is one transaction, with the key in it.
#[async_trait]
pub trait Writes: Send + Sync {
    /// Does it, unless it was done before under its key. The payment must be there.
    async fn write(&self, key: WriteKey, write: Write, now: DateTime<Utc>) -> Result<Written, StoreError>;
    /// Records that something was asked for and refused, where no row of its own says so.
    async fn record_refusal(
        &self,
        about: Subject,
        actor: String,
        why: String,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}
