//! The figures of the daily digest. What is read is what was done since the last one and what stands open, through an
//! index each; never what is stored.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::digest::{Digest, HeldFor, Standing, Sum};
use crate::domain::holding::{FINAL, limit_at};
use crate::domain::money::Currency;
use crate::domain::policy::Policy;
use crate::ports::StoreError;
use crate::store::db::TxError;
use crate::store::rows::{corrupt, minor, utc};
use crate::store::types::{Instant, Timestamp};

const DONE: &str = "SELECT CASE kind WHEN 'reversal' THEN 'taken_back' WHEN 'payout' THEN 'withdrawn' ELSE 'paid' END AS what, currency, \
    CAST(count(*) AS BIGINT) AS count, CAST(sum(amount) AS BIGINT) AS amount FROM operations \
    WHERE state IN ('confirmed', 'rejected') AND state = 'confirmed' AND kind IN ('transfer', 'restore', 'reversal', 'payout') \
        AND updated_at >= $1 AND updated_at < $2 \
    GROUP BY 1, 2 ORDER BY 1, 2";

const REFUNDED: &str = "SELECT '' AS what, currency, CAST(count(*) AS BIGINT) AS count, \
    CAST(sum(amount) AS BIGINT) AS amount FROM refunds \
    WHERE status NOT IN ('failed', 'canceled') AND told_at >= $1 AND told_at < $2 GROUP BY currency ORDER BY currency";

const HELD: &str = "SELECT hold_reasons AS what, CAST(count(*) AS BIGINT) AS count, min(paid_at) AS oldest \
    FROM payments WHERE status = 'held' AND status IN ('held', 'failed', 'authorized') GROUP BY hold_reasons";

const FAILED: &str = "SELECT '' AS what, currency, CAST(count(*) AS BIGINT) AS count, \
    CAST(sum(mentor_amount) AS BIGINT) AS amount FROM payments \
    WHERE status = 'failed' AND status IN ('held', 'failed', 'authorized') GROUP BY currency ORDER BY currency";

const UNKNOWN: &str = "SELECT '' AS what, CAST(count(*) AS BIGINT) AS count, min(unknown_since) AS oldest \
    FROM operations WHERE state IN ('planned', 'unknown') AND state = 'unknown'";

const DEBTS: &str = "SELECT '' AS what, currency, CAST(count(*) AS BIGINT) AS count, \
    CAST(sum(outstanding) AS BIGINT) AS amount FROM mentor_debts WHERE outstanding > 0 GROUP BY currency ORDER BY currency";

const DISPUTES: &str = "SELECT '' AS what, currency, CAST(count(*) AS BIGINT) AS count, \
    CAST(sum(amount) AS BIGINT) AS amount FROM disputes \
    WHERE status NOT IN ('won', 'lost', 'warning_closed', 'prevented') GROUP BY currency ORDER BY currency";

const EVIDENCE: &str = "SELECT '' AS what, CAST(count(*) AS BIGINT) AS count, min(evidence_due_by) AS oldest FROM disputes \
    WHERE status NOT IN ('won', 'lost', 'warning_closed', 'prevented') \
        AND status IN ('warning_needs_response', 'needs_response', 'appeal_needs_response') AND evidence_due_by >= $1";

const EXPIRING: &str = "SELECT '' AS what, CAST(count(*) AS BIGINT) AS count, min(authorized_at) AS oldest FROM payments \
    WHERE status = 'authorized' AND status IN ('held', 'failed', 'authorized') AND authorized_at > $1 AND authorized_at <= $2";

#[derive(QueryableByName)]
struct SumRow {
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    amount: i64,
}

#[derive(QueryableByName)]
struct StandingRow {
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Nullable<Instant>)]
    oldest: Option<Timestamp>,
}

impl SumRow {
    fn sum(self) -> Result<Sum, StoreError> {
        let currency = Currency::parse(&self.currency).map_err(|e| corrupt("the digest", e))?;
        Ok(Sum { count: self.count, amount_minor: minor("the digest", self.amount)?, currency })
    }
}

impl StandingRow {
    fn standing(self) -> Standing {
        Standing { count: self.count, oldest: utc(self.oldest) }
    }
}

/// Asks for sums. A macro, since the type of a question with what is bound to it has no name.
macro_rules! sums {
    ($conn:expr, $question:expr) => {{
        let rows: Vec<SumRow> = $question.load($conn).await?;
        rows.into_iter().map(SumRow::sum).collect::<Result<Vec<Sum>, StoreError>>()?
    }};
}

/// Gathers them.
pub(in crate::store) async fn gather(
    conn: &mut Conn,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    policy: &Policy,
) -> Result<Digest, TxError> {
    let (from, to) = (Timestamp::from(since), Timestamp::from(until));
    let mut digest = Digest::empty(since, until);
    let done = diesel::sql_query(DONE).bind::<Instant, _>(from).bind::<Instant, _>(to);
    let done: Vec<SumRow> = done.load(conn).await?;
    for row in done {
        let into = match row.what.as_str() {
            "taken_back" => &mut digest.taken_back,
            "withdrawn" => &mut digest.withdrawn,
            _ => &mut digest.paid,
        };
        into.push(row.sum()?);
    }
    digest.refunded = sums!(conn, diesel::sql_query(REFUNDED).bind::<Instant, _>(from).bind::<Instant, _>(to));
    digest.failed = sums!(conn, diesel::sql_query(FAILED));
    digest.debts = sums!(conn, diesel::sql_query(DEBTS));
    digest.disputes = sums!(conn, diesel::sql_query(DISPUTES));
    (digest.held_count, digest.held) = held(conn).await?;
    let unknown: StandingRow = diesel::sql_query(UNKNOWN).get_result(conn).await?;
    digest.unknown = unknown.standing();
    let due: StandingRow = diesel::sql_query(EVIDENCE).bind::<Instant, _>(to).get_result(conn).await?;
    digest.evidence_due_by = utc(due.oldest);
    digest.expiring = expiring(conn, policy, until).await?;
    (digest.near_limit, digest.limit_at) = near_limit(conn, policy, until).await?;
    Ok(digest)
}

/// By each reason; a payment with two reasons counts under both. What nobody is meant to settle is left out.
async fn held(conn: &mut Conn) -> Result<(i64, Vec<HeldFor>), TxError> {
    let rows: Vec<StandingRow> = diesel::sql_query(HELD).load(conn).await?;
    let mut reasons: BTreeMap<String, Standing> = BTreeMap::new();
    let mut all = 0;
    for row in rows {
        let codes: Vec<String> = row.what.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect();
        if codes.iter().any(|code| FINAL.contains(&code.as_str())) {
            continue;
        }
        let Standing { count, oldest } = row.standing();
        all += count;
        for code in codes {
            let sum = reasons.entry(code).or_default();
            sum.count += count;
            sum.oldest = [sum.oldest, oldest].into_iter().flatten().min();
        }
    }
    let mut held: Vec<HeldFor> =
        reasons.into_iter().map(|(reason, Standing { count, oldest })| HeldFor { reason, count, oldest }).collect();
    held.sort_by_key(|held| std::cmp::Reverse(held.count));
    Ok((all, held))
}

/// Authorisations that run out soon, with the time at which the first does.
async fn expiring(conn: &mut Conn, policy: &Policy, now: DateTime<Utc>) -> Result<Standing, TxError> {
    let span = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(3_650));
    let (lifetime, warn) = (span(policy.capture.lifetime), span(policy.capture.warn_before));
    let row: StandingRow = diesel::sql_query(EXPIRING)
        .bind::<Instant, _>(Timestamp::from(now - lifetime))
        .bind::<Instant, _>(Timestamp::from(now - lifetime + warn))
        .get_result(conn)
        .await?;
    let Standing { count, oldest } = row.standing();
    Ok(Standing { count, oldest: oldest.map(|since| since + lifetime) })
}

/// What nears the limit, and when the first reaches it.
async fn near_limit(
    conn: &mut Conn,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(Vec<Sum>, Option<DateTime<Utc>>), TxError> {
    let rows: Vec<(String, i64, i64, Option<Timestamp>)> = super::holding::sums(conn, policy, now).await?;
    let first = rows.iter().filter_map(|(.., paid_at)| utc(*paid_at)).min();
    let sum = |(currency, count, amount, _): (String, i64, i64, Option<Timestamp>)| {
        SumRow { what: String::new(), currency, count, amount }.sum()
    };
    let sums = rows.into_iter().map(sum).collect::<Result<_, _>>()?;
    Ok((sums, first.map(|paid_at| limit_at(paid_at, policy))))
}
