//! What somebody asks payoutd to do about a payment, beside paying it: refunds, and that its session is over.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::StoreError;
use crate::domain::ids::{PaymentId, RefundId, RequestId};
use crate::domain::request::{Ask, RequestState};

/// A refund that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefundRequest {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// How much.
    pub ask: Ask,
    /// In what; `None` for the payment's own currency.
    pub currency: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// What makes a repeated request the same request.
    pub request_key: Option<String>,
    /// Who asks.
    pub requested_by: String,
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefundRequestView {
    /// Its row.
    pub id: RequestId,
    /// Of which payment.
    pub payment: PaymentId,
    /// In minor units, as it was asked for; `None` for all that is left, or what the policy gives.
    pub amount: Option<i64>,
    /// In what, where that was said.
    pub currency: Option<String>,
    /// Whether the cancellation policy decides how much.
    pub by_policy: bool,
    /// Why, in words.
    pub reason: String,
    /// What makes a repeated request the same request.
    pub request_key: Option<String>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// Where it stands.
    pub state: RequestState,
    /// In minor units, what went back.
    pub refunded: Option<i64>,
    /// Stripe's refund.
    pub refund: Option<RefundId>,
    /// Why it was refused, or failed.
    pub outcome: Option<String>,
}

/// What asking came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// It is on record: to be done by the next run, or refused already.
    Recorded(RefundRequestView),
    /// The same was asked for before, under the same key.
    Known(RefundRequestView),
    /// Something else was asked for before, under the same key. Nothing was recorded.
    KeyTaken(RefundRequestView),
    /// There is no such payment.
    NoSuchPayment,
}

/// What saying that a session is over came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// It is on record.
    Recorded,
    /// It was completed then already.
    Already(DateTime<Utc>),
    /// There is no such payment.
    NoSuchPayment,
}

/// Where things are asked for. Each is one transaction.
#[async_trait]
pub trait Asks: Send + Sync {
    /// Records a request. One that cannot be is refused at once, on its row.
    async fn ask_refund(&self, request: NewRefundRequest, now: DateTime<Utc>) -> Result<Request, StoreError>;
    /// The requests of a payment, oldest first.
    async fn refund_requests(&self, payment: PaymentId) -> Result<Vec<RefundRequestView>, StoreError>;
    /// Records that a payment's session was completed at a time.
    async fn complete(
        &self,
        payment: PaymentId,
        at: DateTime<Utc>,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Completed, StoreError>;
}
