//! The operator's desk on the configured database: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::ids::OperationId;
use crate::domain::operation::OperationState;
use crate::ports::{
    Desk, EmailEntry, EmailFilter, EmailState, EventEntry, EventFilter, EventRef, EventState, Lease, Listed,
    OperationEntry, OperationRef, OperationStory, Page, PaymentFilter, PaymentView, RunEntry, TakenUp, Wish,
};

#[async_trait]
impl Desk for Database {
    async fn search_payments(&self, filter: PaymentFilter, page: Page) -> Result<Vec<Listed<PaymentView>>> {
        read!(self.db, "list payments", |conn| desk_payments::search(conn, &filter, page))
    }

    async fn runs(&self, failed: bool, page: Page) -> Result<Vec<RunEntry>> {
        read!(self.db, "list runs", |conn| desk_payments::runs(conn, failed, page))
    }

    async fn events(&self, filter: EventFilter, page: Page) -> Result<Vec<EventEntry>> {
        read!(self.db, "list events", |conn| desk_events::list(conn, &filter, page))
    }

    async fn find_event(&self, by: EventRef) -> Result<Option<(EventEntry, Vec<u8>)>> {
        read!(self.db, "find an event", |conn| desk_events::find(conn, &by))
    }

    async fn count_failed_events(&self) -> Result<i64> {
        read!(self.db, "count failed events", |conn| desk_events::count_failed(conn))
    }

    async fn replay_event(&self, row_id: i64, actor: String, now: DateTime<Utc>) -> Result<bool> {
        tx!(self.db, "replay an event", |conn| desk_events::replay(conn, row_id, &actor, now.into()))
    }

    async fn replay_failed_events(
        &self,
        after: i64,
        limit: i64,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>> {
        tx!(self.db, "replay failed events", |conn| desk_events::replay_failed(conn, after, limit, &actor, now.into()))
    }

    async fn ignore_event(
        &self,
        row_id: i64,
        actor: String,
        reason: String,
        now: DateTime<Utc>,
    ) -> Result<Wish<EventState>> {
        tx!(self.db, "ignore an event", |conn| desk_events::ignore(conn, row_id, &actor, &reason, now.into()))
    }

    async fn emails(&self, filter: EmailFilter, page: Page) -> Result<Vec<EmailEntry>> {
        read!(self.db, "list emails", |conn| desk_emails::list(conn, &filter, page))
    }

    async fn count_failed_emails(&self) -> Result<i64> {
        read!(self.db, "count failed emails", |conn| desk_emails::count_failed(conn))
    }

    async fn retry_email(&self, id: i64, actor: String, now: DateTime<Utc>) -> Result<Wish<EmailState>> {
        tx!(self.db, "retry an email", |conn| desk_emails::retry(conn, id, &actor, now.into()))
    }

    async fn retry_failed_emails(&self, after: i64, limit: i64, actor: String, now: DateTime<Utc>) -> Result<Vec<i64>> {
        tx!(self.db, "retry emails", |conn| desk_emails::retry_failed(conn, after, limit, &actor, now.into()))
    }

    async fn operations(&self, states: Vec<OperationState>, page: Page) -> Result<Vec<Listed<OperationEntry>>> {
        read!(self.db, "list operations", |conn| desk_operations::list(conn, &states, page))
    }

    async fn find_operations(&self, by: OperationRef) -> Result<Vec<OperationStory>> {
        read!(self.db, "find operations", |conn| desk_operations::find(conn, &by))
    }

    async fn take_up_unknown(
        &self,
        id: OperationId,
        actor: String,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<TakenUp> {
        tx!(self.db, "take up an operation", |conn| desk_operations::take_up(conn, id, &actor, &lease, now))
    }
}
