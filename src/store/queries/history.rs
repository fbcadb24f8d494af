//! What happened to a mentor's money: pages of the ledger's journals. Reads only.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::ids::{MentorId, PaymentId};
use crate::domain::money::Currency;
use crate::ports::{HistoryEntry, HistoryPlace, StoreError};
use crate::store::db::TxError;
use crate::store::rows::corrupt;
use crate::store::types::{Instant, Timestamp};

/// The page first, from the index alone; then what belongs to it.
const PAGE: &str = "SELECT j.id AS journal, j.at AS at, j.kind AS kind, j.payment_id AS payment, p.booking_id AS booking, \
        e.currency AS currency, \
        CAST(-sum(CASE WHEN e.account IN ('mentor_payable', 'mentor_credit') THEN e.amount ELSE 0 END) AS BIGINT) AS due, \
        CAST(-sum(CASE WHEN e.account = 'mentor_funds' THEN e.amount ELSE 0 END) AS BIGINT) AS account, \
        CAST(sum(CASE WHEN e.account = 'mentor_debt' THEN e.amount ELSE 0 END) AS BIGINT) AS owed \
    FROM (SELECT DISTINCT journal_id, currency FROM ledger_entries \
          WHERE mentor_id = $1 AND (journal_id, currency) < ($2, $3) \
          ORDER BY journal_id DESC, currency DESC LIMIT $4) AS page \
    JOIN ledger_journals AS j ON j.id = page.journal_id \
    JOIN ledger_entries AS e \
        ON e.journal_id = page.journal_id AND e.currency = page.currency AND e.mentor_id = $1 \
    LEFT JOIN payments AS p ON p.id = j.payment_id \
    GROUP BY j.id, j.at, j.kind, j.payment_id, p.booking_id, e.currency \
    ORDER BY j.id DESC, e.currency DESC";

/// Comes after every currency's code.
const AFTER_ALL: &str = "~";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    journal: i64,
    #[diesel(sql_type = Instant)]
    at: Timestamp,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    payment: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    booking: Option<String>,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    due: i64,
    #[diesel(sql_type = BigInt)]
    account: i64,
    #[diesel(sql_type = BigInt)]
    owed: i64,
}

impl Row {
    fn entry(self) -> Result<HistoryEntry, StoreError> {
        let currency = Currency::parse(&self.currency).map_err(|e| corrupt(format!("journal {}", self.journal), e))?;
        Ok(HistoryEntry {
            journal: self.journal,
            at: DateTime::<Utc>::from(self.at),
            kind: self.kind,
            payment: self.payment.map(PaymentId),
            booking: self.booking,
            currency,
            due_minor: self.due,
            account_minor: self.account,
            owed_minor: self.owed,
        })
    }
}

/// A page, newest first.
pub(in crate::store) async fn page(
    conn: &mut Conn,
    mentor: &MentorId,
    after: Option<HistoryPlace>,
    limit: i64,
) -> Result<Vec<HistoryEntry>, TxError> {
    let journal = after.map_or(i64::MAX, |place| place.journal);
    let currency = after.map_or_else(|| AFTER_ALL.to_owned(), |place| place.currency.code().to_owned());
    let rows: Vec<Row> = diesel::sql_query(PAGE)
        .bind::<Text, _>(mentor.as_str())
        .bind::<BigInt, _>(journal)
        .bind::<Text, _>(currency)
        .bind::<BigInt, _>(limit)
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Row::entry).collect::<Result<_, StoreError>>()?)
}
