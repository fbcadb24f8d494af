//! Removes what is finished and old, a few rows at a time, and keeps on record that it did. Tables are walked by their own key,
//! oldest first, so that this needs no index of its own; nothing of the books is named here.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use super::{Conn, recordset};
use crate::domain::retention::Kept;
use crate::ports::Removed;
use crate::store::bulk::Bulk;
use crate::store::db::TxError;
use crate::store::schema::{api_writes, retention};
use crate::store::types::{Instant, Timestamp};

/// How a table is gone through: the next rows by their key, each with its time and whether it is finished; and what removes some
/// of them.
struct Walk {
    next: &'static str,
    remove: &'static str,
}

/// One that failed or was set aside is not finished; and somebody may ask for one to be projected again meanwhile.
const EVENTS: Walk = Walk {
    next: "SELECT id, received_at AS at, state IN ('projected', 'ignored') AND next_attempt_at IS NULL AS finished \
        FROM webhook_events WHERE id > $1 ORDER BY id LIMIT $2",
    remove: "DELETE FROM webhook_events WHERE next_attempt_at IS NULL AND id IN (SELECT r.id FROM {rows})",
};

const ATTEMPTS: Walk = Walk {
    next: "SELECT a.id, a.started_at AS at, o.state IN ('confirmed', 'rejected') AS finished \
        FROM operation_attempts AS a JOIN operations AS o ON o.id = a.operation_id WHERE a.id > $1 ORDER BY a.id LIMIT $2",
    remove: "DELETE FROM operation_attempts WHERE id IN (SELECT r.id FROM {rows})",
};

/// As long as a payment is open, what was told of it is not told again.
const EMAILS: Walk = Walk {
    next: "SELECT e.id, coalesce(e.sent_at, e.created_at) AS at, \
            e.state = 'sent' AND (p.id IS NULL OR p.status IN ('transferred', 'refunded', 'carried', 'netted')) AS finished \
        FROM emails AS e LEFT JOIN payments AS p ON p.id = e.payment_id WHERE e.id > $1 ORDER BY e.id LIMIT $2",
    remove: "DELETE FROM emails WHERE state = 'sent' AND id IN (SELECT r.id FROM {rows})",
};

/// The last one is shown.
const RUNS: Walk = Walk {
    next: "SELECT id, started_at AS at, finished_at IS NOT NULL AND id < (SELECT max(id) FROM runs) AS finished \
        FROM runs WHERE id > $1 ORDER BY id LIMIT $2",
    remove: "DELETE FROM runs WHERE id IN (SELECT r.id FROM {rows})",
};

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
    let walk = match what {
        Kept::Events => Some(EVENTS),
        Kept::Attempts => Some(ATTEMPTS),
        Kept::Emails => Some(EMAILS),
        Kept::Runs => Some(RUNS),
        Kept::ApiWrites => None,
    };
    let done = match walk {
        Some(walk) => walked(conn, walk, before.into(), after, limit).await?,
        None => writes(conn, before.into(), after, limit).await?,
    };
    if done.removed > 0 {
        record(conn, what, before.into(), done.removed).await?;
    }
    Ok(done)
}

async fn walked(conn: &mut Conn, walk: Walk, before: Timestamp, after: i64, limit: i64) -> Result<Removed, TxError> {
    let rows = diesel::sql_query(walk.next).bind::<BigInt, _>(after).bind::<BigInt, _>(limit);
    let rows: Vec<Row> = rows.load(conn).await?;
    let old = rows.iter().filter(|row| row.at < before && row.finished == Some(true));
    let old: Vec<Value> = old.map(|row| json!({"id": row.id})).collect();
    let removed = match old.is_empty() {
        true => 0,
        false => Bulk::<()>::new(walk.remove, recordset(&[("id", "bigint")]), &old).execute(conn).await?,
    };
    // Times are nearly in the order of the keys: where all of a page are young, so is the rest.
    let last = rows.last().filter(|_| rows.iter().any(|row| row.at < before)).map(|row| row.id);
    Ok(Removed { last, removed })
}

/// Their key is a text: they are found by their time. `after` counts the pages.
async fn writes(conn: &mut Conn, before: Timestamp, after: i64, limit: i64) -> Result<Removed, TxError> {
    let old = api_writes::table.filter(api_writes::at.lt(before)).order(api_writes::at).limit(limit);
    let old: Vec<String> = old.select(api_writes::key).load(conn).await?;
    let removed = diesel::delete(api_writes::table.filter(among!(api_writes::key, &old))).execute(conn).await?;
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
    let removed = retention::table.filter(among!(retention::kind, told).and(retention::removed_before.gt(since)));
    let removed = removed.order(retention::kind).select((retention::kind, retention::removed_before));
    Ok(removed.load(conn).await?)
}
