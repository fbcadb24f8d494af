//! The run's side of withdrawals: which are due to be looked at, and tx 1 of the money rule for them.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::withdrawals::{case, lock_mentor, one_each, refuse, sent};
use super::{Conn, debts, intent, payout_ledger, told};
use crate::domain::facts::{AccountFact, PayoutFact};
use crate::domain::ids::{OperationId, WithdrawalId};
use crate::domain::operation::{About, Order};
use crate::domain::policy::Policy;
use crate::domain::withdrawal::{PayoutOrder, WithdrawalCase, answer, has_left, objection, payout_key};
use crate::ports::{CheckedWithdrawal, ClaimedWithdrawal, DueWithdrawal, Lease};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::payout_rows::WithdrawalRow;
use crate::store::rows::{AccountRow, corrupt};
use crate::store::schema::{accounts, operations, payout_requests as requests};
use crate::store::types::Timestamp;

/// Looks at open withdrawals that are due, one of each mentor.
pub(in crate::store) async fn pick(
    conn: &mut Conn,
    limit: i64,
    revisit_at: DateTime<Utc>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(Vec<DueWithdrawal>, usize), TxError> {
    let due = requests::table
        .filter(among::is(requests::state, &["open"]).and(requests::next_check_at.le(Timestamp::from(now))))
        .order((requests::next_check_at, requests::id))
        .limit(limit)
        .select(WithdrawalRow::as_select());
    let mut rows: Vec<WithdrawalRow> = locked_if_free!(due).load(conn).await?;
    rows.sort_by_key(|row| row.id);
    let rows = one_each(rows);
    let (looked_at, mut picked) = (rows.len(), Vec::new());
    for row in rows {
        let id = WithdrawalId(row.id);
        let case = match case(conn, &row).await {
            Ok(case) => case,
            // Most likely changed by hand: it waits for a person, and the others go on.
            Err(TxError::Store(error)) => {
                tracing::error!(withdrawal.id = row.id, %error, "it waits until its row is mended");
                postpone(conn, id, now + TimeDelta::hours(1)).await?;
                continue;
            }
            Err(error) => return Err(error),
        };
        if let Some(why) = objection(&case, policy) {
            refuse(conn, &case, &why, policy, now).await?;
            continue;
        }
        let (latest, live) = latest_payout(conn, &case).await?;
        // The one under way wakes the others of its mentor when it ends.
        postpone(conn, id, revisit_at).await?;
        if !live {
            picked.push(DueWithdrawal { case, latest });
        }
    }
    Ok((picked, looked_at))
}

/// The mentor's latest payout, and whether one is under way.
async fn latest_payout(conn: &mut Conn, case: &WithdrawalCase) -> Result<(Option<OperationId>, bool), TxError> {
    let mentor = case.request.mentor_id.as_str();
    let of_mentor =
        operations::table.filter(operations::mentor_id.eq(mentor).and(among::is(operations::kind, &["payout"])));
    let latest: Option<i64> =
        of_mentor.order(operations::id.desc()).select(operations::id).first(conn).await.optional()?;
    let live = of_mentor.filter(among::is(operations::state, among::LIVE));
    let live: Option<i64> = live.select(operations::id).first(conn).await.optional()?;
    Ok((latest.map(OperationId), live.is_some()))
}

/// Looked at again then.
pub(in crate::store) async fn postpone(conn: &mut Conn, id: WithdrawalId, until: DateTime<Utc>) -> Result<(), TxError> {
    let row = requests::table.find(id.0).filter(requests::state.eq("open"));
    diesel::update(row).set(requests::next_check_at.eq(Timestamp::from(until))).execute(conn).await?;
    Ok(())
}

/// Tx 1: takes in what Stripe said of the account, decides again under the lock, and commits the intent.
pub(in crate::store) async fn claim(
    conn: &mut Conn,
    checked: &CheckedWithdrawal,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<ClaimedWithdrawal, TxError> {
    let id = checked.id;
    let Some(case) = lock(conn, id, &checked.account, now).await? else { return Ok(ClaimedWithdrawal::Gone) };
    let (latest, live) = latest_payout(conn, &case).await?;
    // What was read of the account knows nothing of a payout that came after.
    if live || latest != checked.latest {
        postpone(conn, id, now).await?;
        return Ok(ClaimedWithdrawal::Waits);
    }
    if let Some(payout) = made_before(&checked.payouts, &case.request.reference) {
        tracing::warn!(withdrawal.id = id.0, payout.id = payout.id.as_str(), "it was paid out before, and is adopted");
        sent(conn, id, payout, policy, now).await?;
        payout_ledger::post_waiting(conn, now).await?;
        return Ok(ClaimedWithdrawal::Adopted(payout.id.clone()));
    }
    let case = WithdrawalCase { funds: Some(checked.funds.clone()), ..case };
    match answer(&case, policy) {
        Err(why) => {
            refuse(conn, &case, &why, policy, now).await?;
            Ok(ClaimedWithdrawal::Refused(why))
        }
        Ok(order) => commit(conn, &case, order, lease, now).await,
    }
}

/// Locks an open withdrawal with its mentor and what they owe. `None` when it is not open any more.
async fn lock(
    conn: &mut Conn,
    id: WithdrawalId,
    account: &AccountFact,
    now: DateTime<Utc>,
) -> Result<Option<WithdrawalCase>, TxError> {
    let row = requests::table.find(id.0).select(WithdrawalRow::as_select());
    let row: WithdrawalRow = row.first(conn).await?;
    // Claims of one mentor come one after the other.
    let _locked = lock_mentor(conn, &row.request()?.mentor_id).await?;
    let open = requests::table.find(id.0).filter(requests::state.eq("open")).select(WithdrawalRow::as_select());
    let Some(row) = locked!(open).first::<WithdrawalRow>(conn).await.optional()? else { return Ok(None) };
    told::keep_account(conn, account, Some(now.into())).await?;
    debts::lock(conn, &[row.mentor_id.as_str()]).await?;
    with_account(conn, &row).await.map(Some)
}

/// The facts with the account, which was just read.
async fn with_account(conn: &mut Conn, row: &WithdrawalRow) -> Result<WithdrawalCase, TxError> {
    let case = case(conn, row).await?;
    let id = case.mentor.as_ref().and_then(|mentor| mentor.account_id.as_ref());
    let account: Option<AccountRow> = match id {
        Some(id) => accounts::table.find(id.as_str()).select(AccountRow::as_select()).first(conn).await.optional()?,
        None => None,
    };
    let account = account.map(|row| row.account()).transpose()?;
    Ok(WithdrawalCase { account, ..case })
}

/// The same for one whose payout is to be sent again.
pub(in crate::store) async fn refresh(
    conn: &mut Conn,
    id: WithdrawalId,
    account: &AccountFact,
    now: DateTime<Utc>,
) -> Result<WithdrawalCase, TxError> {
    told::keep_account(conn, account, Some(now.into())).await?;
    let row = requests::table.find(id.0).select(WithdrawalRow::as_select());
    let row: WithdrawalRow = row.first(conn).await?;
    with_account(conn, &row).await
}

/// A payout that says it is for this withdrawal, though no operation of this database asked for it: the database is an
/// older one, or was begun anew. One whose money has left counts more than one that came back.
fn made_before<'a>(payouts: &'a [PayoutFact], reference: &str) -> Option<&'a PayoutFact> {
    let ours = || payouts.iter().filter(|payout| payout.reference.as_deref() == Some(reference));
    ours().find(|payout| has_left(&payout.status)).or_else(|| ours().next())
}

async fn commit(
    conn: &mut Conn,
    case: &WithdrawalCase,
    order: PayoutOrder,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<ClaimedWithdrawal, TxError> {
    let id = case.request.id;
    let before = operations::table
        .filter(operations::withdrawal_id.eq(id.0).and(among::is(operations::kind, &["payout"])))
        .order(operations::generation.desc());
    let before: Option<(i32, String)> =
        before.select((operations::generation, operations::state)).first(conn).await.optional()?;
    // The request's state says otherwise only if somebody set it by hand.
    if before.as_ref().is_some_and(|(_, state)| state != "rejected") {
        let why = "it is open, though its payout is not rejected; set its state by what Stripe's dashboard says";
        return Err(corrupt(format!("payout request {id}"), why).into());
    }
    let generation = before.map_or(0, |(generation, _)| generation) + 1;
    let key = payout_key(&order.account_id, &order.reference, generation);
    let (about, mentor_id) = (About::Withdrawal(id), case.request.mentor_id.clone());
    let order = Order::Payout(order);
    let intent = intent::Intent { about, mentor_id, cause: String::new(), generation, key, order };
    let operation = intent::commit(conn, intent, lease, now).await?;
    diesel::update(requests::table.find(id.0)).set(requests::state.eq("submitted")).execute(conn).await?;
    Ok(ClaimedWithdrawal::Submit(Box::new(operation)))
}
