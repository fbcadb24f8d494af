//! Payments that were paid, looked at again: what is to be taken back or paid again, and tx 1 of the money rule for it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::asked::done_under;
use super::debts::{self, Debtor};
use super::release::{Known, unlooked};
use super::{Conn, credits, intent, outbox};
use crate::domain::adjust::{Action, Adjustment, Finding, look};
use crate::domain::ids::{MentorId, PaymentKey};
use crate::domain::late;
use crate::domain::operation::{About, Order, adjustment_key};
use crate::domain::policy::Policy;
use crate::domain::release::Case;
use crate::ports::{Claimed, Lease};
use crate::store::db::TxError;
use crate::store::rows::PaymentRow;
use crate::store::schema::payments;
use crate::store::types::Timestamp;

/// Looks at a paid payment. Answers whether something may have to be put right: then it is left alone by others until
/// `revisit_at`, and Stripe is asked first.
pub(super) async fn look_at(
    conn: &mut Conn,
    case: &Case,
    revisit_at: DateTime<Utc>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<bool, TxError> {
    let found = look(case, policy);
    if matches!(found, Finding::Due(_) | Finding::Unexplained(_)) {
        wake_at(conn, case, Some(revisit_at)).await?;
        return Ok(true);
    }
    rest(conn, case, &found, policy, now).await?;
    Ok(false)
}

/// Nothing can be done now: whoever has to know is told. What is blocked is looked at again later, since what blocks it may
/// go without a word to this payment.
async fn rest(
    conn: &mut Conn,
    case: &Case,
    found: &Finding,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let again = matches!(found, Finding::Blocked(..)).then(|| now + policy.retry.funds);
    wake_at(conn, case, again).await?;
    let told = [late::objections(case, policy), late::finding(case, found)].concat();
    outbox::write(conn, &told, policy, now).await
}

/// Tx 1 for a paid payment: decides again under the lock, and commits the intent, or writes what needs no call.
pub(super) async fn claim(
    conn: &mut Conn,
    row: &PaymentRow,
    case: &Case,
    known: Known<'_>,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Claimed, TxError> {
    let id = case.payment.id;
    let found = look(case, policy);
    let (Finding::Due(adjustment), Some(position)) = (&found, &case.position) else {
        rest(conn, case, &found, policy, now).await?;
        return Ok(Claimed::Adjusted(id));
    };
    let mentor_id = &position.mentor_id;
    match &adjustment.action {
        Action::Order(order) => {
            let pays = matches!(order, Order::Restore(_));
            if pays && !known.has_looked(case, policy, now) {
                return Ok(unlooked(id, policy, now));
            }
            let intent = intended(row, mentor_id.clone(), adjustment, order.clone());
            if pays && done_under(known.told, &intent.key) {
                intent::adopt(conn, intent, now).await?;
                wake_at(conn, case, None).await?;
                return Ok(Claimed::Adjusted(id));
            }
            let operation = intent::commit(conn, intent, lease, now).await?;
            wake_at(conn, case, None).await?;
            return Ok(Claimed::Submit(Box::new(operation)));
        }
        Action::Owe(amount) | Action::Forgive(amount) | Action::Credit(amount) => {
            let debtor = Debtor { mentor_id, currency: position.currency, payment_id: id };
            let because = (adjustment.cause.as_str(), adjustment.generation);
            match adjustment.action {
                Action::Owe(_) => {
                    let key = format!("{}:{}", adjustment.cause, adjustment.generation);
                    debts::owe(conn, &debtor, *amount, because, now).await?;
                    outbox::write(conn, &late::owed_or_kept_less(case, &key, *amount), policy, now).await?;
                }
                Action::Credit(_) => credits::carry(conn, &debtor, *amount, because, None, now).await?,
                _ => debts::forgive(conn, &debtor, *amount, because, now).await?,
            }
        }
    }
    wake_at(conn, case, Some(now)).await?;
    Ok(Claimed::Adjusted(id))
}

fn intended(row: &PaymentRow, mentor_id: MentorId, adjustment: &Adjustment, order: Order) -> intent::Intent {
    let key = PaymentKey::new(&row.payment_key);
    let (cause, generation) = (adjustment.cause.clone(), adjustment.generation);
    let key = adjustment_key(order.kind(), &key, &cause, generation);
    let about = About::Payment(adjustment.payment_id);
    intent::Intent { about, mentor_id, cause, generation, key, order }
}

async fn wake_at(conn: &mut Conn, case: &Case, at: Option<DateTime<Utc>>) -> Result<(), TxError> {
    diesel::update(payments::table.find(case.payment.id.0))
        .set(payments::next_check_at.eq(at.map(Timestamp::from)))
        .execute(conn)
        .await?;
    Ok(())
}
