//! The desk's lists of payments and runs. Reads only.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, holding, views};
use crate::domain::ids::MentorId;
use crate::ports::{Listed, Page, PaymentFilter, PaymentView, RunEntry};
use crate::store::db::TxError;
use crate::store::rows::{PaymentRow, utc};
use crate::store::schema::{payments, runs};
use crate::store::types::Timestamp;

/// Payments that fit, newest first.
pub(in crate::store) async fn search(
    conn: &mut Conn,
    filter: &PaymentFilter,
    page: Page,
) -> Result<Vec<Listed<PaymentView>>, TxError> {
    let mut found = payments::table.order(payments::id.desc()).limit(page.limit).into_boxed::<_>();
    if let Some(before) = page.before {
        found = found.filter(payments::id.lt(before));
    }
    if !filter.statuses.is_empty() {
        found = found.filter(among!(payments::status, filter.statuses.iter().map(|status| status.word())));
    }
    if let Some(mentor) = filter.mentor.as_ref().map(MentorId::as_str) {
        found = found.filter(payments::mentor_id.eq(mentor));
    }
    if let Some(code) = &filter.held_for {
        // Codes with commas between. That `_` stands for any character does no harm: no two codes are that alike.
        let among = payments::hold_reasons.eq(code).or(payments::hold_reasons.like(format!("{code},%")));
        let among = among.or(payments::hold_reasons.like(format!("%,{code}")));
        let among = among.or(payments::hold_reasons.like(format!("%,{code},%")));
        found = found.filter(payments::status.eq("held").and(among));
    }
    if filter.flagged {
        found = found.filter(payments::dispute_requested);
    }
    if let Some(since) = filter.paid_since {
        found = found.filter(payments::paid_at.ge(Timestamp::from(since)));
    }
    if let Some(before) = filter.paid_before {
        found = found.filter(payments::paid_at.lt(Timestamp::from(before)));
    }
    if let Some(by) = filter.due_by {
        found = found.filter(payments::next_check_at.le(Timestamp::from(by)));
    }
    if let Some(since) = filter.on_platform_since {
        let paid = payments::paid_at.le(Timestamp::from(since));
        found = found.filter(holding::on_the_platform()).filter(paid);
    }
    let ids: Vec<i64> = found.select(payments::id).load(conn).await?;
    listed!(ids, |some| views_of(conn, some))
}

async fn views_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<PaymentView>, TxError> {
    let rows = payments::table.filter(among!(payments::id, ids)).order(payments::id.desc());
    let rows = rows.select(PaymentRow::as_select()).load(conn).await?;
    views::views(conn, rows).await
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = runs)]
struct RunRow {
    id: i64,
    trigger: String,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    looked_at: i64,
    transferred: i64,
    held: i64,
    waiting: i64,
    failed: i64,
    unfinished: i64,
    error: Option<String>,
}

impl RunRow {
    fn entry(self) -> RunEntry {
        let (started_at, finished_at) = (self.started_at.into(), utc(self.finished_at));
        RunEntry {
            id: self.id,
            trigger: self.trigger,
            started_at,
            finished_at,
            duration_ms: finished_at.map(|at| (at - started_at).num_milliseconds()),
            looked_at: self.looked_at,
            transferred: self.transferred,
            held: self.held,
            waiting: self.waiting,
            failed: self.failed,
            unfinished: self.unfinished,
            error: self.error,
        }
    }
}

/// Runs, newest first.
pub(in crate::store) async fn runs(conn: &mut Conn, failed: bool, page: Page) -> Result<Vec<RunEntry>, TxError> {
    let mut found = runs::table.order(runs::id.desc()).limit(page.limit).into_boxed::<_>();
    if let Some(before) = page.before {
        found = found.filter(runs::id.lt(before));
    }
    if failed {
        found = found.filter(runs::error.is_not_null());
    }
    let rows: Vec<RunRow> = found.select(RunRow::as_select()).load(conn).await?;
    Ok(rows.into_iter().map(RunRow::entry).collect())
}
