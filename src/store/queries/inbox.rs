//! The inbox: keeps what came, hands out what is to be projected.

use diesel::dsl::not;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::ports::{Kept, NewEvent, Unprojected};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::schema::webhook_events as events;
use crate::store::types::Timestamp;

/// Keeps events; one that is there already stays as it is.
pub(in crate::store) async fn keep(conn: &mut Conn, new: &[NewEvent]) -> Result<Vec<Kept>, TxError> {
    let mut kept = Vec::with_capacity(new.len());
    for event in new {
        let received_at = Timestamp::from(event.received_at);
        let state = if event.unreadable.is_some() { "failed" } else { "pending" };
        let inserted = diesel::insert_into(events::table)
            .values((
                events::event_id.eq(&event.event_id),
                events::kind.eq(&event.kind),
                events::stripe_created.eq(Timestamp::from(event.created_at)),
                events::livemode.eq(event.livemode),
                events::account.eq(&event.account),
                events::body.eq(&event.body),
                events::received_at.eq(received_at),
                events::state.eq(state),
                events::next_attempt_at.eq(event.unreadable.is_none().then_some(received_at)),
                events::note.eq(&event.unreadable),
            ))
            .on_conflict(events::event_id)
            .do_nothing()
            .execute(conn)
            .await?;
        kept.push(if inserted == 1 { Kept::New } else { Kept::Again });
    }
    Ok(kept)
}

/// Events that wait, besides these, in the order in which they came.
pub(in crate::store) async fn waiting(
    conn: &mut Conn,
    limit: i64,
    besides: &[i64],
    now: Timestamp,
) -> Result<Vec<Unprojected>, TxError> {
    let rows: Vec<(i64, String, Vec<u8>, i32, Timestamp)> = events::table
        .filter(events::next_attempt_at.le(now).and(not(among!(events::id, besides))))
        .order((events::next_attempt_at, events::id))
        .limit(limit)
        .select((events::id, events::event_id, events::body, events::attempts, events::received_at))
        .load(conn)
        .await?;
    let event = |(row_id, event_id, body, attempts, received_at): (_, _, _, _, Timestamp)| Unprojected {
        row_id,
        event_id,
        body,
        attempts,
        received_at: received_at.into(),
    };
    Ok(rows.into_iter().map(event).collect())
}

/// When the oldest event came that waits or failed to be read.
pub(in crate::store) async fn oldest(conn: &mut Conn) -> Result<Option<Timestamp>, TxError> {
    let oldest = events::table
        .filter(among::one_of(events::state, among::UNREAD, &["pending"]))
        .order(events::received_at)
        .select(events::received_at)
        .first(conn)
        .await
        .optional()?;
    Ok(oldest)
}
