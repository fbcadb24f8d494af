//! Tx 1 of the money rule, written down: the operation with its frozen parameters, leased to the worker that sends it.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::debts::{self, Debtor};
use super::{Conn, credits, recordset};
use crate::domain::adjust::FirstOrder;
use crate::domain::ids::{IdempotencyKey, MentorId, OperationId, PaymentId};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::operation::{About, Operation, Order, TransferOrder};
use crate::domain::payment::PaymentStatus;
use crate::domain::release::Plan;
use crate::ports::{Claimed, Lease};
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::rows::corrupt;
use crate::store::schema::{operations, payments};
use crate::store::types::Timestamp;

/// Commits the intent of a transfer, nets the mentor's debt with it, takes what of their credit goes along, and marks the
/// payment. Where nothing is left to be sent, it is netted or carried over.
pub(super) async fn transfer(
    conn: &mut Conn,
    plan: &Plan,
    generation: i32,
    key: IdempotencyKey,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<Claimed, TxError> {
    let mentor = Debtor { mentor_id: &plan.mentor_id, currency: plan.currency, payment_id: plan.payment_id };
    if plan.amount == MinorUnits::ZERO {
        return keep(conn, plan, &mentor, now).await;
    }
    debts::net(conn, &mentor, plan.netted, None, now).await?;
    credits::take(conn, &mentor, plan.carried, now).await?;
    mark(conn, plan.payment_id, PaymentStatus::Releasing, now).await?;
    let (payment_id, mentor_id) = (plan.payment_id, plan.mentor_id.clone());
    let order = Order::Transfer(TransferOrder::from_plan(plan));
    let about = About::Payment(payment_id);
    let intent = Intent { about, mentor_id, cause: String::new(), generation, key, order };
    Ok(Claimed::Submit(Box::new(commit(conn, intent, lease, now).await?)))
}

/// Nothing is sent: part of it goes towards the debt, and what is left is too small and becomes credit.
async fn keep(conn: &mut Conn, plan: &Plan, mentor: &Debtor<'_>, now: DateTime<Utc>) -> Result<Claimed, TxError> {
    let gross = plan.netted.checked_add(plan.carried_over).unwrap_or(plan.netted);
    let measure = FirstOrder { gross, netted: plan.netted, kept: plan.kept, refunds: plan.refunds.clone() };
    let status = if plan.carried_over > MinorUnits::ZERO {
        debts::net(conn, mentor, plan.netted, None, now).await?;
        credits::carry(conn, mentor, plan.carried_over, ("", 1), Some(&measure), now).await?;
        PaymentStatus::Carried
    } else {
        debts::net(conn, mentor, plan.netted, Some(&measure), now).await?;
        PaymentStatus::Netted
    };
    mark(conn, plan.payment_id, status, now).await?;
    Ok(Claimed::Adjusted(plan.payment_id))
}

/// Moves the payment, which is not looked at until that has ended.
pub(super) async fn mark(
    conn: &mut Conn,
    id: PaymentId,
    status: PaymentStatus,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    diesel::update(payments::table.find(id.0)).set(marked(status, now)).execute(conn).await?;
    Ok(())
}

#[derive(AsChangeset)]
#[diesel(table_name = payments, treat_none_as_null = true)]
struct Marked {
    status: &'static str,
    hold_reasons: &'static str,
    next_check_at: Option<Timestamp>,
    wait_until: Option<Timestamp>,
    wait_reason: Option<String>,
    updated_at: Timestamp,
}

fn marked(status: PaymentStatus, now: DateTime<Utc>) -> Marked {
    Marked {
        status: status.word(),
        hold_reasons: "",
        next_check_at: None,
        wait_until: None,
        wait_reason: None,
        updated_at: Timestamp::from(now),
    }
}

const COLUMNS: Columns = &[
    ("payment_id", "bigint"),
    ("mentor_id", "text"),
    ("generation", "integer"),
    ("key", "text"),
    ("amount", "bigint"),
    ("currency", "text"),
    ("parameters", "json"),
    ("lease_owner", "text"),
    ("lease_until", "timestamptz"),
    ("at", "timestamptz"),
];
const WRITE: &str = "INSERT INTO operations (kind, cause, payment_id, mentor_id, generation, idempotency_key, amount, \
        currency, parameters, state, first_sent_at, last_sent_at, lease_epoch, lease_owner, lease_until, created_at, \
        updated_at) \
    SELECT 'transfer', '', r.payment_id, r.mentor_id, r.generation, r.key, r.amount, r.currency, r.parameters, \
        'submitting', r.at, r.at, 1, r.lease_owner, r.lease_until, r.at, r.at \
    FROM {rows} RETURNING id, payment_id";

#[derive(Serialize)]
struct Row<'a> {
    payment_id: PaymentId,
    mentor_id: MentorId,
    generation: i32,
    key: IdempotencyKey,
    amount: MinorUnits,
    currency: String,
    parameters: serde_json::Value,
    lease_owner: &'a str,
    lease_until: Timestamp,
    at: Timestamp,
}

/// A transfer that is to be made, with its generation and key.
pub(super) type Planned = (Plan, i32, IdempotencyKey);

/// Whether it changes nothing but its own payment, so that it can be written with others.
pub(super) fn is_plain(plan: &Plan) -> bool {
    let nothing = MinorUnits::ZERO;
    let alone = (plan.netted, plan.carried, plan.carried_over) == (nothing, nothing, nothing);
    alone && plan.amount > nothing && !plan.transfer_group.contains('\0')
}

/// Commits the intents of plain transfers and marks their payments: two statements, however many.
pub(super) async fn transfers(
    conn: &mut Conn,
    planned: Vec<Planned>,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, TxError> {
    if planned.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = planned.iter().map(|(plan, ..)| plan.payment_id.0).collect();
    diesel::update(payments::table.filter(among!(payments::id, &ids)))
        .set(marked(PaymentStatus::Releasing, now))
        .execute(conn)
        .await?;
    let (mut rows, mut operations) = (Vec::with_capacity(planned.len()), HashMap::with_capacity(planned.len()));
    for (plan, generation, key) in planned {
        let order = Order::Transfer(TransferOrder::from_plan(&plan));
        rows.push(Row {
            payment_id: plan.payment_id,
            mentor_id: plan.mentor_id.clone(),
            generation,
            key: key.clone(),
            amount: plan.amount,
            currency: plan.currency.code().to_owned(),
            parameters: order.parameters().map_err(|e| corrupt(&key, e))?,
            lease_owner: &lease.owner,
            lease_until: lease.until.into(),
            at: now.into(),
        });
        let (about, mentor_id) = (About::Payment(plan.payment_id), plan.mentor_id);
        let intent = Intent { about, mentor_id, cause: String::new(), generation, key, order };
        operations.insert(plan.payment_id.0, intent);
    }
    type Written = (BigInt, Nullable<BigInt>);
    let written = Bulk::<Written>::new(WRITE, recordset(COLUMNS), &rows);
    let written: Vec<(i64, Option<i64>)> = written.load(conn).await?;
    let operation = |(id, payment): (i64, Option<i64>)| {
        let intent = payment.and_then(|payment| operations.remove(&payment));
        let intent = intent.ok_or_else(|| corrupt(format!("operation {id}"), "it was not asked for"))?;
        Ok(Claimed::Submit(Box::new(intent.leased(id, lease, now))))
    };
    written.into_iter().map(operation).collect()
}

/// What is about to be asked of Stripe.
pub(super) struct Intent {
    /// About what.
    pub about: About,
    /// About whose money.
    pub mentor_id: MentorId,
    /// Because of what; empty for a transfer.
    pub cause: String,
    /// The how-manieth of its kind and cause.
    pub generation: i32,
    /// Under which key.
    pub key: IdempotencyKey,
    /// What.
    pub order: Order,
}

/// Writes the operation, leased to this worker.
pub(super) async fn commit(
    conn: &mut Conn,
    intent: Intent,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<Operation, TxError> {
    let at = Timestamp::from(now);
    let Intent { about, mentor_id, cause, generation, key, order } = &intent;
    let (amount, currency) = order.money().unzip();
    let parameters = order.parameters().map_err(|e| corrupt(key, e))?;
    let id: i64 = diesel::insert_into(operations::table)
        .values((
            (operations::kind.eq(order.kind().word()), operations::cause.eq(cause)),
            operations::payment_id.eq(about.payment().map(|id| id.0)),
            operations::withdrawal_id.eq(about.withdrawal().map(|id| id.0)),
            operations::mentor_id.eq(mentor_id.as_str()),
            operations::generation.eq(*generation),
            operations::idempotency_key.eq(key.as_str()),
            operations::amount.eq(amount.map(MinorUnits::get)),
            operations::currency.eq(currency.as_ref().map(Currency::code)),
            operations::parameters.eq(parameters),
            operations::state.eq("submitting"),
            (operations::first_sent_at.eq(at), operations::last_sent_at.eq(at)),
            operations::lease_epoch.eq(1),
            operations::lease_owner.eq(&lease.owner),
            operations::lease_until.eq(Timestamp::from(lease.until)),
            (operations::created_at.eq(at), operations::updated_at.eq(at)),
        ))
        .returning(operations::id)
        .get_result(conn)
        .await?;
    Ok(intent.leased(id, lease, now))
}

impl Intent {
    /// The operation that it became.
    fn leased(self, id: i64, lease: &Lease, now: DateTime<Utc>) -> Operation {
        Operation {
            id: OperationId(id),
            about: self.about,
            mentor_id: self.mentor_id,
            cause: self.cause,
            generation: self.generation,
            key: self.key,
            order: self.order,
            maybe_done: false,
            attempts: 0,
            first_sent_at: Some(now),
            last_sent_at: Some(now),
            unknown_since: None,
            lease_epoch: 1,
            lease_until: lease.until,
        }
    }
}

/// So old is what is adopted taken to be: no key is sent again then, so that it is only looked for.
const LONG_AGO: TimeDelta = TimeDelta::days(2);

/// Writes down an operation that Stripe has carried out already, at the asking of a daemon of whose work this database
/// does not know. Its outcome is unknown until the rescuer has looked.
pub(super) async fn adopt(conn: &mut Conn, intent: Intent, now: DateTime<Utc>) -> Result<(), TxError> {
    let lease = Lease { owner: "adopted".to_owned(), until: now };
    let operation = commit(conn, intent, &lease, now).await?;
    take_up_again(conn, operation.id, now).await
}

/// Stripe has carried it out, whatever it was taken for.
pub(super) async fn take_up_again(conn: &mut Conn, id: OperationId, now: DateTime<Utc>) -> Result<(), TxError> {
    let (at, done_at) = (Timestamp::from(now), Timestamp::from(now - LONG_AGO));
    diesel::update(operations::table.find(id.0))
        .set((
            operations::state.eq("unknown"),
            operations::maybe_done.eq(true),
            (operations::first_sent_at.eq(done_at), operations::last_sent_at.eq(done_at)),
            (operations::unknown_since.eq(at), operations::next_attempt_at.eq(at)),
            (operations::error_code.eq(None::<String>), operations::error.eq(None::<String>)),
            operations::lease_owner.eq(None::<String>),
            operations::lease_until.eq(None::<Timestamp>),
            operations::updated_at.eq(at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
