//! How far Stripe's lists of what changed were taken in: one row. And taking in what they say.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, ledger, project, sources};
use crate::domain::facts::Fact;
use crate::domain::ids::PaymentKey;
use crate::domain::policy::Policy;
use crate::domain::sweep::Swept;
use crate::ports::{SweepStanding, UnreadEvent};
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
    let Some((covers_from, to, charges_to, at, failing_since)) = found else {
        return Ok(SweepStanding { is_due, ..SweepStanding::default() });
    };
    let last = Swept { covers_from: covers_from.into(), to: to.into(), charges_to: charges_to.into() };
    Ok(SweepStanding { last: Some(last), at: utc(at), failing_since: utc(failing_since), is_due })
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
    let unread = events::table.filter(events::event_id.eq_any(ids).and(events::state.eq_any(["pending", "failed"])));
    let unread: Vec<(String, String)> = unread.select((events::event_id, events::state)).load(conn).await?;
    let event = |(event_id, state): (String, String)| UnreadEvent { event_id, failed: state == "failed" };
    Ok(unread.into_iter().map(event).collect())
}

/// Takes in facts. The payments that they are about are locked in everybody's order first.
pub(in crate::store) async fn take_in(
    conn: &mut Conn,
    facts: &[Fact],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let (mut keys, mut charges) = (Vec::new(), Vec::new());
    for fact in facts {
        match fact {
            Fact::Payment(source) => keys.push(source.key.as_str()),
            Fact::Refund(refund) => charges.push(refund.charge_id.as_str()),
            Fact::Dispute(dispute) => charges.push(dispute.dispute.charge_id.as_str()),
            _ => {}
        }
    }
    let by_key = payments::table.filter(payments::payment_key.eq_any(keys)).order(payments::id).select(payments::id);
    let by_charge = payments::table.filter(payments::stripe_charge_id.eq_any(charges));
    let by_charge = by_charge.order(payments::id).select(payments::id);
    let _locked: Vec<i64> = locked!(by_key).load(conn).await?;
    let _locked: Vec<i64> = locked!(by_charge).load(conn).await?;
    let at = Timestamp::from(now);
    sources::apply_each(conn, facts.iter().filter(|fact| matches!(fact, Fact::Payment(_))), policy, at).await?;
    let source_key = |fact: &Fact| match fact {
        Fact::Payment(source) => Some(source.key.clone()),
        _ => None,
    };
    let mut touched: Vec<PaymentKey> = facts.iter().filter_map(source_key).collect();
    for fact in facts.iter().filter(|fact| !matches!(fact, Fact::Payment(_))) {
        touched.extend(project::apply(conn, fact, policy, at).await?);
    }
    ledger::post_keys(conn, &touched, policy, now).await
}
