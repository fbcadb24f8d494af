//! A mentor whose transfers are refused for good one after the other is paused: the next would be refused, too.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, admin, outbox};
use crate::domain::late;
use crate::domain::operation::Operation;
use crate::domain::policy::Policy;
use crate::store::among;
use crate::store::db::TxError;
use crate::store::schema::{operations, payments};

/// How many in a row.
const SEVERAL: usize = 3;

/// Looks at the mentor's latest transfers, of which the last was just refused for good.
pub(super) async fn pause_after_several(
    conn: &mut Conn,
    last: &Operation,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    let latest: Vec<(i64, String, String, Option<String>)> = operations::table
        .inner_join(payments::table.on(payments::id.nullable().eq(operations::payment_id)))
        .filter(operations::mentor_id.eq(last.mentor_id.as_str()).and(among::is(operations::kind, &["transfer"])))
        .filter(among::is(operations::state, &["confirmed", "rejected"]))
        .order(operations::id.desc())
        .limit(30)
        .select((payments::id, operations::state, payments::status, operations::error_code))
        .load(conn)
        .await?;
    // Of a payment that was tried again only the last try counts.
    let mut seen = HashSet::new();
    let of_each = latest.iter().filter(|(payment, ..)| seen.insert(*payment)).take(SEVERAL);
    // What is too small says nothing of the mentor.
    let of_mentor = |code: &Option<String>| code.as_deref() != Some("amount_too_small");
    let refused = |(_, state, status, code): &&(i64, String, String, Option<String>)| {
        state == "rejected" && status == "failed" && of_mentor(code)
    };
    let refused = of_each.filter(refused).count();
    if refused < SEVERAL {
        return Ok(());
    }
    let why = format!("the last {SEVERAL} transfers were refused for good");
    if admin::hold_by_rule(conn, &last.mentor_id, &why, now.into()).await? {
        outbox::write(conn, &[late::mentor_paused(last, why)], policy, now).await?;
    }
    Ok(())
}
