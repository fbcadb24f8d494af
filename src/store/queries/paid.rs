//! Payments that were paid, looked at again: what is to be taken back or paid again, and tx 1 of the money rule for it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::debts::{self, Debtor};
use super::{Conn, outbox, release};
use crate::domain::adjust::{Action, Adjustment, adjust};
use crate::domain::ids::{MentorId, PaymentKey};
use crate::domain::late;
use crate::domain::operation::{Order, adjustment_key};
use crate::domain::policy::Policy;
use crate::domain::release::Case;
use crate::ports::{Claimed, Lease};
use crate::store::db::TxError;
use crate::store::rows::PaymentRow;
use crate::store::schema::payments;
use crate::store::types::Timestamp;

/// Looks at a paid payment. Answers whether something is to be put right: then it is left alone by others until
/// `revisit_at`.
pub(super) async fn look_at(
    conn: &mut Conn,
    case: &Case,
    revisit_at: DateTime<Utc>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<bool, TxError> {
    let due = adjust(case, policy).is_some();
    wake_at(conn, case, due.then_some(revisit_at)).await?;
    outbox::write(conn, &late::objections(case, policy), policy, now).await?;
    Ok(due)
}

/// Tx 1 for a paid payment: decides again under the lock, and commits the intent, or writes what needs no call.
pub(super) async fn claim(
    conn: &mut Conn,
    row: &PaymentRow,
    case: &Case,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Claimed, TxError> {
    let id = case.payment.id;
    let (Some(adjustment), Some(mentor_id)) = (adjust(case, policy), case.payment.mentor_id.clone()) else {
        wake_at(conn, case, None).await?;
        return Ok(Claimed::Adjusted(id));
    };
    match &adjustment.action {
        Action::Order(order) => {
            let intent = intent(row, mentor_id, &adjustment, order.clone());
            let operation = release::commit_intent(conn, intent, lease, now).await?;
            wake_at(conn, case, None).await?;
            return Ok(Claimed::Submit(Box::new(operation)));
        }
        Action::Owe(amount) | Action::Forgive(amount) => {
            let debtor = Debtor { mentor_id: &mentor_id, currency: case.payment.currency, payment_id: id };
            let because = (adjustment.cause.as_str(), adjustment.generation);
            match adjustment.action {
                Action::Owe(_) => {
                    let key = format!("{}:{}", adjustment.cause, adjustment.generation);
                    debts::owe(conn, &debtor, *amount, because, now).await?;
                    outbox::write(conn, &late::owed(case, &key, *amount), policy, now).await?;
                }
                _ => debts::forgive(conn, &debtor, *amount, because, now).await?,
            }
        }
    }
    wake_at(conn, case, Some(now)).await?;
    Ok(Claimed::Adjusted(id))
}

fn intent(row: &PaymentRow, mentor_id: MentorId, adjustment: &Adjustment, order: Order) -> release::Intent {
    let key = PaymentKey::new(&row.payment_key);
    let (cause, generation) = (adjustment.cause.clone(), adjustment.generation);
    let key = adjustment_key(order.kind(), &key, &cause, generation);
    release::Intent { payment_id: adjustment.payment_id, mentor_id, cause, generation, key, order }
}

async fn wake_at(conn: &mut Conn, case: &Case, at: Option<DateTime<Utc>>) -> Result<(), TxError> {
    diesel::update(payments::table.find(case.payment.id.0))
        .set(payments::next_check_at.eq(at.map(Timestamp::from)))
        .execute(conn)
        .await?;
    Ok(())
}
