//! Payments of which something is asked beside their transfer: what is refused at once, and tx 1 of the money rule for
//! what is sent.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, intent, requests};
use crate::domain::ask::{Task, next};
use crate::domain::facts::Fact;
use crate::domain::ids::{IdempotencyKey, MentorId, PaymentId, PaymentKey};
use crate::domain::operation::{About, adjustment_key};
use crate::domain::policy::Policy;
use crate::domain::release::Case;
use crate::ports::{Claimed, Lease};
use crate::store::db::TxError;
use crate::store::rows::PaymentRow;
use crate::store::schema::payments;
use crate::store::types::Timestamp;

/// What a look at a payment came to.
pub(super) enum Look {
    /// Nothing is asked of it.
    Nothing,
    /// A request was refused: the payment is looked at again at once.
    Refused,
    /// Something is to be sent: it is left alone by others until the set time.
    ToSend,
}

/// Looks whether something is asked of a payment.
pub(super) async fn look_at(
    conn: &mut Conn,
    case: &Case,
    revisit_at: DateTime<Utc>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Look, TxError> {
    let id = case.payment.id;
    match next(case, policy, now) {
        None => Ok(Look::Nothing),
        Some(Task::Refuse(request, why)) => {
            requests::refuse(conn, case, request, &why, policy, now).await?;
            wake_at(conn, id, Some(now)).await?;
            Ok(Look::Refused)
        }
        Some(Task::Order { .. }) => {
            wake_at(conn, id, Some(revisit_at)).await?;
            Ok(Look::ToSend)
        }
    }
}

/// Tx 1: decides again under the lock. `None` when nothing is asked any more.
pub(super) async fn claim(
    conn: &mut Conn,
    row: &PaymentRow,
    case: &Case,
    told: &[Fact],
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Option<Claimed>, TxError> {
    let id = case.payment.id;
    match next(case, policy, now) {
        None => Ok(None),
        Some(Task::Refuse(request, why)) => {
            requests::refuse(conn, case, request, &why, policy, now).await?;
            wake_at(conn, id, Some(now)).await?;
            Ok(Some(Claimed::Adjusted(id)))
        }
        Some(Task::Order { cause, generation, order }) => {
            let key = adjustment_key(order.kind(), &PaymentKey::new(&row.payment_key), &cause, generation);
            // Money that goes back to the customer needs no mentor to be named.
            let mentor_id = case.payment.mentor_id.clone().unwrap_or_else(|| MentorId::new(""));
            if let Some(request) = order.request_id() {
                requests::submit(conn, request).await?;
            }
            let intent = intent::Intent { about: About::Payment(id), mentor_id, cause, generation, key, order };
            let claimed = match done_under(told, &intent.key) {
                // A daemon of whose work this database does not know asked for it.
                true => {
                    intent::adopt(conn, intent, now).await?;
                    Claimed::Adjusted(id)
                }
                false => Claimed::Submit(Box::new(intent::commit(conn, intent, lease, now).await?)),
            };
            // Last, since a request that changes wakes its payment.
            wake_at(conn, id, None).await?;
            Ok(Some(claimed))
        }
    }
}

/// Whether Stripe just told of something that was done under this key.
pub(super) fn done_under(told: &[Fact], key: &IdempotencyKey) -> bool {
    told.iter().any(|fact| {
        let done = match fact {
            Fact::Refund(refund) => refund.operation_key.as_deref(),
            Fact::Transfer(transfer) => transfer.operation_key.as_deref(),
            _ => None,
        };
        done == Some(key.as_str())
    })
}

async fn wake_at(conn: &mut Conn, id: PaymentId, at: Option<DateTime<Utc>>) -> Result<(), TxError> {
    let set = payments::next_check_at.eq(at.map(Timestamp::from));
    diesel::update(payments::table.find(id.0)).set(set).execute(conn).await?;
    Ok(())
}
