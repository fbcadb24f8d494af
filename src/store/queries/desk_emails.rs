//! The desk's view of the outbox. A person may have an email sent that was given up; one that was sent stays sent.

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::admin::audit;
use crate::domain::ids::{MentorId, PaymentId};
use crate::ports::{EmailEntry, EmailFilter, EmailState, Page, Wish};
use crate::store::among;
use crate::store::db::TxError;
use crate::store::rows::{corrupt, utc};
use crate::store::schema::emails;
use crate::store::types::Timestamp;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = emails)]
struct ListedRow {
    id: i64,
    kind: String,
    recipient: String,
    to_address: String,
    mentor_id: Option<String>,
    payment_id: Option<i64>,
    state: String,
    attempts: i32,
    next_attempt_at: Option<Timestamp>,
    error: Option<String>,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
}

fn state_of(id: i64, word: &str) -> Result<EmailState, TxError> {
    let known = EmailState::from_word(word);
    known.ok_or_else(|| corrupt(format!("email {id}"), format!("`{word}` is not a known word")).into())
}

impl ListedRow {
    fn entry(self) -> Result<EmailEntry, TxError> {
        let state = state_of(self.id, &self.state)?;
        Ok(EmailEntry {
            id: self.id,
            kind: self.kind,
            recipient: self.recipient,
            to: self.to_address,
            mentor: self.mentor_id.map(MentorId::new),
            payment: self.payment_id.map(PaymentId),
            state,
            attempts: self.attempts,
            // What stands there once it is sent or given up is the end of a lease.
            next_attempt_at: utc(self.next_attempt_at).filter(|_| state == EmailState::Queued),
            error: self.error,
            created_at: self.created_at.into(),
            sent_at: utc(self.sent_at),
        })
    }
}

/// Emails, newest first.
pub(in crate::store) async fn list(
    conn: &mut Conn,
    filter: &EmailFilter,
    page: Page,
) -> Result<Vec<EmailEntry>, TxError> {
    let mut found = emails::table.order(emails::id.desc()).limit(page.limit).into_boxed::<_>();
    if let Some(before) = page.before {
        found = found.filter(emails::id.lt(before));
    }
    if let Some(state) = filter.state {
        found = found.filter(emails::state.eq(state.word()));
    }
    if let Some(to) = &filter.to {
        found = found.filter(emails::to_address.nullable().eq(to).or(emails::mentor_id.eq(to)));
    }
    if let Some(kind) = &filter.kind {
        found = found.filter(emails::kind.eq(kind));
    }
    let rows: Vec<ListedRow> = found.select(ListedRow::as_select()).load(conn).await?;
    rows.into_iter().map(ListedRow::entry).collect()
}

/// How many emails were given up.
pub(in crate::store) async fn count_failed(conn: &mut Conn) -> Result<i64, TxError> {
    Ok(emails::table.filter(among::is(emails::state, &["failed"])).select(count_star()).first(conn).await?)
}

/// Queues an email anew that was given up.
pub(in crate::store) async fn retry(
    conn: &mut Conn,
    id: i64,
    actor: &str,
    now: Timestamp,
) -> Result<Wish<EmailState>, TxError> {
    let row = emails::table.find(id).select((emails::state, emails::sent_with));
    let row: Option<(String, Option<i64>)> = locked!(row).first(conn).await.optional()?;
    let Some((state, sent_with)) = row else { return Ok(Wish::NoSuchRow) };
    match state_of(id, &state)? {
        EmailState::Failed => {}
        state => return Ok(Wish::Refused(state)),
    }
    // Once tried, an email keeps its rows, and its first one stands for all: they go back together.
    let together = emails::id.nullable().eq(id).or(emails::sent_with.eq(sent_with));
    let given_up = emails::table.filter(among::is(emails::state, &["failed"])).filter(together);
    diesel::update(given_up)
        .set((emails::state.eq("queued"), emails::attempts.eq(0), emails::next_attempt_at.eq(now)))
        .execute(conn)
        .await?;
    audit(conn, actor, "retry", ("email", id.to_string()), "", now).await?;
    Ok(Wish::Granted)
}

/// The same with the next that were given up. Of those that went out together only the first counts.
pub(in crate::store) async fn retry_failed(
    conn: &mut Conn,
    after: i64,
    limit: i64,
    actor: &str,
    now: Timestamp,
) -> Result<Vec<i64>, TxError> {
    let failed = emails::table.filter(among::is(emails::state, &["failed"]).and(emails::id.gt(after)));
    let failed = failed.order(emails::id).limit(limit).select(emails::id);
    let ids: Vec<i64> = locked!(failed).load(conn).await?;
    for id in &ids {
        retry(conn, *id, actor, now).await?;
    }
    Ok(ids)
}
