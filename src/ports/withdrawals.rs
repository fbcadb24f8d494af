//! Withdrawals: what a mentor asks to be paid out from their connected account to their bank.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::StoreError;
use crate::domain::ids::{MentorId, PayoutId, WithdrawalId};
use crate::domain::withdrawal::{Funds, Speed, WithdrawalState};

/// A withdrawal that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWithdrawal {
    /// Whose money.
    pub mentor_id: MentorId,
    /// How much, in minor units, as it was written; `None` for all that is available.
    pub amount: Option<i64>,
    /// In what, as it was written; `None` where the mentor has one currency only.
    pub currency: Option<String>,
    /// How fast.
    pub speed: Speed,
    /// What makes a repeated request the same request.
    pub request_key: Option<String>,
    /// Who asks.
    pub requested_by: String,
    /// What is on the account, where that was just read.
    pub funds: Option<Funds>,
}

/// A withdrawal as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithdrawalView {
    /// Its row.
    pub id: WithdrawalId,
    /// Whose money.
    pub mentor: MentorId,
    /// In minor units, as it was asked for; `None` for all that is available.
    pub amount: Option<i64>,
    /// In what, where that was said, or where it was paid out.
    pub currency: Option<String>,
    /// How fast.
    pub speed: Speed,
    /// What makes a repeated request the same request.
    pub request_key: Option<String>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// Where it stands.
    pub state: WithdrawalState,
    /// In minor units, what was sent to the bank.
    pub paid_out: Option<i64>,
    /// Stripe's payout.
    pub payout: Option<PayoutId>,
    /// When the bank is to have it.
    pub arrives_at: Option<DateTime<Utc>>,
    /// Why it was refused, or failed.
    pub outcome: Option<String>,
}

/// What asking came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdraw {
    /// It is on record: to be done by the next run, or refused already.
    Recorded(WithdrawalView),
    /// The same was asked for before, under the same key.
    Known(WithdrawalView),
    /// Something else was asked for before, under the same key. Nothing was recorded.
    KeyTaken(WithdrawalView),
    /// There is no such mentor.
    NoSuchMentor,
}

/// Where withdrawals are asked for. Each is one transaction.
#[async_trait]
pub trait Withdrawals: Send + Sync {
    /// Records a withdrawal. One that cannot be is refused at once, on its row.
    async fn ask_withdrawal(&self, withdrawal: NewWithdrawal, now: DateTime<Utc>) -> Result<Withdraw, StoreError>;
    /// A mentor's withdrawals, newest first, those before a number; `None` for the newest.
    async fn withdrawals(
        &self,
        mentor: MentorId,
        before: Option<WithdrawalId>,
        limit: i64,
    ) -> Result<Vec<WithdrawalView>, StoreError>;
}
