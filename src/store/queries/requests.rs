//! The rows of what is asked for: refund requests from their making to their end, and completed sessions.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, admin, cases, outbox};
use crate::domain::ask::{Asked, PastOperation};
use crate::domain::asked::{self, RequestNext};
use crate::domain::facts::RefundFact;
use crate::domain::ids::{PaymentId, RequestId};
use crate::domain::money::MinorUnits;
use crate::domain::operation::OperationKind;
use crate::domain::policy::Policy;
use crate::domain::refund;
use crate::domain::release::Case;
use crate::domain::request::{Answer, Ask, answer};
use crate::ports::{Completed, NewRefundRequest, RefundRequestView, Request, StoreError};
use crate::store::db::TxError;
use crate::store::rows::{PaymentRow, RequestRow, word};
use crate::store::schema::{operations, payments, refund_requests as requests};
use crate::store::types::Timestamp;

/// What is asked of payments, by their rows.
pub(super) type AskedOf = HashMap<i64, Asked>;

/// Gathers it: two queries, however many payments.
pub(super) async fn load(conn: &mut Conn, rows: &[PaymentRow]) -> Result<AskedOf, TxError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let open: Vec<RequestRow> = requests::table
        .filter(among!(requests::payment_id, &ids).and(among!(requests::state, ["open", "submitted"])))
        .order(requests::id)
        .select(RequestRow::as_select())
        .load(conn)
        .await?;
    let past: Vec<(i64, String, String, i32, String)> = operations::table
        .filter(among!(operations::payment_id, &ids).and(operations::kind.ne("transfer")))
        .order(operations::id)
        .select((
            operations::payment_id.assume_not_null(),
            operations::kind,
            operations::cause,
            operations::generation,
            operations::state,
        ))
        .load(conn)
        .await?;
    let mut asked = AskedOf::new();
    for row in open {
        asked.entry(row.payment_id).or_default().requests.push(row.request());
    }
    for (payment, kind, cause, generation, state) in past {
        let kind = word(format!("an operation of payment {payment}"), &kind, OperationKind::from_word)?;
        let is_live = matches!(state.as_str(), "planned" | "submitting" | "unknown");
        asked.entry(payment).or_default().operations.push(PastOperation { kind, cause, generation, is_live });
    }
    Ok(asked)
}

/// Records a request, once for each key. What cannot be is refused at once.
pub(in crate::store) async fn make(
    conn: &mut Conn,
    new: &NewRefundRequest,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Request, TxError> {
    // The payment's lock keeps two requests for it under one key from meeting.
    let row = payments::table.find(new.payment_id.0).select(PaymentRow::as_select());
    let Some(row) = locked!(row).first::<PaymentRow>(conn).await.optional()? else {
        return Ok(Request::NoSuchPayment);
    };
    if let Some(known) = known(conn, new.request_key.as_deref()).await? {
        return Ok(if is_same(&known, new) { Request::Known(known) } else { Request::KeyTaken(known) });
    }
    let amount = match new.ask {
        Ask::Amount(amount) => Some(amount),
        Ask::All | Ask::ByPolicy => None,
    };
    let id: Option<i64> = diesel::insert_into(requests::table)
        .values((
            (requests::payment_id.eq(new.payment_id.0), requests::amount.eq(amount)),
            (requests::currency.eq(&new.currency), requests::by_policy.eq(new.ask == Ask::ByPolicy)),
            (requests::reason.eq(&new.reason), requests::request_key.eq(&new.request_key)),
            (requests::requested_by.eq(&new.requested_by), requests::requested_at.eq(Timestamp::from(now))),
        ))
        .on_conflict(requests::request_key)
        .do_nothing()
        .returning(requests::id)
        .get_result(conn)
        .await
        .optional()?;
    let Some(id) = id else {
        // Of another payment, whose lock this is not.
        let known = known(conn, new.request_key.as_deref()).await?;
        return Ok(Request::KeyTaken(known.ok_or(diesel::result::Error::NotFound)?));
    };
    let case = cases::load(conn, std::slice::from_ref(&row)).await?.pop();
    let request = case.as_ref().and_then(|case| case.asked.requests.iter().find(|request| request.id.0 == id));
    if let (Some(case), Some(request)) = (&case, request)
        && let Answer::Refuse(why) = answer(request, case, policy)
    {
        // Whoever asks hears it at once; no email says it again.
        write_refusal(conn, request.id, &why, now).await?;
    }
    Ok(Request::Recorded(view(conn, id).await?))
}

async fn known(conn: &mut Conn, key: Option<&str>) -> Result<Option<RefundRequestView>, TxError> {
    let Some(key) = key else { return Ok(None) };
    let row = requests::table.filter(requests::request_key.eq(key)).select(RequestRow::as_select());
    let row: Option<RequestRow> = row.first(conn).await.optional()?;
    Ok(row.map(RequestRow::view).transpose()?)
}

fn is_same(known: &RefundRequestView, new: &NewRefundRequest) -> bool {
    let amount = match new.ask {
        Ask::Amount(amount) => Some(amount),
        Ask::All | Ask::ByPolicy => None,
    };
    let asked = (new.payment_id, amount, new.currency.as_ref(), new.ask == Ask::ByPolicy);
    (known.payment, known.amount, known.currency.as_ref(), known.by_policy) == asked
}

async fn view(conn: &mut Conn, id: i64) -> Result<RefundRequestView, TxError> {
    let row: RequestRow = requests::table.find(id).select(RequestRow::as_select()).first(conn).await?;
    Ok(row.view()?)
}

/// The requests of a payment, oldest first.
pub(in crate::store) async fn of_payment(
    conn: &mut Conn,
    payment: PaymentId,
) -> Result<Vec<RefundRequestView>, TxError> {
    let rows: Vec<RequestRow> = requests::table
        .filter(requests::payment_id.eq(payment.0))
        .order(requests::id)
        .select(RequestRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(RequestRow::view).collect::<Result<_, StoreError>>()?)
}

/// Refuses a request that came by SQL: an admin hears of it, since nobody else does.
pub(super) async fn refuse(
    conn: &mut Conn,
    case: &Case,
    id: RequestId,
    why: &str,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let asked = case.asked.requests.iter().find(|request| request.id == id).map(|request| request.ask);
    let amount = match asked {
        Some(Ask::Amount(amount)) => MinorUnits::new(amount).unwrap_or_default(),
        _ => case.payment.amount.saturating_sub(case.payment.refunded),
    };
    write_refusal(conn, id, why, now).await?;
    outbox::write(conn, &[asked::failed(case, id, amount, why)], policy, now).await
}

async fn write_refusal(conn: &mut Conn, id: RequestId, why: &str, now: DateTime<Utc>) -> Result<(), TxError> {
    diesel::update(requests::table.find(id.0))
        .set((requests::state.eq("refused"), requests::outcome.eq(why), requests::settled_at.eq(Timestamp::from(now))))
        .execute(conn)
        .await?;
    Ok(())
}

/// Its operation is about to be sent.
pub(super) async fn submit(conn: &mut Conn, id: RequestId) -> Result<(), TxError> {
    diesel::update(requests::table.find(id.0)).set(requests::state.eq("submitted")).execute(conn).await?;
    Ok(())
}

/// Writes what a request becomes. One that failed holds the payment: the customer is owed something.
pub(super) async fn conclude(
    conn: &mut Conn,
    payment: PaymentId,
    (id, next): &(RequestId, RequestNext),
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let row = diesel::update(requests::table.find(id.0));
    let settled = requests::settled_at.eq(Timestamp::from(now));
    match next {
        RequestNext::Open => row.set(requests::state.eq("open")).execute(conn).await?,
        RequestNext::Done(amount, refund) => {
            let refund = refund.as_ref().map(|refund| refund.as_str());
            let amount = requests::refunded_amount.eq(amount.get());
            row.set((requests::state.eq("done"), amount, requests::stripe_refund_id.eq(refund), settled))
                .execute(conn)
                .await?
        }
        RequestNext::Failed(why) => {
            let reason = format!("refund request {id} failed: {why}");
            admin::hold_for_refund(conn, payment, &reason, now.into()).await?;
            row.set((requests::state.eq("failed"), requests::outcome.eq(why), settled)).execute(conn).await?
        }
    };
    Ok(())
}

/// A refund of ours may fail long after it was made: the bank sends it back.
pub(super) async fn notice_failure(
    conn: &mut Conn,
    refund: &RefundFact,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    if !refund::failed(&refund.status) {
        return Ok(());
    }
    let done = requests::table
        .filter(requests::stripe_refund_id.eq(refund.id.as_str()).and(requests::state.eq("done")))
        .select((requests::id, requests::payment_id));
    let Some((id, payment)) = done.first::<(i64, i64)>(conn).await.optional()? else { return Ok(()) };
    let row: PaymentRow = payments::table.find(payment).select(PaymentRow::as_select()).first(conn).await?;
    let why = format!("refund {} {}: the money came back from the customer's bank", refund.id, refund.status);
    let failed = (RequestId(id), RequestNext::Failed(why.clone()));
    conclude(conn, PaymentId(payment), &failed, now.into()).await?;
    if let Some(case) = cases::load(conn, std::slice::from_ref(&row)).await?.pop() {
        let told = asked::failed(&case, RequestId(id), refund.amount, &why);
        outbox::write(conn, &[told], policy, now.into()).await?;
    }
    Ok(())
}

/// Records that a session was completed. What was said first stands.
pub(in crate::store) async fn complete(
    conn: &mut Conn,
    payment: PaymentId,
    at: DateTime<Utc>,
    actor: &str,
    now: Timestamp,
) -> Result<Completed, TxError> {
    let row = payments::table.find(payment.0);
    let said: Option<Option<Timestamp>> =
        locked!(row.select(payments::session_completed_at)).first(conn).await.optional()?;
    match said {
        None => Ok(Completed::NoSuchPayment),
        Some(Some(said)) => Ok(Completed::Already(said.into())),
        Some(None) => {
            let set = (payments::session_completed_at.eq(Timestamp::from(at)), payments::updated_at.eq(now));
            diesel::update(row).set(set).execute(conn).await?;
            admin::audit(conn, actor, "complete", ("payment", payment.to_string()), "", now).await?;
            Ok(Completed::Recorded)
        }
    }
}
