//! Removes what is finished and old, a few rows at a time, and keeps on record that it did. Tables are walked by their own key,
//! oldest first, so that this needs no index of its own; nothing of the books is named here.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::retention::Kept;
use crate::ports::Removed;
use crate::store::db::TxError;
use crate::store::schema::{api_writes, emails, operation_attempts, retention, runs, webhook_events};
use crate::store::types::{Instant, Timestamp};

/// One that failed or was set aside is not finished.
const EVENTS: &str = "SELECT id, received_at AS at, state IN ('projected', 'ignored') AND next_attempt_at IS NULL AS finished \
    FROM webhook_events WHERE id > $1 ORDER BY id LIMIT $2";

const ATTEMPTS: &str = "SELECT a.id, a.started_at AS at, o.state IN ('confirmed', 'rejected') AS finished \
    FROM operation_attempts AS a JOIN operations AS o ON o.id = a.operation_id WHERE a.id > $1 ORDER BY a.id LIMIT $2";

/// As long as a payment is open, what was told of it is not told again.
const EMAILS: &str = "SELECT e.id, coalesce(e.sent_at, e.created_at) AS at, \
        e.state = 'sent' AND (p.id IS NULL OR p.status IN ('transferred', 'refunded', 'carried', 'netted')) AS finished \
    FROM emails AS e LEFT JOIN payments AS p ON p.id = e.payment_id WHERE e.id > $1 ORDER BY e.id LIMIT $2";

/// The last one is shown.
const RUNS: &str = "SELECT id, started_at AS at, finished_at IS NOT NULL AND id < (SELECT max(id) FROM runs) AS finished \
    FROM runs WHERE id > $1 ORDER BY id LIMIT $2";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Instant)]
    at: Timestamp,
    #[diesel(sql_type = Nullable<Bool>)]
    finished: Option<bool>,
}

/// Removes what is finished and was so before then, among the `limit` rows after `after`.
pub(in crate::store) async fn remove(
    conn: &mut Conn,
    what: Kept,
    before: DateTime<Utc>,
    after: i64,
    limit: i64,
) -> Result<Removed, TxError> {
    let done = match what {
        Kept::ApiWrites => writes(conn, before.into(), after, limit).await?,
        what => walk(conn, what, before.into(), after, limit).await?,
    };
    if done.removed > 0 {
        record(conn, what, before.into(), done.removed).await?;
    }
    Ok(done)
}

async fn walk(conn: &mut Conn, what: Kept, before: Timestamp, after: i64, limit: i64) -> Result<Removed, TxError> {
    let of = match what {
        Kept::Events => EVENTS,
        Kept::Attempts => ATTEMPTS,
        Kept::Emails => EMAILS,
        Kept::Runs | Kept::ApiWrites => RUNS,
    };
    let rows = diesel::sql_query(of).bind::<BigInt, _>(after).bind::<BigInt, _>(limit);
    let rows: Vec<Row> = rows.load(conn).await?;
    let is_old = |row: &&Row| row.at < before;
    let old: Vec<i64> = rows.iter().filter(is_old).filter(|row| row.finished == Some(true)).map(|row| row.id).collect();
    let removed = match what {
        _ if old.is_empty() => 0,
        Kept::Events => {
            let these = webhook_events::table.filter(webhook_events::id.eq_any(&old));
            // Somebody may have asked for it to be projected again meanwhile.
            diesel::delete(these.filter(webhook_events::next_attempt_at.is_null())).execute(conn).await?
        }
        Kept::Attempts => {
            diesel::delete(operation_attempts::table.filter(operation_attempts::id.eq_any(&old))).execute(conn).await?
        }
        Kept::Emails => {
            let these = emails::table.filter(emails::id.eq_any(&old));
            diesel::delete(these.filter(emails::state.eq("sent"))).execute(conn).await?
        }
        Kept::Runs | Kept::ApiWrites => diesel::delete(runs::table.filter(runs::id.eq_any(&old))).execute(conn).await?,
    };
    // Times are nearly in the order of the keys: where all of a page are young, so is the rest.
    let last = rows.last().filter(|_| rows.iter().any(|row| row.at < before)).map(|row| row.id);
    Ok(Removed { last, removed })
}

/// Their key is a text: they are found by their time. `after` counts the pages.
async fn writes(conn: &mut Conn, before: Timestamp, after: i64, limit: i64) -> Result<Removed, TxError> {
    let old = api_writes::table.filter(api_writes::at.lt(before)).order(api_writes::at).limit(limit);
    let old: Vec<String> = old.select(api_writes::key).load(conn).await?;
    let removed = diesel::delete(api_writes::table.filter(api_writes::key.eq_any(&old))).execute(conn).await?;
    let last = (!old.is_empty()).then_some(after + 1);
    Ok(Removed { last, removed })
}

async fn record(conn: &mut Conn, what: Kept, before: Timestamp, removed: usize) -> Result<(), TxError> {
    let removed = i64::try_from(removed).unwrap_or(i64::MAX);
    let row = (retention::kind.eq(what.word()), retention::removed_before.eq(before), retention::removed.eq(removed));
    let later = (retention::removed_before.eq(before), retention::removed.eq(retention::removed + removed));
    diesel::insert_into(retention::table)
        .values(row)
        .on_conflict(retention::kind)
        .do_update()
        .set(later)
        .execute(conn)
        .await?;
    Ok(())
}

/// What of this story may be missing: what was removed that is older than what is still on record of it.
pub(super) async fn missing(conn: &mut Conn, since: Timestamp) -> Result<Vec<(String, Timestamp)>, TxError> {
    let told = [Kept::Events, Kept::Attempts, Kept::Emails].map(Kept::word);
    let removed = retention::table.filter(retention::kind.eq_any(told).and(retention::removed_before.gt(since)));
    let removed = removed.order(retention::kind).select((retention::kind, retention::removed_before));
    Ok(removed.load(conn).await?)
}
