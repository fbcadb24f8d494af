//! What a mentor owes: the one place that changes it, with `credits`. Each change is an entry that stays, and the sum
//! beside it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, credits};
use crate::domain::adjust::FirstOrder;
use crate::domain::ids::{MentorId, PaymentId};
use crate::domain::money::{Currency, MinorUnits};
use crate::store::db::TxError;
use crate::store::rows::{corrupt, minor};
use crate::store::schema::{debt_entries as entries, mentor_debts as debts};
use crate::store::types::Timestamp;

/// Whose debt, and because of which payment.
pub(super) struct Debtor<'a> {
    /// Who owes.
    pub mentor_id: &'a MentorId,
    /// In what.
    pub currency: Currency,
    /// Whose money it is about.
    pub payment_id: PaymentId,
}

/// Locks what these mentors owe or have as credit, so that two payments of one mentor do not pay off the same debt, or
/// send the same credit.
pub(super) async fn lock(conn: &mut Conn, mentors: &[&str]) -> Result<(), TxError> {
    let owing = debts::table
        .filter(among!(debts::mentor_id, mentors))
        .order((debts::mentor_id, debts::currency))
        .select(debts::mentor_id);
    let _locked: Vec<String> = locked!(owing).load(conn).await?;
    Ok(())
}

/// The mentor owes more.
pub(super) async fn owe(
    conn: &mut Conn,
    debtor: &Debtor<'_>,
    amount: MinorUnits,
    because: (&str, i32),
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    enter(conn, debtor, "owed", amount, because, now).await?;
    add(conn, debtor, amount.get()).await?;
    credits::offset(conn, debtor, now).await
}

/// Part of a payment went towards the debt. `measure` where all of it did, and no transfer tells what it was.
pub(super) async fn net(
    conn: &mut Conn,
    debtor: &Debtor<'_>,
    amount: MinorUnits,
    measure: Option<&FirstOrder>,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if amount == MinorUnits::ZERO {
        return Ok(());
    }
    let measure = measure.map(serde_json::to_value).transpose().map_err(|e| corrupt("the measure", e))?;
    write(conn, debtor, "netted", amount, ("", 1), measure, now).await?;
    add(conn, debtor, -amount.get()).await
}

/// The transfer that it was netted with was not made: it is owed as before.
pub(super) async fn unnet(
    conn: &mut Conn,
    debtor: &Debtor<'_>,
    amount: MinorUnits,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if amount == MinorUnits::ZERO {
        return Ok(());
    }
    enter(conn, debtor, "returned", amount, ("", 1), now).await?;
    add(conn, debtor, amount.get()).await?;
    credits::offset(conn, debtor, now).await
}

/// The cause of a debt is gone. What the mentor has paid off of it already is to be paid to them again.
pub(super) async fn forgive(
    conn: &mut Conn,
    debtor: &Debtor<'_>,
    amount: MinorUnits,
    because: (&str, i32),
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let row = debts::table.find((debtor.mentor_id.as_str(), debtor.currency.code())).select(debts::outstanding);
    let outstanding: Option<i64> = locked!(row).first(conn).await.optional()?;
    let outstanding = MinorUnits::new(outstanding.unwrap_or(0)).unwrap_or_default();
    let open = amount.min(outstanding);
    // What somebody wrote off by hand was never paid.
    let paid_off = amount.saturating_sub(open).min(paid_in_all(conn, debtor).await?);
    enter(conn, debtor, "forgiven", amount, because, now).await?;
    if paid_off > MinorUnits::ZERO {
        enter(conn, debtor, "repayable", paid_off, because, now).await?;
    }
    add(conn, debtor, -open.get()).await
}

/// What of their payments and their credit went towards debts, and was not paid to them after all.
async fn paid_in_all(conn: &mut Conn, debtor: &Debtor<'_>) -> Result<MinorUnits, TxError> {
    let of_mentor = entries::table
        .filter(entries::mentor_id.eq(debtor.mentor_id.as_str()).and(entries::currency.eq(debtor.currency.code())))
        .filter(among!(entries::kind, ["netted", "offset", "returned", "repayable"]))
        .select((entries::kind, entries::amount));
    let rows: Vec<(String, i64)> = of_mentor.load(conn).await?;
    let signed = rows
        .into_iter()
        .map(|(kind, amount)| if matches!(kind.as_str(), "netted" | "offset") { amount } else { -amount });
    Ok(MinorUnits::new(signed.sum()).unwrap_or_default())
}

/// What a mentor owes and has as credit, by now.
pub(super) async fn standing(
    conn: &mut Conn,
    mentor: &MentorId,
    currency: Currency,
) -> Result<(MinorUnits, MinorUnits), TxError> {
    let row = debts::table.find((mentor.as_str(), currency.code())).select((debts::outstanding, debts::credit));
    let (outstanding, credit): (i64, i64) = locked!(row).first(conn).await.optional()?.unwrap_or_default();
    let what = format!("what mentor {mentor} owes");
    Ok((minor(&what, outstanding)?, minor(&what, credit)?))
}

/// Those of these payments of which all went towards a debt or became credit, whatever their rows say by now.
pub(super) async fn took_all_of(conn: &mut Conn, payments: &[i64]) -> Result<HashSet<i64>, TxError> {
    let measured = entries::table.filter(among!(entries::payment_id, payments).and(entries::measure.is_not_null()));
    let found: Vec<i64> = measured.select(entries::payment_id).load(conn).await?;
    Ok(found.into_iter().collect())
}

async fn enter(
    conn: &mut Conn,
    debtor: &Debtor<'_>,
    kind: &str,
    amount: MinorUnits,
    because: (&str, i32),
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    write(conn, debtor, kind, amount, because, None, now).await
}

pub(super) async fn write(
    conn: &mut Conn,
    debtor: &Debtor<'_>,
    kind: &str,
    amount: MinorUnits,
    (cause, generation): (&str, i32),
    measure: Option<serde_json::Value>,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    diesel::insert_into(entries::table)
        .values((
            entries::mentor_id.eq(debtor.mentor_id.as_str()),
            entries::currency.eq(debtor.currency.code()),
            entries::payment_id.eq(debtor.payment_id.0),
            entries::kind.eq(kind),
            entries::amount.eq(amount.get()),
            entries::cause.eq(cause),
            entries::generation.eq(generation),
            entries::measure.eq(measure),
            entries::at.eq(Timestamp::from(now)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

async fn add(conn: &mut Conn, debtor: &Debtor<'_>, more: i64) -> Result<(), TxError> {
    let (mentor, currency) = (debtor.mentor_id.as_str(), debtor.currency.code());
    diesel::insert_into(debts::table)
        .values((debts::mentor_id.eq(mentor), debts::currency.eq(currency), debts::outstanding.eq(0)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    diesel::update(debts::table.find((mentor, currency)))
        .set(debts::outstanding.eq(debts::outstanding + more))
        .execute(conn)
        .await?;
    Ok(())
}
