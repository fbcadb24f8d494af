//! The audit: compares the ledger with the rows that it is posted from, twice: by the rules, and by plain SQL.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::ledger::Missing;
use super::{Conn, audit_payouts, audit_sql, counts, ledger, payout_ledger, take_snapshot};
use crate::domain::ledger::Line;
use crate::domain::policy::Policy;
use crate::ports::{AuditCheck, AuditPage, Difference, PostedPage};
use crate::store::db::TxError;
use crate::store::rows::PaymentRow;
use crate::store::schema::payments;

/// Asks one of the audit's questions about a page. A macro, since the type of what it makes has no name.
macro_rules! page {
    ($sql:expr, $after:expr, $last:expr) => {
        diesel::sql_query($sql).bind::<BigInt, _>($after).bind::<BigInt, _>($last)
    };
}

#[derive(QueryableByName)]
struct Balance {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    account: String,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    should: i64,
    #[diesel(sql_type = BigInt)]
    found: i64,
}

#[derive(QueryableByName)]
struct Journal {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    currency: Option<String>,
    #[diesel(sql_type = BigInt)]
    amount: i64,
}

#[derive(QueryableByName)]
struct Transfer {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = BigInt)]
    should: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    found: Option<i64>,
}

#[derive(QueryableByName)]
struct Reversal {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    should: i64,
    #[diesel(sql_type = BigInt)]
    found: i64,
}

#[derive(QueryableByName)]
struct Debt {
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = Text)]
    mentor_id: String,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    outstanding: i64,
    #[diesel(sql_type = BigInt)]
    entered: i64,
    #[diesel(sql_type = BigInt)]
    posted: i64,
}

#[derive(QueryableByName)]
struct Mentor {
    #[diesel(sql_type = Text)]
    mentor_id: String,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = BigInt)]
    should: i64,
    #[diesel(sql_type = BigInt)]
    found: i64,
}

/// How many payments there are.
pub(in crate::store) async fn count(conn: &mut Conn) -> Result<i64, TxError> {
    Ok(payments::table.count().get_result(conn).await?)
}

/// Looks at a page of payments, as they stand at one moment.
pub(in crate::store) async fn payments_after(
    conn: &mut Conn,
    after: i64,
    limit: i64,
    policy: &Policy,
) -> Result<AuditPage, TxError> {
    take_snapshot(conn).await?;
    let page = payments::table.filter(payments::id.gt(after)).order(payments::id).limit(limit);
    let rows: Vec<PaymentRow> = page.select(PaymentRow::as_select()).load(conn).await?;
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(AuditPage::default()) };
    let mut differences = Vec::new();
    for missing in ledger::missing(conn, &rows, policy).await? {
        by_the_rules(&missing, &mut differences);
    }
    by_the_rows(conn, after, last, &mut differences).await?;
    transfers(conn, after, last, &mut differences).await?;
    let looked_at = i64::try_from(rows.len()).unwrap_or(limit);
    Ok(AuditPage { last: Some(last), looked_at, differences })
}

/// What the rules would still post.
fn by_the_rules(missing: &Missing, differences: &mut Vec<Difference>) {
    let subject = format!("payment {}", missing.id);
    if let Some((due, paid)) = missing.paid_otherwise {
        let what = "what the mentor was due when they were paid, and what they were paid".to_owned();
        differences.push(found(AuditCheck::Transfer, &subject, due.get(), paid.get(), what));
    }
    match &missing.postings {
        Ok(postings) => {
            for (line, amount) in postings.values().flatten() {
                let Line { kind, account, mentor, currency } = line;
                let of = mentor.as_ref().map_or(String::new(), |mentor| format!(" of {mentor}"));
                let what = format!("not posted: {kind} entries on {account}{of} in {currency}");
                let amount = i64::try_from(*amount).unwrap_or(i64::MAX);
                differences.push(found(AuditCheck::Entries, &subject, amount, 0, what));
            }
        }
        Err(error) => {
            let (check, what) = (AuditCheck::Unreadable, error.to_string());
            differences.push(Difference { check, subject, should_minor: None, is_minor: None, what });
        }
    }
}

/// What plain SQL makes of the rows.
async fn by_the_rows(conn: &mut Conn, after: i64, last: i64, into: &mut Vec<Difference>) -> Result<(), TxError> {
    let otherwise: Vec<Balance> = page!(audit_sql::BALANCES, after, last).load(conn).await?;
    into.extend(otherwise.into_iter().map(|balance| {
        let subject = format!("payment {}", balance.id);
        let what = format!("{} in {}, by its rows", balance.account, balance.currency);
        found(AuditCheck::Balance, &subject, balance.should, balance.found, what)
    }));
    let uneven: Vec<Journal> = page!(audit_sql::JOURNALS, after, last).load(conn).await?;
    into.extend(uneven.into_iter().map(Journal::difference));
    Ok(())
}

impl Journal {
    fn difference(self) -> Difference {
        let what = match self.currency {
            Some(currency) => format!("its {currency} entries do not balance"),
            None => "it has no entries".to_owned(),
        };
        found(AuditCheck::Journal, &format!("journal {}", self.id), 0, self.amount, what)
    }
}

/// What Stripe told of transfers, against what was ordered.
async fn transfers(conn: &mut Conn, after: i64, last: i64, into: &mut Vec<Difference>) -> Result<(), TxError> {
    let otherwise: Vec<Transfer> = page!(audit_sql::TRANSFERS, after, last).load(conn).await?;
    into.extend(otherwise.into_iter().map(|transfer| {
        let name = transfer.name.unwrap_or_default();
        let what = match transfer.found {
            Some(_) => format!("transfer {name}: ordered, and what Stripe made"),
            None => format!("transfer {name} was confirmed, and is not among the transfers"),
        };
        let subject = format!("payment {}", transfer.id);
        found(AuditCheck::Transfer, &subject, transfer.should, transfer.found.unwrap_or(0), what)
    }));
    let short: Vec<Reversal> = page!(audit_sql::REVERSALS, after, last).load(conn).await?;
    into.extend(short.into_iter().map(|reversal| {
        let what = "taken back by payoutd, and what Stripe told of as taken back".to_owned();
        found(AuditCheck::Transfer, &format!("payment {}", reversal.id), reversal.should, reversal.found, what)
    }));
    Ok(())
}

pub(super) fn found(check: AuditCheck, subject: &str, should: i64, is: i64, what: String) -> Difference {
    Difference { check, subject: subject.to_owned(), should_minor: Some(should), is_minor: Some(is), what }
}

/// Looks at what is of no one payment, as it stands at one moment.
pub(in crate::store) async fn mentors(conn: &mut Conn) -> Result<Vec<Difference>, TxError> {
    take_snapshot(conn).await?;
    let journals: Vec<Journal> = diesel::sql_query(audit_sql::OTHER_JOURNALS).load(conn).await?;
    let mut differences: Vec<Difference> = journals.into_iter().map(Journal::difference).collect();
    let debts: Vec<Debt> = diesel::sql_query(audit_sql::DEBTS).load(conn).await?;
    for debt in debts {
        let subject = format!("mentor {}", debt.mentor_id);
        for (of, is) in [("by the debt's entries", debt.entered), ("by the ledger", debt.posted)] {
            if debt.outstanding != is {
                let what = format!("{} in {}, {of}", debt.what, debt.currency);
                differences.push(found(AuditCheck::Debt, &subject, is, debt.outstanding, what));
            }
        }
    }
    let uneven: Vec<Mentor> = diesel::sql_query(audit_sql::MENTORS).load(conn).await?;
    differences.extend(uneven.into_iter().map(|mentor| {
        let what = format!("earned in {}, and where it is", mentor.currency);
        found(AuditCheck::Mentor, &format!("mentor {}", mentor.mentor_id), mentor.should, mentor.found, what)
    }));
    differences.extend(audit_payouts::differences(conn).await?);
    differences.extend(counts::differences(conn).await?);
    Ok(differences)
}

/// Posts what is missing for a page of payments, under their locks.
pub(in crate::store) async fn post_after(
    conn: &mut Conn,
    after: i64,
    limit: i64,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<PostedPage, TxError> {
    let page = payments::table.filter(payments::id.gt(after)).order(payments::id).limit(limit);
    let rows: Vec<PaymentRow> = locked!(page.select(PaymentRow::as_select())).load(conn).await?;
    let journals = ledger::post(conn, &rows, policy, now).await?;
    let journals = journals + if after == 0 { payout_ledger::post_all(conn, now).await? } else { 0 };
    Ok(PostedPage {
        last: rows.last().map(|row| row.id),
        looked_at: i64::try_from(rows.len()).unwrap_or(limit),
        journals: i64::try_from(journals).unwrap_or(i64::MAX),
    })
}
