//! The desk's view of the inbox, and what a person may do to an event: have it projected again, or set it aside.

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::admin::audit;
use crate::domain::ids::PaymentId;
use crate::ports::{EventEntry, EventFilter, EventRef, EventState, Page, Wish};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::rows::{corrupt, utc};
use crate::store::schema::{payments, webhook_events as events};
use crate::store::types::Timestamp;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    id: i64,
    event_id: String,
    kind: String,
    stripe_created: Timestamp,
    livemode: bool,
    account: Option<String>,
    received_at: Timestamp,
    state: String,
    attempts: i32,
    next_attempt_at: Option<Timestamp>,
    note: Option<String>,
    projected_at: Option<Timestamp>,
}

fn state_of(id: i64, word: &str) -> Result<EventState, TxError> {
    let known = EventState::from_word(word);
    known.ok_or_else(|| corrupt(format!("event {id}"), format!("`{word}` is not a known word")).into())
}

fn entry((row, payment): (EventRow, Option<i64>)) -> Result<EventEntry, TxError> {
    Ok(EventEntry {
        state: state_of(row.id, &row.state)?,
        id: row.id,
        event_id: row.event_id,
        kind: row.kind,
        livemode: row.livemode,
        account: row.account,
        payment: payment.map(PaymentId),
        created_at: row.stripe_created.into(),
        received_at: row.received_at.into(),
        projected_at: utc(row.projected_at),
        attempts: row.attempts,
        next_attempt_at: utc(row.next_attempt_at),
        note: row.note,
    })
}

/// Events with the payment that each is about. A macro, since the type of a join has no name.
macro_rules! with_payment {
    () => {
        events::table.left_join(payments::table.on(payments::payment_key.nullable().eq(events::payment_key)))
    };
}

/// Events, newest first.
pub(in crate::store) async fn list(
    conn: &mut Conn,
    filter: &EventFilter,
    page: Page,
) -> Result<Vec<EventEntry>, TxError> {
    let found = with_payment!().order(events::id.desc()).limit(page.limit);
    let mut found = found.select((EventRow::as_select(), payments::id.nullable())).into_boxed::<_>();
    if let Some(before) = page.before {
        found = found.filter(events::id.lt(before));
    }
    if let Some(state) = filter.state {
        found = found.filter(events::state.eq(state.word()));
    }
    if let Some(kind) = &filter.kind {
        found = found.filter(events::kind.eq(kind));
    }
    let rows: Vec<(EventRow, Option<i64>)> = found.load(conn).await?;
    rows.into_iter().map(entry).collect()
}

/// An event with its body.
pub(in crate::store) async fn find(conn: &mut Conn, by: &EventRef) -> Result<Option<(EventEntry, Vec<u8>)>, TxError> {
    let found = with_payment!().select((EventRow::as_select(), payments::id.nullable(), events::body));
    let found = found.into_boxed::<_>();
    let found = match by {
        EventRef::Row(id) => found.filter(events::id.eq(*id)),
        EventRef::Stripe(id) => found.filter(events::event_id.eq(id)),
    };
    let row: Option<(EventRow, Option<i64>, Vec<u8>)> = found.first(conn).await.optional()?;
    row.map(|(row, payment, body)| Ok((entry((row, payment))?, body))).transpose()
}

/// How many events failed.
pub(in crate::store) async fn count_failed(conn: &mut Conn) -> Result<i64, TxError> {
    Ok(events::table
        .filter(among::one_of(events::state, among::UNREAD, &["failed"]))
        .select(count_star())
        .first(conn)
        .await?)
}

/// Puts an event back to be projected at once. To project one again changes nothing: the later telling of each object
/// stays, and this one was counted. What was projected stays projected while it waits, since its facts are in the rows.
pub(in crate::store) async fn replay(conn: &mut Conn, id: i64, actor: &str, now: Timestamp) -> Result<bool, TxError> {
    let row = events::table.find(id).select(events::state);
    let state: Option<String> = locked!(row).first(conn).await.optional()?;
    let Some(state) = state else { return Ok(false) };
    let state = match state_of(id, &state)? {
        EventState::Projected => EventState::Projected,
        EventState::Pending | EventState::Ignored | EventState::Failed => EventState::Pending,
    };
    diesel::update(events::table.find(id))
        .set((events::state.eq(state.word()), events::next_attempt_at.eq(now)))
        .execute(conn)
        .await?;
    audit(conn, actor, "replay", ("event", id.to_string()), "", now).await?;
    Ok(true)
}

/// The same with the next failed events.
pub(in crate::store) async fn replay_failed(
    conn: &mut Conn,
    after: i64,
    limit: i64,
    actor: &str,
    now: Timestamp,
) -> Result<Vec<i64>, TxError> {
    let failed =
        events::table.filter(among::one_of(events::state, among::UNREAD, &["failed"]).and(events::id.gt(after)));
    let failed = failed.order(events::id).limit(limit).select(events::id);
    let ids: Vec<i64> = locked!(failed).load(conn).await?;
    for id in &ids {
        replay(conn, *id, actor, now).await?;
    }
    Ok(ids)
}

/// Sets an event aside for good, unless its facts are in the rows already.
pub(in crate::store) async fn ignore(
    conn: &mut Conn,
    id: i64,
    actor: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Wish<EventState>, TxError> {
    let row = events::table.find(id).select(events::state);
    let state: Option<String> = locked!(row).first(conn).await.optional()?;
    let Some(state) = state else { return Ok(Wish::NoSuchRow) };
    let state = state_of(id, &state)?;
    if !matches!(state, EventState::Pending | EventState::Failed) {
        return Ok(Wish::Refused(state));
    }
    diesel::update(events::table.find(id))
        .set((
            events::state.eq("ignored"),
            events::note.eq(format!("by {actor}: {reason}")),
            events::next_attempt_at.eq(None::<Timestamp>),
            events::projected_at.eq(now),
        ))
        .execute(conn)
        .await?;
    audit(conn, actor, "ignore", ("event", id.to_string()), reason, now).await?;
    Ok(Wish::Granted)
}
