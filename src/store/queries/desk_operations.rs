//! The desk's view of operations with every call made for them; and taking one up because a person asks, under the
//! same lease as the rescuer's.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::admin::audit;
use super::{Conn, matters, operations as rescued, views};
use crate::domain::ids::{MentorId, OperationId, PaymentId, WithdrawalId};
use crate::domain::operation::About;
use crate::domain::operation::OperationState;
use crate::domain::rescue::Step;
use crate::ports::{CallEntry, Lease, Listed, OperationEntry, OperationRef, OperationStory, Page, TakenUp};
use crate::store::db::TxError;
use crate::store::rows::{OperationRow, corrupt, utc};
use crate::store::schema::{operation_attempts as attempts, operations};
use crate::store::types::Timestamp;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = operations)]
struct ListedRow {
    id: i64,
    kind: String,
    payment_id: Option<i64>,
    withdrawal_id: Option<i64>,
    mentor_id: String,
    generation: i32,
    idempotency_key: String,
    amount: Option<i64>,
    currency: Option<String>,
    state: String,
    maybe_done: bool,
    attempts: i32,
    first_sent_at: Option<Timestamp>,
    last_sent_at: Option<Timestamp>,
    unknown_since: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
    lease_owner: Option<String>,
    lease_until: Option<Timestamp>,
    stripe_id: Option<String>,
    stripe_request_id: Option<String>,
    error_code: Option<String>,
    error: Option<String>,
    created_at: Timestamp,
}

fn state_of(id: i64, word: &str) -> Result<OperationState, TxError> {
    let known = OperationState::from_word(word);
    known.ok_or_else(|| corrupt(format!("operation {id}"), format!("`{word}` is not a known word")).into())
}

impl ListedRow {
    fn entry(self) -> Result<OperationEntry, TxError> {
        Ok(OperationEntry {
            state: state_of(self.id, &self.state)?,
            id: OperationId(self.id),
            kind: self.kind,
            payment: self.payment_id.map(PaymentId),
            withdrawal: self.withdrawal_id.map(WithdrawalId),
            mentor: MentorId::new(self.mentor_id),
            generation: self.generation,
            idempotency_key: self.idempotency_key,
            amount: self.amount,
            currency: self.currency,
            maybe_done: self.maybe_done,
            attempts: self.attempts,
            first_sent_at: utc(self.first_sent_at),
            last_sent_at: utc(self.last_sent_at),
            unknown_since: utc(self.unknown_since),
            next_attempt_at: utc(self.next_attempt_at),
            lease_owner: self.lease_owner,
            lease_until: utc(self.lease_until),
            transfer_id: self.stripe_id,
            request_id: self.stripe_request_id,
            error_code: self.error_code,
            error: self.error,
            created_at: self.created_at.into(),
        })
    }
}

/// Operations, newest first.
pub(in crate::store) async fn list(
    conn: &mut Conn,
    states: &[OperationState],
    page: Page,
) -> Result<Vec<Listed<OperationEntry>>, TxError> {
    let mut found = operations::table.order(operations::id.desc()).limit(page.limit).into_boxed::<_>();
    if let Some(before) = page.before {
        found = found.filter(operations::id.lt(before));
    }
    if !states.is_empty() {
        found = found.filter(among!(operations::state, states.iter().map(|state| state.word())));
    }
    let ids: Vec<i64> = found.select(operations::id).load(conn).await?;
    listed!(ids, |some| entries_of(conn, some))
}

async fn entries_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<OperationEntry>, TxError> {
    let rows = operations::table.filter(among!(operations::id, ids)).order(operations::id.desc());
    let rows: Vec<ListedRow> = rows.select(ListedRow::as_select()).load(conn).await?;
    rows.into_iter().map(ListedRow::entry).collect()
}

/// Operations with their calls, by generation.
pub(in crate::store) async fn find(conn: &mut Conn, by: &OperationRef) -> Result<Vec<OperationStory>, TxError> {
    let found = operations::table.order(operations::generation).into_boxed::<_>();
    let found = match by {
        OperationRef::Row(id) => found.filter(operations::id.eq(id.0)),
        OperationRef::Text(text) => {
            found.filter(operations::stripe_id.eq(text).or(operations::idempotency_key.nullable().eq(text)))
        }
        OperationRef::Payment(payment) => match views::find(conn, payment).await? {
            Some(view) => found.filter(operations::payment_id.eq(view.case.payment.id.0)),
            None => return Ok(Vec::new()),
        },
    };
    let rows: Vec<ListedRow> = found.select(ListedRow::as_select()).load(conn).await?;
    let mut stories = Vec::with_capacity(rows.len());
    for row in rows {
        let calls = calls_of(conn, row.id).await?;
        stories.push(OperationStory { operation: row.entry()?, calls });
    }
    Ok(stories)
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = attempts)]
struct CallRow {
    kind: String,
    started_at: Timestamp,
    duration_ms: i64,
    http_status: Option<i32>,
    error_code: Option<String>,
    error: Option<String>,
    request_id: Option<String>,
}

async fn calls_of(conn: &mut Conn, operation: i64) -> Result<Vec<CallEntry>, TxError> {
    let calls = attempts::table.filter(attempts::operation_id.eq(operation)).order(attempts::id);
    let calls: Vec<CallRow> = calls.select(CallRow::as_select()).load(conn).await?;
    let call = |row: CallRow| CallEntry {
        kind: row.kind,
        started_at: row.started_at.into(),
        duration_ms: row.duration_ms,
        http_status: row.http_status,
        error_code: row.error_code,
        error: row.error,
        request_id: row.request_id,
    };
    Ok(calls.into_iter().map(call).collect())
}

/// Takes up an operation whose outcome is unknown, to look for it. One that is planned or on the wire is somebody
/// else's; and what a person asks for never sends anything.
pub(in crate::store) async fn take_up(
    conn: &mut Conn,
    id: OperationId,
    actor: &str,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<TakenUp, TxError> {
    let row = operations::table.find(id.0).select(OperationRow::as_select());
    let row: Option<OperationRow> = locked!(row).first(conn).await.optional()?;
    let Some(row) = row else { return Ok(TakenUp::NoSuchRow) };
    match state_of(id.0, &row.state)? {
        OperationState::Unknown => {}
        state => return Ok(TakenUp::Refused(state)),
    }
    let matter = matters::lock(conn, std::slice::from_ref(&row)).await?.remove(0);
    let taken = rescued::take_up(conn, row, matter, lease, |_, _| Step::Look, now).await?;
    let subject = match taken.operation.about {
        About::Payment(id) => ("payment", id.to_string()),
        About::Withdrawal(id) => ("withdrawal", id.to_string()),
        About::Account => ("mentor", taken.operation.mentor_id.to_string()),
    };
    audit(conn, actor, "resolve", subject, &format!("operation {id}"), now.into()).await?;
    Ok(TakenUp::Leased(Box::new(taken)))
}
