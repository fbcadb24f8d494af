//! The rows of payments as their objects describe them, many in a statement.

use std::collections::BTreeMap;

use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::assembled::first_status;
use super::{Conn, recordset};
use crate::domain::assemble::Assembled;
use crate::domain::ids::{ChargeId, IntentId, MentorId, PaymentKey, SessionId};
use crate::domain::money::{Currency, MinorUnits};
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::types::Timestamp;

/// A payment that was put together.
pub(super) struct Portrait {
    /// As its objects describe it.
    pub payment: Assembled,
    /// The rate that holds for it.
    pub fee_bps: u16,
    /// Its row, where it has one.
    pub row: Option<i64>,
    /// Whether it turned out to have been paid at another time: a window that a person moved stays moved otherwise.
    pub new_window: bool,
}

const COLUMNS: Columns = &[
    ("id", "bigint"),
    ("new_window", "boolean"),
    ("payment_key", "text"),
    ("status", "text"),
    ("platform_fee_bps", "integer"),
    ("dispute_period_ends", "timestamptz"),
    ("at", "timestamptz"),
    ("livemode", "boolean"),
    ("collection", "text"),
    ("intent", "text"),
    ("session", "text"),
    ("charge", "text"),
    ("booking_id", "text"),
    ("mentor_id", "text"),
    ("customer_name", "text"),
    ("customer_email", "text"),
    ("currency", "text"),
    ("settlement_currency", "text"),
    ("settlement_amount", "bigint"),
    ("amount", "bigint"),
    ("platform_fee", "bigint"),
    ("mentor_amount", "bigint"),
    ("refunded_amount", "bigint"),
    ("fee_conflict", "text"),
    ("paid_at", "timestamptz"),
    ("authorized_at", "timestamptz"),
    ("session_starts_at", "timestamptz"),
    ("session_ends_at", "timestamptz"),
    ("charge_disputed", "boolean"),
    ("destination_charge", "boolean"),
    ("transfer_group", "text"),
    ("metadata", "json"),
];

const INSERT: &str = "INSERT INTO payments (payment_key, status, platform_fee_bps, dispute_period_ends, created_at, \
        updated_at, livemode, collection, stripe_payment_intent_id, stripe_checkout_session_id, stripe_charge_id, \
        booking_id, mentor_id, customer_name, customer_email, currency, settlement_currency, settlement_amount, amount, \
        platform_fee, mentor_amount, refunded_amount, fee_conflict, paid_at, authorized_at, session_starts_at, \
        session_ends_at, charge_disputed, destination_charge, transfer_group, metadata) \
    SELECT r.payment_key, r.status, r.platform_fee_bps, r.dispute_period_ends, r.at, r.at, r.livemode, r.collection, \
        r.intent, r.session, r.charge, r.booking_id, r.mentor_id, r.customer_name, r.customer_email, r.currency, \
        r.settlement_currency, r.settlement_amount, r.amount, r.platform_fee, r.mentor_amount, r.refunded_amount, \
        r.fee_conflict, r.paid_at, r.authorized_at, r.session_starts_at, r.session_ends_at, r.charge_disputed, \
        r.destination_charge, r.transfer_group, r.metadata \
    FROM {rows}";

const UPDATE: &str = "UPDATE payments SET updated_at = r.at, \
        dispute_period_ends = CASE WHEN r.new_window THEN r.dispute_period_ends ELSE payments.dispute_period_ends END, \
        livemode = r.livemode, collection = r.collection, stripe_payment_intent_id = r.intent, \
        stripe_checkout_session_id = r.session, stripe_charge_id = r.charge, booking_id = r.booking_id, \
        mentor_id = r.mentor_id, customer_name = r.customer_name, customer_email = r.customer_email, \
        currency = r.currency, settlement_currency = r.settlement_currency, settlement_amount = r.settlement_amount, \
        amount = r.amount, platform_fee = r.platform_fee, mentor_amount = r.mentor_amount, \
        refunded_amount = r.refunded_amount, fee_conflict = r.fee_conflict, paid_at = r.paid_at, \
        authorized_at = r.authorized_at, session_starts_at = r.session_starts_at, session_ends_at = r.session_ends_at, \
        charge_disputed = r.charge_disputed, destination_charge = r.destination_charge, \
        transfer_group = r.transfer_group, metadata = r.metadata \
    FROM {rows} WHERE payments.id = r.id";

/// Writes new rows.
pub(super) async fn insert(conn: &mut Conn, new: &[Portrait], now: Timestamp) -> Result<(), TxError> {
    write(conn, INSERT, new, now).await
}

/// Writes what rows say by now.
pub(super) async fn update(conn: &mut Conn, changed: &[Portrait], now: Timestamp) -> Result<(), TxError> {
    write(conn, UPDATE, changed, now).await
}

async fn write(conn: &mut Conn, statement: &str, portraits: &[Portrait], now: Timestamp) -> Result<(), TxError> {
    if portraits.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row<'_>> = portraits.iter().map(|portrait| row(portrait, now)).collect();
    Bulk::<()>::new(statement, recordset(COLUMNS), &rows).execute(conn).await?;
    Ok(())
}

#[derive(Serialize)]
struct Row<'a> {
    id: Option<i64>,
    new_window: bool,
    payment_key: &'a PaymentKey,
    status: &'static str,
    platform_fee_bps: u16,
    dispute_period_ends: Option<Timestamp>,
    at: Timestamp,
    livemode: bool,
    collection: &'static str,
    intent: Option<&'a IntentId>,
    session: Option<&'a SessionId>,
    charge: Option<&'a ChargeId>,
    booking_id: Option<&'a str>,
    mentor_id: Option<&'a MentorId>,
    customer_name: Option<&'a str>,
    customer_email: Option<&'a str>,
    currency: &'a str,
    settlement_currency: Option<&'a str>,
    settlement_amount: Option<MinorUnits>,
    amount: MinorUnits,
    platform_fee: MinorUnits,
    mentor_amount: MinorUnits,
    refunded_amount: MinorUnits,
    fee_conflict: Option<&'a str>,
    paid_at: Option<Timestamp>,
    authorized_at: Option<Timestamp>,
    session_starts_at: Option<Timestamp>,
    session_ends_at: Option<Timestamp>,
    charge_disputed: bool,
    destination_charge: bool,
    transfer_group: Option<&'a str>,
    metadata: &'a BTreeMap<String, String>,
}

fn row(portrait: &Portrait, now: Timestamp) -> Row<'_> {
    let p = &portrait.payment;
    Row {
        id: portrait.row,
        new_window: portrait.new_window,
        payment_key: &p.key,
        status: first_status(p),
        platform_fee_bps: portrait.fee_bps,
        dispute_period_ends: p.window_ends.map(Timestamp::from),
        at: now,
        livemode: p.livemode,
        collection: p.collection.word(),
        intent: p.intent_id.as_ref(),
        session: p.session_id.as_ref(),
        charge: p.charge_id.as_ref(),
        booking_id: p.booking_id.as_deref(),
        mentor_id: p.mentor_id.as_ref(),
        customer_name: p.customer_name.as_deref(),
        customer_email: p.customer_email.as_deref(),
        currency: p.currency.code(),
        settlement_currency: p.settlement_currency.as_ref().map(Currency::code),
        settlement_amount: p.settlement_amount,
        amount: p.amount,
        platform_fee: p.split.platform_fee,
        mentor_amount: p.split.mentor_amount,
        refunded_amount: p.refunded,
        fee_conflict: p.split.conflict.as_deref(),
        paid_at: p.paid_at.map(Timestamp::from),
        authorized_at: p.authorized_at.map(Timestamp::from),
        session_starts_at: p.session_starts_at.map(Timestamp::from),
        session_ends_at: p.session_ends_at.map(Timestamp::from),
        charge_disputed: p.charge_disputed,
        destination_charge: p.destination_charge,
        transfer_group: p.transfer_group.as_deref(),
        metadata: &p.metadata,
    }
}
