//! Tells the admins of events that cannot be read.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, outbox};
use crate::domain::notice::{Notice, Outgoing};
use crate::domain::policy::Policy;
use crate::store::db::TxError;
use crate::store::schema::webhook_events as events;
use crate::store::types::Timestamp;

/// An event that cannot be read may be a payment that nobody knows of: the admin is told, once for each.
pub(super) async fn tell(
    conn: &mut Conn,
    row_id: i64,
    why: &str,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    let kind: String = events::table.find(row_id).select(events::kind).first(conn).await?;
    let notice = Notice::EventUnreadable { event: kind, why: why.to_owned() };
    let alert = Outgoing::to_admin(notice, "event_unreadable", row_id, None);
    outbox::write(conn, &[alert], policy, now.into()).await
}
