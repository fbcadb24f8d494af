//! What Stripe told of refunds, disputes, transfers, accounts and payouts: the later telling wins.

use chrono::DateTime;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::facts::{AccountFact, DisputeFact, PayoutFact, RefundFact, Stamp, TransferFact};
use crate::domain::ids::{AccountId, ChargeId, EventId, PaymentKey};
use crate::domain::mentor::NOT_FOUND;
use crate::domain::outcome::what_stands;
use crate::store::db::TxError;
use crate::store::rows::AccountRow;
use crate::store::schema::{accounts, disputes, operations, payments, payouts, refunds, transfers};
use crate::store::types::Timestamp;

/// The columns of a stamp.
pub(super) type StampColumns = (Timestamp, i16, String);

/// A stamp from its columns.
pub(super) fn stamp((told_at, rank, event_id): StampColumns) -> Stamp {
    Stamp { told_at: told_at.into(), rank, event_id: EventId::new(event_id) }
}

/// Locks the payment of a charge, where it is known.
pub(super) async fn lock_charge(conn: &mut Conn, charge: &ChargeId) -> Result<Option<PaymentKey>, TxError> {
    let row = payments::table.filter(payments::stripe_charge_id.eq(charge.as_str())).select(payments::payment_key);
    let key: Option<String> = locked!(row).first(conn).await.optional()?;
    Ok(key.map(PaymentKey::new))
}

/// Keeps an object if it is told later than what is kept.
macro_rules! keep_latest {
    ($conn:expr, $table:ident, $key:ident = $id:expr, $stamp:expr, $columns:expr) => {{
        let told = ($table::told_at, $table::rank, $table::event_id);
        let kept = $table::table.find($id).select(told);
        let kept: Option<StampColumns> = locked!(kept).first($conn).await.optional()?;
        if kept.is_none_or(|kept| stamp(kept) < *$stamp) {
            let columns = (
                $table::told_at.eq(Timestamp::from($stamp.told_at)),
                $table::rank.eq($stamp.rank),
                $table::event_id.eq($stamp.event_id.as_str()),
                $columns,
            );
            diesel::insert_into($table::table)
                .values(($table::$key.eq($id), columns))
                .on_conflict($table::$key)
                .do_update()
                .set(columns)
                .execute($conn)
                .await?;
        }
        Ok(())
    }};
}

/// Keeps a refund.
pub(super) async fn keep_refund(conn: &mut Conn, fact: &RefundFact) -> Result<(), TxError> {
    let columns = (
        refunds::stripe_charge_id.eq(fact.charge_id.as_str()),
        refunds::amount.eq(fact.amount.get()),
        refunds::currency.eq(fact.currency.code()),
        refunds::status.eq(&fact.status),
    );
    keep_latest!(conn, refunds, stripe_refund_id = fact.id.as_str(), &fact.stamp, columns)
}

/// Keeps a dispute.
pub(super) async fn keep_dispute(conn: &mut Conn, fact: &DisputeFact) -> Result<(), TxError> {
    let dispute = &fact.dispute;
    let columns = (
        disputes::stripe_charge_id.eq(dispute.charge_id.as_str()),
        disputes::amount.eq(dispute.amount.get()),
        disputes::currency.eq(dispute.currency.code()),
        disputes::status.eq(&dispute.status),
        disputes::reason.eq(&dispute.reason),
        (disputes::fee.eq(dispute.fee.get()), disputes::fee_currency.eq(dispute.fee_currency.code())),
        disputes::evidence_due_by.eq(fact.evidence_due_by.map(Timestamp::from)),
    );
    keep_latest!(conn, disputes, stripe_dispute_id = dispute.id.as_str(), &fact.stamp, columns)
}

/// Keeps a transfer; what was reversed of it only ever grows.
pub(super) async fn keep_transfer(conn: &mut Conn, fact: &TransferFact, now: Timestamp) -> Result<(), TxError> {
    let kept: Option<i64> =
        transfers::table.find(fact.id.as_str()).select(transfers::amount_reversed).first(conn).await.optional()?;
    let reversed = fact.reversed.get().max(kept.unwrap_or(0));
    diesel::insert_into(transfers::table)
        .values((
            transfers::stripe_transfer_id.eq(fact.id.as_str()),
            transfers::stripe_charge_id.eq(fact.charge_id.as_ref().map(ChargeId::as_str)),
            transfers::destination.eq(fact.destination.as_str()),
            transfers::amount.eq(fact.amount.get()),
            transfers::amount_reversed.eq(reversed),
            transfers::currency.eq(fact.currency.code()),
            transfers::transfer_group.eq(&fact.transfer_group),
            transfers::operation_key.eq(&fact.operation_key),
            transfers::created_at.eq(Timestamp::from(fact.created_at)),
        ))
        .on_conflict(transfers::stripe_transfer_id)
        .do_update()
        .set(transfers::amount_reversed.eq(reversed))
        .execute(conn)
        .await?;
    if let Some(charge) = &fact.charge_id {
        let unplaced = transfers::table.find(fact.id.as_str()).filter(transfers::stripe_charge_id.is_null());
        diesel::update(unplaced).set(transfers::stripe_charge_id.eq(charge.as_str())).execute(conn).await?;
    }
    restate(conn, fact, now).await
}

/// Says on the payment what stands of all that was sent for it: what was taken back and paid again is paid.
async fn restate(conn: &mut Conn, fact: &TransferFact, now: Timestamp) -> Result<(), TxError> {
    let charge = fact.charge_id.as_ref().map(ChargeId::as_str);
    let of = payments::transfer_id.eq(fact.id.as_str()).or(payments::stripe_charge_id.eq(charge));
    let paid = payments::table.filter(of).filter(payments::transfer_id.is_not_null());
    let paid: Option<(i64, Option<String>, Option<String>)> =
        paid.select((payments::id, payments::transfer_id, payments::stripe_charge_id)).first(conn).await.optional()?;
    let Some((id, transfer_id, charge)) = paid else { return Ok(()) };
    let ours = operations::table.filter(operations::payment_id.eq(id)).select(operations::idempotency_key.nullable());
    let of_charge = transfers::stripe_charge_id.eq(charge).and(transfers::operation_key.eq_any(ours));
    let sent: Vec<(String, i64, i64)> = transfers::table
        .filter(of_charge.or(transfers::stripe_transfer_id.nullable().eq(&transfer_id)))
        .select((transfers::stripe_transfer_id, transfers::amount, transfers::amount_reversed))
        .load(conn)
        .await?;
    let first = sent.iter().find(|(id, ..)| Some(id) == transfer_id.as_ref()).map_or(0, |(_, amount, _)| *amount);
    let left = sent.iter().map(|(_, amount, reversed)| amount - reversed).sum();
    diesel::update(payments::table.find(id))
        .set((payments::transfer_status.eq(what_stands(first, left).word()), payments::updated_at.eq(now)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps what was told of an account. Capability and the rest come in different events and have a stamp each.
pub(in crate::store) async fn keep_account(
    conn: &mut Conn,
    fact: &AccountFact,
    read_at: Option<Timestamp>,
) -> Result<(), TxError> {
    let row = || accounts::table.find(fact.id.as_str()).select(AccountRow::as_select());
    let mut kept: Option<AccountRow> = locked!(row()).first(conn).await.optional()?;
    let told_at = Timestamp::from(fact.stamp.told_at);
    let capability = (
        accounts::transfers.eq(fact.transfers.word()),
        accounts::transfers_told_at.eq(told_at),
        accounts::transfers_rank.eq(fact.stamp.rank),
        accounts::transfers_event_id.eq(fact.stamp.event_id.as_str()),
    );
    if kept.is_none() {
        let made = diesel::insert_into(accounts::table)
            .values((accounts::stripe_account_id.eq(fact.id.as_str()), capability))
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        // Somebody else has just told of it for the first time.
        if made == 0 {
            kept = locked!(row()).first(conn).await.optional()?;
        }
    }
    let row = accounts::table.find(fact.id.as_str());
    let newer = |kept: &AccountRow| {
        let columns = (kept.transfers_told_at, kept.transfers_rank, kept.transfers_event_id.clone());
        fact.stamp > stamp(columns)
    };
    if kept.as_ref().is_some_and(newer) {
        diesel::update(row).set(capability).execute(conn).await?;
    }
    let details_kept = kept.as_ref().and_then(|k| k.details_told_at.zip(k.details_event_id.clone()));
    // Whoever was told of it in the second in which somebody else did not find it has found it.
    let found = kept
        .as_ref()
        .is_some_and(|k| k.disabled_reason.as_deref() == Some(NOT_FOUND) && k.details_told_at == Some(told_at));
    let later = details_kept.is_none_or(|kept| (told_at, fact.stamp.event_id.as_str()) > (kept.0, kept.1.as_str()));
    if let (Some(details), true) = (&fact.details, later || found) {
        // An account that left and is told of later has come back.
        let deauthorized = kept.and_then(|k| k.deauthorized_at).filter(|left| *left >= told_at);
        diesel::update(row)
            .set((
                accounts::details_submitted.eq(details.details_submitted),
                accounts::payouts_enabled.eq(details.payouts_enabled),
                accounts::charges_enabled.eq(details.charges_enabled),
                accounts::requirements.eq(details.requirements.join(",")),
                accounts::disabled_reason.eq(&details.disabled_reason),
                accounts::details_told_at.eq(told_at),
                accounts::details_event_id.eq(fact.stamp.event_id.as_str()),
                accounts::deauthorized_at.eq(deauthorized),
                // Not every telling says it.
                details.payout_interval.as_ref().map(|interval| accounts::payout_interval.eq(interval)),
            ))
            .execute(conn)
            .await?;
    }
    if let Some(read_at) = read_at {
        diesel::update(row).set(accounts::read_at.eq(read_at)).execute(conn).await?;
    }
    super::admin::lift_restriction(conn, &fact.id, told_at).await
}

/// An account left the platform, unless it was told of later.
pub(super) async fn deauthorize(conn: &mut Conn, account: &AccountId, told: &Stamp) -> Result<(), TxError> {
    let told_at = Timestamp::from(told.told_at);
    let kept: Option<(Option<Timestamp>, Option<Timestamp>)> = accounts::table
        .find(account.as_str())
        .select((accounts::details_told_at, accounts::deauthorized_at))
        .first(conn)
        .await
        .optional()?;
    match kept {
        Some((details, left)) if details.is_some_and(|d| d > told_at) || left.is_some_and(|l| l >= told_at) => {}
        Some(_) => {
            let row = diesel::update(accounts::table.find(account.as_str()));
            row.set(accounts::deauthorized_at.eq(told_at)).execute(conn).await?;
        }
        None => {
            diesel::insert_into(accounts::table)
                .values((
                    accounts::stripe_account_id.eq(account.as_str()),
                    accounts::transfers.eq("inactive"),
                    // Nothing was told of the capability: whatever will be, counts.
                    accounts::transfers_told_at.eq(Timestamp::from(DateTime::UNIX_EPOCH)),
                    accounts::transfers_rank.eq(i16::MIN),
                    accounts::transfers_event_id.eq(told.event_id.as_str()),
                    accounts::deauthorized_at.eq(told_at),
                ))
                .execute(conn)
                .await?;
        }
    }
    Ok(())
}

/// Keeps a payout.
pub(super) async fn keep_payout(conn: &mut Conn, fact: &PayoutFact) -> Result<(), TxError> {
    let columns = (
        payouts::stripe_account_id.eq(fact.account_id.as_ref().map(AccountId::as_str)),
        payouts::amount.eq(fact.amount.get()),
        payouts::currency.eq(fact.currency.code()),
        payouts::status.eq(&fact.status),
        payouts::failure.eq(&fact.failure),
        payouts::arrives_at.eq(fact.arrives_at.map(Timestamp::from)),
        payouts::operation_key.eq(&fact.operation_key),
    );
    keep_latest!(conn, payouts, stripe_payout_id = fact.id.as_str(), &fact.stamp, columns)
}
