//! What is too small to be sent alone and is kept as the mentor's credit. Each change is an entry that stays, and the sum
//! beside it. Credit and debt of one currency never stand beside each other: what there is of both is offset at once.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::debts::{Debtor, write};
use crate::domain::adjust::FirstOrder;
use crate::domain::money::MinorUnits;
use crate::store::db::TxError;
use crate::store::rows::corrupt;
use crate::store::schema::mentor_debts as debts;

/// The mentor has that much more credit. `measure` where it is a payment's part that was never sent, and no transfer
/// tells what it was.
pub(super) async fn carry(
    conn: &mut Conn,
    creditor: &Debtor<'_>,
    amount: MinorUnits,
    because: (&str, i32),
    measure: Option<&FirstOrder>,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let measure = measure.map(serde_json::to_value).transpose().map_err(|e| corrupt("the measure", e))?;
    write(conn, creditor, "carried", amount, because, measure, now).await?;
    add(conn, creditor, amount.get()).await?;
    offset(conn, creditor, now).await
}

/// Credit is sent with a payment.
pub(super) async fn take(
    conn: &mut Conn,
    creditor: &Debtor<'_>,
    amount: MinorUnits,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if amount == MinorUnits::ZERO {
        return Ok(());
    }
    write(conn, creditor, "taken", amount, ("", 1), None, now).await?;
    add(conn, creditor, -amount.get()).await
}

/// The transfer that it was to be sent with was not made.
pub(super) async fn put_back(
    conn: &mut Conn,
    creditor: &Debtor<'_>,
    amount: MinorUnits,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if amount == MinorUnits::ZERO {
        return Ok(());
    }
    write(conn, creditor, "put_back", amount, ("", 1), None, now).await?;
    add(conn, creditor, amount.get()).await?;
    offset(conn, creditor, now).await
}

/// Whoever has credit pays off what they owe with it.
pub(super) async fn offset(conn: &mut Conn, of: &Debtor<'_>, now: DateTime<Utc>) -> Result<(), TxError> {
    let key = (of.mentor_id.as_str(), of.currency.code());
    let row = debts::table.find(key).select((debts::outstanding, debts::credit));
    let stands: Option<(i64, i64)> = locked!(row).first(conn).await.optional()?;
    let both = stands.map_or(0, |(outstanding, credit)| outstanding.min(credit));
    let Some(both) = MinorUnits::new(both).filter(|both| *both > MinorUnits::ZERO) else { return Ok(()) };
    write(conn, of, "offset", both, ("", 1), None, now).await?;
    diesel::update(debts::table.find(key))
        .set((debts::outstanding.eq(debts::outstanding - both.get()), debts::credit.eq(debts::credit - both.get())))
        .execute(conn)
        .await?;
    Ok(())
}

async fn add(conn: &mut Conn, creditor: &Debtor<'_>, more: i64) -> Result<(), TxError> {
    let (mentor, currency) = (creditor.mentor_id.as_str(), creditor.currency.code());
    diesel::insert_into(debts::table)
        .values((
            debts::mentor_id.eq(mentor),
            debts::currency.eq(currency),
            debts::outstanding.eq(0),
            debts::credit.eq(0),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    diesel::update(debts::table.find((mentor, currency)))
        .set(debts::credit.eq(debts::credit + more))
        .execute(conn)
        .await?;
    Ok(())
}
