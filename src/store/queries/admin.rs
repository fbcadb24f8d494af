//! What people and rules decide: holds, retries, mentors, runs, and the audit log of it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::hold::{Hold, Subject};
use crate::domain::ids::{AccountId, MentorId, PaymentId, RunId};
use crate::domain::mentor::{Account, Mentor};
use crate::ports::{MentorChange, RunCounts, StoreError, Trigger};
use crate::store::db::TxError;
use crate::store::rows::{AccountRow, HoldRow, MentorRow};
use crate::store::schema::{accounts, audit_log, holds, mentors, payments, runs};
use crate::store::types::Timestamp;

/// Writes down who did what.
pub(super) async fn audit(
    conn: &mut Conn,
    actor: &str,
    action: &str,
    subject: (&str, String),
    detail: &str,
    now: Timestamp,
) -> Result<(), TxError> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::at.eq(now),
            audit_log::actor.eq(actor),
            audit_log::action.eq(action),
            audit_log::subject_kind.eq(subject.0),
            audit_log::subject_id.eq(subject.1),
            audit_log::detail.eq(detail),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

fn named(subject: &Subject) -> (&'static str, String) {
    match subject {
        Subject::Payment(id) => ("payment", id.to_string()),
        Subject::Mentor(id) => ("mentor", id.to_string()),
    }
}

fn columns(subject: &Subject) -> (Option<i64>, Option<&str>) {
    match subject {
        Subject::Payment(id) => (Some(id.0), None),
        Subject::Mentor(id) => (None, Some(id.as_str())),
    }
}

async fn insert_hold(
    conn: &mut Conn,
    on: &Subject,
    by: (&str, &str),
    reason: &str,
    now: Timestamp,
) -> Result<Option<i64>, TxError> {
    let (payment, mentor) = columns(on);
    let id = diesel::insert_into(holds::table)
        .values((
            holds::payment_id.eq(payment),
            holds::mentor_id.eq(mentor),
            holds::source.eq(by.0),
            holds::actor.eq(by.1),
            holds::reason.eq(reason),
            holds::placed_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .returning(holds::id)
        .get_result(conn)
        .await
        .optional()?;
    Ok(id)
}

/// A person's hold.
pub(in crate::store) async fn place_hold(
    conn: &mut Conn,
    on: &Subject,
    actor: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Option<i64>, TxError> {
    let id = insert_hold(conn, on, ("admin", actor), reason, now).await?;
    if id.is_some() {
        audit(conn, actor, "hold", named(on), reason, now).await?;
    }
    Ok(id)
}

/// A hold because of what Stripe said about the mentor's account. There is one at a time.
pub(super) async fn hold_for_stripe(
    conn: &mut Conn,
    mentor: &MentorId,
    why: &str,
    now: Timestamp,
) -> Result<(), TxError> {
    let reason = if why.is_empty() { "Stripe refused the account" } else { why };
    insert_hold(conn, &Subject::Mentor(mentor.clone()), ("stripe", "payoutd"), reason, now).await?;
    Ok(())
}

/// A hold by a rule of payoutd's own, which only a person lifts. Answers whether it is new.
pub(super) async fn hold_by_rule(
    conn: &mut Conn,
    mentor: &MentorId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, TxError> {
    let on = Subject::Mentor(mentor.clone());
    let placed = insert_hold(conn, &on, ("automation", "payoutd"), reason, now).await?;
    Ok(placed.is_some())
}

/// A hold because a customer is owed a refund that failed. There is one at a time, and a person lifts it.
pub(super) async fn hold_for_refund(
    conn: &mut Conn,
    payment: PaymentId,
    reason: &str,
    now: Timestamp,
) -> Result<(), TxError> {
    insert_hold(conn, &Subject::Payment(payment), ("automation", "payoutd"), reason, now).await?;
    Ok(())
}

/// Lifts what automation placed because of an account, once Stripe has told later that the account is in order. A
/// person's hold stays.
pub(super) async fn lift_restriction(conn: &mut Conn, account: &AccountId, told_at: Timestamp) -> Result<(), TxError> {
    let in_order = accounts::table
        .filter(accounts::stripe_account_id.eq(account.as_str()))
        .filter(accounts::transfers.eq("active").and(accounts::deauthorized_at.is_null()))
        .select(accounts::stripe_account_id.nullable());
    let mentor: Vec<String> =
        mentors::table.filter(mentors::stripe_account_id.eq_any(in_order)).select(mentors::id).load(conn).await?;
    if mentor.is_empty() {
        return Ok(());
    }
    let standing = holds::table
        .filter(among!(holds::mentor_id, mentor).and(holds::source.eq("stripe")))
        .filter(holds::lifted_at.is_null().and(holds::placed_at.le(told_at)));
    diesel::update(standing)
        .set((
            holds::lifted_at.eq(told_at),
            holds::lifted_by.eq("payoutd"),
            holds::lift_reason.eq("Stripe says that the account may receive transfers"),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Lifts every open hold on a subject, since a person asked for it.
pub(in crate::store) async fn lift_holds(
    conn: &mut Conn,
    on: &Subject,
    actor: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Hold>, TxError> {
    let open = holds::table.filter(holds::lifted_at.is_null()).order(holds::id).into_boxed::<_>();
    let open = match on {
        Subject::Payment(id) => open.filter(holds::payment_id.eq(id.0)),
        Subject::Mentor(id) => open.filter(holds::mentor_id.eq(id.as_str())),
    };
    let rows: Vec<HoldRow> = open.select(HoldRow::as_select()).load(conn).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    diesel::update(holds::table.filter(among!(holds::id, &ids)))
        .set((holds::lifted_at.eq(now), holds::lifted_by.eq(actor), holds::lift_reason.eq(reason)))
        .execute(conn)
        .await?;
    if !ids.is_empty() {
        audit(conn, actor, "lift", named(on), reason, now).await?;
    }
    Ok(rows.into_iter().map(HoldRow::hold).collect::<Result<_, _>>()?)
}

/// Gives a failed payment back to the decision.
pub(in crate::store) async fn retry(
    conn: &mut Conn,
    payment: PaymentId,
    actor: &str,
    now: Timestamp,
) -> Result<bool, TxError> {
    let failed = payments::table.filter(payments::id.eq(payment.0).and(payments::status.eq("failed")));
    let changed = diesel::update(failed)
        .set((
            payments::status.eq("pending"),
            payments::hold_reasons.eq(""),
            payments::next_check_at.eq(now),
            payments::wait_until.eq(None::<Timestamp>),
            payments::wait_reason.eq(None::<String>),
            payments::updated_at.eq(now),
        ))
        .execute(conn)
        .await?;
    if changed == 1 {
        audit(conn, actor, "retry", ("payment", payment.to_string()), "", now).await?;
    }
    Ok(changed == 1)
}

/// Records a mentor, or changes what is given.
pub(in crate::store) async fn put_mentor(
    conn: &mut Conn,
    id: &MentorId,
    change: &MentorChange,
    actor: &str,
    now: Timestamp,
) -> Result<Mentor, TxError> {
    diesel::insert_into(mentors::table)
        .values((mentors::id.eq(id.as_str()), mentors::created_at.eq(now), mentors::updated_at.eq(now)))
        .on_conflict(mentors::id)
        .do_nothing()
        .execute(conn)
        .await?;
    let row = mentors::table.find(id.as_str());
    let mut changed = Vec::new();
    if let Some(name) = &change.name {
        diesel::update(row).set(mentors::name.eq(name)).execute(conn).await?;
        changed.push("name");
    }
    if let Some(email) = &change.email {
        diesel::update(row).set(mentors::email.eq(email)).execute(conn).await?;
        changed.push("email");
    }
    if let Some(account) = &change.account_id {
        let of_other = mentors::table
            .filter(mentors::stripe_account_id.eq(account.as_str()).and(mentors::id.ne(id.as_str())))
            .select(mentors::id);
        if let Some(other) = of_other.first::<String>(conn).await.optional()? {
            let why = format!("{account} is the account of mentor `{other}` already");
            return Err(StoreError::Refused { doing: "record a mentor", why }.into());
        }
        diesel::update(row).set(mentors::stripe_account_id.eq(account.as_str())).execute(conn).await?;
        changed.push("account");
    }
    diesel::update(row).set(mentors::updated_at.eq(now)).execute(conn).await?;
    audit(conn, actor, "mentor", ("mentor", id.to_string()), &changed.join(", "), now).await?;
    let found: MentorRow = row.select(MentorRow::as_select()).first(conn).await?;
    Ok(found.mentor())
}

/// Mentors with account and open holds.
pub(in crate::store) async fn mentors(
    conn: &mut Conn,
    id: Option<&MentorId>,
    limit: i64,
) -> Result<Vec<(Mentor, Option<Account>, Vec<Hold>)>, TxError> {
    let rows = mentors::table
        .left_join(accounts::table.on(accounts::stripe_account_id.nullable().eq(mentors::stripe_account_id)))
        .order(mentors::id)
        .limit(limit)
        .select((MentorRow::as_select(), Option::<AccountRow>::as_select()))
        .into_boxed::<_>();
    let rows = match id {
        Some(id) => rows.filter(mentors::id.eq(id.as_str())),
        None => rows,
    };
    let rows: Vec<(MentorRow, Option<AccountRow>)> = rows.load(conn).await?;
    let ids: Vec<&str> = rows.iter().map(|(mentor, _)| mentor.id.as_str()).collect();
    let open = holds::table.filter(holds::lifted_at.is_null().and(among!(holds::mentor_id, &ids))).order(holds::id);
    let open: Vec<HoldRow> = open.select(HoldRow::as_select()).load(conn).await?;
    let mut found = Vec::with_capacity(rows.len());
    for (mentor, account) in rows {
        let of_mentor = open.iter().filter(|hold| hold.mentor_id.as_deref() == Some(mentor.id.as_str()));
        let holds = of_mentor.cloned().map(HoldRow::hold).collect::<Result<_, _>>()?;
        found.push((mentor.mentor(), account.map(|a| a.account()).transpose()?, holds));
    }
    Ok(found)
}

/// Begins a run.
pub(in crate::store) async fn begin_run(conn: &mut Conn, trigger: Trigger, now: Timestamp) -> Result<RunId, TxError> {
    let trigger = match trigger {
        Trigger::Schedule => "schedule",
        Trigger::Cli => "cli",
        Trigger::Cron => "cron",
    };
    let id: i64 = diesel::insert_into(runs::table)
        .values((runs::trigger.eq(trigger), runs::started_at.eq(now)))
        .returning(runs::id)
        .get_result(conn)
        .await?;
    Ok(RunId(id))
}

/// Ends a run.
pub(in crate::store) async fn finish_run(
    conn: &mut Conn,
    run: RunId,
    counts: RunCounts,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let n = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    diesel::update(runs::table.find(run.0))
        .set((
            runs::finished_at.eq(Timestamp::from(now)),
            runs::looked_at.eq(n(counts.looked_at)),
            runs::transferred.eq(n(counts.transferred)),
            runs::held.eq(n(counts.held)),
            runs::waiting.eq(n(counts.waiting)),
            runs::failed.eq(n(counts.failed)),
            runs::unfinished.eq(n(counts.unfinished)),
            runs::error.eq(error),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
