//! Writes down where payments stand that are not released now, and tells whom it concerns.

use chrono::{DateTime, Utc};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use super::{Conn, outbox, recordset};
use crate::domain::ids::PaymentId;
use crate::domain::notice::Outgoing;
use crate::domain::policy::Policy;
use crate::domain::settle::Settlement;
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::types::Timestamp;

const COLUMNS: Columns = &[
    ("id", "bigint"),
    ("status", "text"),
    ("hold_reasons", "text"),
    ("next_check_at", "timestamptz"),
    ("at", "timestamptz"),
];
const SETTLE: &str = "UPDATE payments SET status = r.status, hold_reasons = r.hold_reasons, \
        next_check_at = r.next_check_at, updated_at = r.at \
    FROM {rows} WHERE payments.id = r.id";

/// Two statements, however many.
pub(super) async fn write(
    conn: &mut Conn,
    settled: &[(PaymentId, Settlement)],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if settled.is_empty() {
        return Ok(());
    }
    let at = Timestamp::from(now).written();
    let row = |(id, settlement): &(PaymentId, Settlement)| {
        json!({
            "id": id,
            "status": settlement.status.word(),
            "hold_reasons": settlement.hold_reasons,
            "next_check_at": settlement.next_check_at.map(|at| Timestamp::from(at).written()),
            "at": at,
        })
    };
    let rows: Vec<Value> = settled.iter().map(row).collect();
    Bulk::<()>::new(SETTLE, recordset(COLUMNS), &rows).execute(conn).await?;
    let notices: Vec<Outgoing> =
        settled.iter().flat_map(|(_, settlement)| settlement.notices.iter().cloned()).collect();
    outbox::write(conn, &notices, policy, now).await
}
