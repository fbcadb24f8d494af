//! Payments whose money is on the platform for long. What is read is what is old, not what is stored.

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel_async::RunQueryDsl;

use super::{Conn, cases};
use crate::domain::holding::{FINAL, warned_before, warning};
use crate::domain::ids::PaymentId;
use crate::domain::notice::Outgoing;
use crate::domain::policy::Policy;
use crate::ports::COUNTED_TO;
use crate::store::db::TxError;
use crate::store::rows::PaymentRow;
use crate::store::schema::payments;
use crate::store::types::{Instant, Timestamp};

/// Collected, not sent, not given back: as the index `payments_on_the_platform` has it, with what is never settled left out.
const ON_THE_PLATFORM: &str = "collection = 'paid' AND status IN ('pending', 'held', 'releasing', 'failed') \
    AND refunded_amount < amount";

/// That a payment's money is on the platform, and that somebody is meant to settle it.
pub(super) fn on_the_platform() -> SqlLiteral<Bool> {
    let is_final = FINAL.map(|code| format!("hold_reasons NOT LIKE '%{code}%'")).join(" AND ");
    sql(&format!("{ON_THE_PLATFORM} AND {is_final}"))
}

/// The payments of the index that were paid then or before. A macro, since diesel's filters have no name.
macro_rules! paid_by {
    ($cutoff:expr) => {
        payments::table.filter(on_the_platform()).filter(payments::paid_at.le(Timestamp::from($cutoff)))
    };
}

/// Which there are, oldest first.
pub(in crate::store) async fn ids(
    conn: &mut Conn,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<PaymentId>, TxError> {
    let near = paid_by!(warned_before(policy, now)).order((payments::paid_at, payments::id));
    let ids: Vec<i64> = near.select(payments::id).load(conn).await?;
    Ok(ids.into_iter().map(PaymentId).collect())
}

/// The warnings that these call for.
pub(in crate::store) async fn warnings(
    conn: &mut Conn,
    ids: &[PaymentId],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Outgoing>, TxError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let these = payments::table.filter(among!(payments::id, &ids)).order((payments::paid_at, payments::id));
    let rows: Vec<PaymentRow> = these.select(PaymentRow::as_select()).load(conn).await?;
    let mut told = Vec::new();
    for (row, case) in rows.iter().zip(cases::load_each(conn, &rows).await?) {
        match case {
            Ok(case) => told.extend(warning(&case, policy, now)),
            Err(error) => tracing::error!(payment.id = row.id, %error, "whether it nears the limit cannot be said"),
        }
    }
    Ok(told)
}

/// How many there are; no further than to one more than `COUNTED_TO`.
pub(in crate::store) async fn count(conn: &mut Conn, policy: &Policy, now: DateTime<Utc>) -> Result<i64, TxError> {
    let near = paid_by!(warned_before(policy, now)).order(payments::paid_at).limit(COUNTED_TO + 1);
    let ids: Vec<i64> = near.select(payments::id).load(conn).await?;
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
}

/// How many and how much of them, by currency, and when the oldest was paid.
pub(super) async fn sums(
    conn: &mut Conn,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<(String, i64, i64, Option<Timestamp>)>, TxError> {
    let near = paid_by!(warned_before(policy, now)).group_by(payments::currency).order(payments::currency);
    let amount = sql::<BigInt>("CAST(sum(mentor_amount) AS BIGINT)");
    let oldest = sql::<Nullable<Instant>>("min(paid_at)");
    Ok(near.select((payments::currency, count_star(), amount, oldest)).load(conn).await?)
}
