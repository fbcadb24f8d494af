//! Who does what is to be done once a day: a row for each chore and day, with a lease until it is done.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::{Conn, outbox};
use crate::domain::digest::Chore;
use crate::domain::notice::Outgoing;
use crate::domain::policy::Policy;
use crate::ports::{Lease, Turn};
use crate::store::db::TxError;
use crate::store::rows::utc;
use crate::store::schema::daily_chores as chores;
use crate::store::types::{Instant, Timestamp};

/// Whoever writes the row has the chore; after a crash, whoever comes once the lease is over.
const BEGIN: &str = "INSERT INTO daily_chores (chore, day, owner, lease_until, begun_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (chore, day) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until, \
        begun_at = excluded.begun_at \
    WHERE daily_chores.finished_at IS NULL AND daily_chores.lease_until <= $5";

/// Takes on a chore.
pub(in crate::store) async fn begin(
    conn: &mut Conn,
    chore: Chore,
    day: NaiveDate,
    lease: Lease,
    now: DateTime<Utc>,
) -> Result<Option<Turn>, TxError> {
    // What is compared with later is what the database holds, cut to milliseconds.
    let until = Timestamp::from(lease.until);
    let taken = diesel::sql_query(BEGIN)
        .bind::<Text, _>(chore.word())
        .bind::<Text, _>(day.to_string())
        .bind::<Text, _>(&lease.owner)
        .bind::<Instant, _>(until)
        .bind::<Instant, _>(Timestamp::from(now))
        .execute(conn)
        .await?;
    if taken == 0 {
        return Ok(None);
    }
    let ended: Option<Option<Timestamp>> = chores::table
        .filter(chores::chore.eq(chore.word()).and(chores::day.lt(day.to_string())))
        .filter(chores::finished_at.is_not_null())
        .order(chores::day.desc())
        .select(chores::finished_at)
        .first(conn)
        .await
        .optional()?;
    let lease = Lease { until: until.into(), ..lease };
    Ok(Some(Turn { chore, day, lease, last_ended: utc(ended.flatten()) }))
}

/// The row of a turn whose lease stands.
macro_rules! standing {
    ($turn:expr) => {
        chores::table.filter(
            chores::chore
                .eq($turn.chore.word())
                .and(chores::day.eq($turn.day.to_string()))
                .and(chores::owner.eq(&$turn.lease.owner))
                .and(chores::lease_until.eq(Timestamp::from($turn.lease.until)))
                .and(chores::finished_at.is_null()),
        )
    };
}

/// Goes on under a later lease.
pub(in crate::store) async fn go_on(conn: &mut Conn, turn: &Turn, until: DateTime<Utc>) -> Result<bool, TxError> {
    let later = chores::lease_until.eq(Timestamp::from(until));
    Ok(diesel::update(standing!(turn)).set(later).execute(conn).await? == 1)
}

/// Ends it.
pub(in crate::store) async fn end(
    conn: &mut Conn,
    turn: &Turn,
    notices: &[Outgoing],
    note: &str,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<bool, TxError> {
    let done = (chores::finished_at.eq(Timestamp::from(now)), chores::note.eq(note));
    if diesel::update(standing!(turn)).set(done).execute(conn).await? == 0 {
        return Ok(false);
    }
    outbox::write(conn, notices, policy, now).await?;
    Ok(true)
}
