//! Operations after their first claim: taking them up again, and tx 2 of the money rule.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::confirmed::{self, Confirmed};
use super::debts::{self, Debtor};
use super::{
    Conn, admin, cases, credits, ledger, matters, onboarding, outbox, payout_ledger, project, refusals, requests, told,
    withdrawals,
};
use crate::domain::facts::{Fact, TransferFact};
use crate::domain::ids::PaymentId;
use crate::domain::matter::{Concluded, Matter, conclude, next_step};
use crate::domain::operation::{Done, Operation, OperationState, Order};
use crate::domain::outcome::{Attempted, Conclusion, Next, PaymentNext};
use crate::domain::policy::Policy;
use crate::domain::release::Case;
use crate::domain::rescue::Step;
use crate::ports::{Lease, Outcome, Reclaimed, Recorded, StoreError};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::rows::{OperationRow, PaymentRow, corrupt};
use crate::store::schema::{operations, payments};
use crate::store::types::Timestamp;

/// Takes up operations that are due, or whose lease ran out, and says for each what is to be done.
pub(in crate::store) async fn reclaim(
    conn: &mut Conn,
    limit: i64,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Reclaimed>, TxError> {
    let rows = lock_due(conn, limit, Timestamp::from(now)).await?;
    let matters = matters::lock(conn, &rows).await?;
    let mut reclaimed = Vec::with_capacity(rows.len());
    for (row, matter) in rows.into_iter().zip(matters) {
        let id = row.id;
        let step = |op: &Operation, matter: &Matter| next_step(op, matter, policy, now);
        match take_up(conn, row, matter, lease, step, now).await {
            Ok(taken) => reclaimed.push(taken),
            // One that cannot be read must not keep the others from being taken up.
            Err(TxError::Store(error)) => put_aside(conn, id, &error, now).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(reclaimed)
}

/// Puts an operation under a lease, for the step that `choose` finds right.
pub(super) async fn take_up(
    conn: &mut Conn,
    row: OperationRow,
    matter: Result<Matter, StoreError>,
    lease: &Lease,
    choose: impl FnOnce(&Operation, &Matter) -> Step,
    now: DateTime<Utc>,
) -> Result<Reclaimed, TxError> {
    let matter = matter?;
    // One that was on the wire, or whose outcome was not known, may have been done.
    let maybe_done = row.maybe_done || row.state != "planned";
    let unknown_since = row.unknown_since.or(maybe_done.then_some(Timestamp::from(now)));
    let epoch = row.lease_epoch + 1;
    let mut operation = row.operation()?;
    operation.maybe_done = maybe_done;
    operation.unknown_since = unknown_since.map(DateTime::from);
    operation.lease_epoch = epoch;
    operation.lease_until = lease.until;
    let step = choose(&operation, &matter);
    if step == Step::Send {
        operation.last_sent_at = Some(now);
    }
    take(conn, &operation, lease, now).await?;
    Ok(Reclaimed { operation, matter, step })
}

const ASIDE: TimeDelta = TimeDelta::hours(1);

/// Looked at again in an hour; it keeps its claim on the payment.
async fn put_aside(conn: &mut Conn, id: i64, error: &StoreError, now: DateTime<Utc>) -> Result<(), TxError> {
    tracing::error!(operation.id = id, %error, "it cannot be taken up until its row, or its payment's, is mended");
    let later = Timestamp::from(now + ASIDE);
    let row = operations::table.find(id);
    diesel::update(row.filter(operations::state.eq("submitting")))
        .set(operations::lease_until.eq(later))
        .execute(conn)
        .await?;
    diesel::update(row.filter(operations::state.ne("submitting")))
        .set(operations::next_attempt_at.eq(later))
        .execute(conn)
        .await?;
    Ok(())
}

async fn lock_due(conn: &mut Conn, limit: i64, now: Timestamp) -> Result<Vec<OperationRow>, TxError> {
    let due = operations::table
        .filter(among::is(operations::state, among::TO_DO))
        .filter(operations::next_attempt_at.le(now))
        .order(operations::next_attempt_at)
        .limit(limit)
        .select(OperationRow::as_select());
    let mut rows: Vec<OperationRow> = locked_if_free!(due).load(conn).await?;
    let left = limit - i64::try_from(rows.len()).unwrap_or(limit);
    let abandoned = operations::table
        .filter(among::is(operations::state, &["submitting"]))
        .filter(operations::lease_until.lt(now))
        .order(operations::lease_until)
        .limit(left)
        .select(OperationRow::as_select());
    rows.extend(locked_if_free!(abandoned).load::<OperationRow>(conn).await?);
    Ok(rows)
}

async fn take(conn: &mut Conn, op: &Operation, lease: &Lease, now: DateTime<Utc>) -> Result<(), TxError> {
    diesel::update(operations::table.find(op.id.0))
        .set((
            operations::state.eq("submitting"),
            operations::maybe_done.eq(op.maybe_done),
            operations::unknown_since.eq(op.unknown_since.map(Timestamp::from)),
            operations::last_sent_at.eq(op.last_sent_at.map(Timestamp::from)),
            operations::lease_epoch.eq(op.lease_epoch),
            operations::lease_owner.eq(&lease.owner),
            operations::lease_until.eq(Timestamp::from(lease.until)),
            operations::next_attempt_at.eq(None::<Timestamp>),
            operations::updated_at.eq(Timestamp::from(now)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// The facts about payments, whose rows are locked.
pub(super) async fn lock_cases(conn: &mut Conn, ids: Vec<i64>) -> Result<Vec<Result<Case, StoreError>>, TxError> {
    let wanted = payments::table.filter(among!(payments::id, ids)).order(payments::id).select(PaymentRow::as_select());
    let rows: Vec<PaymentRow> = locked!(wanted).load(conn).await?;
    cases::load_each(conn, &rows).await
}

/// The case of one payment among them.
pub(super) fn case_of(cases: &[Result<Case, StoreError>], id: PaymentId) -> Result<&Case, StoreError> {
    let is_it = |case: &&Result<Case, StoreError>| case.as_ref().is_ok_and(|case| case.payment.id == id);
    let found = cases.iter().find(is_it).and_then(|case| case.as_ref().ok());
    found.ok_or_else(|| corrupt(format!("payment {id}"), "an operation pays it, and its row is not in order"))
}

/// Takes in what was read of a charge, and answers the facts as they are then.
pub(in crate::store) async fn refresh_case(
    conn: &mut Conn,
    payment: PaymentId,
    facts: &[Fact],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Case, TxError> {
    for fact in facts {
        project::apply(conn, fact, policy, Timestamp::from(now)).await?;
    }
    let cases = lock_cases(conn, vec![payment.0]).await?;
    ledger::post_ids(conn, &[payment.0], policy, now).await?;
    Ok(case_of(&cases, payment)?.clone())
}

/// Tx 2: writes outcomes, each only if its lease still stands. The calls themselves are recorded in any case.
pub(in crate::store) async fn record(
    conn: &mut Conn,
    outcomes: &[Outcome],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Recorded>, TxError> {
    let ids: Vec<i64> = outcomes.iter().map(|o| o.operation.id.0).collect();
    let asked = operations::table.filter(among!(operations::id, &ids)).order(operations::id);
    let asked = asked.select((operations::id, operations::lease_epoch, operations::state));
    let rows: Vec<(i64, i64, String)> = locked!(asked).load(conn).await?;
    let leased: HashSet<(i64, i64)> =
        rows.into_iter().filter_map(|(id, epoch, state)| (state == "submitting").then_some((id, epoch))).collect();
    let matters = matters::of(conn, outcomes.iter().map(|o| (o.operation.about, &o.operation.mentor_id))).await?;
    confirmed::write_attempts(conn, outcomes).await?;
    let mut recorded = Vec::with_capacity(outcomes.len());
    let (mut plain, mut others, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for (outcome, matter) in outcomes.iter().zip(matters) {
        let op = &outcome.operation;
        if !leased.contains(&(op.id.0, op.lease_epoch)) {
            recorded.push(Recorded::LeaseLost);
            continue;
        }
        let matter = matter?;
        let concluded = conclude(op, &outcome.attempted, &matter, policy, now);
        if let Matter::Payment(case) = &matter {
            written.push(case.payment.id.0);
        }
        match Confirmed::plain(outcome, &matter, &concluded) {
            Some(transfer) => plain.push(transfer),
            None => others.push((outcome, matter, concluded.clone())),
        }
        recorded.push(Recorded::Written(Box::new(concluded)));
    }
    // Before the others: a mentor is paused for what was refused only if nothing went through since.
    confirmed::write(conn, &plain, policy, now).await?;
    for (outcome, matter, concluded) in &others {
        write_outcome(conn, outcome, matter, concluded, policy, now).await?;
    }
    ledger::post_ids(conn, &written, policy, now).await?;
    payout_ledger::post_waiting(conn, now).await?;
    Ok(recorded)
}

async fn write_outcome(
    conn: &mut Conn,
    outcome: &Outcome,
    matter: &Matter,
    concluded: &Concluded,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let op = &outcome.operation;
    write_operation(conn, outcome, concluded.next(), now).await?;
    match (matter, concluded) {
        (Matter::Payment(case), Concluded::Payment(conclusion)) => {
            write_conclusion(conn, outcome, case, conclusion, policy, now).await
        }
        (Matter::Withdrawal(case), Concluded::Withdrawal(conclusion)) => {
            withdrawals::conclude(conn, op, case, conclusion, policy, now).await
        }
        (_, Concluded::Account(conclusion)) => onboarding::conclude(conn, op, conclusion, policy, now).await,
        // What is concluded is of the matter's kind.
        _ => Ok(()),
    }
}

async fn write_conclusion(
    conn: &mut Conn,
    outcome: &Outcome,
    case: &Case,
    conclusion: &Conclusion,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let (op, payment_id) = (&outcome.operation, case.payment.id);
    match &outcome.attempted {
        // One out of the platform's balance is of the payment's charge all the same.
        Attempted::Done(Done::Transfer(transfer)) => {
            let charge_id = transfer.charge_id.clone().or_else(|| case.payment.charge_id.clone());
            told::keep_transfer(conn, &TransferFact { charge_id, ..transfer.clone() }, now.into()).await?;
        }
        // It says how much of the transfer has been taken back by then, whoever did it.
        Attempted::Done(Done::Reversal(reversal)) => {
            told::keep_transfer(conn, &reversal.transfer, now.into()).await?;
        }
        Attempted::Done(Done::Refund(refund)) => {
            project::apply(conn, &Fact::Refund(refund.clone()), policy, now.into()).await?;
        }
        Attempted::Done(Done::Intent(intent)) => {
            project::apply(conn, &Fact::Payment(intent.as_ref().clone()), policy, now.into()).await?;
        }
        _ => {}
    }
    let currency = op.order.money().map_or(case.payment.currency, |(_, currency)| currency);
    let debtor = Debtor { mentor_id: &op.mentor_id, currency, payment_id };
    if let Some(owed) = conclusion.owed {
        debts::owe(conn, &debtor, owed, (&op.cause, op.generation), now).await?;
    }
    if let (OperationState::Rejected, Order::Transfer(order)) = (conclusion.next.state, &op.order) {
        debts::unnet(conn, &debtor, order.netted, now).await?;
        credits::put_back(conn, &debtor, order.carried, now).await?;
    }
    if let Some(why) = &conclusion.hold_mentor {
        admin::hold_for_stripe(conn, &op.mentor_id, why, Timestamp::from(now)).await?;
    }
    if let Some(request) = &conclusion.request {
        requests::conclude(conn, payment_id, request, now).await?;
    }
    write_payment(conn, payment_id, &op.order, conclusion, now).await?;
    // One that failed is looked at no more, unless somebody asks for a refund of it.
    if conclusion.payment == Some(PaymentNext::Failed) && !case.asked.requests.is_empty() {
        let row = payments::table.find(payment_id.0);
        diesel::update(row).set(payments::next_check_at.eq(Timestamp::from(now))).execute(conn).await?;
    }
    outbox::write(conn, &conclusion.notices, policy, now).await?;
    if conclusion.payment == Some(PaymentNext::Failed) {
        refusals::pause_after_several(conn, op, policy, now).await?;
    }
    Ok(())
}

async fn write_operation(conn: &mut Conn, outcome: &Outcome, next: &Next, now: DateTime<Utc>) -> Result<(), TxError> {
    let request_id = outcome.attempts.iter().rev().find_map(|call| call.request_id.as_ref());
    let (code, words) = next.error.as_ref().map(|(code, words)| (code, words)).unzip();
    diesel::update(operations::table.find(outcome.operation.id.0))
        .set((
            operations::state.eq(next.state.word()),
            operations::maybe_done.eq(next.unknown_since.is_some()),
            operations::attempts.eq(i32::try_from(next.attempts).unwrap_or(i32::MAX)),
            operations::next_attempt_at.eq(next.next_attempt_at.map(Timestamp::from)),
            operations::unknown_since.eq(next.unknown_since.map(Timestamp::from)),
            operations::lease_owner.eq(None::<String>),
            operations::lease_until.eq(None::<Timestamp>),
            operations::stripe_id.eq(&next.done_as),
            operations::stripe_request_id.eq(request_id),
            operations::error_code.eq(code),
            operations::error.eq(words),
            operations::updated_at.eq(Timestamp::from(now)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

async fn write_payment(
    conn: &mut Conn,
    id: PaymentId,
    order: &Order,
    conclusion: &Conclusion,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let at = Timestamp::from(now);
    let tried = (
        payments::transfer_retry_count.eq(i32::try_from(conclusion.next.attempts).unwrap_or(i32::MAX)),
        payments::transfer_error.eq(conclusion.next.error.as_ref().map(|(_, words)| words)),
        payments::updated_at.eq(at),
    );
    let row = diesel::update(payments::table.find(id.0));
    match &conclusion.payment {
        None if !matches!(order, Order::Transfer(_)) => 0,
        None => row.set(tried).execute(conn).await?,
        // What followed the transfer leaves the payment's own figures alone.
        Some(PaymentNext::Adjusted(at)) => {
            row.set(payments::next_check_at.eq(Timestamp::from(*at))).execute(conn).await?
        }
        Some(next @ PaymentNext::Transferred(transfer, status, changed)) => {
            let transfer = (
                payments::transfer_id.eq(transfer.as_str()),
                payments::transfer_status.eq(status.word()),
                payments::transferred_at.eq(at),
                payments::next_check_at.eq(changed.then_some(at)),
            );
            row.set((tried, next.status().map(|status| payments::status.eq(status.word())), transfer))
                .execute(conn)
                .await?
        }
        Some(next @ PaymentNext::Again(pause)) => {
            let waits = (
                payments::wait_until.eq(pause.map(|p| Timestamp::from(p.until))),
                payments::wait_reason.eq(pause.map(|p| p.why.word())),
                payments::next_check_at.eq(Timestamp::from(pause.map_or(now, |p| p.until))),
            );
            row.set((tried, next.status().map(|status| payments::status.eq(status.word())), waits))
                .execute(conn)
                .await?
        }
        Some(next @ PaymentNext::Failed) => {
            row.set((
                tried,
                next.status().map(|status| payments::status.eq(status.word())),
                payments::hold_reasons.eq("failed"),
            ))
            .execute(conn)
            .await?
        }
    };
    Ok(())
}

/// When the next operation is due, or the next lease ends.
pub(in crate::store) async fn next_at(conn: &mut Conn) -> Result<Option<Timestamp>, TxError> {
    let due: Option<Option<Timestamp>> = operations::table
        .filter(among::is(operations::state, among::TO_DO))
        .filter(operations::next_attempt_at.is_not_null())
        .order(operations::next_attempt_at)
        .select(operations::next_attempt_at)
        .first(conn)
        .await
        .optional()?;
    let lease: Option<Option<Timestamp>> = operations::table
        .filter(among::is(operations::state, &["submitting"]))
        .order(operations::lease_until)
        .select(operations::lease_until)
        .first(conn)
        .await
        .optional()?;
    Ok(due.flatten().into_iter().chain(lease.flatten()).min())
}
