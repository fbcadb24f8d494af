//! Brings together all that the decision needs to know about some payments: ten queries, however many payments.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::positions::{self, Paid};
use super::requests::{self, AskedOf};
use crate::domain::adjust::RefundLine;
use crate::domain::hold::{Hold, Subject};
use crate::domain::ids::{AccountId, MentorId, PaymentId, RefundId, TransferId};
use crate::domain::mentor::{Account, Mentor};
use crate::domain::refund;
use crate::domain::release::Case;
use crate::ports::StoreError;
use crate::store::db::TxError;
use crate::store::rows::{AccountRow, DisputeRow, HoldRow, MentorRow, PaymentRow, minor};
use crate::store::schema::{accounts, audit_log, disputes, holds, mentors, operations, refunds, transfers};

/// The cases of these payments, in the same order.
pub(in crate::store) async fn load(conn: &mut Conn, rows: &[PaymentRow]) -> Result<Vec<Case>, TxError> {
    Ok(load_each(conn, rows).await?.into_iter().collect::<Result<_, _>>()?)
}

/// The same, where one that cannot be read does not fail the others.
pub(in crate::store) async fn load_each(
    conn: &mut Conn,
    rows: &[PaymentRow],
) -> Result<Vec<Result<Case, StoreError>>, TxError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mentors = mentors_of(conn, rows).await?;
    let accounts = accounts_of(conn, &mentors).await?;
    let holds = holds_on(conn, rows).await?;
    let charges: Vec<&str> = rows.iter().filter_map(|row| row.stripe_charge_id.as_deref()).collect();
    let disputes: Vec<DisputeRow> = disputes::table
        .filter(among!(disputes::stripe_charge_id, &charges))
        .order(disputes::stripe_dispute_id)
        .select(DisputeRow::as_select())
        .load(conn)
        .await?;
    let foreign = foreign_transfers(conn, &charges).await?;
    let refunds = refunds_of(conn, &charges).await?;
    let debts = positions::debts(conn, rows).await?;
    let paid = positions::load(conn, rows).await?;
    let asked = requests::load(conn, rows).await?;
    let lifted = flags_lifted(conn, rows).await?;
    let known = Known { mentors, accounts, holds, disputes, foreign, refunds, debts, paid, asked, lifted };
    Ok(rows.iter().map(|row| known.case(row)).collect())
}

/// What was found about a batch of payments.
struct Known {
    mentors: HashMap<MentorId, Mentor>,
    accounts: HashMap<AccountId, Account>,
    holds: Vec<Hold>,
    disputes: Vec<DisputeRow>,
    foreign: HashMap<String, TransferId>,
    refunds: Vec<(String, RefundLine)>,
    debts: HashMap<(String, String), (i64, i64)>,
    paid: Paid,
    asked: AskedOf,
    lifted: HashMap<i64, i64>,
}

impl Known {
    fn case(&self, row: &PaymentRow) -> Result<Case, StoreError> {
        let mut payment = row.payment()?;
        payment.flag_lifted = self.lifted.get(&row.id).copied().unwrap_or(0);
        let mentor = payment.mentor_id.as_ref().and_then(|id| self.mentors.get(id)).cloned();
        let account = mentor.as_ref().and_then(|m| m.account_id.as_ref());
        let account = account.and_then(|id| self.accounts.get(id)).cloned();
        let charge = row.stripe_charge_id.as_deref();
        let of_charge = self.disputes.iter().filter(|d| Some(d.stripe_charge_id.as_str()) == charge);
        let disputes = of_charge.map(|d| d.clone().dispute()).collect::<Result<_, _>>()?;
        let holds = self.holds.iter().filter(|hold| concerns(hold, payment.id, payment.mentor_id.as_ref()));
        let holds = holds.cloned().collect();
        let foreign_transfer = charge.and_then(|c| self.foreign.get(c)).cloned();
        let of_charge = self.refunds.iter().filter(|(of, _)| Some(of.as_str()) == charge);
        let refunds = of_charge.map(|(_, refund)| refund.clone()).collect();
        let position = self.paid.position(row)?;
        let paid_in = position.as_ref().map_or(payment.pay_currency(), |position| position.currency);
        let owing = row.mentor_id.clone().and_then(|mentor| self.debts.get(&(mentor, paid_in.code().to_owned())));
        let (owed, credit) = owing.copied().unwrap_or_default();
        let what = format!("the debt of payment {}'s mentor", row.id);
        let (debt, credit) = (minor(&what, owed)?, minor(&what, credit)?);
        let asked = self.asked.get(&row.id).cloned().unwrap_or_default();
        Ok(Case { payment, holds, disputes, mentor, account, foreign_transfer, refunds, debt, credit, position, asked })
    }
}

fn concerns(hold: &Hold, payment: PaymentId, mentor: Option<&MentorId>) -> bool {
    match &hold.subject {
        Subject::Payment(id) => *id == payment,
        Subject::Mentor(id) => Some(id) == mentor,
    }
}

async fn mentors_of(conn: &mut Conn, rows: &[PaymentRow]) -> Result<HashMap<MentorId, Mentor>, TxError> {
    let mut ids: Vec<&str> = rows.iter().filter_map(|row| row.mentor_id.as_deref()).collect();
    ids.sort_unstable();
    ids.dedup();
    let found: Vec<MentorRow> =
        mentors::table.filter(among!(mentors::id, &ids)).select(MentorRow::as_select()).load(conn).await?;
    Ok(found.into_iter().map(|row| (MentorId::new(&row.id), row.mentor())).collect())
}

async fn accounts_of(
    conn: &mut Conn,
    mentors: &HashMap<MentorId, Mentor>,
) -> Result<HashMap<AccountId, Account>, TxError> {
    let mut ids: Vec<&str> = mentors.values().filter_map(|m| m.account_id.as_ref()).map(AccountId::as_str).collect();
    ids.sort_unstable();
    let found: Vec<AccountRow> = accounts::table
        .filter(among!(accounts::stripe_account_id, &ids))
        .select(AccountRow::as_select())
        .load(conn)
        .await?;
    let account = |row: &AccountRow| row.account().map(|account| (account.id.clone(), account));
    Ok(found.iter().map(account).collect::<Result<_, _>>()?)
}

async fn holds_on(conn: &mut Conn, rows: &[PaymentRow]) -> Result<Vec<Hold>, TxError> {
    let payments: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut mentors: Vec<&str> = rows.iter().filter_map(|row| row.mentor_id.as_deref()).collect();
    mentors.sort_unstable();
    mentors.dedup();
    // Two queries, not one with OR: each is then served by its own partial index.
    let open = || holds::table.filter(holds::lifted_at.is_null()).order(holds::id).select(HoldRow::as_select());
    let mut found: Vec<HoldRow> = open().filter(among!(holds::payment_id, &payments)).load(conn).await?;
    found.extend(open().filter(among!(holds::mentor_id, &mentors)).load(conn).await?);
    Ok(found.into_iter().map(HoldRow::hold).collect::<Result<_, _>>()?)
}

/// How often the flag of each was lifted, where that counts: of those that are flagged once they were paid, or nearly.
async fn flags_lifted(conn: &mut Conn, rows: &[PaymentRow]) -> Result<HashMap<i64, i64>, TxError> {
    let counts = |row: &&PaymentRow| {
        row.dispute_requested && matches!(row.status.as_str(), "transferred" | "netted" | "releasing")
    };
    let ids: Vec<String> = rows.iter().filter(counts).map(|row| row.id.to_string()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let lifted = audit_log::table.filter(audit_log::subject_kind.eq("payment").and(audit_log::action.eq("unflag")));
    let lifted = lifted.filter(among!(audit_log::subject_id, &ids)).group_by(audit_log::subject_id);
    let lifted: Vec<(String, i64)> =
        lifted.select((audit_log::subject_id, diesel::dsl::count_star())).load(conn).await?;
    Ok(lifted.into_iter().filter_map(|(id, count)| Some((id.parse().ok()?, count))).collect())
}

async fn refunds_of(conn: &mut Conn, charges: &[&str]) -> Result<Vec<(String, RefundLine)>, TxError> {
    let rows: Vec<(String, String, i64, String)> = refunds::table
        .filter(among!(refunds::stripe_charge_id, charges))
        .order(refunds::stripe_refund_id)
        .select((refunds::stripe_charge_id, refunds::stripe_refund_id, refunds::amount, refunds::status))
        .load(conn)
        .await?;
    let line = |(charge, id, amount, status): (String, String, i64, String)| {
        let amount = minor(format!("refund {id}"), amount)?;
        Ok((charge, RefundLine { id: RefundId::new(id), amount, failed: refund::failed(&status) }))
    };
    Ok(rows.into_iter().map(line).collect::<Result<_, StoreError>>()?)
}

/// Transfers of these charges that are not reversed and that no operation of this database asked for.
async fn foreign_transfers(conn: &mut Conn, charges: &[&str]) -> Result<HashMap<String, TransferId>, TxError> {
    let ours = operations::table
        .filter(operations::idempotency_key.nullable().eq(transfers::operation_key))
        // What was concluded not to be there, and is, speaks against another one.
        .filter(operations::state.ne("rejected"))
        .select(operations::id);
    let known = operations::table
        .filter(operations::idempotency_key.nullable().eq(transfers::operation_key))
        .select(operations::id);
    let lost = transfers::operation_key.assume_not_null().like("payoutd:transfer:%");
    let lost = lost.and(diesel::dsl::not(diesel::dsl::exists(known)));
    let found: Vec<(Option<String>, String)> = transfers::table
        .filter(among!(transfers::stripe_charge_id, charges))
        // One of a lost database's is the payment's own even where it was taken back: that is followed once it is adopted.
        .filter(transfers::amount_reversed.lt(transfers::amount).or(lost))
        .filter(diesel::dsl::not(diesel::dsl::exists(ours)))
        .order(transfers::stripe_transfer_id)
        .select((transfers::stripe_charge_id, transfers::stripe_transfer_id))
        .load(conn)
        .await?;
    Ok(found.into_iter().filter_map(|(charge, id)| Some((charge?, TransferId::new(id)))).collect())
}
