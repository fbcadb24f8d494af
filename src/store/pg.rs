//! PostgreSQL: its connection, and the little in which its queries differ from SQLite's.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// Writes journals from a JSON text, at a time.
const WRITE_JOURNALS: &str = "INSERT INTO ledger_journals (key, payment_id, payout_id, kind, at) \
    SELECT j.key, j.payment_id, j.payout_id, j.kind, $2 FROM json_to_recordset($1::json) \
        AS j (key text, payment_id bigint, payout_id text, kind text)";

/// Writes the entries of journals that were just written, from a JSON text.
const WRITE_ENTRIES: &str = "INSERT INTO ledger_entries (journal_id, account, mentor_id, currency, amount) \
    SELECT j.id, e.account, e.mentor_id, e.currency, e.amount FROM json_to_recordset($1::json) \
        AS e (key text, account text, mentor_id text, currency text, amount bigint) \
    JOIN ledger_journals AS j ON j.key = e.key";

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

/// What is read in the transaction from now on is all of one moment.
pub(super) async fn take_snapshot(conn: &mut Conn) -> QueryResult<()> {
    diesel::sql_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(conn).await.map(|_| ())
}

/// The day of a time, in UTC, as `2026-11-21`.
pub(super) fn day_of(column: &str) -> String {
    format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
}
