//! What happened, by day and currency, and what is still to be paid. Reads only.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use super::{Conn, day_of};
use crate::domain::money::Currency;
use crate::domain::report::ReportFigures;
use crate::ports::{PendingPayouts, ReportDay, StoreError};
use crate::store::db::TxError;
use crate::store::rows::corrupt;
use crate::store::types::{Instant, Timestamp};

/// What is carried over counts in the amount: it is no one payment's any more.
const PENDING: &str = "SELECT e.currency, \
    CAST(count(DISTINCT CASE WHEN e.account = 'mentor_payable' THEN p.id END) AS BIGINT) AS payments, \
    CAST(-sum(e.amount) AS BIGINT) AS amount \
    FROM payments AS p JOIN ledger_journals AS j ON j.payment_id = p.id \
    JOIN ledger_entries AS e ON e.journal_id = j.id \
    WHERE e.account = 'mentor_payable' AND p.status IN ('pending', 'held', 'releasing', 'failed') \
        OR e.account = 'mentor_credit' \
    GROUP BY e.currency HAVING sum(e.amount) <> 0 ORDER BY e.currency";

#[derive(QueryableByName)]
struct Day {
    #[diesel(sql_type = Text)]
    day: String,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    payments: i64,
    #[diesel(sql_type = BigInt)]
    charged: i64,
    #[diesel(sql_type = BigInt)]
    revenue: i64,
    #[diesel(sql_type = BigInt)]
    transfers: i64,
    #[diesel(sql_type = BigInt)]
    transferred: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
    #[diesel(sql_type = BigInt)]
    refunds: i64,
    #[diesel(sql_type = BigInt)]
    refunded: i64,
    #[diesel(sql_type = BigInt)]
    disputes: i64,
    #[diesel(sql_type = BigInt)]
    disputed: i64,
}

#[derive(QueryableByName)]
struct Pending {
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    payments: i64,
    #[diesel(sql_type = BigInt)]
    amount: i64,
}

/// What happened from `$1` until before `$2`: each line of the inner query is one thing that did.
fn question() -> String {
    let [paid, ended, told] = ["p.paid_at", "o.updated_at", "told_at"].map(day_of);
    format!(
        "SELECT day, currency, CAST(sum(payments) AS BIGINT) AS payments, CAST(sum(charged) AS BIGINT) AS charged, \
            CAST(sum(revenue) AS BIGINT) AS revenue, CAST(sum(transfers) AS BIGINT) AS transfers, \
            CAST(sum(transferred) AS BIGINT) AS transferred, CAST(sum(failed) AS BIGINT) AS failed, \
            CAST(sum(refunds) AS BIGINT) AS refunds, CAST(sum(refunded) AS BIGINT) AS refunded, \
            CAST(sum(disputes) AS BIGINT) AS disputes, CAST(sum(disputed) AS BIGINT) AS disputed \
        FROM ( \
            SELECT {paid} AS day, p.currency, 1 AS payments, p.amount AS charged, 0 AS revenue, 0 AS transfers, \
                0 AS transferred, 0 AS failed, 0 AS refunds, 0 AS refunded, 0 AS disputes, 0 AS disputed \
            FROM payments AS p WHERE p.collection = 'paid' AND p.paid_at >= $1 AND p.paid_at < $2 \
            UNION ALL SELECT {paid}, e.currency, 0, 0, -e.amount, 0, 0, 0, 0, 0, 0, 0 \
            FROM payments AS p JOIN ledger_journals AS j ON j.payment_id = p.id \
                JOIN ledger_entries AS e ON e.journal_id = j.id AND e.account = 'platform_revenue' \
            WHERE p.paid_at >= $1 AND p.paid_at < $2 \
            UNION ALL SELECT {ended}, o.currency, 0, 0, 0, CASE o.state WHEN 'confirmed' THEN 1 ELSE 0 END, \
                CASE o.state WHEN 'confirmed' THEN o.amount ELSE 0 END, \
                CASE o.state WHEN 'confirmed' THEN 0 ELSE 1 END, 0, 0, 0, 0 \
            FROM operations AS o WHERE o.kind IN ('transfer', 'restore') AND o.state IN ('confirmed', 'rejected') \
                AND o.updated_at >= $1 AND o.updated_at < $2 \
            UNION ALL SELECT {told}, currency, 0, 0, 0, 0, 0, 0, 1, amount, 0, 0 FROM refunds \
            WHERE status NOT IN ('failed', 'canceled') AND told_at >= $1 AND told_at < $2 \
            UNION ALL SELECT {told}, currency, 0, 0, 0, 0, 0, 0, 0, 0, 1, amount FROM disputes \
            WHERE told_at >= $1 AND told_at < $2 \
        ) AS happened GROUP BY day, currency ORDER BY day, currency"
    )
}

/// What happened in a span of time.
pub(in crate::store) async fn days(
    conn: &mut Conn,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<ReportDay>, TxError> {
    let question = diesel::sql_query(question()).bind::<Instant, _>(since).bind::<Instant, _>(until);
    let rows: Vec<Day> = question.load(conn).await?;
    Ok(rows.into_iter().map(Day::report).collect::<Result<_, _>>()?)
}

impl Day {
    fn report(self) -> Result<ReportDay, StoreError> {
        let day: NaiveDate = self.day.parse().map_err(|e| corrupt(format!("a time on `{}`", self.day), e))?;
        Ok(ReportDay {
            day,
            currency: currency(&self.currency)?,
            figures: ReportFigures {
                payments: self.payments,
                charged_minor: self.charged,
                revenue_minor: self.revenue,
                transfers: self.transfers,
                transferred_minor: self.transferred,
                transfers_failed: self.failed,
                refunds: self.refunds,
                refunded_minor: self.refunded,
                disputes: self.disputes,
                disputed_minor: self.disputed,
            },
        })
    }
}

fn currency(code: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|e| corrupt("the report", e))
}

/// What is to be paid out to mentors, now or later.
pub(in crate::store) async fn pending(conn: &mut Conn) -> Result<Vec<PendingPayouts>, TxError> {
    let rows: Vec<Pending> = diesel::sql_query(PENDING).load(conn).await?;
    let sum = |row: Pending| {
        let currency = currency(&row.currency)?;
        Ok(PendingPayouts { currency, payments: row.payments, amount_minor: row.amount })
    };
    Ok(rows.into_iter().map(sum).collect::<Result<_, StoreError>>()?)
}
