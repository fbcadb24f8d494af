//! The audit of the bank leg: payouts and withdrawals, by the rule that posts and by plain SQL.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::audit::found;
use super::{Conn, audit_sql, payout_ledger};
use crate::domain::ledger::Line;
use crate::ports::{AuditCheck, Difference};
use crate::store::db::TxError;
use crate::store::payout_rows::PayoutRow;
use crate::store::schema::payouts;

/// Payouts compared at once.
const PAGE: i64 = 1_000;

#[derive(QueryableByName)]
struct Payout {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    should: i64,
    #[diesel(sql_type = BigInt)]
    connected: i64,
    #[diesel(sql_type = BigInt)]
    funds: i64,
}

#[derive(QueryableByName)]
struct Withdrawal {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    should: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    found: Option<i64>,
}

/// Everything that is not as it should be, as it stands at the transaction's moment.
pub(super) async fn differences(conn: &mut Conn) -> Result<Vec<Difference>, TxError> {
    let mut differences = by_the_rule(conn).await?;
    let uneven: Vec<Payout> = diesel::sql_query(audit_sql::PAYOUTS).load(conn).await?;
    for payout in uneven {
        let subject = format!("payout {}", payout.name);
        for (account, is) in [("connected_balance", payout.connected), ("mentor_funds", payout.funds)] {
            if is != payout.should {
                let what = format!("what has left the account, and {account}, by its rows");
                differences.push(found(AuditCheck::Withdrawal, &subject, payout.should, is, what));
            }
        }
    }
    let other: Vec<Withdrawal> = diesel::sql_query(audit_sql::WITHDRAWALS).load(conn).await?;
    differences.extend(other.into_iter().map(|row| {
        let status = row.status.unwrap_or_else(|| "not there".to_owned());
        let what = format!("it is {}, and its payout {status}", row.state);
        let (should, is) = (row.should.unwrap_or(0), row.found.unwrap_or(0));
        found(AuditCheck::Withdrawal, &format!("withdrawal {}", row.id), should, is, what)
    }));
    Ok(differences)
}

/// What the rule would still post.
async fn by_the_rule(conn: &mut Conn) -> Result<Vec<Difference>, TxError> {
    let mut differences = Vec::new();
    let mut after = String::new();
    loop {
        let page = payouts::table.filter(payouts::stripe_payout_id.gt(&after)).order(payouts::stripe_payout_id);
        let rows: Vec<PayoutRow> = page.limit(PAGE).select(PayoutRow::as_select()).load(conn).await?;
        let Some(last) = rows.last() else { return Ok(differences) };
        after.clone_from(&last.stripe_payout_id);
        for missing in payout_ledger::missing(conn, &rows).await? {
            let subject = format!("payout {}", missing.payout);
            match missing.lines {
                Ok(lines) => differences.extend(lines.into_iter().map(|(line, amount)| {
                    let Line { kind, account, mentor, currency } = line;
                    let of = mentor.map_or(String::new(), |mentor| format!(" of {mentor}"));
                    let what = format!("not posted: {kind} entries on {account}{of} in {currency}");
                    found(AuditCheck::Entries, &subject, i64::try_from(amount).unwrap_or(i64::MAX), 0, what)
                })),
                Err(error) => {
                    let (check, what) = (AuditCheck::Unreadable, error.to_string());
                    differences.push(Difference { check, subject, should_minor: None, is_minor: None, what });
                }
            }
        }
    }
}
