//! What people look at: a payment and its story. Reads only.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, cases};
use crate::domain::ids::PaymentId;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::payment::PaymentStatus;
use crate::ports::{PaymentRef, PaymentView, RefundRequestView, TimelineEntry};
use crate::store::db::TxError;
use crate::store::rows::{PaymentRow, utc};
use crate::store::schema::{
    audit_log, debt_entries, emails, holds, operation_attempts as attempts, operations, payments,
    webhook_events as events,
};
use crate::store::types::Timestamp;

/// Finds a payment by its number or by any of its ids; of several with the same booking, the newest.
pub(in crate::store) async fn find(conn: &mut Conn, by: &PaymentRef) -> Result<Option<PaymentView>, TxError> {
    let found = payments::table.order(payments::id.desc()).into_boxed::<_>();
    let found = match by {
        PaymentRef::Number(id) => found.filter(payments::id.eq(id.0)),
        PaymentRef::Text(text) => found.filter(
            payments::stripe_payment_intent_id
                .eq(text)
                .or(payments::stripe_charge_id.eq(text))
                .or(payments::stripe_checkout_session_id.eq(text))
                .or(payments::transfer_id.eq(text))
                .or(payments::booking_id.eq(text)),
        ),
    };
    let row: Option<PaymentRow> = found.select(PaymentRow::as_select()).first(conn).await.optional()?;
    Ok(views(conn, row.into_iter().collect()).await?.pop())
}

/// Payments, newest first.
pub(in crate::store) async fn list(
    conn: &mut Conn,
    status: Option<PaymentStatus>,
    limit: i64,
) -> Result<Vec<PaymentView>, TxError> {
    let found = payments::table.order(payments::id.desc()).limit(limit).into_boxed::<_>();
    let found = match status {
        Some(status) => found.filter(payments::status.eq(status.word())),
        None => found,
    };
    let rows = found.select(PaymentRow::as_select()).load(conn).await?;
    views(conn, rows).await
}

/// Rows with all that is known of them.
pub(super) async fn views(conn: &mut Conn, rows: Vec<PaymentRow>) -> Result<Vec<PaymentView>, TxError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let latest: Vec<(i64, String, i32)> = operations::table
        .filter(among!(operations::payment_id, &ids))
        .order((operations::payment_id, operations::generation))
        .select((operations::payment_id.assume_not_null(), operations::state, operations::attempts))
        .load(conn)
        .await?;
    let cases = cases::load(conn, &rows).await?;
    let view = |(row, case): (PaymentRow, crate::domain::release::Case)| {
        let operation = latest.iter().rfind(|(id, ..)| *id == row.id);
        PaymentView {
            mentor_due_minor: case.payment.mentor_due().get(),
            platform_fee_minor: row.platform_fee,
            paid_at: utc(row.paid_at),
            next_check_at: utc(row.next_check_at),
            last_error: row.transfer_error,
            operation: operation.map(|(_, state, attempts)| (state.clone(), *attempts)),
            case,
        }
    };
    Ok(rows.into_iter().zip(cases).map(view).collect())
}

/// A payment's story, oldest first.
pub(in crate::store) async fn timeline(conn: &mut Conn, id: i64) -> Result<Vec<TimelineEntry>, TxError> {
    let mut story = told(conn, id).await?;
    story.extend(done(conn, id).await?);
    story.extend(decided(conn, id).await?);
    story.extend(asked(conn, id).await?);
    story.extend(owed(conn, id).await?);
    story.extend(removed(conn, id).await?);
    story.sort_by_key(|entry| entry.at);
    Ok(story)
}

/// Why the beginning of an old story may be missing.
async fn removed(conn: &mut Conn, id: i64) -> Result<Vec<TimelineEntry>, TxError> {
    let created: Option<Timestamp> =
        payments::table.find(id).select(payments::created_at).first(conn).await.optional()?;
    let Some(created) = created else { return Ok(Vec::new()) };
    let missing = super::retention::missing(conn, created).await?;
    let line = |(kind, before): (String, Timestamp)| {
        entry(
            before,
            "retention",
            format!("{kind} of before this were removed once they had been kept long enough (retention.{kind})"),
        )
    };
    Ok(missing.into_iter().map(line).collect())
}

fn entry(at: Timestamp, kind: &str, what: String) -> TimelineEntry {
    TimelineEntry { at: at.into(), kind: kind.to_owned(), what }
}

async fn told(conn: &mut Conn, id: i64) -> Result<Vec<TimelineEntry>, TxError> {
    let key: Option<String> = payments::table.find(id).select(payments::payment_key).first(conn).await.optional()?;
    let rows: Vec<(Timestamp, String, String, String)> = events::table
        .filter(events::payment_key.eq(key))
        .select((events::received_at, events::kind, events::event_id, events::state))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(at, kind, event, state)| entry(at, "event", format!("{kind} {event} {state}"))).collect())
}

async fn done(conn: &mut Conn, id: i64) -> Result<Vec<TimelineEntry>, TxError> {
    let of_payment = operations::table.filter(operations::payment_id.eq(id));
    type Intent = (Timestamp, String, i64, i32, String);
    let intents: Vec<Intent> = of_payment
        .select((
            operations::created_at,
            operations::kind,
            operations::id,
            operations::generation,
            operations::idempotency_key,
        ))
        .load(conn)
        .await?;
    let intent = |(at, kind, id, generation, key): Intent| {
        entry(at, "operation", format!("{kind} intended: operation {id}, generation {generation}, key {key}"))
    };
    let mut story: Vec<TimelineEntry> = intents.into_iter().map(intent).collect();
    type Call = (Timestamp, i64, String, i64, Option<i32>, Option<String>, Option<String>);
    let calls: Vec<Call> = attempts::table
        .inner_join(operations::table.on(operations::id.eq(attempts::operation_id)))
        .filter(operations::payment_id.eq(id))
        .order(attempts::id)
        .select((
            attempts::started_at,
            attempts::operation_id,
            attempts::kind,
            attempts::duration_ms,
            attempts::http_status,
            attempts::error,
            attempts::request_id,
        ))
        .load(conn)
        .await?;
    story.extend(calls.into_iter().map(|(at, operation, kind, took, status, error, request)| {
        let status = status.map_or("no answer".into(), |s| format!("HTTP {s}"));
        let error = error.map_or(String::new(), |e| format!(": {e}"));
        let request = request.map_or(String::new(), |r| format!(" ({r})"));
        let kind = kind.replace('_', " ");
        entry(at, "attempt", format!("operation {operation}: {kind}, {status} after {took} ms{request}{error}"))
    }));
    Ok(story)
}

/// What it did to the mentor's debt and credit.
async fn owed(conn: &mut Conn, id: i64) -> Result<Vec<TimelineEntry>, TxError> {
    type Change = (Timestamp, String, i64, String, String);
    let changes: Vec<Change> = debt_entries::table
        .filter(debt_entries::payment_id.eq(id))
        .order(debt_entries::id)
        .select((
            debt_entries::at,
            debt_entries::kind,
            debt_entries::amount,
            debt_entries::currency,
            debt_entries::cause,
        ))
        .load(conn)
        .await?;
    let change = |(at, kind, amount, currency, cause): Change| {
        let because = if cause.is_empty() { String::new() } else { format!(" because of {cause}") };
        let amount = Currency::parse(&currency).ok().zip(MinorUnits::new(amount));
        let amount = amount.map_or(currency, |(currency, amount)| currency.display(amount));
        let (of, what) = match kind.as_str() {
            "carried" => ("credit", "kept for a later transfer"),
            "taken" => ("credit", "of earlier payments sent with it"),
            "put_back" => ("credit", "of earlier payments not sent, and kept again"),
            "offset" => ("credit", "of what was kept went towards the debt"),
            kind => ("debt", kind),
        };
        entry(at, of, format!("{amount} {what}{because}"))
    };
    Ok(changes.into_iter().map(change).collect())
}

async fn decided(conn: &mut Conn, id: i64) -> Result<Vec<TimelineEntry>, TxError> {
    type Email = (Timestamp, String, String, String, Option<Timestamp>);
    let mails: Vec<Email> = emails::table
        .filter(emails::payment_id.eq(id))
        .select((emails::created_at, emails::kind, emails::recipient, emails::state, emails::sent_at))
        .load(conn)
        .await?;
    let mail = |(at, kind, to, state, sent_at): Email| {
        entry(sent_at.unwrap_or(at), "email", format!("{} to the {to}: {state}", kind.replace('_', " ")))
    };
    let mut story: Vec<TimelineEntry> = mails.into_iter().map(mail).collect();
    type Standing = (Timestamp, String, String, Option<Timestamp>, Option<String>, Option<String>);
    let placed: Vec<Standing> = holds::table
        .filter(holds::payment_id.eq(id))
        .select((holds::placed_at, holds::actor, holds::reason, holds::lifted_at, holds::lifted_by, holds::lift_reason))
        .load(conn)
        .await?;
    for (at, actor, reason, lifted_at, lifted_by, lift_reason) in placed {
        story.push(entry(at, "hold", format!("placed by {actor}: {reason}")));
        let lifted = lifted_at.map(|at| {
            let because = lift_reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            entry(at, "hold", format!("lifted by {}{because}", lifted_by.clone().unwrap_or_default()))
        });
        story.extend(lifted);
    }
    let audited: Vec<(Timestamp, String, String, Option<String>)> = audit_log::table
        .filter(audit_log::subject_kind.eq("payment").and(audit_log::subject_id.eq(id.to_string())))
        .filter(audit_log::action.ne_all(["hold", "lift"]))
        .select((audit_log::at, audit_log::actor, audit_log::action, audit_log::detail))
        .load(conn)
        .await?;
    story.extend(audited.into_iter().map(|(at, actor, action, detail)| {
        let detail = detail.filter(|d| !d.is_empty()).map_or(String::new(), |d| format!(": {d}"));
        entry(at, "audit", format!("{action} by {actor}{detail}"))
    }));
    Ok(story)
}

async fn asked(conn: &mut Conn, id: i64) -> Result<Vec<TimelineEntry>, TxError> {
    let requests = super::requests::of_payment(conn, PaymentId(id)).await?;
    let told = |request: RefundRequestView| {
        let asked = match (request.amount, request.by_policy) {
            (Some(amount), _) => format!("{amount} in minor units"),
            (None, true) => "what the cancellation policy gives".into(),
            (None, false) => "all that is left".into(),
        };
        let outcome = request.outcome.map_or(String::new(), |words| format!(": {words}"));
        let (number, state) = (request.id, request.state);
        let what = format!("{number} by {}: {asked}, {}; {state}{outcome}", request.requested_by, request.reason);
        TimelineEntry { at: request.requested_at, kind: "refund".to_owned(), what }
    };
    Ok(requests.into_iter().map(told).collect())
}
