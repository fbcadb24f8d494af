//! Projection: writes what events say into the rows that they are about. The later telling wins, whenever it comes, so
//! that any order of the same events ends in the same rows.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde::Serialize;

use super::sources::put_together;
use super::told::{self, lock_charge};
use super::{
    Conn, adopt, disputes, is_projector, ledger, payout_ledger, recordset, requests, sources, unread, withdrawals,
};
use crate::domain::facts::{Fact, TransferFact};
use crate::domain::ids::PaymentKey;
use crate::domain::policy::Policy;
use crate::ports::Projected;
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::schema::webhook_events as events;
use crate::store::types::Timestamp;

/// Projects events, many in a savepoint; one which fails does not fail the others. `false` when another daemon is at it.
pub(in crate::store) async fn project(
    conn: &mut Conn,
    batch: &[Projected],
    policy: &Policy,
    now: Timestamp,
) -> Result<bool, TxError> {
    if !is_projector(conn).await? {
        return Ok(false);
    }
    let waiting = still_waiting(conn, batch).await?;
    let batch: Vec<&Projected> = batch.iter().filter(|event| waiting.contains(&event.row_id)).collect();
    let mut done = Vec::with_capacity(batch.len());
    sources::lock(conn, batch.iter().filter_map(|event| event.fact.as_ref().ok())).await?;
    let mut parts = sources::parts(&batch);
    while let Some(part) = parts.pop_front() {
        match (apply_part(conn, &part, policy, now).await?, part.as_slice()) {
            (Ok(keys), _) => done.extend(part.into_iter().zip(keys)),
            (Err(why), [event]) => fail(conn, event, why, policy, now).await?,
            // One that fails fails its part, which is halved until that one is alone.
            (Err(_), part) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.push_front(second.to_vec());
                parts.push_front(first.to_vec());
            }
        }
    }
    let touched: Vec<PaymentKey> = done.iter().filter_map(|(_, key)| key.clone()).collect();
    settle(conn, &done, now).await?;
    let posted = async |conn: &mut Conn| payout_ledger::post_told(conn, &touched, policy, now.into()).await;
    match conn.transaction::<_, TxError, _>(posted).await {
        Err(error @ TxError::Sql(diesel::result::Error::BrokenTransactionManager)) => return Err(error),
        // What Stripe told is kept in any case; what is missing is posted when the payment is next looked at.
        Err(error) => tracing::error!(error = %error.into_store("post"), "the ledger lacks what was just projected"),
        Ok(()) => {}
    }
    Ok(true)
}

/// Since they were read, another daemon may have projected them, or a person may have set them aside. That they wait is not
/// asked of the database: where nothing waited when its statistics were gathered, it would read through all that waits now.
async fn still_waiting(conn: &mut Conn, batch: &[Projected]) -> Result<HashSet<i64>, TxError> {
    let ids: Vec<i64> = batch.iter().map(|event| event.row_id).collect();
    let asked = events::table.filter(among!(events::id, ids)).order(events::id);
    let rows: Vec<(i64, bool)> =
        locked!(asked.select((events::id, events::next_attempt_at.is_not_null()))).load(conn).await?;
    Ok(rows.into_iter().filter_map(|(id, waits)| waits.then_some(id)).collect())
}

/// Applies some events in a savepoint. Answers the payments that they are about, in the same order, or why nothing of it
/// was written.
async fn apply_part(
    conn: &mut Conn,
    part: &[&Projected],
    policy: &Policy,
    now: Timestamp,
) -> Result<Result<Vec<Option<PaymentKey>>, String>, TxError> {
    let mut facts = Vec::with_capacity(part.len());
    for event in part {
        match &event.fact {
            Ok(fact) => facts.push(fact),
            Err(why) => return Ok(Err(why.clone())),
        }
    }
    if facts.iter().all(|fact| matches!(fact, Fact::Nothing(_))) {
        return Ok(Ok(vec![None; part.len()]));
    }
    let applied = conn.transaction::<_, TxError, _>(async |conn| sources::apply(conn, &facts, policy, now).await).await;
    match applied {
        Err(error @ TxError::Sql(diesel::result::Error::BrokenTransactionManager)) => Err(error),
        applied => Ok(applied.map_err(|e| e.into_store("project the event").to_string())),
    }
}

/// It stays, with its error, and is tried again.
async fn fail(conn: &mut Conn, event: &Projected, why: String, policy: &Policy, now: Timestamp) -> Result<(), TxError> {
    unread::tell(conn, event.row_id, &why, policy, now).await?;
    let retry_at = Timestamp::from(event.retry_at);
    let tried = (events::attempts.eq(events::attempts + 1), events::next_attempt_at.eq(retry_at));
    diesel::update(events::table.find(event.row_id))
        .set((tried, events::state.eq("failed"), events::note.eq(why)))
        .execute(conn)
        .await?;
    Ok(())
}

const SETTLED: Columns =
    &[("id", "bigint"), ("state", "text"), ("note", "text"), ("payment_key", "text"), ("at", "timestamptz")];
const SETTLE: &str = "UPDATE webhook_events SET attempts = webhook_events.attempts + 1, state = r.state, note = r.note, \
        next_attempt_at = NULL, projected_at = r.at, payment_key = r.payment_key \
    FROM {rows} WHERE webhook_events.id = r.id";

#[derive(Serialize)]
struct Settled<'a> {
    id: i64,
    state: &'static str,
    note: Option<&'static str>,
    payment_key: Option<&'a PaymentKey>,
    at: Timestamp,
}

/// Those that were applied: one statement.
async fn settle(conn: &mut Conn, done: &[(&Projected, Option<PaymentKey>)], now: Timestamp) -> Result<(), TxError> {
    if done.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(done.len());
    for (event, payment_key) in done {
        let (state, note) = match &event.fact {
            Ok(Fact::Nothing(why)) => ("ignored", Some(*why)),
            _ => ("projected", None),
        };
        rows.push(Settled { id: event.row_id, state, note, payment_key: payment_key.as_ref(), at: now });
    }
    Bulk::<()>::new(SETTLE, recordset(SETTLED), &rows).execute(conn).await?;
    Ok(())
}

/// Writes facts, in any order and any number of times.
pub(in crate::store) async fn apply_all(
    conn: &mut Conn,
    facts: &[Fact],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    sources::lock(conn, facts.iter()).await?;
    let touched = sources::apply_each(conn, facts.iter(), policy, now.into()).await?;
    ledger::post_keys(conn, &touched, policy, now).await
}

/// Writes one fact. Answers the payment that it is about, where there is one.
pub(in crate::store) async fn apply(
    conn: &mut Conn,
    fact: &Fact,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<PaymentKey>, TxError> {
    // The payment's row is locked before any other, as claiming does, so that the two cannot wait for each other.
    match fact {
        Fact::Payment(source) => {
            sources::apply_together(conn, &[source], policy, now).await?;
            Ok(Some(source.key.clone()))
        }
        Fact::Refund(refund) => {
            let key = lock_charge(conn, &refund.charge_id).await?;
            told::keep_refund(conn, refund).await?;
            if let Some(key) = &key {
                put_together(conn, key, policy, now).await?;
            }
            requests::notice_failure(conn, refund, policy, now).await?;
            Ok(key)
        }
        Fact::Dispute(dispute) => {
            let key = lock_charge(conn, &dispute.dispute.charge_id).await?;
            disputes::keep(conn, dispute, policy, now).await?;
            Ok(key)
        }
        Fact::Transfer(transfer) => {
            let charge_id = match &transfer.charge_id {
                None => adopt::charge_of(conn, transfer).await?,
                charge => charge.clone(),
            };
            let key = match &charge_id {
                Some(charge) => lock_charge(conn, charge).await?,
                None => None,
            };
            told::keep_transfer(conn, &TransferFact { charge_id, ..transfer.clone() }, now).await?;
            Ok(key)
        }
        Fact::Account(account) => told::keep_account(conn, account, None).await.map(|()| None),
        Fact::Deauthorized(account, stamp) => told::deauthorize(conn, account, stamp).await.map(|()| None),
        Fact::Payout(payout) => withdrawals::told(conn, payout, policy, now.into()).await.map(|()| None),
        Fact::GroupRead(_) | Fact::Nothing(_) => Ok(None),
    }
}
