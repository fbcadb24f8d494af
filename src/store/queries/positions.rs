//! Where the mentor's part of payments is once they were paid, and what mentors owe or have as credit. Asked for paid payments only.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::adjust::{FirstOrder, Position, TransferStanding};
use crate::domain::ids::{AccountId, MentorId, TransferId};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::operation::{OperationKind, OperationState, Order};
use crate::ports::StoreError;
use crate::store::db::TxError;
use crate::store::rows::{PaymentRow, corrupt, json, minor};
use crate::store::schema::{debt_entries as entries, mentor_debts as debts, operations, transfers};

/// What was found about paid payments.
#[derive(Default)]
pub(super) struct Paid {
    operations: Vec<Op>,
    transfers: Vec<TransferRow>,
    entries: Vec<Entry>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = operations)]
struct Op {
    id: i64,
    payment_id: Option<i64>,
    mentor_id: String,
    kind: String,
    cause: String,
    generation: i32,
    idempotency_key: String,
    parameters: serde_json::Value,
    state: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = transfers)]
struct TransferRow {
    stripe_transfer_id: String,
    destination: String,
    amount: i64,
    amount_reversed: i64,
    operation_key: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = entries)]
struct Entry {
    payment_id: i64,
    mentor_id: String,
    currency: String,
    kind: String,
    amount: i64,
    cause: String,
    generation: i32,
    measure: Option<serde_json::Value>,
}

/// Gathers it for those of the payments that were paid: three queries, however many.
pub(super) async fn load(conn: &mut Conn, rows: &[PaymentRow]) -> Result<Paid, TxError> {
    let ids: Vec<i64> = rows.iter().filter(|row| is_paid(row)).map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Paid::default());
    }
    let operations: Vec<Op> = operations::table
        .filter(among!(operations::payment_id, &ids))
        .order(operations::id)
        .select(Op::as_select())
        .load(conn)
        .await?;
    let charges: Vec<&str> =
        rows.iter().filter(|row| is_paid(row)).filter_map(|row| row.stripe_charge_id.as_deref()).collect();
    let transfers: Vec<TransferRow> = transfers::table
        .filter(among!(transfers::stripe_charge_id, charges))
        .order((transfers::created_at, transfers::stripe_transfer_id))
        .select(TransferRow::as_select())
        .load(conn)
        .await?;
    let entries: Vec<Entry> = entries::table
        .filter(among!(entries::payment_id, &ids))
        .order(entries::id)
        .select(Entry::as_select())
        .load(conn)
        .await?;
    Ok(Paid { operations, transfers, entries })
}

fn is_paid(row: &PaymentRow) -> bool {
    matches!(row.status.as_str(), "transferred" | "carried" | "netted")
}

impl Paid {
    /// A payment's position; `None` unless it was paid.
    pub(super) fn position(&self, row: &PaymentRow) -> Result<Option<Position>, StoreError> {
        if !is_paid(row) {
            return Ok(None);
        }
        let operations: Vec<&Op> = self.operations.iter().filter(|op| op.payment_id == Some(row.id)).collect();
        let entries: Vec<&Entry> = self.entries.iter().filter(|entry| entry.payment_id == row.id).collect();
        let Some((mentor_id, currency, first)) = first_order(row, &operations, &entries)? else {
            // Transferred by hand in the database, or before payoutd: nothing is known to be taken back.
            return Ok(None);
        };
        let confirmed = |kind: OperationKind| amount_of(&operations, kind, OperationState::Confirmed);
        let entered = |kind: &str| entries.iter().filter(|e| e.kind == kind).map(|e| e.amount).sum::<i64>();
        // What became credit because of something was paid again; without a cause it is the payment's part itself.
        let credited =
            entries.iter().filter(|e| e.kind == "carried" && !e.cause.is_empty()).map(|e| e.amount).sum::<i64>();
        let what = format!("payment {}", row.id);
        Ok(Some(Position {
            mentor_id,
            currency,
            first,
            transfers: self.standings(&operations)?,
            reversed_by_us: minor(&what, confirmed(OperationKind::Reversal))?,
            carried: minor(&what, entered("carried"))?,
            taken: minor(&what, taken_with(&operations))?,
            restored: minor(&what, confirmed(OperationKind::Restore) + credited)?,
            owed: minor(&what, entered("owed") - entered("forgiven"))?,
            repayable: minor(&what, entered("repayable"))?,
            answered: answered(&operations, &entries),
            under_way: operations.iter().any(|op| op.kind != "transfer" && is_live(op)),
        }))
    }

    fn standings(&self, operations: &[&Op]) -> Result<Vec<TransferStanding>, StoreError> {
        let ours = |transfer: &&TransferRow| {
            let key = transfer.operation_key.as_deref();
            key.is_some_and(|key| operations.iter().any(|op| op.idempotency_key == key))
        };
        let standing = |transfer: &TransferRow| {
            let what = format!("transfer {}", transfer.stripe_transfer_id);
            Ok(TransferStanding {
                id: TransferId::new(&transfer.stripe_transfer_id),
                destination: AccountId::new(&transfer.destination),
                amount: minor(&what, transfer.amount)?,
                reversed: minor(&what, transfer.amount_reversed)?,
            })
        };
        self.transfers.iter().filter(ours).map(standing).collect()
    }
}

fn is_live(op: &Op) -> bool {
    matches!(op.state.as_str(), "planned" | "submitting" | "unknown")
}

fn amount_of(operations: &[&Op], kind: OperationKind, state: OperationState) -> i64 {
    let wanted = operations.iter().filter(|op| op.kind == kind.word() && op.state == state.word());
    wanted.filter_map(|op| Order::read(kind, &op.parameters).ok()).map(|order| order.amount().get()).sum()
}

/// What of the credit was sent with the first transfer.
fn taken_with(operations: &[&Op]) -> i64 {
    let sent = operations.iter().filter(|op| op.kind == "transfer" && op.state == "confirmed");
    let orders = sent.filter_map(|op| Order::read(OperationKind::Transfer, &op.parameters).ok());
    orders.map(|order| if let Order::Transfer(order) = order { order.carried.get() } else { 0 }).sum()
}

/// Who was paid in what, and what their part was measured by: the confirmed transfer's order, or the entry that took all of it.
fn first_order(
    row: &PaymentRow,
    operations: &[&Op],
    entries: &[&Entry],
) -> Result<Option<(MentorId, Currency, FirstOrder)>, StoreError> {
    let confirmed = operations.iter().find(|op| op.kind == "transfer" && op.state == "confirmed");
    if let Some(op) = confirmed {
        let what = format!("operation {}'s parameters", op.id);
        let order = Order::read(OperationKind::Transfer, &op.parameters).map_err(|e| corrupt(&what, e))?;
        let Order::Transfer(order) = order else { return Err(corrupt(what, "not a transfer's")) };
        let mut first =
            FirstOrder { gross: order.gross(), netted: order.netted, kept: order.kept, refunds: order.refunds };
        // Before the measure was recorded, the share is that of the whole charge.
        if first.kept == MinorUnits::ZERO {
            let what = format!("payment {}", row.id);
            (first.gross, first.kept) = (minor(&what, row.mentor_amount)?, minor(&what, row.amount)?);
        }
        return Ok(Some((MentorId::new(&op.mentor_id), order.currency, first)));
    }
    let Some((entry, measure)) = entries.iter().find_map(|entry| Some((entry, entry.measure.as_ref()?))) else {
        return Ok(None);
    };
    let first = json(format!("the measure of payment {}", row.id), measure)?;
    let what = format!("a debt entry of payment {}", row.id);
    let currency = Currency::parse(&entry.currency).map_err(|e| corrupt(what, e))?;
    Ok(Some((MentorId::new(&entry.mentor_id), currency, first)))
}

/// Causes that an operation or an entry has answered, with the highest generation of each, in the order of the first.
fn answered(operations: &[&Op], entries: &[&Entry]) -> Vec<(String, i32)> {
    let follows = |op: &&&Op| matches!(op.kind.as_str(), "restore" | "reversal");
    let by_operation = operations.iter().filter(follows).map(|op| (&op.cause, op.generation));
    let by_entry = entries.iter().filter(|entry| !entry.cause.is_empty()).map(|e| (&e.cause, e.generation));
    let mut answered: Vec<(String, i32)> = Vec::new();
    for (cause, generation) in by_operation.chain(by_entry) {
        match answered.iter_mut().find(|(known, _)| known == cause) {
            Some((_, highest)) => *highest = generation.max(*highest),
            None => answered.push((cause.clone(), generation)),
        }
    }
    answered
}

/// What the mentors of these payments owe and have as credit, by mentor and currency.
pub(super) async fn debts(
    conn: &mut Conn,
    rows: &[PaymentRow],
) -> Result<HashMap<(String, String), (i64, i64)>, TxError> {
    let mut ids: Vec<&str> = rows.iter().filter_map(|row| row.mentor_id.as_deref()).collect();
    ids.sort_unstable();
    ids.dedup();
    let owing: Vec<(String, String, i64, i64)> = debts::table
        .filter(among!(debts::mentor_id, ids))
        .filter(debts::outstanding.gt(0).or(debts::credit.gt(0)))
        .select((debts::mentor_id, debts::currency, debts::outstanding, debts::credit))
        .load(conn)
        .await?;
    Ok(owing.into_iter().map(|(mentor, currency, owed, credit)| ((mentor, currency), (owed, credit))).collect())
}
