//! What is asked for, on the configured database: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::ids::PaymentId;
use crate::ports::{Asks, Completed, NewRefundRequest, RefundRequestView, Request};

#[async_trait]
impl Asks for Database {
    async fn ask_refund(&self, request: NewRefundRequest, now: DateTime<Utc>) -> Result<Request> {
        let policy = self.policy.clone();
        tx!(self.db, "record a refund request", |conn| requests::make(conn, &request, &policy, now))
    }

    async fn refund_requests(&self, payment: PaymentId) -> Result<Vec<RefundRequestView>> {
        read!(self.db, "read refund requests", |conn| requests::of_payment(conn, payment))
    }

    async fn complete(
        &self,
        payment: PaymentId,
        at: DateTime<Utc>,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Completed> {
        tx!(self.db, "complete a session", |conn| requests::complete(conn, payment, at, &actor, now.into()))
    }
}
