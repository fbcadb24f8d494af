//! The rows of connected accounts that payoutd makes or changes: tx 1 and tx 2 of the money rule for them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::withdrawals::lock_mentor;
use super::{Conn, admin, intent, outbox, told};
use crate::domain::ids::{AccountId, MentorId, OperationId};
use crate::domain::mentor::Account;
use crate::domain::onboarding::{
    AccountCase, AccountConclusion, AccountOrder, MANUAL, ScheduleOrder, account_key, schedule_key, wants_manual,
};
use crate::domain::operation::{ABSENT, About, Operation, OperationKind, Order, WITHDRAWN};
use crate::domain::policy::Policy;
use crate::ports::{ClaimedAccount, Lease};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::rows::{AccountRow, MentorRow};
use crate::store::schema::{accounts, mentors, operations};

/// The facts about a mentor's account.
pub(super) async fn case(conn: &mut Conn, mentor: &MentorId) -> Result<AccountCase, TxError> {
    let row = mentors::table.find(mentor.as_str()).select(MentorRow::as_select());
    let row: Option<MentorRow> = row.first(conn).await.optional()?;
    let mentor = row.map(MentorRow::mentor);
    let account = match mentor.as_ref().and_then(|mentor| mentor.account_id.as_ref()) {
        Some(id) => account(conn, id).await?,
        None => None,
    };
    Ok(AccountCase { mentor, account })
}

async fn account(conn: &mut Conn, id: &AccountId) -> Result<Option<Account>, TxError> {
    let row: Option<AccountRow> =
        accounts::table.find(id.as_str()).select(AccountRow::as_select()).first(conn).await.optional()?;
    Ok(row.map(|row| row.account()).transpose()?)
}

/// The latest operation of a kind for a mentor: its number, generation and state.
async fn latest(
    conn: &mut Conn,
    mentor: &MentorId,
    kind: OperationKind,
    cause: &str,
) -> Result<Option<(OperationId, i32, String)>, TxError> {
    let found: Option<(i64, i32, String)> = operations::table
        .filter(operations::mentor_id.eq(mentor.as_str()).and(operations::kind.eq(kind.word())))
        .filter(among::is(operations::kind, among::OF_ACCOUNTS).and(operations::cause.eq(cause)))
        .order(operations::id.desc())
        .select((operations::id, operations::generation, operations::state))
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(|(id, generation, state)| (OperationId(id), generation, state)))
}

fn is_live(state: &str) -> bool {
    matches!(state, "planned" | "submitting" | "unknown")
}

/// Tx 1 for a new account.
pub(in crate::store) async fn claim_account(
    conn: &mut Conn,
    order: &AccountOrder,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<ClaimedAccount, TxError> {
    let mentor_id = order.mentor_id.clone();
    let Some(mentor) = lock_mentor(conn, &mentor_id).await? else { return Ok(ClaimedAccount::NoSuchMentor) };
    if let Some(account) = mentor.account_id {
        return Ok(ClaimedAccount::Has(account));
    }
    let before = latest(conn, &mentor_id, OperationKind::Account, "").await?;
    if let Some((id, ..)) = before.as_ref().filter(|(.., state)| is_live(state)) {
        return Ok(ClaimedAccount::UnderWay(*id));
    }
    let generation = before.map_or(0, |(_, generation, _)| generation) + 1;
    let order = AccountOrder { email: order.email.clone().or(mentor.email), ..order.clone() };
    let (key, order) = (account_key(&mentor_id, generation), Order::Account(order));
    let intent = intent::Intent { about: About::Account, mentor_id, cause: String::new(), generation, key, order };
    Ok(ClaimedAccount::Submit(Box::new(intent::commit(conn, intent, lease, now).await?)))
}

/// Accounts whose owners are through with Stripe's forms, and that were never made to pay out only when asked. What
/// Stripe refused is not asked again: an admin was told.
pub(in crate::store) async fn to_schedule(conn: &mut Conn, limit: i64) -> Result<Vec<(MentorId, AccountId)>, TxError> {
    let asked = operations::table
        .filter(among::one_of(operations::kind, among::OF_ACCOUNTS, &["schedule"]))
        .filter(operations::cause.eq(accounts::stripe_account_id))
        // What turned out never to have been asked may be.
        .filter(operations::state.ne("rejected").or(operations::error_code.ne_all([ABSENT, WITHDRAWN])))
        .select(operations::id);
    let rows: Vec<(String, String)> = accounts::table
        .inner_join(mentors::table.on(mentors::stripe_account_id.eq(accounts::stripe_account_id.nullable())))
        .filter(accounts::details_submitted.and(accounts::transfers.eq("active")))
        .filter(accounts::deauthorized_at.is_null())
        .filter(accounts::payout_interval.is_null().or(accounts::payout_interval.ne(MANUAL)))
        .filter(diesel::dsl::not(diesel::dsl::exists(asked)))
        .order(accounts::stripe_account_id)
        .limit(limit)
        .select((mentors::id, accounts::stripe_account_id))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(mentor, account)| (MentorId::new(mentor), AccountId::new(account))).collect())
}

/// Tx 1 for a change to manual payouts.
pub(in crate::store) async fn claim_schedule(
    conn: &mut Conn,
    mentor_id: MentorId,
    account_id: AccountId,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Option<Operation>, TxError> {
    let Some(mentor) = lock_mentor(conn, &mentor_id).await? else { return Ok(None) };
    let wanted = account(conn, &account_id).await?.is_some_and(|account| wants_manual(&account, policy));
    let before = latest(conn, &mentor_id, OperationKind::Schedule, account_id.as_str()).await?;
    let done = before.as_ref().is_some_and(|(.., state)| state != "rejected");
    if !wanted || done || mentor.account_id.as_ref() != Some(&account_id) {
        return Ok(None);
    }
    let generation = before.map_or(0, |(_, generation, _)| generation) + 1;
    let (cause, key) = (account_id.to_string(), schedule_key(&account_id, generation));
    let order = Order::Schedule(ScheduleOrder { account_id });
    let intent = intent::Intent { about: About::Account, mentor_id, cause, generation, key, order };
    Ok(Some(intent::commit(conn, intent, lease, now).await?))
}

/// Tx 2. An account that was made is the mentor's, unless somebody has named another in the meantime.
pub(super) async fn conclude(
    conn: &mut Conn,
    op: &Operation,
    conclusion: &AccountConclusion,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if let Some(account) = &conclusion.account {
        told::keep_account(conn, account, Some(now.into())).await?;
        let without = mentors::table.find(op.mentor_id.as_str()).filter(mentors::stripe_account_id.is_null());
        if matches!(op.order, Order::Account(_)) {
            diesel::update(without).set(mentors::stripe_account_id.eq(account.id.as_str())).execute(conn).await?;
        }
        let (action, subject) = (op.order.kind().word(), ("mentor", op.mentor_id.to_string()));
        admin::audit(conn, "payoutd", action, subject, account.id.as_str(), now.into()).await?;
    }
    outbox::write(conn, &conclusion.notices, policy, now).await
}
