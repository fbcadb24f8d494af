//! Payments that wait for a time, and those that are woken because the settings may have changed.

use chrono::DateTime;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::ids::PaymentId;
use crate::domain::payment::Pause;
use crate::store::among;
use crate::store::db::TxError;
use crate::store::schema::payments;
use crate::store::types::Timestamp;

/// Lets payments wait.
pub(in crate::store) async fn postpone(conn: &mut Conn, ids: &[PaymentId], pause: Pause) -> Result<(), TxError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let until = Timestamp::from(pause.until);
    let open = payments::table.filter(among!(payments::id, &ids)).filter(among!(
        payments::status,
        ["pending", "authorized", "unpaid", "failed", "held", "refunded", "transferred", "carried", "netted"]
    ));
    diesel::update(open)
        .set((
            payments::wait_until.eq(until),
            payments::wait_reason.eq(pause.why.word()),
            payments::next_check_at.eq(until),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Wakes what a setting held: a minimum, the key's mode, what to do with other currencies.
pub(in crate::store) async fn wake_held_by_settings(conn: &mut Conn) -> Result<usize, TxError> {
    let by_settings = payments::hold_reasons
        .like("%below_minimum%")
        .or(payments::hold_reasons.like("%other_mode%"))
        .or(payments::hold_reasons.like("%other_settlement_currency%"));
    let held = payments::table.filter(among::one_of(payments::status, among::AT_REST, &["held"]).and(by_settings));
    let due = payments::next_check_at.eq(Timestamp::from(DateTime::UNIX_EPOCH));
    Ok(diesel::update(held).set(due).execute(conn).await?)
}
