//! The outbox: emails are written with what they tell of, and leased for sending later.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::{Conn, recordset};
use crate::domain::ids::PaymentId;
use crate::domain::notice::{Notice, Outgoing, Recipient};
use crate::domain::policy::Policy;
use crate::ports::{DueLetter, Lease, Sent, StoreError};
use crate::store::among;
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::rows::{corrupt, json};
use crate::store::schema::emails;
use crate::store::types::Timestamp;

const COLUMNS: Columns = &[
    ("once_key", "text"),
    ("merge_key", "text"),
    ("kind", "text"),
    ("recipient", "text"),
    ("to_address", "text"),
    ("mentor_id", "text"),
    ("payment_id", "bigint"),
    ("notice", "json"),
    ("at", "timestamptz"),
];
const WRITE: &str = "INSERT INTO emails (once_key, merge_key, kind, recipient, to_address, mentor_id, payment_id, notice, \
        next_attempt_at, created_at) \
    SELECT r.once_key, r.merge_key, r.kind, r.recipient, r.to_address, r.mentor_id, r.payment_id, r.notice, r.at, r.at \
    FROM {rows} WHERE TRUE ON CONFLICT (once_key) DO NOTHING";

#[derive(Serialize)]
struct Row<'a> {
    once_key: &'a str,
    merge_key: Option<&'a str>,
    kind: &'a str,
    recipient: &'static str,
    to_address: &'a str,
    mentor_id: Option<&'a str>,
    payment_id: Option<PaymentId>,
    notice: &'a Notice,
    at: Timestamp,
}

fn row<'a>(outgoing: &'a Outgoing, policy: &'a Policy, now: DateTime<Utc>) -> Row<'a> {
    let (recipient, to_address, mentor_id) = addressed(outgoing, policy);
    Row {
        once_key: &outgoing.once_key,
        merge_key: outgoing.merge_key.as_deref(),
        kind: outgoing.notice.kind(),
        recipient,
        to_address,
        mentor_id,
        payment_id: outgoing.payment_id,
        notice: &outgoing.notice,
        at: now.into(),
    }
}

fn addressed<'a>(outgoing: &'a Outgoing, policy: &'a Policy) -> (&'static str, &'a str, Option<&'a str>) {
    match &outgoing.to {
        Recipient::Admin => ("admin", policy.admin_email.as_str(), None),
        Recipient::Customer { email } => ("customer", email.as_str(), None),
        Recipient::Mentor { id, email } => ("mentor", email.as_str(), Some(id.as_str())),
    }
}

/// Writes emails; one whose key was used before is not written again.
pub(in crate::store) async fn write(
    conn: &mut Conn,
    notices: &[Outgoing],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let rows: Vec<Row<'_>> = notices.iter().map(|outgoing| row(outgoing, policy, now)).collect();
    if !rows.is_empty() {
        Bulk::<()>::new(WRITE, recordset(COLUMNS), &rows).execute(conn).await?;
    }
    Ok(())
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = emails)]
struct EmailRow {
    id: i64,
    merge_key: Option<String>,
    to_address: String,
    notice: serde_json::Value,
    attempts: i32,
    sent_with: Option<i64>,
    created_at: Timestamp,
}

/// Leases due emails. The lease is the time of the next attempt: a worker that dies leaves the email due again.
pub(in crate::store) async fn lease(
    conn: &mut Conn,
    limit: i64,
    merge_window: Duration,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<Vec<DueLetter>, TxError> {
    let due = emails::table
        .filter(among::is(emails::state, &["queued"]).and(emails::next_attempt_at.le(Timestamp::from(now))))
        // Of an email that was tried before, its first row stands for all of them.
        .filter(emails::sent_with.is_null().or(emails::sent_with.eq(emails::id.nullable())))
        .order((emails::next_attempt_at, emails::id))
        .limit(limit)
        .select(EmailRow::as_select());
    let due: Vec<EmailRow> = locked_if_free!(due).load(conn).await?;
    let mut letters: Vec<DueLetter> = Vec::new();
    for row in due {
        if letters.iter().any(|letter| letter.row_ids.contains(&row.id)) {
            continue;
        }
        if let Some(until) = quiet_until(conn, &row, merge_window).await?.filter(|until| *until > now) {
            let row = emails::table.find(row.id);
            diesel::update(row).set(emails::next_attempt_at.eq(Timestamp::from(until))).execute(conn).await?;
            continue;
        }
        let id = row.id;
        let rows = merged(conn, row).await?;
        match letter(conn, &rows, lease).await {
            Ok(letter) => letters.push(letter),
            // One that cannot be read must not keep the others from being sent.
            Err(TxError::Store(error)) => give_up(conn, id, &error).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(letters)
}

/// Until when alerts of this kind are kept back, since one was sent just now. One that was tried already is not.
async fn quiet_until(conn: &mut Conn, row: &EmailRow, window: Duration) -> Result<Option<DateTime<Utc>>, TxError> {
    let (Some(key), None) = (&row.merge_key, row.sent_with) else { return Ok(None) };
    let last: Option<Option<Timestamp>> = emails::table
        .filter(emails::merge_key.eq(key).and(among::is(emails::state, &["sent"])))
        .order(emails::sent_at.desc())
        .select(emails::sent_at)
        .first(conn)
        .await
        .optional()?;
    let window = TimeDelta::from_std(window).unwrap_or(TimeDelta::MAX);
    Ok(last.flatten().map(|at| DateTime::from(at) + window))
}

/// The rows that go out as one email. Once tried, an email keeps its rows: the earlier try may have arrived.
async fn merged(conn: &mut Conn, first: EmailRow) -> Result<Vec<EmailRow>, TxError> {
    let Some(key) = first.merge_key.clone() else { return Ok(vec![first]) };
    let waiting =
        emails::table.filter(emails::merge_key.eq(key).and(among::is(emails::state, &["queued"]))).order(emails::id);
    let rows = match first.sent_with {
        Some(with) => {
            let tried = waiting.filter(emails::sent_with.eq(with)).select(EmailRow::as_select());
            locked!(tried).load(conn).await?
        }
        None => {
            // Those that another worker takes at this moment go out with its email.
            let fresh = waiting.filter(emails::sent_with.is_null()).select(EmailRow::as_select());
            locked_if_free!(fresh).load(conn).await?
        }
    };
    Ok(rows)
}

async fn give_up(conn: &mut Conn, id: i64, error: &StoreError) -> Result<(), TxError> {
    tracing::error!(email.id = id, %error, "email given up: its row cannot be read");
    let failed = (emails::state.eq("failed"), emails::error.eq(error.to_string()));
    diesel::update(emails::table.find(id)).set(failed).execute(conn).await?;
    Ok(())
}

async fn letter(conn: &mut Conn, rows: &[EmailRow], lease: &Lease) -> Result<DueLetter, TxError> {
    let first = rows.first().ok_or_else(|| corrupt("an email", "it has no rows"))?;
    let notices = rows.iter().map(|row| json(format!("email {}", row.id), &row.notice));
    let notices = notices.collect::<Result<Vec<_>, _>>()?;
    let with = first.sent_with.unwrap_or(first.id);
    let row_ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    diesel::update(emails::table.filter(among!(emails::id, &row_ids)))
        .set((
            emails::attempts.eq(emails::attempts + 1),
            emails::next_attempt_at.eq(Timestamp::from(lease.until)),
            emails::lease_owner.eq(&lease.owner),
            emails::sent_with.eq(with),
        ))
        .execute(conn)
        .await?;
    let written_at = DateTime::<Utc>::from(first.created_at);
    Ok(DueLetter {
        message_id: format!("payoutd-{with}-{}", written_at.timestamp_millis()),
        to: first.to_address.clone(),
        written_at,
        notices,
        attempts: first.attempts + 1,
        row_ids,
    })
}

/// Records what sending came to.
pub(in crate::store) async fn sent(
    conn: &mut Conn,
    letter: &DueLetter,
    sent: &Sent,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let rows = emails::table.filter(among!(emails::id, &letter.row_ids).and(emails::state.eq("queued")));
    let unleased = emails::lease_owner.eq(None::<String>);
    match sent {
        Sent::Accepted => {
            let at = Timestamp::from(now);
            let done = (emails::state.eq("sent"), emails::sent_at.eq(at), emails::error.eq(None::<String>));
            diesel::update(rows).set((done, unleased)).execute(conn).await?
        }
        Sent::Later(at, why) => {
            let again = (emails::next_attempt_at.eq(Timestamp::from(*at)), emails::error.eq(why));
            diesel::update(rows).set((again, unleased)).execute(conn).await?
        }
        Sent::GivenUp(why) => {
            let failed = (emails::state.eq("failed"), emails::error.eq(why));
            diesel::update(rows).set((failed, unleased)).execute(conn).await?
        }
    };
    Ok(())
}
