//! PostgreSQL: its connection, and the little in which its queries differ from SQLite's.

use std::collections::HashSet;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Binary, Bool, Nullable, Text};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::bulk::Columns;
use super::db::TxError;
use super::types::{Instant, Timestamp};
use crate::ports::{Kept, NewEvent, StoreError};

/// Reads the rows of a [`Bulk`](super::bulk::Bulk) statement from its JSON text. PostgreSQL expects a hundred of them, whatever comes: so it
/// looks rows up instead of reading the table.
fn recordset(columns: Columns) -> (String, String) {
    let columns: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    ("json_to_recordset(".into(), format!("::json) AS r ({})", columns.join(", ")))
}

/// Keeps events, all in one statement and so in one commit; one that is there already stays as it is. In a task of its own:
/// whoever asked may go away.
pub(super) async fn keep_events(pool: Pool<Conn>, new: Vec<NewEvent>) -> Result<Vec<Kept>, StoreError> {
    let task = tokio::spawn(async move {
        let mut conn = get!(pool)?;
        let ids: Vec<String> = new.iter().map(|event| event.event_id.clone()).collect();
        let written: Vec<String> = NewEvents::of(new).load(&mut conn).await?;
        let mut written: HashSet<String> = written.into_iter().collect();
        Ok(ids.iter().map(|id| if written.remove(id) { Kept::New } else { Kept::Again }).collect())
    });
    TxError::outcome("keep events", task.await)
}

/// The columns of a group of events.
#[derive(Default)]
struct NewEvents {
    ids: Vec<String>,
    kinds: Vec<String>,
    created: Vec<Timestamp>,
    livemode: Vec<bool>,
    accounts: Vec<Option<String>>,
    bodies: Vec<Vec<u8>>,
    received: Vec<Timestamp>,
    notes: Vec<Option<String>>,
}

impl NewEvents {
    fn of(events: Vec<NewEvent>) -> Self {
        let mut new = Self::default();
        for event in events {
            new.ids.push(event.event_id);
            new.kinds.push(event.kind);
            new.created.push(event.created_at.into());
            new.livemode.push(event.livemode);
            new.accounts.push(event.account);
            new.bodies.push(event.body);
            new.received.push(event.received_at.into());
            new.notes.push(event.unreadable);
        }
        new
    }
}

impl QueryFragment<Pg> for NewEvents {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO webhook_events (event_id, type, stripe_created, livemode, account, body, received_at, note, \
                 state, next_attempt_at) \
             SELECT n.*, CASE WHEN n.note IS NULL THEN 'pending' ELSE 'failed' END, \
                 CASE WHEN n.note IS NULL THEN n.received_at END \
             FROM unnest(",
        );
        out.push_bind_param::<Array<Text>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.kinds)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.created)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&self.livemode)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.accounts)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Binary>, _>(&self.bodies)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.received)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.notes)?;
        out.push_sql(
            ") AS n (event_id, type, stripe_created, livemode, account, body, received_at, note) \
             ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
        );
        Ok(())
    }
}

impl QueryId for NewEvents {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for NewEvents {
    type SqlType = Text;
}

/// Whether diesel has made its table of migrations.
const HAS_MIGRATIONS: &str = "to_regclass('__diesel_schema_migrations') IS NOT NULL";

pub(super) type Conn = AsyncPgConnection;

/// The rows of a query, locked until the transaction ends; waits for whoever has them.
macro_rules! locked {
    ($query:expr) => {
        $query.for_update()
    };
}

/// The same, passing over rows that somebody else has locked.
macro_rules! locked_if_free {
    ($query:expr) => {
        $query.for_update().skip_locked()
    };
}

/// A column among values.
macro_rules! among {
    ($column:expr, $values:expr) => {
        $column.eq_any($values)
    };
}

#[path = "queries/mod.rs"]
pub(super) mod queries;

/// Only one daemon projects at a time, so that two tellings of an object are never compared side by side. Answers
/// whether it is this one, until the transaction ends.
pub(super) async fn is_projector(conn: &mut Conn) -> QueryResult<bool> {
    let lock = diesel::dsl::sql::<Bool>("pg_try_advisory_xact_lock(7019002)");
    diesel::select(lock).get_result(conn).await
}

/// Waits for whoever counts payments anew, until the transaction ends.
pub(super) async fn one_recounts(conn: &mut Conn) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(7019003)").execute(conn).await.map(|_| ())
}

/// What is read in the transaction from now on is all of one moment.
pub(super) async fn take_snapshot(conn: &mut Conn) -> QueryResult<()> {
    diesel::sql_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(conn).await.map(|_| ())
}

/// The day of a time, in UTC, as `2026-11-21`.
pub(super) fn day_of(column: &str) -> String {
    format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
}
