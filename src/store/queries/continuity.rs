//! How far the database knows what happened: one row.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::ports::{CaughtUp, Continuity};
use crate::store::db::TxError;
use crate::store::rows::utc;
use crate::store::schema::continuity::{self as row, table};
use crate::store::types::Timestamp;

/// A daemon that works says so twice a minute. Silent for longer, it was stopped; or the database is a copy of then, and
/// what was done since is not in it.
const GAP: TimeDelta = TimeDelta::minutes(2);

type Columns = (Timestamp, Option<Timestamp>, Option<Timestamp>, i64);

/// What stands there.
pub(in crate::store) async fn read(conn: &mut Conn) -> Result<Option<Continuity>, TxError> {
    let columns = (row::known_since, row::caught_up_to, row::caught_up_at, row::caught_up_found);
    let found: Option<Columns> = table.find(1).select(columns).first(conn).await.optional()?;
    let read = |(known_since, to, at, found): Columns| Continuity {
        known_since: known_since.into(),
        caught_up_to: utc(to),
        caught_up_at: utc(at),
        caught_up_found: found,
    };
    Ok(found.map(read))
}

/// Since when the database knows; where the row is gone, nothing is known of before now.
pub(super) async fn known_since(conn: &mut Conn, now: DateTime<Utc>) -> Result<DateTime<Utc>, TxError> {
    Ok(read(conn).await?.map_or(now, |continuity| continuity.known_since))
}

/// Says that payoutd works with it now.
pub(in crate::store) async fn beat(conn: &mut Conn, now: DateTime<Utc>) -> Result<Continuity, TxError> {
    let last = table.find(1).select(row::beat_at);
    let last: Option<Option<Timestamp>> = locked!(last).first(conn).await.optional()?;
    let at = Timestamp::from(now);
    match last {
        None => {
            diesel::insert_into(table)
                .values((row::id.eq(1), row::known_since.eq(at), row::beat_at.eq(at)))
                .on_conflict(row::id)
                .do_nothing()
                .execute(conn)
                .await?;
        }
        Some(last) => {
            let gap = utc(last).is_none_or(|last| now - last > GAP);
            let since = gap.then_some(row::known_since.eq(at));
            diesel::update(table.find(1)).set((row::beat_at.eq(at), since)).execute(conn).await?;
        }
    }
    let fresh = Continuity { known_since: now, caught_up_to: None, caught_up_at: None, caught_up_found: 0 };
    Ok(read(conn).await?.unwrap_or(fresh))
}

/// Records a step of catching up.
pub(in crate::store) async fn caught_up(conn: &mut Conn, step: CaughtUp) -> Result<(), TxError> {
    let to = Timestamp::from(step.to);
    let behind = table.find(1).filter(row::caught_up_to.is_null().or(row::caught_up_to.lt(to)));
    diesel::update(behind).set(row::caught_up_to.eq(to)).execute(conn).await?;
    let Some(ended) = step.ended else { return Ok(()) };
    let ended = (row::caught_up_at.eq(Timestamp::from(ended)), row::caught_up_found.eq(step.found));
    diesel::update(table.find(1)).set(ended).execute(conn).await?;
    Ok(())
}

/// When Stripe made the latest event that is kept.
pub(in crate::store) async fn latest_event(conn: &mut Conn) -> Result<Option<Timestamp>, TxError> {
    use crate::store::schema::webhook_events as events;
    // By the order in which they came: the table has no index by the events' own time, and this is only where to begin.
    let latest = events::table.filter(events::account.is_null()).order(events::id.desc()).limit(100);
    let latest: Vec<Timestamp> = latest.select(events::stripe_created).load(conn).await?;
    Ok(latest.into_iter().max())
}
