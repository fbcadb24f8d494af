//! Figures of everything that is not finished, for `payoutd status` and for Prometheus. Each question costs the same however
//! much is on record: payments are counted where they move (`counts`), the rest is counted up to a limit.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use super::{Conn, counts};
use crate::domain::policy::Policy;
use crate::ports::{LastRun, StatusFigures};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::rows::utc;
use crate::store::schema::{operations, payments, runs};
use crate::store::types::{Instant, Timestamp};

/// What is open, each counted through an index over what is open, up to one more than `COUNTED_TO`. What is ordered is, for
/// PostgreSQL knows nothing of the parameter once it plans for all of them, and would read the table.
const OPEN: &str = "
    SELECT 'due' AS what, '' AS state, count(*) AS so_many
    FROM (SELECT 1 AS one FROM payments WHERE next_check_at <= $1 ORDER BY next_check_at LIMIT 10001) AS open
    UNION ALL SELECT 'operations', state, count(*)
    FROM (SELECT state FROM operations WHERE state IN ('planned', 'unknown') LIMIT 10001) AS open GROUP BY state
    UNION ALL SELECT 'operations', 'submitting', count(*)
    FROM (SELECT 1 AS one FROM operations WHERE state = 'submitting' LIMIT 10001) AS open
    UNION ALL SELECT 'emails', 'queued', count(*)
    FROM (SELECT 1 AS one FROM emails WHERE state = 'queued' LIMIT 10001) AS open
    UNION ALL SELECT 'emails', 'failed', count(*)
    FROM (SELECT 1 AS one FROM emails WHERE state = 'failed' LIMIT 10001) AS open
    UNION ALL SELECT 'events', 'pending', count(*)
    FROM (SELECT 1 AS one FROM webhook_events WHERE state IN ('pending', 'failed') AND state = 'pending' LIMIT 10001) AS open
    UNION ALL SELECT 'events', 'failed', count(*)
    FROM (SELECT 1 AS one FROM webhook_events WHERE state IN ('pending', 'failed') AND state = 'failed' LIMIT 10001) AS open";

#[derive(QueryableByName)]
struct Open {
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    so_many: i64,
}

/// Gathers them.
pub(in crate::store) async fn figures(
    conn: &mut Conn,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<StatusFigures, TxError> {
    let (payments, held) = sum_up(counts::read(conn).await?);
    let open: Vec<Open> = diesel::sql_query(OPEN).bind::<Instant, _>(Timestamp::from(now)).load(conn).await?;
    let of = |what: &str| -> Counted {
        let some = open.iter().filter(|open| open.what == what && open.so_many > 0);
        some.map(|open| (open.state.clone(), open.so_many)).collect()
    };
    let last_run = last_run(conn).await?;
    Ok(StatusFigures {
        oldest_due_at: utc(oldest_due(conn, now).await?),
        oldest_event_at: utc(super::inbox::oldest(conn).await?),
        oldest_unknown_at: utc(oldest_unknown(conn).await?),
        near_limit: super::holding::count(conn, policy, now).await?,
        payments,
        due: of("due").values().sum(),
        operations: of("operations"),
        emails: of("emails"),
        events: of("events"),
        held,
        last_run,
        continuity: super::continuity::read(conn).await?,
        sweep: super::sweeps::figures(conn).await?,
        discrepancies: super::reconcile::open(conn, 0).await?.0,
    })
}

async fn oldest_due(conn: &mut Conn, now: DateTime<Utc>) -> QueryResult<Option<Timestamp>> {
    let due = payments::table.filter(payments::next_check_at.le(Timestamp::from(now)));
    let due = due.order(payments::next_check_at).select(payments::next_check_at.assume_not_null());
    due.first(conn).await.optional()
}

async fn oldest_unknown(conn: &mut Conn) -> QueryResult<Option<Timestamp>> {
    let unknown = operations::table.filter(
        among::one_of(operations::state, among::TO_DO, &["unknown"]).and(operations::unknown_since.is_not_null()),
    );
    let unknown = unknown.order(operations::unknown_since).select(operations::unknown_since.assume_not_null());
    unknown.first(conn).await.optional()
}

type Counted = BTreeMap<String, i64>;

/// By status, and for what is held by each of its reasons: a payment with two reasons counts under both.
fn sum_up(rows: Vec<counts::Count>) -> (Counted, Counted) {
    let (mut by_status, mut by_reason) = (Counted::new(), Counted::new());
    for counts::Count { status, hold_reasons, payments } in rows {
        for reason in hold_reasons.split(',').filter(|r| !r.is_empty()) {
            *by_reason.entry(reason.to_owned()).or_insert(0) += payments;
        }
        *by_status.entry(status).or_insert(0) += payments;
    }
    (by_status, by_reason)
}

async fn last_run(conn: &mut Conn) -> Result<Option<LastRun>, TxError> {
    type Run = (Option<Timestamp>, i64, i64, i64, i64, Option<String>);
    let run: Option<Run> = runs::table
        .filter(runs::finished_at.is_not_null())
        .order(runs::id.desc())
        .select((runs::finished_at, runs::looked_at, runs::transferred, runs::held, runs::failed, runs::error))
        .first(conn)
        .await
        .optional()?;
    Ok(run.and_then(|(at, looked_at, transferred, held, failed, error)| {
        Some(LastRun { finished_at: at?.into(), looked_at, transferred, held, failed, error })
    }))
}
