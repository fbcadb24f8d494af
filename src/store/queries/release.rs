//! The release run's side of the database: which payments are due to be looked at, and tx 1 of the money rule.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::asked::{self, Look};
use super::debts::{self, Debtor};
use super::{Conn, cases, ledger, outbox, paid, project};
use crate::domain::adjust::FirstOrder;
use crate::domain::ids::{IdempotencyKey, MentorId, OperationId, PaymentId, PaymentKey};
use crate::domain::late;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::operation::{About, Operation, OperationState, Order, TransferOrder, transfer_key};
use crate::domain::payment::{Pause, PaymentStatus};
use crate::domain::policy::Policy;
use crate::domain::reason::Reason;
use crate::domain::release::{Case, Decision, Plan, decide};
use crate::domain::settle::{Settlement, settle};
use crate::ports::{Claimed, Lease, Picked, Preflighted, StoreError};
use crate::store::db::TxError;
use crate::store::rows::{PaymentRow, corrupt};
use crate::store::schema::{operations, payments};
use crate::store::types::Timestamp;

/// Looks at payments that are due to be looked at, under their locks. Those that may be paid are left alone by others
/// until `revisit_at`: should this daemon die, they are looked at again then.
pub(in crate::store) async fn pick_due(
    conn: &mut Conn,
    limit: i64,
    revisit_at: DateTime<Utc>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Picked, TxError> {
    let due = payments::table.filter(payments::next_check_at.le(Timestamp::from(now)));
    let due = due.order(payments::next_check_at).limit(limit).select(PaymentRow::as_select());
    let rows: Vec<PaymentRow> = locked_if_free!(due).load(conn).await?;
    let mut picked = Picked { looked_at: rows.len(), ..Picked::default() };
    let mut settled = Vec::new();
    for (row, case) in rows.iter().zip(cases::load_each(conn, &rows).await?) {
        let case = match case {
            Ok(case) => case,
            Err(error) => {
                put_aside(conn, row.id, &error, now).await?;
                picked.held += 1;
                continue;
            }
        };
        match asked::look_at(conn, &case, revisit_at, policy, now).await? {
            Look::ToSend => {
                picked.asked.push(case);
                continue;
            }
            Look::Refused => continue,
            Look::Nothing => {}
        }
        if case.payment.status.is_paid() {
            match paid::look_at(conn, &case, revisit_at, policy, now).await? {
                true => picked.asked.push(case),
                false => settled.push(row.clone()),
            }
            continue;
        }
        let decision = decide(&case, policy, now);
        let settlement = settle(&case, &decision, policy, now);
        match (decision, settlement) {
            (Decision::Release(plan), _) => {
                let row = payments::table.find(case.payment.id.0);
                let free = (payments::status.eq("pending"), payments::hold_reasons.eq(""));
                let set = payments::next_check_at.eq(Timestamp::from(revisit_at));
                diesel::update(row).set((free, set)).execute(conn).await?;
                picked.ready.push((plan, case));
            }
            (decision, Some(settlement)) => {
                let held = matches!(decision, Decision::Hold(_));
                picked.held += usize::from(held);
                picked.waiting += usize::from(!held);
                let mut settlement = settlement;
                if let (true, Some(charge)) = (disputes_unread(&decision), &case.payment.charge_id) {
                    // Its webhook may be lost: asked for now, and again should that fail.
                    picked.disputes_to_read.push(charge.clone());
                    let again = TimeDelta::from_std(policy.retry.preflight).unwrap_or(TimeDelta::MAX);
                    settlement.next_check_at = Some(now + again);
                }
                write_settlement(conn, &case, &settlement, policy, now).await?;
                settled.push(row.clone());
            }
            (_, None) => {}
        }
    }
    // What a person changed by SQL is posted now; for the others, when they are claimed.
    ledger::post(conn, &settled, policy, now).await?;
    Ok(picked)
}

fn disputes_unread(decision: &Decision) -> bool {
    matches!(decision, Decision::Hold(reasons) if reasons.contains(&Reason::DisputeUnread))
}

/// A row that cannot be read, most likely changed by hand, waits for a person, and the others go on.
async fn put_aside(conn: &mut Conn, id: i64, error: &StoreError, now: DateTime<Utc>) -> Result<(), TxError> {
    tracing::error!(payment.id = id, %error, "it is held until its row is mended");
    let asleep = (payments::next_check_at.eq(None::<Timestamp>), payments::updated_at.eq(Timestamp::from(now)));
    let error = error.to_string();
    let said = (asleep, payments::transfer_error.eq(&error));
    let row = payments::table.find(id);
    // One that was paid stays paid, whatever became of its row.
    let paid = ["transferred", "netted", "releasing"];
    diesel::update(row.filter(payments::status.eq_any(paid))).set(said).execute(conn).await?;
    let held = (payments::status.eq("held"), payments::hold_reasons.eq("unreadable"));
    diesel::update(row.filter(payments::status.ne_all(paid))).set((said, held)).execute(conn).await?;
    Ok(())
}

async fn write_settlement(
    conn: &mut Conn,
    case: &Case,
    settlement: &Settlement,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    diesel::update(payments::table.find(case.payment.id.0))
        .set((
            payments::status.eq(settlement.status.word()),
            payments::hold_reasons.eq(&settlement.hold_reasons),
            payments::next_check_at.eq(settlement.next_check_at.map(Timestamp::from)),
            payments::updated_at.eq(Timestamp::from(now)),
        ))
        .execute(conn)
        .await?;
    outbox::write(conn, &settlement.notices, policy, now).await
}

/// What a run would look at now, without writing.
pub(in crate::store) async fn preview(
    conn: &mut Conn,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<(Case, DateTime<Utc>)>, TxError> {
    let rows: Vec<PaymentRow> = payments::table
        .filter(payments::next_check_at.le(Timestamp::from(now)))
        .order(payments::next_check_at)
        .limit(limit)
        .select(PaymentRow::as_select())
        .load(conn)
        .await?;
    let due: Vec<_> = rows.iter().map(|row| row.next_check_at.map_or(now, DateTime::from)).collect();
    Ok(cases::load(conn, &rows).await?.into_iter().zip(due).collect())
}

/// Tx 1: locks each payment, takes in what Stripe said of its charge, decides again, and commits the intent.
pub(in crate::store) async fn claim(
    conn: &mut Conn,
    ready: &[Preflighted],
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, TxError> {
    let ids: Vec<i64> = ready.iter().map(|p| p.payment_id.0).collect();
    let free = lock_if_free(conn, &ids).await?;
    for payment in ready.iter().filter(|p| free.iter().any(|row| row.id == p.payment_id.0)) {
        for fact in &payment.facts {
            project::apply(conn, fact, policy, Timestamp::from(now)).await?;
        }
    }
    // Read again under the lock, now with what Stripe said. One that came free only now was not told it, and waits.
    let told: Vec<i64> = free.iter().map(|row| row.id).collect();
    let rows = lock_if_free(conn, &told).await?;
    let mentors: Vec<&str> = rows.iter().filter_map(|row| row.mentor_id.as_deref()).collect();
    debts::lock(conn, &mentors).await?;
    let cases = cases::load(conn, &rows).await?;
    let mut claimed = Vec::with_capacity(ready.len());
    for (row, case) in rows.iter().zip(&cases) {
        claimed.push(claim_one(conn, row, case, lease, policy, now).await?);
    }
    ledger::post(conn, &rows, policy, now).await?;
    let taken = ids.iter().filter(|id| rows.iter().all(|row| row.id != **id));
    claimed.extend(taken.map(|id| Claimed::Taken(PaymentId(*id))));
    Ok(claimed)
}

async fn lock_if_free(conn: &mut Conn, ids: &[i64]) -> Result<Vec<PaymentRow>, TxError> {
    let wanted = payments::table.filter(payments::id.eq_any(ids)).order(payments::id).select(PaymentRow::as_select());
    Ok(locked_if_free!(wanted).load(conn).await?)
}

async fn claim_one(
    conn: &mut Conn,
    row: &PaymentRow,
    case: &Case,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Claimed, TxError> {
    let id = case.payment.id;
    if let Some(claimed) = asked::claim(conn, row, case, lease, policy, now).await? {
        return Ok(claimed);
    }
    match case.payment.status {
        PaymentStatus::Releasing => return Ok(Claimed::Taken(id)),
        status if status.is_paid() => return paid::claim(conn, row, case, lease, policy, now).await,
        _ => {}
    }
    let decision = decide(case, policy, now);
    if let Some(settlement) = settle(case, &decision, policy, now) {
        write_settlement(conn, case, &settlement, policy, now).await?;
    }
    match decision {
        Decision::Release(plan) => {
            let latest = latest_operation(conn, id).await?;
            // The payment's status says otherwise only if somebody set it by hand.
            let is_live = latest.as_ref().is_some_and(|(_, state)| state != OperationState::Rejected.word());
            if is_live || debts::took_all_of(conn, id).await? {
                return Ok(Claimed::Taken(id));
            }
            let generation = latest.map_or(0, |(generation, _)| generation) + 1;
            let key = transfer_key(&PaymentKey::new(&row.payment_key), generation);
            let claimed = release(conn, &plan, generation, key, lease, now).await?;
            if matches!(claimed, Claimed::Adjusted(_)) {
                outbox::write(conn, &Vec::from_iter(late::netted(case)), policy, now).await?;
            }
            Ok(claimed)
        }
        Decision::Wait(pause) => Ok(Claimed::Waits(id, pause)),
        Decision::Hold(reasons) => Ok(Claimed::Held(id, reasons)),
    }
}

/// The generation and state of a payment's latest operation. Only the latest can be live.
async fn latest_operation(conn: &mut Conn, payment: PaymentId) -> Result<Option<(i32, String)>, TxError> {
    let latest = operations::table
        .filter(operations::payment_id.eq(payment.0).and(operations::kind.eq("transfer")))
        .order(operations::generation.desc())
        .select((operations::generation, operations::state))
        .first(conn)
        .await
        .optional()?;
    Ok(latest)
}

/// Commits the intent of a transfer, nets the mentor's debt with it, and marks the payment. Where all of it goes towards
/// the debt, nothing is sent.
async fn release(
    conn: &mut Conn,
    plan: &Plan,
    generation: i32,
    key: IdempotencyKey,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<Claimed, TxError> {
    let order = TransferOrder::from_plan(plan);
    let debtor = Debtor { mentor_id: &plan.mentor_id, currency: plan.currency, payment_id: plan.payment_id };
    if plan.amount == MinorUnits::ZERO {
        let (gross, refunds) = (order.gross(), order.refunds);
        let measure = FirstOrder { gross, netted: plan.netted, kept: plan.kept, refunds };
        debts::net(conn, &debtor, plan.netted, Some(&measure), now).await?;
        mark(conn, plan.payment_id, PaymentStatus::Netted, now).await?;
        return Ok(Claimed::Adjusted(plan.payment_id));
    }
    debts::net(conn, &debtor, plan.netted, None, now).await?;
    mark(conn, plan.payment_id, PaymentStatus::Releasing, now).await?;
    let (payment_id, mentor_id) = (plan.payment_id, plan.mentor_id.clone());
    let order = Order::Transfer(order);
    let about = About::Payment(payment_id);
    let intent = Intent { about, mentor_id, cause: String::new(), generation, key, order };
    Ok(Claimed::Submit(Box::new(commit_intent(conn, intent, lease, now).await?)))
}

async fn mark(conn: &mut Conn, id: PaymentId, status: PaymentStatus, now: DateTime<Utc>) -> Result<(), TxError> {
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
pub(super) async fn commit_intent(
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

/// Lets payments wait.
pub(in crate::store) async fn postpone(conn: &mut Conn, ids: &[PaymentId], pause: Pause) -> Result<(), TxError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let until = Timestamp::from(pause.until);
    let open = payments::table.filter(payments::id.eq_any(&ids)).filter(payments::status.eq_any([
        "pending",
        "authorized",
        "unpaid",
        "failed",
        "held",
        "refunded",
        "transferred",
        "netted",
    ]));
    diesel::update(open)
        .set((
            payments::wait_until.eq(until),
            payments::wait_reason.eq(pause.why.word()),
            payments::next_check_at.eq(until),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Wakes what a minimum or the key's mode held.
pub(in crate::store) async fn wake_held_by_settings(conn: &mut Conn) -> Result<usize, TxError> {
    let by_settings = payments::hold_reasons.like("%below_minimum%").or(payments::hold_reasons.like("%other_mode%"));
    let held = payments::table.filter(payments::status.eq("held").and(by_settings));
    let due = payments::next_check_at.eq(Timestamp::from(DateTime::UNIX_EPOCH));
    Ok(diesel::update(held).set(due).execute(conn).await?)
}
