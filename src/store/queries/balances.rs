//! What mentors have. Reads only; the view `mentor_balances` adds it up.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::ids::MentorId;
use crate::domain::money::Currency;
use crate::ports::{Balance, StoreError};
use crate::store::db::TxError;
use crate::store::rows::corrupt;

const OF_MENTOR: &str = "SELECT currency, earned, pending, held, available, carried, paid, withdrawn, owed FROM mentor_balances \
    WHERE mentor_id = $1 ORDER BY currency";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    earned: i64,
    #[diesel(sql_type = BigInt)]
    pending: i64,
    #[diesel(sql_type = BigInt)]
    held: i64,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    carried: i64,
    #[diesel(sql_type = BigInt)]
    paid: i64,
    #[diesel(sql_type = BigInt)]
    withdrawn: i64,
    #[diesel(sql_type = BigInt)]
    owed: i64,
}

/// A mentor's balances, by currency.
pub(in crate::store) async fn of(conn: &mut Conn, mentor: &MentorId) -> Result<Vec<Balance>, TxError> {
    let rows: Vec<Row> = diesel::sql_query(OF_MENTOR).bind::<Text, _>(mentor.as_str()).load(conn).await?;
    let balance = |row: Row| {
        Ok(Balance {
            currency: Currency::parse(&row.currency)
                .map_err(|e| corrupt(format!("a balance of mentor {mentor}"), e))?,
            earned_minor: row.earned,
            pending_minor: row.pending,
            held_minor: row.held,
            available_minor: row.available,
            carried_minor: row.carried,
            paid_minor: row.paid,
            withdrawn_minor: row.withdrawn,
            owed_minor: row.owed,
        })
    };
    Ok(rows.into_iter().map(balance).collect::<Result<_, StoreError>>()?)
}
