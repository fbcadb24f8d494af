//! Projection: writes what events say into the rows that they are about. The later telling wins, whenever it comes, so
//! that any order of the same events ends in the same rows.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::told::{self, StampColumns, lock_charge, stamp};
use super::{Conn, adopt, disputes, is_projector, ledger, payout_ledger, requests, unread, withdrawals};
use crate::domain::assemble::{Assembled, Standing, assemble};
use crate::domain::facts::{Fact, Says, Source, SourceKind, TransferFact};
use crate::domain::fees::Split;
use crate::domain::ids::{ChargeId, MentorId, PaymentKey};
use crate::domain::money::MinorUnits;
use crate::domain::payment::Collection;
use crate::domain::policy::Policy;
use crate::domain::refund::{self, RefundStanding};
use crate::ports::Projected;
use crate::store::db::TxError;
use crate::store::rows::{corrupt, json, utc};
use crate::store::schema::{payment_sources as sources, payments, refunds, webhook_events as events};
use crate::store::types::Timestamp;

/// Projects events, each in a savepoint of its own, so that one which fails does not fail the others. `false` when
/// another daemon is at it.
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
    let mut touched = Vec::new();
    for event in batch.iter().filter(|event| waiting.contains(&event.row_id)) {
        let outcome = match &event.fact {
            Ok(fact) => {
                let applied =
                    conn.transaction::<_, TxError, _>(async |conn| apply(conn, fact, policy, now).await).await;
                match applied {
                    Err(error @ TxError::Sql(diesel::result::Error::BrokenTransactionManager)) => return Err(error),
                    applied => applied.map_err(|e| e.into_store("project the event").to_string()),
                }
            }
            Err(why) => Err(why.clone()),
        };
        touched.extend(outcome.clone().ok().flatten());
        settle(conn, event, outcome, policy, now).await?;
    }
    let posted = async |conn: &mut Conn| payout_ledger::post_told(conn, &touched, policy, now.into()).await;
    match conn.transaction::<_, TxError, _>(posted).await {
        Err(error @ TxError::Sql(diesel::result::Error::BrokenTransactionManager)) => return Err(error),
        // What Stripe told is kept in any case; what is missing is posted when the payment is next looked at.
        Err(error) => tracing::error!(error = %error.into_store("post"), "the ledger lacks what was just projected"),
        Ok(()) => {}
    }
    Ok(true)
}

/// Since they were read, another daemon may have projected them, or a person may have set them aside.
async fn still_waiting(conn: &mut Conn, batch: &[Projected]) -> Result<HashSet<i64>, TxError> {
    let ids: Vec<i64> = batch.iter().map(|event| event.row_id).collect();
    let waiting = events::table.filter(events::id.eq_any(ids).and(events::next_attempt_at.is_not_null()));
    let waiting = waiting.order(events::id).select(events::id);
    Ok(locked!(waiting).load::<i64>(conn).await?.into_iter().collect())
}

async fn settle(
    conn: &mut Conn,
    event: &Projected,
    outcome: Result<Option<PaymentKey>, String>,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    let row = diesel::update(events::table.find(event.row_id));
    let tried = events::attempts.eq(events::attempts + 1);
    match (&event.fact, outcome) {
        (_, Err(why)) => {
            let retry_at = Timestamp::from(event.retry_at);
            unread::tell(conn, event.row_id, &why, policy, now).await?;
            row.set((tried, events::state.eq("failed"), events::note.eq(why), events::next_attempt_at.eq(retry_at)))
                .execute(conn)
                .await?
        }
        (fact, Ok(key)) => {
            let (state, note) = match fact {
                Ok(Fact::Nothing(why)) => ("ignored", Some(*why)),
                _ => ("projected", None),
            };
            row.set((
                tried,
                events::state.eq(state),
                events::note.eq(note),
                events::next_attempt_at.eq(None::<Timestamp>),
                events::projected_at.eq(now),
                events::payment_key.eq(key.map(PaymentKey::into_string)),
            ))
            .execute(conn)
            .await?
        }
    };
    Ok(())
}

/// Writes facts.
pub(in crate::store) async fn apply_all(
    conn: &mut Conn,
    facts: &[Fact],
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    let mut touched = Vec::new();
    for fact in facts {
        touched.extend(apply(conn, fact, policy, now).await?);
    }
    ledger::post_keys(conn, &touched, policy, now.into()).await
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
            let row = payments::table.filter(payments::payment_key.eq(source.key.as_str())).select(payments::id);
            let _locked: Option<i64> = locked!(row).first(conn).await.optional()?;
            if keep_source(conn, source).await? {
                put_together(conn, &source.key, policy, now).await?;
            }
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

/// Keeps what an object says if it is later than what is kept. Answers whether anything changed.
async fn keep_source(conn: &mut Conn, source: &Source) -> Result<bool, TxError> {
    let columns = (sources::told_at, sources::rank, sources::event_id);
    let kept = sources::table.find(&source.object_id).select((columns, sources::says));
    let kept: Option<(StampColumns, serde_json::Value)> = locked!(kept).first(conn).await.optional()?;
    let mut says = source.says.clone();
    let mut newest = source.stamp.clone();
    let mut changed = true;
    if let Some((kept_stamp, kept_says)) = kept {
        let kept_says: Says = json(format!("source {}", source.object_id), &kept_says)?;
        let kept_stamp = stamp(kept_stamp);
        let since = [(says.paid_at, kept_says.paid_at), (says.authorized_at, kept_says.authorized_at)];
        let same = says.collection == kept_says.collection && source.kind == SourceKind::PaymentIntent;
        let told = if says.settlement_currency.is_some() { &says } else { &kept_says };
        let settled = (told.settlement_currency, told.settlement_amount);
        if kept_stamp > newest {
            (newest, says) = (kept_stamp.clone(), kept_says.clone());
        }
        // What a charge settled in never changes, and only some tellings say it.
        (says.settlement_currency, says.settlement_amount) = settled;
        // An object is paid or authorised once, however often it is told or read.
        if same && says.captured_later {
            [says.paid_at, says.authorized_at] = since.map(|(told, kept)| told.into_iter().chain(kept).min());
        }
        changed = says != kept_says;
        // A later telling of the same is kept too: it outdates what was told in between and comes after it.
        if !changed && newest == kept_stamp {
            return Ok(false);
        }
    }
    let value = serde_json::to_value(&says).map_err(|e| corrupt(&source.object_id, e))?;
    let columns = (
        sources::told_at.eq(Timestamp::from(newest.told_at)),
        sources::rank.eq(newest.rank),
        sources::event_id.eq(newest.event_id.into_string()),
        sources::says.eq(value),
    );
    diesel::insert_into(sources::table)
        .values((
            sources::object_id.eq(&source.object_id),
            sources::kind.eq(source.kind.word()),
            sources::payment_key.eq(source.key.as_str()),
            columns.clone(),
        ))
        .on_conflict(sources::object_id)
        .do_update()
        .set(columns)
        .execute(conn)
        .await?;
    // When the charge's figure of refunds was told decides which failed refunds it still counts.
    Ok(changed || says.refunded > MinorUnits::ZERO)
}

/// Puts a payment together from all that is known, and writes its row.
async fn put_together(conn: &mut Conn, key: &PaymentKey, policy: &Policy, now: Timestamp) -> Result<(), TxError> {
    // The row is locked before its sources are read: whoever held the lock has added theirs by then.
    let row = payments::table.filter(payments::payment_key.eq(key.as_str())).select(BeforeRow::as_select());
    let row: Option<BeforeRow> = locked!(row).first(conn).await.optional()?;
    let sources = sources_of(conn, key).await?;
    let charges: Vec<String> =
        sources.iter().filter_map(|s| s.says.charge_id.clone()).map(ChargeId::into_string).collect();
    let refunds = refunds_of(conn, &charges).await?;
    let kept_bps = row.as_ref().map(|row| u16::try_from(row.platform_fee_bps).unwrap_or(10_000));
    let fee_bps = kept_bps.unwrap_or(policy.platform_fee_bps);
    let Some(payment) = assemble(&sources, &refunds, fee_bps, policy) else { return Ok(()) };
    let Some(row) = row else {
        insert_payment(conn, &payment, fee_bps, now).await?;
        return disputes::tell_of_new_charge(conn, payment.charge_id.as_ref(), policy, now).await;
    };
    let payment = payment.respecting(&row.standing()?, fee_bps, policy);
    let new_window = row.paid_at != payment.paid_at.map(Timestamp::from);
    update_payment(conn, row.id, &payment, new_window, now).await?;
    if row.stripe_charge_id.is_none() && payment.charge_id.is_some() {
        disputes::tell_of_new_charge(conn, payment.charge_id.as_ref(), policy, now).await?;
    }
    Ok(())
}

/// What of a payment's row decides how it is put together again.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = payments)]
struct BeforeRow {
    id: i64,
    platform_fee_bps: i32,
    paid_at: Option<Timestamp>,
    stripe_charge_id: Option<String>,
    mentor_id: Option<String>,
    amount: i64,
    platform_fee: i64,
    mentor_amount: i64,
    fee_conflict: Option<String>,
    session_starts_at: Option<Timestamp>,
    session_ends_at: Option<Timestamp>,
    authorized_at: Option<Timestamp>,
    metadata: serde_json::Value,
}

impl BeforeRow {
    fn standing(&self) -> Result<Standing, TxError> {
        let minor = |amount| MinorUnits::new(amount).unwrap_or_default();
        Ok(Standing {
            mentor_id: self.mentor_id.clone().map(MentorId::new),
            amount: minor(self.amount),
            split: Split {
                platform_fee: minor(self.platform_fee),
                mentor_amount: minor(self.mentor_amount),
                conflict: self.fee_conflict.clone(),
            },
            session_starts_at: utc(self.session_starts_at),
            session_ends_at: utc(self.session_ends_at),
            authorized_at: utc(self.authorized_at),
            metadata: json(format!("payment {}'s metadata", self.id), &self.metadata)?,
        })
    }
}

async fn sources_of(conn: &mut Conn, key: &PaymentKey) -> Result<Vec<Source>, TxError> {
    let rows: Vec<(String, String, StampColumns, serde_json::Value)> = sources::table
        .filter(sources::payment_key.eq(key.as_str()))
        .select((
            sources::object_id,
            sources::kind,
            (sources::told_at, sources::rank, sources::event_id),
            sources::says,
        ))
        .load(conn)
        .await?;
    let source = |(object_id, kind, told, says): (String, String, StampColumns, serde_json::Value)| {
        let kind = SourceKind::from_word(&kind).ok_or_else(|| corrupt(&object_id, "of no known kind"))?;
        let says = json(format!("source {object_id}"), &says)?;
        Ok(Source { object_id, kind, key: key.clone(), stamp: stamp(told), says })
    };
    rows.into_iter().map(source).collect()
}

async fn refunds_of(conn: &mut Conn, charges: &[String]) -> Result<Vec<RefundStanding>, TxError> {
    if charges.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, String, Timestamp)> = refunds::table
        .filter(refunds::stripe_charge_id.eq_any(charges))
        .select((refunds::amount, refunds::status, refunds::told_at))
        .load(conn)
        .await?;
    let standing = |(amount, status, told_at): (i64, String, Timestamp)| RefundStanding {
        amount: MinorUnits::new(amount).unwrap_or_default(),
        failed: refund::failed(&status),
        told_at: told_at.into(),
    };
    Ok(rows.into_iter().map(standing).collect())
}

/// The columns that a payment's objects decide. A macro, since diesel's tuples have no name.
macro_rules! described {
    ($p:expr) => {
        (
            payments::livemode.eq($p.livemode),
            payments::collection.eq($p.collection.word()),
            payments::stripe_payment_intent_id.eq($p.intent_id.as_ref().map(|id| id.as_str())),
            payments::stripe_checkout_session_id.eq($p.session_id.as_ref().map(|id| id.as_str())),
            payments::stripe_charge_id.eq($p.charge_id.as_ref().map(|id| id.as_str())),
            payments::booking_id.eq(&$p.booking_id),
            payments::mentor_id.eq($p.mentor_id.as_ref().map(|id| id.as_str())),
            payments::customer_name.eq(&$p.customer_name),
            payments::customer_email.eq(&$p.customer_email),
            payments::currency.eq($p.currency.code()),
            payments::settlement_currency.eq($p.settlement_currency.as_ref().map(|c| c.code())),
            (
                payments::settlement_amount.eq($p.settlement_amount.map(|a| a.get())),
                payments::amount.eq($p.amount.get()),
            ),
            payments::platform_fee.eq($p.split.platform_fee.get()),
            payments::mentor_amount.eq($p.split.mentor_amount.get()),
            payments::refunded_amount.eq($p.refunded.get()),
            payments::fee_conflict.eq(&$p.split.conflict),
            payments::paid_at.eq($p.paid_at.map(Timestamp::from)),
            (
                payments::authorized_at.eq($p.authorized_at.map(Timestamp::from)),
                payments::session_starts_at.eq($p.session_starts_at.map(Timestamp::from)),
                payments::session_ends_at.eq($p.session_ends_at.map(Timestamp::from)),
            ),
            payments::charge_disputed.eq($p.charge_disputed),
            payments::destination_charge.eq($p.destination_charge),
            payments::transfer_group.eq(&$p.transfer_group),
            payments::metadata.eq(serde_json::json!($p.metadata)),
        )
    };
}

async fn insert_payment(conn: &mut Conn, p: &Assembled, fee_bps: u16, now: Timestamp) -> Result<(), TxError> {
    let status = match p.collection {
        _ if p.paid_at.is_some() => "pending",
        Collection::Authorized => "authorized",
        _ => "unpaid",
    };
    diesel::insert_into(payments::table)
        .values((
            payments::payment_key.eq(p.key.as_str()),
            payments::status.eq(status),
            payments::platform_fee_bps.eq(i32::from(fee_bps)),
            payments::dispute_period_ends.eq(p.window_ends.map(Timestamp::from)),
            payments::created_at.eq(now),
            payments::updated_at.eq(now),
            described!(p),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// A window that a person moved stays moved, unless the payment turns out to have been made at another time.
async fn update_payment(
    conn: &mut Conn,
    id: i64,
    p: &Assembled,
    new_window: bool,
    now: Timestamp,
) -> Result<(), TxError> {
    let row = payments::table.find(id);
    diesel::update(row).set((described!(p), payments::updated_at.eq(now))).execute(conn).await?;
    if new_window {
        let ends = p.window_ends.map(Timestamp::from);
        diesel::update(row).set(payments::dispute_period_ends.eq(ends)).execute(conn).await?;
    }
    Ok(())
}
