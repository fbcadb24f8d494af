//! What is told of payments' objects: kept, and the payments put together anew, many in a few statements. What is told of
//! anything else goes its own way, in `project`.

use std::collections::{HashMap, HashSet, VecDeque};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_json::Value;

use super::assembled::{BeforeRow, Merged, merge};
use super::portraits::{self, Portrait};
use super::told::{StampColumns, stamp};
use super::{Conn, disputes, project, recordset};
use crate::domain::assemble::assemble;
use crate::domain::facts::{Fact, Says, Source, SourceKind, Stamp};
use crate::domain::ids::{ChargeId, PaymentKey};
use crate::domain::money::MinorUnits;
use crate::domain::policy::Policy;
use crate::domain::refund::{self, RefundStanding};
use crate::ports::Projected;
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::rows::{corrupt, json as read_json};
use crate::store::schema::{disputes as dispute_rows, payment_sources as sources, payments, refunds};
use crate::store::types::Timestamp;

/// Sets events in parts that can be applied together: what is told of one payment by several objects goes into several
/// parts, in the order in which it came. Each of the rest, and each that cannot be read, is a part by itself.
pub(super) fn parts<'a>(batch: &[&'a Projected]) -> VecDeque<Vec<&'a Projected>> {
    let (mut parts, mut alone, mut nothing) = (VecDeque::new(), VecDeque::new(), Vec::new());
    let mut seen: HashMap<&PaymentKey, usize> = HashMap::new();
    for event in batch {
        match &event.fact {
            Ok(Fact::Payment(source)) => {
                let turn = seen.entry(&source.key).or_default();
                if parts.len() <= *turn {
                    parts.push_back(Vec::new());
                }
                parts[*turn].push(*event);
                *turn += 1;
            }
            Ok(Fact::Nothing(_)) => nothing.push(*event),
            _ => alone.push_back(vec![*event]),
        }
    }
    parts.append(&mut alone);
    if !nothing.is_empty() {
        parts.push_back(nothing);
    }
    parts
}

/// Locks the payments that facts are about, in the order in which everybody locks them.
pub(super) async fn lock(conn: &mut Conn, facts: impl Iterator<Item = &Fact>) -> Result<(), TxError> {
    let (mut keys, mut charges) = (Vec::new(), Vec::new());
    for fact in facts {
        match fact {
            Fact::Payment(source) => keys.push(source.key.as_str()),
            Fact::Refund(refund) => charges.push(refund.charge_id.as_str()),
            Fact::Dispute(dispute) => charges.push(dispute.dispute.charge_id.as_str()),
            Fact::Transfer(transfer) => charges.extend(transfer.charge_id.as_ref().map(ChargeId::as_str)),
            _ => {}
        }
    }
    let by_key = among!(payments::payment_key, keys).nullable();
    let rows = payments::table.filter(by_key.or(among!(payments::stripe_charge_id, charges)));
    let _locked: Vec<i64> = locked!(rows.order(payments::id).select(payments::id)).load(conn).await?;
    Ok(())
}

/// Writes facts: those about payments' objects together, each of another payment, and the others one by one. Answers the
/// payments that they are about, in the same order.
pub(super) async fn apply(
    conn: &mut Conn,
    facts: &[&Fact],
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<Option<PaymentKey>>, TxError> {
    let mut told = Vec::with_capacity(facts.len());
    let mut keys = Vec::with_capacity(facts.len());
    for fact in facts {
        match fact {
            Fact::Payment(source) => {
                told.push(source);
                keys.push(Some(source.key.clone()));
            }
            fact => keys.push(project::apply(conn, fact, policy, now).await?),
        }
    }
    apply_together(conn, &told, policy, now).await?;
    Ok(keys)
}

/// The same of any facts, in any number about a payment: its objects first, then the rest. Answers the payments.
pub(super) async fn apply_each<'a>(
    conn: &mut Conn,
    facts: impl Iterator<Item = &'a Fact>,
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<PaymentKey>, TxError> {
    let (mut first, mut rest, mut met) = (Vec::new(), Vec::new(), HashSet::new());
    for fact in facts {
        match fact {
            Fact::Payment(source) if met.insert(source.key.clone()) => first.push(fact),
            fact => rest.push(fact),
        }
    }
    let mut touched = apply(conn, &first, policy, now).await?;
    for fact in rest {
        touched.push(project::apply(conn, fact, policy, now).await?);
    }
    Ok(touched.into_iter().flatten().collect())
}

/// Keeps what objects say, each of another payment, and puts together what changed.
pub(super) async fn apply_together(
    conn: &mut Conn,
    told: &[&Source],
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    if told.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = told.iter().map(|source| source.key.as_str()).collect();
    let rows = lock_rows(conn, &keys).await?;
    let mut kept = kept(conn, told).await?;
    let merged = told.iter().filter_map(|source| Some((*source, merge(source, kept.remove(&source.object_id))?)));
    let merged: Vec<(&Source, Merged)> = merged.collect();
    keep(conn, &merged).await?;
    let keys: Vec<&PaymentKey> =
        merged.iter().filter(|(_, merged)| merged.matters()).map(|(source, _)| &source.key).collect();
    write(conn, &keys, rows, policy, now).await
}

/// Puts a payment together from all that is known by now.
pub(super) async fn put_together(
    conn: &mut Conn,
    key: &PaymentKey,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    let rows = lock_rows(conn, &[key.as_str()]).await?;
    write(conn, &[key], rows, policy, now).await
}

/// The rows of payments, locked before their sources are read: whoever held a lock has added theirs by then.
async fn lock_rows(conn: &mut Conn, keys: &[&str]) -> Result<HashMap<String, BeforeRow>, TxError> {
    let rows = payments::table.filter(among!(payments::payment_key, keys)).order(payments::id);
    let rows = rows.select((payments::payment_key, BeforeRow::as_select()));
    Ok(locked!(rows).load(conn).await?.into_iter().collect())
}

type SourceRow = (String, String, String, StampColumns, Value);

/// What is kept of these objects.
async fn kept(conn: &mut Conn, told: &[&Source]) -> Result<HashMap<String, (Stamp, Says)>, TxError> {
    let objects: Vec<&str> = told.iter().map(|source| source.object_id.as_str()).collect();
    let rows = sources::table.filter(among!(sources::object_id, objects)).order(sources::object_id).select((
        sources::object_id,
        (sources::told_at, sources::rank, sources::event_id),
        sources::says,
    ));
    let rows: Vec<(String, StampColumns, Value)> = locked!(rows).load(conn).await?;
    let mut kept = HashMap::with_capacity(rows.len());
    for (object, told, says) in rows {
        let says = read_json(format!("source {object}"), &says)?;
        kept.insert(object, (stamp(told), says));
    }
    Ok(kept)
}

const COLUMNS: Columns = &[
    ("object_id", "text"),
    ("kind", "text"),
    ("payment_key", "text"),
    ("told_at", "timestamptz"),
    ("rank", "smallint"),
    ("event_id", "text"),
    ("says", "json"),
];
const KEEP: &str = "INSERT INTO payment_sources (object_id, kind, payment_key, told_at, rank, event_id, says) \
    SELECT r.object_id, r.kind, r.payment_key, r.told_at, r.rank, r.event_id, r.says FROM {rows} WHERE TRUE \
    ON CONFLICT (object_id) DO UPDATE SET told_at = excluded.told_at, rank = excluded.rank, \
        event_id = excluded.event_id, says = excluded.says";

#[derive(Serialize)]
struct Row<'a> {
    object_id: &'a str,
    kind: &'static str,
    payment_key: &'a PaymentKey,
    told_at: Timestamp,
    rank: i16,
    event_id: &'a str,
    says: &'a Says,
}

async fn keep(conn: &mut Conn, merged: &[(&Source, Merged)]) -> Result<(), TxError> {
    if merged.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(merged.len());
    for (source, Merged { newest, says, .. }) in merged {
        rows.push(Row {
            object_id: &source.object_id,
            kind: source.kind.word(),
            payment_key: &source.key,
            told_at: newest.told_at.into(),
            rank: newest.rank,
            event_id: newest.event_id.as_str(),
            says,
        });
    }
    Bulk::<()>::new(KEEP, recordset(COLUMNS), &rows).execute(conn).await?;
    Ok(())
}

/// Puts payments together from all that is known, and writes their rows.
async fn write(
    conn: &mut Conn,
    keys: &[&PaymentKey],
    mut rows: HashMap<String, BeforeRow>,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut sources = sources_of(conn, keys).await?;
    let charges = sources.values().flatten().filter_map(|source| source.says.charge_id.as_ref());
    let charges: Vec<&str> = charges.map(ChargeId::as_str).collect();
    let refunds = refunds_of(conn, &charges).await?;
    let (mut new, mut changed, mut new_charges) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        let sources = sources.remove(key.as_str()).unwrap_or_default();
        let mut of: Vec<&str> =
            sources.iter().filter_map(|s| s.says.charge_id.as_ref()).map(ChargeId::as_str).collect();
        of.sort_unstable();
        of.dedup();
        let refunds: Vec<RefundStanding> =
            of.iter().filter_map(|charge| refunds.get(*charge)).flatten().cloned().collect();
        let row = rows.remove(key.as_str());
        let kept_bps = row.as_ref().map(|row| u16::try_from(row.platform_fee_bps).unwrap_or(10_000));
        let fee_bps = kept_bps.unwrap_or(policy.platform_fee_bps);
        let Some(payment) = assemble(&sources, &refunds, fee_bps, policy) else { continue };
        let known_charge = row.as_ref().is_some_and(|row| row.stripe_charge_id.is_some());
        new_charges.extend(payment.charge_id.clone().filter(|_| !known_charge));
        match row {
            None => new.push(Portrait { payment, fee_bps, row: None, new_window: false }),
            Some(row) => {
                let payment = payment.respecting(&row.standing()?, fee_bps, policy);
                let new_window = row.paid_at != payment.paid_at.map(Timestamp::from);
                changed.push(Portrait { payment, fee_bps, row: Some(row.id), new_window });
            }
        }
    }
    portraits::insert(conn, &new, now).await?;
    portraits::update(conn, &changed, now).await?;
    tell_of_new(conn, &new_charges, policy, now).await
}

async fn sources_of(conn: &mut Conn, keys: &[&PaymentKey]) -> Result<HashMap<String, Vec<Source>>, TxError> {
    let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
    let rows: Vec<SourceRow> = sources::table
        .filter(among!(sources::payment_key, keys))
        .select((
            sources::payment_key,
            sources::object_id,
            sources::kind,
            (sources::told_at, sources::rank, sources::event_id),
            sources::says,
        ))
        .load(conn)
        .await?;
    let mut found: HashMap<String, Vec<Source>> = HashMap::new();
    for (key, object_id, kind, told, says) in rows {
        let kind = SourceKind::from_word(&kind).ok_or_else(|| corrupt(&object_id, "of no known kind"))?;
        let says = read_json(format!("source {object_id}"), &says)?;
        let source = Source { object_id, kind, key: PaymentKey::new(&key), stamp: stamp(told), says };
        found.entry(key).or_default().push(source);
    }
    Ok(found)
}

async fn refunds_of(conn: &mut Conn, charges: &[&str]) -> Result<HashMap<String, Vec<RefundStanding>>, TxError> {
    let rows: Vec<(String, i64, String, Timestamp)> = refunds::table
        .filter(among!(refunds::stripe_charge_id, charges))
        .select((refunds::stripe_charge_id, refunds::amount, refunds::status, refunds::told_at))
        .load(conn)
        .await?;
    let mut found: HashMap<String, Vec<RefundStanding>> = HashMap::new();
    for (charge, amount, status, told_at) in rows {
        found.entry(charge).or_default().push(RefundStanding {
            amount: MinorUnits::new(amount).unwrap_or_default(),
            failed: refund::failed(&status),
            told_at: told_at.into(),
        });
    }
    Ok(found)
}

/// Disputes may have been told of before their payments.
async fn tell_of_new(conn: &mut Conn, charges: &[ChargeId], policy: &Policy, now: Timestamp) -> Result<(), TxError> {
    if charges.is_empty() {
        return Ok(());
    }
    let wanted: Vec<&str> = charges.iter().map(ChargeId::as_str).collect();
    let disputed = dispute_rows::table.filter(among!(dispute_rows::stripe_charge_id, wanted));
    let disputed: Vec<String> = disputed.select(dispute_rows::stripe_charge_id).load(conn).await?;
    for charge in charges.iter().filter(|charge| disputed.iter().any(|known| known == charge.as_str())) {
        disputes::tell_of_new_charge(conn, Some(charge), policy, now).await?;
    }
    Ok(())
}
