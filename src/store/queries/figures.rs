//! Gathers what the ledger has to know about payments: four queries, however many payments. Decides nothing.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::adjust::FirstOrder;
use crate::domain::ids::MentorId;
use crate::domain::ledger::{DebtFigures, DebtKind, Measure, PaymentFigures, Sender, TransferFigures};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::operation::{OperationKind, Order};
use crate::domain::payment::Collection;
use crate::domain::policy::Policy;
use crate::ports::StoreError;
use crate::store::db::TxError;
use crate::store::rows::{DisputeRow, PaymentRow, corrupt, json, minor};
use crate::store::schema::{debt_entries, disputes, operations, transfers};

/// What was found about some payments.
pub(super) struct Found {
    operations: Vec<OpRow>,
    transfers: Vec<TransferRow>,
    disputes: Vec<DisputeRow>,
    debts: Vec<DebtRow>,
    mentor_pays_dispute_fee: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = operations)]
struct OpRow {
    id: i64,
    payment_id: Option<i64>,
    mentor_id: String,
    kind: String,
    idempotency_key: String,
    parameters: serde_json::Value,
    state: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = transfers)]
struct TransferRow {
    stripe_transfer_id: String,
    stripe_charge_id: Option<String>,
    amount: i64,
    amount_reversed: i64,
    currency: String,
    operation_key: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = debt_entries)]
struct DebtRow {
    id: i64,
    payment_id: i64,
    mentor_id: String,
    currency: String,
    kind: String,
    amount: i64,
    measure: Option<serde_json::Value>,
}

/// Gathers it.
pub(super) async fn load(conn: &mut Conn, rows: &[PaymentRow], policy: &Policy) -> Result<Found, TxError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let charges: Vec<&str> = rows.iter().filter_map(|row| row.stripe_charge_id.as_deref()).collect();
    let operations = operations::table
        .filter(among!(operations::payment_id, &ids))
        .filter(among!(operations::kind, [OperationKind::Transfer.word(), OperationKind::Restore.word()]))
        .order(operations::id)
        .select(OpRow::as_select())
        .load(conn)
        .await?;
    let transfers = transfers::table
        .filter(among!(transfers::stripe_charge_id, &charges))
        .select(TransferRow::as_select())
        .load(conn)
        .await?;
    let disputes = disputes::table
        .filter(among!(disputes::stripe_charge_id, &charges))
        .order(disputes::stripe_dispute_id)
        .select(DisputeRow::as_select())
        .load(conn)
        .await?;
    let debts = debt_entries::table
        .filter(among!(debt_entries::payment_id, &ids))
        .order(debt_entries::id)
        .select(DebtRow::as_select())
        .load(conn)
        .await?;
    let mentor_pays_dispute_fee = policy.after.mentor_pays_dispute_fee;
    Ok(Found { operations, transfers, disputes, debts, mentor_pays_dispute_fee })
}

impl Found {
    /// What the ledger has to know about one of them.
    pub(super) fn figures(&self, row: &PaymentRow) -> Result<PaymentFigures, StoreError> {
        let payment = row.payment()?;
        let measure = self.measure(row, payment.pay_currency())?;
        let charge = row.stripe_charge_id.as_deref();
        let disputes = self.disputes.iter().filter(|dispute| Some(dispute.stripe_charge_id.as_str()) == charge);
        let transfers = self.transfers.iter().filter(|t| charge.is_some() && t.stripe_charge_id.as_deref() == charge);
        let debts = self.debts.iter().filter(|debt| debt.payment_id == row.id);
        Ok(PaymentFigures {
            conversion: payment.conversion(),
            mentor: payment.mentor_id,
            currency: payment.currency,
            collected: payment.collection == Collection::Paid,
            amount: payment.amount,
            mentor_amount: payment.mentor_amount,
            refunded: payment.refunded,
            measure,
            disputes: disputes.map(|row| row.clone().dispute()).collect::<Result<_, _>>()?,
            transfers: transfers.map(|transfer| self.transfer(row.id, transfer)).collect::<Result<_, _>>()?,
            debts: debts.map(DebtRow::figures).collect::<Result<_, _>>()?,
            mentor_pays_dispute_fee: self.mentor_pays_dispute_fee,
        })
    }

    /// The confirmed transfer's order says it, or the entry that took all of it towards a debt.
    fn measure(&self, row: &PaymentRow, booked_in: Currency) -> Result<Option<Measure>, StoreError> {
        let all = minor(format!("payment {}", row.id), row.amount)?;
        let of_payment =
            |op: &&OpRow| op.payment_id == Some(row.id) && op.kind == "transfer" && op.state == "confirmed";
        if let Some(op) = self.operations.iter().find(of_payment) {
            let what = format!("operation {}'s parameters", op.id);
            let order = Order::read(OperationKind::Transfer, &op.parameters).map_err(|e| corrupt(&what, e))?;
            let Order::Transfer(order) = order else { return Err(corrupt(what, "not a transfer's")) };
            if order.currency != booked_in {
                return Ok(None);
            }
            // Before the measure was recorded, the share is that of the whole charge.
            if order.kept == MinorUnits::ZERO {
                return Ok(Some(Measure { gross: minor(&what, row.mentor_amount)?, kept: all }));
            }
            return Ok(Some(Measure { gross: order.gross(), kept: order.kept }));
        }
        let mut measured = self.debts.iter().filter(|debt| debt.payment_id == row.id);
        let Some((id, measure)) = measured.find_map(|debt| Some((debt.id, debt.measure.as_ref()?))) else {
            return Ok(None);
        };
        let FirstOrder { gross, kept, .. } = json(format!("the measure of debt entry {id}"), measure)?;
        Ok(Some(Measure { gross, kept }))
    }

    fn transfer(&self, payment: i64, row: &TransferRow) -> Result<TransferFigures, StoreError> {
        let what = format!("transfer {}", row.stripe_transfer_id);
        let asked =
            |op: &&OpRow| Some(&op.idempotency_key) == row.operation_key.as_ref() && op.payment_id == Some(payment);
        let by = self.operations.iter().find(asked);
        Ok(TransferFigures {
            sender: by.map_or(Sender::OtherHands, |op| Sender::Payoutd(MentorId::new(&op.mentor_id))),
            currency: Currency::parse(&row.currency).map_err(|e| corrupt(&what, e))?,
            amount: minor(&what, row.amount)?,
            reversed: minor(&what, row.amount_reversed)?,
        })
    }
}

impl DebtRow {
    fn figures(&self) -> Result<DebtFigures, StoreError> {
        let what = format!("debt entry {}", self.id);
        let kind = DebtKind::from_word(&self.kind);
        Ok(DebtFigures {
            mentor: MentorId::new(&self.mentor_id),
            currency: Currency::parse(&self.currency).map_err(|e| corrupt(&what, e))?,
            kind: kind.ok_or_else(|| corrupt(&what, format!("`{}` is not a known word", self.kind)))?,
            amount: minor(&what, self.amount)?,
        })
    }
}
