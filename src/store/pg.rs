//! PostgreSQL: its connection, and the little in which its queries differ from SQLite's.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

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

#[path = "queries/mod.rs"]
pub(super) mod queries;

/// Only one daemon projects at a time, so that two tellings of an object are never compared side by side. Answers
/// whether it is this one, until the transaction ends.
pub(super) async fn is_projector(conn: &mut Conn) -> QueryResult<bool> {
    let lock = diesel::dsl::sql::<Bool>("pg_try_advisory_xact_lock(7019002)");
    diesel::select(lock).get_result(conn).await
}
