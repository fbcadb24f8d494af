//! The daily chores of the configured database: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::digest::{Chore, Digest};
use crate::domain::ids::PaymentId;
use crate::domain::notice::Outgoing;
use crate::domain::retention::Kept;
use crate::ports::{Chores, Lease, Removed, Turn};

#[async_trait]
impl Chores for Database {
    async fn begin_chore(
        &self,
        chore: Chore,
        day: NaiveDate,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<Turn>> {
        tx!(self.db, "begin a daily chore", |conn| chores::begin(conn, chore, day, lease, now))
    }

    async fn go_on_with_chore(&self, turn: &mut Turn, until: DateTime<Utc>) -> Result<bool> {
        let before = turn.clone();
        let stands = tx!(self.db, "go on with a daily chore", |conn| chores::go_on(conn, &before, until))?;
        turn.lease.until = if stands { until } else { turn.lease.until };
        Ok(stands)
    }

    async fn end_chore(&self, turn: Turn, notices: Vec<Outgoing>, note: String, now: DateTime<Utc>) -> Result<bool> {
        let policy = self.policy.clone();
        tx!(self.db, "end a daily chore", |conn| chores::end(conn, &turn, &notices, &note, &policy, now))
    }

    async fn fold_counts(&self) -> Result<bool> {
        tx!(self.db, "add up counts", |conn| counts::fold(conn))
    }

    async fn remove_old(&self, what: Kept, before: DateTime<Utc>, after: i64, limit: i64) -> Result<Removed> {
        tx!(self.db, "remove what is old", |conn| retention::remove(conn, what, before, after, limit))
    }

    async fn digest(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Digest> {
        read!(self.db, "gather the digest", |conn| digest::gather(conn, since, until, &self.policy))
    }

    async fn near_limit(&self, now: DateTime<Utc>) -> Result<Vec<PaymentId>> {
        read!(self.db, "read payments near the limit", |conn| holding::ids(conn, &self.policy, now))
    }

    async fn limit_warnings(&self, payments: Vec<PaymentId>, now: DateTime<Utc>) -> Result<Vec<Outgoing>> {
        let policy = &self.policy;
        read!(self.db, "read payments near the limit", |conn| holding::warnings(conn, &payments, policy, now))
    }
}
