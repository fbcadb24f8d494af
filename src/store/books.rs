//! The books of the configured database: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::ids::MentorId;
use crate::ports::{AuditPage, Balance, Books, Difference, PendingPayouts, PostedPage, ReportDay};

#[async_trait]
impl Books for Database {
    async fn count_payments(&self) -> Result<i64> {
        read!(self.db, "count payments", |conn| audit::count(conn))
    }

    async fn audit_payments(&self, after: i64, limit: i64) -> Result<AuditPage> {
        let policy = self.policy.clone();
        tx!(self.db, "audit payments", |conn| audit::payments_after(conn, after, limit, &policy))
    }

    async fn audit_mentors(&self) -> Result<Vec<Difference>> {
        tx!(self.db, "audit mentors", |conn| audit::mentors(conn))
    }

    async fn post_missing(&self, after: i64, limit: i64, now: DateTime<Utc>) -> Result<PostedPage> {
        let policy = self.policy.clone();
        tx!(self.db, "post to the ledger", |conn| audit::post_after(conn, after, limit, &policy, now))
    }

    async fn recount(&self) -> Result<usize> {
        tx!(self.db, "count payments", |conn| counts::recount(conn))
    }

    async fn report(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<ReportDay>> {
        read!(self.db, "report", |conn| report::days(conn, since.into(), until.into()))
    }

    async fn pending_payouts(&self) -> Result<Vec<PendingPayouts>> {
        read!(self.db, "add up pending payouts", |conn| report::pending(conn))
    }

    async fn balances(&self, mentor: MentorId) -> Result<Vec<Balance>> {
        read!(self.db, "read balances", |conn| balances::of(conn, &mentor))
    }
}
