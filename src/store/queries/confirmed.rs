//! Tx 2 of the money rule for transfers that were simply made: all of a batch in a few statements. What is out of the
//! ordinary goes its own way, in `operations`.

use chrono::{DateTime, Utc};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::{Conn, outbox, recordset};
use crate::domain::facts::TransferFact;
use crate::domain::ids::{AccountId, ChargeId, OperationId, PaymentId, TransferId};
use crate::domain::matter::{Concluded, Matter};
use crate::domain::money::MinorUnits;
use crate::domain::notice::Outgoing;
use crate::domain::operation::{Done, Operation, OperationState, Order};
use crate::domain::outcome::{Attempted, Conclusion, PaymentNext};
use crate::domain::payment::TransferStatus;
use crate::domain::policy::Policy;
use crate::ports::{AttemptRecord, Outcome};
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::types::Timestamp;

/// A payment's first transfer that was made, and of which nothing else follows.
pub(super) struct Confirmed<'a> {
    /// The payment.
    pub payment_id: PaymentId,
    operation: &'a Operation,
    transfer: &'a TransferFact,
    charge_id: Option<ChargeId>,
    status: TransferStatus,
    look_again: bool,
    attempts: u32,
    request_id: Option<&'a str>,
    notices: Vec<Outgoing>,
}

impl<'a> Confirmed<'a> {
    /// `None` for what is out of the ordinary.
    pub(super) fn plain(outcome: &'a Outcome, matter: &Matter, concluded: &Concluded) -> Option<Self> {
        let (Matter::Payment(case), Concluded::Payment(conclusion)) = (matter, concluded) else { return None };
        let (Attempted::Done(Done::Transfer(transfer)), Order::Transfer(_)) =
            (&outcome.attempted, &outcome.operation.order)
        else {
            return None;
        };
        let Conclusion { next, payment, hold_mentor: None, owed: None, request: None, notices } = conclusion else {
            return None;
        };
        let Some(PaymentNext::Transferred(id, status, look_again)) = payment else { return None };
        let done = next.state == OperationState::Confirmed && next.done_as.as_deref() == Some(id.as_str());
        let over = next.error.is_none() && next.next_attempt_at.is_none() && next.unknown_since.is_none();
        if !done || !over || *id != transfer.id || case.payment.transfer_id.is_some() {
            return None;
        }
        Some(Self {
            payment_id: case.payment.id,
            operation: &outcome.operation,
            transfer,
            // One out of the platform's balance is of the payment's charge all the same.
            charge_id: transfer.charge_id.clone().or_else(|| case.payment.charge_id.clone()),
            status: *status,
            look_again: *look_again,
            attempts: next.attempts,
            request_id: outcome.attempts.iter().rev().find_map(|call| call.request_id.as_deref()),
            notices: notices.clone(),
        })
    }
}

const OPERATIONS: Columns =
    &[("id", "bigint"), ("stripe_id", "text"), ("attempts", "integer"), ("request_id", "text"), ("at", "timestamptz")];
const CONFIRM: &str = "UPDATE operations SET state = 'confirmed', maybe_done = FALSE, attempts = r.attempts, \
        next_attempt_at = NULL, unknown_since = NULL, lease_owner = NULL, lease_until = NULL, stripe_id = r.stripe_id, \
        stripe_request_id = r.request_id, error_code = NULL, error = NULL, updated_at = r.at \
    FROM {rows} WHERE operations.id = r.id";

const TRANSFERS: Columns = &[
    ("id", "text"),
    ("charge_id", "text"),
    ("destination", "text"),
    ("amount", "bigint"),
    ("reversed", "bigint"),
    ("currency", "text"),
    ("transfer_group", "text"),
    ("operation_key", "text"),
    ("created_at", "timestamptz"),
];
/// Its webhook may have come first. What was reversed only ever grows.
const KEEP: &str = "INSERT INTO transfers (stripe_transfer_id, stripe_charge_id, destination, amount, amount_reversed, \
        currency, transfer_group, operation_key, created_at) \
    SELECT r.id, r.charge_id, r.destination, r.amount, r.reversed, r.currency, r.transfer_group, r.operation_key, \
        r.created_at \
    FROM {rows} WHERE TRUE ON CONFLICT (stripe_transfer_id) DO UPDATE SET \
        amount_reversed = CASE WHEN excluded.amount_reversed > transfers.amount_reversed \
            THEN excluded.amount_reversed ELSE transfers.amount_reversed END, \
        stripe_charge_id = coalesce(transfers.stripe_charge_id, excluded.stripe_charge_id)";

const PAYMENTS: Columns = &[
    ("id", "bigint"),
    ("transfer_id", "text"),
    ("transfer_status", "text"),
    ("attempts", "integer"),
    ("next_check_at", "timestamptz"),
    ("at", "timestamptz"),
];
const PAY: &str = "UPDATE payments SET status = 'transferred', transfer_id = r.transfer_id, \
        transfer_status = r.transfer_status, transferred_at = r.at, next_check_at = r.next_check_at, \
        transfer_retry_count = r.attempts, transfer_error = NULL, updated_at = r.at \
    FROM {rows} WHERE payments.id = r.id";

/// Writes them: four statements, however many.
pub(super) async fn write(
    conn: &mut Conn,
    confirmed: &[Confirmed<'_>],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if confirmed.is_empty() {
        return Ok(());
    }
    let at = Timestamp::from(now);
    let operations: Vec<_> = confirmed.iter().map(|transfer| transfer.operation(at)).collect();
    Bulk::<()>::new(CONFIRM, recordset(OPERATIONS), &operations).execute(conn).await?;
    // Before the payments, which are not woken as long as they are releasing.
    let transfers: Vec<_> = confirmed.iter().map(Confirmed::transfer).collect();
    Bulk::<()>::new(KEEP, recordset(TRANSFERS), &transfers).execute(conn).await?;
    let payments: Vec<_> = confirmed.iter().map(|transfer| transfer.payment(at)).collect();
    Bulk::<()>::new(PAY, recordset(PAYMENTS), &payments).execute(conn).await?;
    let notices: Vec<Outgoing> = confirmed.iter().flat_map(|transfer| transfer.notices.clone()).collect();
    outbox::write(conn, &notices, policy, now).await
}

#[derive(Serialize)]
struct OperationRow<'a> {
    id: OperationId,
    stripe_id: &'a TransferId,
    attempts: u32,
    request_id: Option<&'a str>,
    at: Timestamp,
}

#[derive(Serialize)]
struct TransferRow<'a> {
    id: &'a TransferId,
    charge_id: Option<&'a ChargeId>,
    destination: &'a AccountId,
    amount: MinorUnits,
    reversed: MinorUnits,
    currency: &'a str,
    transfer_group: Option<&'a str>,
    operation_key: Option<&'a str>,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct PaymentRow<'a> {
    id: PaymentId,
    transfer_id: &'a TransferId,
    transfer_status: &'static str,
    attempts: u32,
    next_check_at: Option<Timestamp>,
    at: Timestamp,
}

impl Confirmed<'_> {
    fn operation(&self, at: Timestamp) -> OperationRow<'_> {
        let (id, stripe_id) = (self.operation.id, &self.transfer.id);
        OperationRow { id, stripe_id, attempts: self.attempts, request_id: self.request_id, at }
    }

    fn transfer(&self) -> TransferRow<'_> {
        let fact = self.transfer;
        TransferRow {
            id: &fact.id,
            charge_id: self.charge_id.as_ref(),
            destination: &fact.destination,
            amount: fact.amount,
            reversed: fact.reversed,
            currency: fact.currency.code(),
            transfer_group: fact.transfer_group.as_deref(),
            operation_key: fact.operation_key.as_deref(),
            created_at: fact.created_at.into(),
        }
    }

    fn payment(&self, at: Timestamp) -> PaymentRow<'_> {
        PaymentRow {
            id: self.payment_id,
            transfer_id: &self.transfer.id,
            transfer_status: self.status.word(),
            attempts: self.attempts,
            next_check_at: self.look_again.then_some(at),
            at,
        }
    }
}

const ATTEMPTS: Columns = &[
    ("operation_id", "bigint"),
    ("kind", "text"),
    ("started_at", "timestamptz"),
    ("duration_ms", "bigint"),
    ("http_status", "integer"),
    ("error_code", "text"),
    ("error", "text"),
    ("request_id", "text"),
];
const RECORD: &str = "INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms, http_status, \
        error_code, error, request_id) \
    SELECT r.operation_id, r.kind, r.started_at, r.duration_ms, r.http_status, r.error_code, r.error, r.request_id \
    FROM {rows}";

#[derive(Serialize)]
struct AttemptRow<'a> {
    operation_id: OperationId,
    kind: &'static str,
    started_at: Timestamp,
    duration_ms: i64,
    http_status: Option<u16>,
    error_code: Option<&'a str>,
    error: Option<&'a str>,
    request_id: Option<&'a str>,
}

impl<'a> AttemptRow<'a> {
    fn new(operation_id: OperationId, call: &'a AttemptRecord) -> Self {
        Self {
            operation_id,
            kind: call.kind,
            started_at: call.started_at.into(),
            duration_ms: i64::try_from(call.took.as_millis()).unwrap_or(i64::MAX),
            http_status: call.status,
            error_code: call.error_code.as_deref(),
            error: call.error.as_deref(),
            request_id: call.request_id.as_deref(),
        }
    }
}

/// Writes every call that was made, whatever came of it: one statement.
pub(super) async fn write_attempts(conn: &mut Conn, outcomes: &[Outcome]) -> Result<(), TxError> {
    let calls = outcomes.iter().flat_map(|outcome| outcome.attempts.iter().map(|call| (outcome.operation.id, call)));
    let rows: Vec<AttemptRow<'_>> = calls.map(|(operation, call)| AttemptRow::new(operation, call)).collect();
    if !rows.is_empty() {
        Bulk::<()>::new(RECORD, recordset(ATTEMPTS), &rows).execute(conn).await?;
    }
    Ok(())
}
