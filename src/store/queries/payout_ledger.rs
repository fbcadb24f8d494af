//! Posts payouts to the ledger: the difference between what a payout's entries should come to and what is posted.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::ledger::{Entry, Journal};
use super::{Conn, ledger};
use crate::domain::ids::{MentorId, PaymentKey};
use crate::domain::ledger::{Account, JournalKind, Line, Sums, difference, is_balanced, payout_entries};
use crate::domain::money::Currency;
use crate::domain::policy::Policy;
use crate::ports::StoreError;
use crate::store::db::TxError;
use crate::store::payout_rows::PayoutRow;
use crate::store::rows::corrupt;
use crate::store::schema::{ledger_entries as entries, ledger_journals as journals, payouts};

/// Posted in one transaction at most.
const AT_ONCE: i64 = 500;

/// Posts what was just told, of these payments and of payouts.
pub(super) async fn post_told(
    conn: &mut Conn,
    payments: &[PaymentKey],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    ledger::post_keys(conn, payments, policy, now).await?;
    post_waiting(conn, now).await.map(|_| ())
}

/// Posts what changed and is not posted, but for what somebody else is posting.
pub(in crate::store) async fn post_waiting(conn: &mut Conn, now: DateTime<Utc>) -> Result<usize, TxError> {
    let waiting = payouts::table
        .filter(payouts::to_post)
        .order(payouts::stripe_payout_id)
        .limit(AT_ONCE)
        .select(PayoutRow::as_select());
    let rows: Vec<PayoutRow> = locked_if_free!(waiting).load(conn).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let (mut new_journals, mut lines, mut done) = (Vec::new(), Vec::new(), Vec::new());
    let missing = missing(conn, &rows).await?;
    for missing in &missing {
        match missing.written_down(now) {
            Ok(written) => {
                done.push(missing.payout.as_str());
                if let Some((journal, entries)) = written {
                    new_journals.push(journal);
                    lines.extend(entries);
                }
            }
            // It must not keep money from being recorded. It waits until its row is mended; the audit names it.
            Err(error) => tracing::error!(payout.id = missing.payout, %error, "its ledger entries are not posted"),
        }
    }
    let written = if new_journals.is_empty() { 0 } else { ledger::write(conn, &new_journals, lines).await? };
    let posted = payouts::table.filter(among!(payouts::stripe_payout_id, &done));
    diesel::update(posted).set(payouts::to_post.eq(false)).execute(conn).await?;
    Ok(written)
}

/// Has every payout compared with the ledger, and posts what is missing.
pub(super) async fn post_all(conn: &mut Conn, now: DateTime<Utc>) -> Result<usize, TxError> {
    diesel::update(payouts::table).set(payouts::to_post.eq(true)).execute(conn).await?;
    let mut written = 0;
    loop {
        let waiting = payouts::table.filter(payouts::to_post).count();
        let before: i64 = waiting.get_result(conn).await?;
        written += post_waiting(conn, now).await?;
        // What cannot be read stays.
        let after: i64 = waiting.get_result(conn).await?;
        if after == 0 || after == before {
            return Ok(written);
        }
    }
}

/// What is not posted of a payout.
pub(super) struct Missing {
    /// Of which.
    pub payout: String,
    /// Its lines; an error where its rows cannot be read.
    pub lines: Result<Vec<(Line, i128)>, StoreError>,
    /// How many journals there are.
    journals: usize,
}

/// Compares payouts with what is posted of them. The platform's own are not of the mentors' books.
pub(super) async fn missing(conn: &mut Conn, rows: &[PayoutRow]) -> Result<Vec<Missing>, TxError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.stripe_payout_id.as_str()).collect();
    let own: Vec<String> = payouts::table
        .filter(among!(payouts::stripe_payout_id, &ids).and(payouts::stripe_account_id.is_null()))
        .select(payouts::stripe_payout_id)
        .load(conn)
        .await?;
    let posted = posted(conn, &ids).await?;
    let nothing = (Sums::new(), BTreeSet::new());
    let missing = |row: &PayoutRow| {
        let (sums, ids) = posted.get(&row.stripe_payout_id).unwrap_or(&nothing);
        let should = match own.contains(&row.stripe_payout_id) {
            true => Ok(Sums::new()),
            false => row.figures().map(|figures| payout_entries(&figures)),
        };
        let lines = should.map(|should| difference(&should, sums).into_values().flatten().collect());
        Missing { payout: row.stripe_payout_id.clone(), lines, journals: ids.len() }
    };
    Ok(rows.iter().map(missing).collect())
}

type Posted = HashMap<String, (Sums, BTreeSet<i64>)>;

async fn posted(conn: &mut Conn, ids: &[&str]) -> Result<Posted, TxError> {
    type EntryRow = (Option<String>, i64, String, Option<String>, String, i64);
    let rows: Vec<EntryRow> = journals::table
        .inner_join(entries::table.on(entries::journal_id.eq(journals::id)))
        .filter(among!(journals::payout_id, ids))
        .select((
            journals::payout_id,
            journals::id,
            entries::account,
            entries::mentor_id,
            entries::currency,
            entries::amount,
        ))
        .load(conn)
        .await?;
    let mut posted = Posted::new();
    for (payout, journal, account, mentor, currency, amount) in rows {
        let Some(payout) = payout else { continue };
        let what = format!("journal {journal}");
        let account = Account::from_word(&account).ok_or_else(|| corrupt(&what, "on no known account"))?;
        let currency = Currency::parse(&currency).map_err(|e| corrupt(&what, e))?;
        let line = Line { kind: JournalKind::Withdrawal, account, mentor: mentor.map(MentorId::new), currency };
        let (sums, journals) = posted.entry(payout).or_default();
        *sums.entry(line).or_default() += i128::from(amount);
        journals.insert(journal);
    }
    Ok(posted)
}

impl Missing {
    /// Its journal with its entries, as they are written; none where all is posted.
    fn written_down(&self, now: DateTime<Utc>) -> Result<Option<(Journal<'_>, Vec<Entry<'_>>)>, StoreError> {
        let lines = self.lines.as_ref().map_err(|why| corrupt(format!("payout {}", self.payout), why))?;
        if lines.is_empty() {
            return Ok(None);
        }
        let kind = JournalKind::Withdrawal;
        let key = format!("{}:{kind}:{}", self.payout, self.journals + 1);
        if !is_balanced(lines) {
            return Err(corrupt(format!("journal {key}"), "it would not balance, and is not posted"));
        }
        let entries = lines.iter().map(|(line, amount)| Entry::new(&key, line, *amount)).collect::<Result<_, _>>()?;
        let payout_id = Some(self.payout.as_str());
        Ok(Some((Journal { key, payment_id: None, payout_id, kind, at: now.into() }, entries)))
    }
}
