//! SQLite: its connection, and the little in which its queries differ from PostgreSQL's. Its write transactions begin
//! with IMMEDIATE, so that one which has begun holds the only lock there is.

use diesel::prelude::*;

use super::bulk::Columns;
use super::db::SqliteConn;

/// Reads the rows of a [`Bulk`](super::bulk::Bulk) statement from its JSON text.
fn recordset(columns: Columns) -> (String, String) {
    let columns: Vec<String> = columns.iter().map(|(name, _)| format!("value ->> '{name}' AS {name}")).collect();
    (format!("(SELECT {} FROM json_each(", columns.join(", ")), ")) AS r".into())
}

/// Whether diesel has made its table of migrations.
const HAS_MIGRATIONS: &str = "EXISTS (SELECT 1 FROM sqlite_master WHERE name = '__diesel_schema_migrations')";

pub(super) type Conn = SqliteConn;

/// The rows of a query; the transaction has the lock already.
macro_rules! locked {
    ($query:expr) => {
        $query
    };
}

/// The same.
macro_rules! locked_if_free {
    ($query:expr) => {
        $query
    };
}

/// A column among values.
macro_rules! among {
    ($column:expr, $values:expr) => {
        crate::store::among::Among::values($column, $values)
    };
}

#[path = "queries/mod.rs"]
pub(super) mod queries;

/// A write transaction is alone.
pub(super) async fn is_projector(_conn: &mut Conn) -> QueryResult<bool> {
    Ok(true)
}

/// A write transaction is alone.
pub(super) async fn one_recounts(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

/// A write transaction is alone.
pub(super) async fn take_snapshot(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

/// The day of a time, in UTC, as `2026-11-21`.
pub(super) fn day_of(column: &str) -> String {
    format!("substr({column}, 1, 10)")
}
