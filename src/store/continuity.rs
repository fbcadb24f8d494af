//! How far the configured database knows what happened: each method is one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::ports::{CaughtUp, Continuities, Continuity};

#[async_trait]
impl Continuities for Database {
    async fn beat(&self, now: DateTime<Utc>) -> Result<Continuity> {
        tx!(self.db, "say that payoutd works", |conn| continuity::beat(conn, now))
    }

    async fn caught_up(&self, step: CaughtUp) -> Result<()> {
        tx!(self.db, "record what was caught up", |conn| continuity::caught_up(conn, step))
    }

    async fn latest_event(&self) -> Result<Option<DateTime<Utc>>> {
        let latest = read!(self.db, "read the inbox", |conn| continuity::latest_event(conn))?;
        Ok(latest.map(DateTime::from))
    }
}
