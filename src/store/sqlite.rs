//! SQLite: its connection, and the little in which its queries differ from PostgreSQL's. Its write transactions begin
//! with IMMEDIATE, so that one which has begun holds the only lock there is.

use diesel::prelude::*;

use super::db::SqliteConn;

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

#[path = "queries/mod.rs"]
pub(super) mod queries;

/// A write transaction is alone.
pub(super) async fn is_projector(_conn: &mut Conn) -> QueryResult<bool> {
    Ok(true)
}
