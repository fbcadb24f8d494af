//! Adopts what Stripe did for a payment and this database does not know of, or took for absent: the intent is written down
//! after the fact, or taken up again, as one whose outcome is unknown, and the rescuer looks it up and concludes it on its own
//! path. Nothing is sent.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, intent};
use crate::domain::facts::TransferFact;
use crate::domain::ids::{AccountId, ChargeId, IdempotencyKey, OperationId, PaymentKey, TransferId};
use crate::domain::lost::{adoptable, is_answered, paid_by};
use crate::domain::money::Currency;
use crate::domain::operation::{ABSENT, About, OperationKind, Order};
use crate::domain::payment::PaymentStatus;
use crate::domain::policy::Policy;
use crate::domain::release::Case;
use crate::store::db::TxError;
use crate::store::rows::{OperationRow, PaymentRow, corrupt, minor};
use crate::store::schema::{operations, payments, transfers};
use crate::store::types::Timestamp;

type Told = (String, Option<String>, String, i64, i64, String, Option<String>, Option<String>, Timestamp);

/// Where Stripe has a transfer under the payment's own key that no operation asked for, or one that did and was concluded
/// to be absent: takes it for the payment's. The payment's row is locked. Answers whether that was so; else it stays with
/// whoever decides.
pub(super) async fn look_at(
    conn: &mut Conn,
    row: &PaymentRow,
    case: &Case,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<bool, TxError> {
    let Some(found) = &case.foreign_transfer else { return Ok(false) };
    if case.payment.status.is_paid() || case.payment.status == PaymentStatus::Releasing {
        return Ok(false);
    }
    let Some((transfer, key)) = told(conn, found).await? else { return Ok(false) };
    let Some((OperationKind::Transfer, of, generation)) = paid_by(&key) else { return Ok(false) };
    if of != PaymentKey::new(&row.payment_key) {
        return Ok(false);
    }
    let id = case.payment.id;
    match asked_for_by(conn, row.id, &transfer, &key).await? {
        AskedBy::Another => return Ok(false),
        AskedBy::TakenForAbsent(operation) => intent::take_up_again(conn, operation, now).await?,
        AskedBy::Nobody => {
            let Some((mentor_id, order)) = adoptable(case, &transfer, policy) else { return Ok(false) };
            let (about, key) = (About::Payment(id), IdempotencyKey::new(key));
            let order = Order::Transfer(order);
            let intent = intent::Intent { about, mentor_id, cause: String::new(), generation, key, order };
            intent::adopt(conn, intent, now).await?;
        }
    }
    tracing::warn!(
        payment.id = id.0,
        transfer.id = transfer.id.as_str(),
        "Stripe has a transfer of it that this database does not know: it is looked up and adopted, not sent again"
    );
    intent::mark(conn, id, PaymentStatus::Releasing, now).await?;
    Ok(true)
}

/// Who asked for a transfer.
enum AskedBy {
    /// No operation has its key, and none is live or done for the payment.
    Nobody,
    /// This operation, which was then concluded to be absent; none is live or done for the payment.
    TakenForAbsent(OperationId),
    /// Some other, or one is live or done.
    Another,
}

async fn asked_for_by(conn: &mut Conn, payment: i64, transfer: &TransferFact, key: &str) -> Result<AskedBy, TxError> {
    let of_payment = operations::payment_id.eq(payment).and(operations::kind.eq("transfer"));
    let of_payment = of_payment.and(operations::state.ne("rejected"));
    let taken = operations::table.filter(operations::idempotency_key.eq(key).or(of_payment));
    let taken: Vec<(OperationRow, Option<String>)> =
        taken.select((OperationRow::as_select(), operations::error_code)).load(conn).await?;
    let (row, why) = match taken.as_slice() {
        [] => return Ok(AskedBy::Nobody),
        [one] => one,
        _ => return Ok(AskedBy::Another),
    };
    if row.state != "rejected" || why.as_deref() != Some(ABSENT) || row.payment_id != Some(payment) {
        return Ok(AskedBy::Another);
    }
    let operation = row.clone().operation()?;
    Ok(match &operation.order {
        Order::Transfer(order) if is_answered(order, transfer) => AskedBy::TakenForAbsent(operation.id),
        _ => AskedBy::Another,
    })
}

/// The transfer as it was told, with the key that it carries.
async fn told(conn: &mut Conn, id: &TransferId) -> Result<Option<(TransferFact, String)>, TxError> {
    let columns = (
        transfers::stripe_transfer_id,
        transfers::stripe_charge_id,
        transfers::destination,
        transfers::amount,
        transfers::amount_reversed,
        transfers::currency,
        transfers::transfer_group,
        transfers::operation_key,
        transfers::created_at,
    );
    let row: Option<Told> = transfers::table.find(id.as_str()).select(columns).first(conn).await.optional()?;
    let Some((id, charge, destination, amount, reversed, currency, transfer_group, Some(key), created_at)) = row else {
        return Ok(None);
    };
    let what = format!("transfer {id}");
    let transfer = TransferFact {
        charge_id: charge.map(ChargeId::new),
        destination: AccountId::new(destination),
        amount: minor(&what, amount)?,
        reversed: minor(&what, reversed)?,
        currency: Currency::parse(&currency).map_err(|e| corrupt(&what, e))?,
        id: TransferId::new(id),
        transfer_group,
        operation_key: Some(key.clone()),
        created_at: created_at.into(),
    };
    Ok(Some((transfer, key)))
}

/// The charge of the payment that a transfer's key names: one out of the platform's balance says none itself.
pub(super) async fn charge_of(conn: &mut Conn, transfer: &TransferFact) -> Result<Option<ChargeId>, TxError> {
    let Some((_, key, _)) = transfer.operation_key.as_deref().and_then(paid_by) else { return Ok(None) };
    let charge = payments::table.filter(payments::payment_key.eq(key.as_str())).select(payments::stripe_charge_id);
    let charge: Option<Option<String>> = charge.first(conn).await.optional()?;
    Ok(charge.flatten().map(ChargeId::new))
}
