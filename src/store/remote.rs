//! What is asked from afar, on the configured database: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::hold::Subject;
use crate::domain::ids::MentorId;
use crate::ports::{Histories, HistoryEntry, HistoryPlace, Write, WriteKey, Writes, Written};

#[async_trait]
impl Histories for Database {
    async fn history(&self, mentor: MentorId, after: Option<HistoryPlace>, limit: i64) -> Result<Vec<HistoryEntry>> {
        read!(self.db, "read a history", |conn| history::page(conn, &mentor, after, limit))
    }
}

#[async_trait]
impl Writes for Database {
    async fn write(&self, key: WriteKey, write: Write, now: DateTime<Utc>) -> Result<Written> {
        tx!(self.db, "write once", |conn| writes::once(conn, &key, &write, now))
    }

    async fn record_refusal(&self, about: Subject, actor: String, why: String, now: DateTime<Utc>) -> Result<()> {
        tx!(self.db, "record a refusal", |conn| writes::refuse(conn, &about, &actor, &why, now.into()))
    }
}
