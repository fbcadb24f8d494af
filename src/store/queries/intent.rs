//! Tx 1 of the money rule, written down: the operation with its frozen parameters, leased to the worker that sends it.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::credits;
use super::debts::{self, Debtor};
use crate::domain::adjust::FirstOrder;
use crate::domain::ids::{IdempotencyKey, MentorId, OperationId, PaymentId};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::operation::{About, Operation, Order, TransferOrder};
use crate::domain::payment::PaymentStatus;
use crate::domain::release::Plan;
use crate::ports::{Claimed, Lease};
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
    diesel::update(payments::table.find(id.0))
        .set((
            payments::status.eq(status.word()),
            payments::hold_reasons.eq(""),
            payments::next_check_at.eq(None::<Timestamp>),
            payments::wait_until.eq(None::<Timestamp>),
            payments::wait_reason.eq(None::<String>),
            payments::updated_at.eq(Timestamp::from(now)),
        ))
        .execute(conn)
        .await?;
    Ok(())
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
    let Intent { about, mentor_id, cause, generation, key, order } = intent;
    let (amount, currency) = order.money().unzip();
    let parameters = order.parameters().map_err(|e| corrupt(&key, e))?;
    let id: i64 = diesel::insert_into(operations::table)
        .values((
            (operations::kind.eq(order.kind().word()), operations::cause.eq(&cause)),
            operations::payment_id.eq(about.payment().map(|id| id.0)),
            operations::withdrawal_id.eq(about.withdrawal().map(|id| id.0)),
            operations::mentor_id.eq(mentor_id.as_str()),
            operations::generation.eq(generation),
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
    Ok(Operation {
        id: OperationId(id),
        about,
        mentor_id,
        cause,
        generation,
        key,
        order,
        maybe_done: false,
        attempts: 0,
        first_sent_at: Some(now),
        last_sent_at: Some(now),
        unknown_since: None,
        lease_epoch: 1,
        lease_until: lease.until,
    })
}

/// So old is what is adopted taken to be: no key is sent again then, so that it is only looked for.
const LONG_AGO: TimeDelta = TimeDelta::days(2);

/// Writes down an operation that Stripe has carried out already, at the asking of a daemon of whose work this database
/// does not know. Its outcome is unknown until the rescuer has looked.
pub(super) async fn adopt(conn: &mut Conn, intent: Intent, now: DateTime<Utc>) -> Result<(), TxError> {
    let lease = Lease { owner: "adopted".to_owned(), until: now };
    let operation = commit(conn, intent, &lease, now).await?;
    let (at, done_at) = (Timestamp::from(now), Timestamp::from(now - LONG_AGO));
    diesel::update(operations::table.find(operation.id.0))
        .set((
            operations::state.eq("unknown"),
            operations::maybe_done.eq(true),
            (operations::first_sent_at.eq(done_at), operations::last_sent_at.eq(done_at)),
            (operations::unknown_since.eq(at), operations::next_attempt_at.eq(at)),
            operations::lease_owner.eq(None::<String>),
            operations::lease_until.eq(None::<Timestamp>),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
