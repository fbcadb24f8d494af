//! How many payments there are, by status and by what holds them: counted where they move, by triggers that add a row for
//! each change. Nobody waits for anybody, and reading is adding up what is there; `fold` keeps that short.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::{Conn, one_recounts, recordset};
use crate::ports::{AuditCheck, Difference};
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::schema::payment_counts as counts;

/// Fewer rows than this are left as they are.
const FEW: i64 = 500;
/// Rows that are added up in one transaction.
const BATCH: i64 = 1_000;

const READ: &str = "SELECT status, hold_reasons, CAST(sum(payments) AS BIGINT) AS payments FROM payment_counts \
    GROUP BY status, hold_reasons HAVING sum(payments) <> 0";

/// Where what was counted is not what is there. One statement, so of one moment: rows are counted in the transaction that
/// moves them.
const DIFFER: &str = "
    SELECT status, hold_reasons, CAST(sum(should) AS BIGINT) AS should, CAST(sum(found) AS BIGINT) AS found
    FROM (
        SELECT status, CASE status WHEN 'held' THEN hold_reasons ELSE '' END AS hold_reasons, count(*) AS should, 0 AS found
        FROM payments WHERE status <> 'transferred' GROUP BY 1, 2
        UNION ALL
        SELECT status, hold_reasons, 0, sum(payments) FROM payment_counts GROUP BY status, hold_reasons
    ) AS both_ways
    GROUP BY status, hold_reasons HAVING sum(should) <> sum(found) ORDER BY status, hold_reasons";

/// So many payments of a status, held for these reasons where it is `held`.
#[derive(QueryableByName)]
pub(super) struct Count {
    /// The status.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// Codes with commas between.
    #[diesel(sql_type = Text)]
    pub hold_reasons: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub payments: i64,
}

#[derive(QueryableByName)]
struct Differs {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    hold_reasons: String,
    #[diesel(sql_type = BigInt)]
    should: i64,
    #[diesel(sql_type = BigInt)]
    found: i64,
}

/// How many there are of what is not transferred.
pub(super) async fn read(conn: &mut Conn) -> Result<Vec<Count>, TxError> {
    Ok(diesel::sql_query(READ).load(conn).await?)
}

/// Adds up the oldest rows, where there are many. Answers whether there are more of them. Rows that another daemon is at are
/// passed over.
pub(in crate::store) async fn fold(conn: &mut Conn) -> Result<bool, TxError> {
    let many: Vec<i64> = counts::table.select(counts::id).limit(FEW).load(conn).await?;
    if many.len() < usize::try_from(FEW).unwrap_or(usize::MAX) {
        return Ok(false);
    }
    let oldest = counts::table.order(counts::id).limit(BATCH);
    let oldest = oldest.select((counts::id, counts::status, counts::hold_reasons, counts::payments));
    let rows: Vec<(i64, String, String, i64)> = locked_if_free!(oldest).load(conn).await?;
    let (mut ids, mut sums) = (Vec::with_capacity(rows.len()), BTreeMap::<_, i64>::new());
    for (id, status, hold_reasons, payments) in rows {
        ids.push(id);
        *sums.entry((status, hold_reasons)).or_default() += payments;
    }
    // So many different ones there are: adding them up saves nothing.
    if sums.len() * 2 > ids.len() {
        return Ok(false);
    }
    diesel::delete(counts::table.filter(among!(counts::id, &ids))).execute(conn).await?;
    let more = sums.into_iter().map(|((status, hold_reasons), payments)| Count { status, hold_reasons, payments });
    add(conn, more).await?;
    Ok(ids.len() == usize::try_from(BATCH).unwrap_or(usize::MAX))
}

const COLUMNS: Columns = &[("status", "text"), ("hold_reasons", "text"), ("payments", "bigint")];
const ADD: &str = "INSERT INTO payment_counts (status, hold_reasons, payments) \
    SELECT r.status, r.hold_reasons, r.payments FROM {rows} WHERE r.payments <> 0";

async fn add(conn: &mut Conn, more: impl Iterator<Item = Count>) -> QueryResult<usize> {
    let row = |Count { status, hold_reasons, payments }| json!({"status": status, "hold_reasons": hold_reasons, "payments": payments});
    Bulk::<()>::new(ADD, recordset(COLUMNS), &more.map(row).collect::<Vec<_>>()).execute(conn).await
}

/// Where what was counted is not what is there.
pub(super) async fn differences(conn: &mut Conn) -> Result<Vec<Difference>, TxError> {
    let differ: Vec<Differs> = diesel::sql_query(DIFFER).load(conn).await?;
    let difference = |Differs { status, hold_reasons, should, found }: Differs| {
        let for_what = if hold_reasons.is_empty() { String::new() } else { format!(" for {hold_reasons}") };
        let what = format!("payments that are {status}{for_what}, and how many `payoutd status` counts");
        super::audit::found(AuditCheck::Count, "payment_counts", should, found, what)
    };
    Ok(differ.into_iter().map(difference).collect())
}

/// Sets right what differs, while payments move on. Answers how many counts were wrong.
pub(in crate::store) async fn recount(conn: &mut Conn) -> Result<usize, TxError> {
    // Two at once would both add what is missing.
    one_recounts(conn).await?;
    let differ: Vec<Differs> = diesel::sql_query(DIFFER).load(conn).await?;
    let wrong = differ.len();
    let more =
        |Differs { status, hold_reasons, should, found }| Count { status, hold_reasons, payments: should - found };
    add(conn, differ.into_iter().map(more)).await?;
    Ok(wrong)
}
