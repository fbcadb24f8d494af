//! How far Stripe's lists of what changed were taken in: one row. And which of the listed events are not read yet.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::sweep::Swept;
use crate::ports::{SweepFigures, SweepStanding, UnreadEvent};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::rows::utc;
use crate::store::schema::sweeps::{self as row, table};
use crate::store::schema::{payments, webhook_events as events};
use crate::store::types::Timestamp;

type Columns = (Timestamp, Timestamp, Timestamp, Option<Timestamp>, Option<Timestamp>);
const COLUMNS: (row::covers_from, row::swept_to, row::charges_to, row::swept_at, row::failing_since) =
    (row::covers_from, row::swept_to, row::charges_to, row::swept_at, row::failing_since);

pub(in crate::store) async fn standing(conn: &mut Conn, now: DateTime<Utc>) -> Result<SweepStanding, TxError> {
    let found: Option<Columns> = table.find(1).select(COLUMNS).first(conn).await.optional()?;
    let due = payments::table.filter(payments::next_check_at.le(Timestamp::from(now))).select(payments::id);
    let due: Option<i64> = due.order(payments::next_check_at).first(conn).await.optional()?;
    let is_due = due.is_some();
    let Some((covers_from, to, charges_to, at, _)) = found else {
        return Ok(SweepStanding { is_due, ..SweepStanding::default() });
    };
    let last = Swept { covers_from: covers_from.into(), to: to.into(), charges_to: charges_to.into() };
    Ok(SweepStanding { last: Some(last), at: utc(at), is_due })
}

pub(super) async fn figures(conn: &mut Conn) -> Result<Option<SweepFigures>, TxError> {
    let found: Option<Columns> = table.find(1).select(COLUMNS).first(conn).await.optional()?;
    let figures = |(.., at, since): Columns| SweepFigures { swept_at: utc(at), failing_since: utc(since) };
    Ok(found.map(figures))
}

/// The row, locked; made where there is none yet.
async fn lock(conn: &mut Conn, from: Swept) -> Result<Columns, TxError> {
    let locked = || table.find(1).select(COLUMNS);
    let found: Option<Columns> = locked!(locked()).first(conn).await.optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    let begins = Timestamp::from(from.covers_from);
    let begun = (row::id.eq(1), row::covers_from.eq(begins), row::swept_to.eq(begins), row::charges_to.eq(begins));
    diesel::insert_into(table).values(begun).on_conflict(row::id).do_nothing().execute(conn).await?;
    // Another daemon may have made it in the meantime.
    Ok(locked!(locked()).first(conn).await?)
}

pub(in crate::store) async fn swept(
    conn: &mut Conn,
    step: Swept,
    began: Option<DateTime<Utc>>,
) -> Result<DateTime<Utc>, TxError> {
    let (covers_from, to, charges_to, ..) = lock(conn, step).await?;
    let here = Swept { covers_from: covers_from.into(), to: to.into(), charges_to: charges_to.into() };
    let Swept { covers_from, to, charges_to } = here.joined_with(step);
    let stands = (
        row::covers_from.eq(Timestamp::from(covers_from)),
        row::swept_to.eq(Timestamp::from(to)),
        row::charges_to.eq(Timestamp::from(charges_to)),
    );
    let good = began.map(|began| (row::swept_at.eq(Timestamp::from(began)), row::failing_since.eq(None::<Timestamp>)));
    diesel::update(table.find(1)).set((stands, good)).execute(conn).await?;
    Ok(covers_from)
}

pub(in crate::store) async fn failed(
    conn: &mut Conn,
    from: Swept,
    began: DateTime<Utc>,
) -> Result<DateTime<Utc>, TxError> {
    let (.., since) = lock(conn, from).await?;
    // One that lies ahead is of a clock that was wrong.
    if let Some(since) = utc(since).filter(|since| *since <= began) {
        return Ok(since);
    }
    let set = row::failing_since.eq(Timestamp::from(began));
    diesel::update(table.find(1)).set(set).execute(conn).await?;
    Ok(began)
}

pub(in crate::store) async fn unread(conn: &mut Conn, ids: &[String]) -> Result<Vec<UnreadEvent>, TxError> {
    let asked = events::table.filter(among!(events::event_id, ids)).select((events::event_id, events::state));
    let told: Vec<(String, String)> = asked.load(conn).await?;
    let unread = told.into_iter().filter(|(_, state)| among::UNREAD.contains(&state.as_str()));
    let event = |(event_id, state): (String, String)| UnreadEvent { event_id, failed: state == "failed" };
    Ok(unread.map(event).collect())
}
