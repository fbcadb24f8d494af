//! Posts to the ledger: the difference between what payments' entries should come to and what is posted, in the
//! transaction of what changed. The payments' rows are locked by whoever calls, so that nothing is posted twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::{Conn, figures, recordset};
use crate::domain::ids::{MentorId, PaymentId, PaymentKey};
use crate::domain::ledger::{
    Account, JournalKind, Line, Postings, Sums, difference, entries, is_balanced, paid_otherwise,
};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::policy::Policy;
use crate::ports::StoreError;
use crate::store::bulk::{Bulk, Columns};
use crate::store::db::TxError;
use crate::store::rows::{PaymentRow, corrupt};
use crate::store::schema::{ledger_entries, ledger_journals as journals, payments};
use crate::store::types::Timestamp;

const JOURNALS: Columns =
    &[("key", "text"), ("payment_id", "bigint"), ("payout_id", "text"), ("kind", "text"), ("at", "timestamptz")];
const WRITE_JOURNALS: &str = "INSERT INTO ledger_journals (key, payment_id, payout_id, kind, at) \
    SELECT r.key, r.payment_id, r.payout_id, r.kind, r.at FROM {rows} RETURNING id, key";
const ENTRIES: Columns =
    &[("journal_id", "bigint"), ("account", "text"), ("mentor_id", "text"), ("currency", "text"), ("amount", "bigint")];
const WRITE_ENTRIES: &str = "INSERT INTO ledger_entries (journal_id, account, mentor_id, currency, amount) \
    SELECT r.journal_id, r.account, r.mentor_id, r.currency, r.amount FROM {rows}";

/// What is posted for one payment.
#[derive(Default)]
struct Posted {
    sums: Sums,
    journals: BTreeMap<JournalKind, BTreeSet<i64>>,
}

/// Posts what is missing for these payments, whose rows are locked.
pub(super) async fn post(
    conn: &mut Conn,
    rows: &[PaymentRow],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<usize, TxError> {
    let (mut journals, mut lines) = (Vec::new(), Vec::new());
    let missing = missing(conn, rows, policy).await?;
    for missing in &missing {
        match missing.written_down(now) {
            Ok(written) => {
                journals.extend(written.0);
                lines.extend(written.1);
            }
            // It must not keep money from being recorded. It waits until its rows are mended; `payoutd audit` names it.
            Err(error) => tracing::error!(payment.id = missing.id.0, %error, "its ledger entries are not posted"),
        }
    }
    if journals.is_empty() {
        return Ok(0);
    }
    write(conn, &journals, lines).await
}

/// A journal, as it is written.
#[derive(Serialize)]
pub(super) struct Journal<'a> {
    pub key: String,
    pub payment_id: Option<PaymentId>,
    pub payout_id: Option<&'a str>,
    pub kind: JournalKind,
    pub at: Timestamp,
}

/// An entry of the journal with this key.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    #[serde(skip)]
    key: String,
    /// Known once the journal is written.
    journal_id: Option<i64>,
    account: Account,
    mentor_id: Option<&'a MentorId>,
    currency: &'a Currency,
    amount: i64,
}

impl<'a> Entry<'a> {
    /// Of an amount that fits.
    pub(super) fn new(key: &str, line: &'a Line, amount: i128) -> Result<Self, StoreError> {
        let amount = i64::try_from(amount).map_err(|e| corrupt(format!("journal {key}"), e))?;
        let Line { account, mentor, currency, .. } = line;
        Ok(Self {
            key: key.to_owned(),
            journal_id: None,
            account: *account,
            mentor_id: mentor.as_ref(),
            currency,
            amount,
        })
    }
}

/// Writes journals, and the entries of these journals.
pub(super) async fn write(
    conn: &mut Conn,
    journals: &[Journal<'_>],
    mut lines: Vec<Entry<'_>>,
) -> Result<usize, TxError> {
    type Written = (BigInt, Text);
    let written = Bulk::<Written>::new(WRITE_JOURNALS, recordset(JOURNALS), journals);
    let written: Vec<(i64, String)> = written.load(conn).await?;
    let ids: HashMap<&str, i64> = written.iter().map(|(id, key)| (key.as_str(), *id)).collect();
    for line in &mut lines {
        line.journal_id = ids.get(line.key.as_str()).copied();
    }
    Bulk::<()>::new(WRITE_ENTRIES, recordset(ENTRIES), &lines).execute(conn).await?;
    Ok(written.len())
}

/// The same, by the payments' keys. Those that are not known are passed over.
pub(super) async fn post_keys(
    conn: &mut Conn,
    keys: &[PaymentKey],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = keys.iter().map(PaymentKey::as_str).collect();
    let touched = payments::table.filter(among!(payments::payment_key, keys));
    let rows: Vec<PaymentRow> = touched.order(payments::id).select(PaymentRow::as_select()).load(conn).await?;
    post(conn, &rows, policy, now).await.map(|_| ())
}

/// The same, by their numbers.
pub(super) async fn post_ids(conn: &mut Conn, ids: &[i64], policy: &Policy, now: DateTime<Utc>) -> Result<(), TxError> {
    if ids.is_empty() {
        return Ok(());
    }
    let touched = payments::table.filter(among!(payments::id, ids));
    let rows: Vec<PaymentRow> = touched.order(payments::id).select(PaymentRow::as_select()).load(conn).await?;
    post(conn, &rows, policy, now).await.map(|_| ())
}

/// What is not posted of a payment.
pub(super) struct Missing {
    /// Of which.
    pub id: PaymentId,
    /// By kind of journal; an error where its rows cannot be read.
    pub postings: Result<Postings, StoreError>,
    /// What the mentor was due when they were paid, and what they were paid, where the two differ.
    pub paid_otherwise: Option<(MinorUnits, MinorUnits)>,
    /// How many journals of each kind there are.
    journals: BTreeMap<JournalKind, usize>,
}

/// Compares what these payments' entries should come to with what is posted: five queries, however many payments.
pub(super) async fn missing(conn: &mut Conn, rows: &[PaymentRow], policy: &Policy) -> Result<Vec<Missing>, TxError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let found = figures::load(conn, rows, policy).await?;
    let mut posted = posted(conn, rows).await?;
    let missing = |row: &PaymentRow| {
        let posted = posted.remove(&row.id).unwrap_or_else(|| Ok(Posted::default()));
        let counts =
            posted.as_ref().map(|posted| posted.journals.iter().map(|(kind, ids)| (*kind, ids.len())).collect());
        let journals = counts.unwrap_or_default();
        let figures = found.figures(row);
        let paid_otherwise = figures.as_ref().ok().and_then(paid_otherwise);
        let postings = figures.and_then(|figures| Ok(difference(&entries(&figures), &posted?.sums)));
        Missing { id: PaymentId(row.id), postings, paid_otherwise, journals }
    };
    Ok(rows.iter().map(missing).collect())
}

type EntryRow = (Option<i64>, i64, String, String, Option<String>, String, i64);

async fn posted(conn: &mut Conn, rows: &[PaymentRow]) -> Result<HashMap<i64, Result<Posted, StoreError>>, TxError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let of_payments: Vec<EntryRow> = journals::table
        .inner_join(ledger_entries::table.on(ledger_entries::journal_id.eq(journals::id)))
        .filter(among!(journals::payment_id, ids))
        .select((
            journals::payment_id,
            journals::id,
            journals::kind,
            ledger_entries::account,
            ledger_entries::mentor_id,
            ledger_entries::currency,
            ledger_entries::amount,
        ))
        .load(conn)
        .await?;
    let mut posted: HashMap<i64, Result<Posted, StoreError>> = HashMap::new();
    for row in of_payments {
        let Some(payment) = row.0 else { continue };
        let sofar = posted.entry(payment).or_insert_with(|| Ok(Posted::default()));
        if let Ok(kept) = sofar
            && let Err(error) = add(kept, row)
        {
            *sofar = Err(error);
        }
    }
    Ok(posted)
}

fn add(posted: &mut Posted, (_, id, kind, account, mentor, currency, amount): EntryRow) -> Result<(), StoreError> {
    let what = format!("journal {id}");
    let unknown = |word: &str| corrupt(&what, format!("`{word}` is not a known word"));
    let kind = JournalKind::from_word(&kind).ok_or_else(|| unknown(&kind))?;
    let account = Account::from_word(&account).ok_or_else(|| unknown(&account))?;
    let currency = Currency::parse(&currency).map_err(|e| corrupt(&what, e))?;
    let line = Line { kind, account, mentor: mentor.map(MentorId::new), currency };
    *posted.sums.entry(line).or_default() += i128::from(amount);
    posted.journals.entry(kind).or_default().insert(id);
    Ok(())
}

impl Missing {
    /// Its journals and entries, as they are written.
    fn written_down(&self, now: DateTime<Utc>) -> Result<(Vec<Journal<'_>>, Vec<Entry<'_>>), StoreError> {
        let (mut journals, mut lines) = (Vec::new(), Vec::new());
        let postings = self.postings.as_ref().map_err(|why| corrupt(format!("payment {}", self.id), why))?;
        for (kind, entries) in postings {
            let key = format!("{}:{kind}:{}", self.id, self.journals.get(kind).unwrap_or(&0) + 1);
            if !is_balanced(entries) {
                return Err(corrupt(format!("journal {key}"), "it would not balance, and is not posted"));
            }
            for (line, amount) in entries {
                lines.push(Entry::new(&key, line, *amount)?);
            }
            let (payment_id, at) = (Some(self.id), Timestamp::from(now));
            journals.push(Journal { key, payment_id, payout_id: None, kind: *kind, at });
        }
        Ok((journals, lines))
    }
}
