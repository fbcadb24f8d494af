//! Carrying an order out, and looking for what one came to. What Stripe tells of is believed only when it is as ordered.

use super::client::Trip;
use super::request;
use crate::domain::event;
use crate::domain::facts::{ReversalFact, TransferFact};
use crate::domain::ids::{ChargeId, IdempotencyKey};
use crate::domain::operation::{Done, Order, ReversalOrder, TransferOrder};
use crate::domain::triage::Failure;

pub(super) async fn carry_out(trip: &mut Trip<'_>, key: &IdempotencyKey, order: &Order) -> Result<Done, Failure> {
    match order {
        Order::Transfer(order) | Order::Restore(order) => {
            let call = request::create_transfer(key, order);
            let transfer = trip.one(call, event::transfer_read, |transfer| as_ordered(transfer, order)).await;
            transfer.map(Done::Transfer)
        }
        Order::Reversal(order) => {
            let call = request::create_reversal(key, order);
            let reversal = trip.one(call, event::reversal_read, |reversal| reversed_as_ordered(reversal, order)).await;
            reversal.map(Done::Reversal)
        }
    }
}

pub(super) async fn find(trip: &mut Trip<'_>, key: &IdempotencyKey, order: &Order) -> Result<Option<Done>, Failure> {
    match order {
        Order::Transfer(order) | Order::Restore(order) => {
            let group = &order.transfer_group;
            let (transfers, last) = trip.all(|after| request::transfers_in(group, after), event::transfer_read).await?;
            let found = ours(transfers, key);
            let as_asked = found.as_ref().map_or(Ok(()), |transfer| as_ordered(transfer, order));
            as_asked.map(|()| found.map(Done::Transfer)).map_err(|why| last.unreadable(why))
        }
        Order::Reversal(order) => {
            let page = |after: Option<&str>| request::reversals_of(&order.transfer_id, after);
            let (reversals, last) = trip.all(page, event::reversal_read).await?;
            let found = reversals.into_iter().find(|reversal| reversal.operation_key.as_deref() == Some(key.as_str()));
            let as_asked = found.as_ref().map_or(Ok(()), |reversal| reversed_as_ordered(reversal, order));
            as_asked.map(|()| found.map(Done::Reversal)).map_err(|why| last.unreadable(why))
        }
    }
}

/// The transfer that was asked for under the key. Stripe makes one for a key as long as it keeps the key; should there
/// be more all the same, the first is the one that was asked for.
fn ours(transfers: Vec<TransferFact>, key: &IdempotencyKey) -> Option<TransferFact> {
    let mut ours: Vec<_> =
        transfers.into_iter().filter(|transfer| transfer.operation_key.as_deref() == Some(key.as_str())).collect();
    ours.sort_by(|a, b| (a.created_at, a.id.as_str()).cmp(&(b.created_at, b.id.as_str())));
    if ours.len() > 1 {
        let ids: Vec<_> = ours.iter().map(|transfer| transfer.id.as_str()).collect();
        tracing::error!(operation.key = %key, transfer.ids = ids.join(","), "one operation has several transfers");
    }
    ours.into_iter().next()
}

fn as_ordered(transfer: &TransferFact, order: &TransferOrder) -> Result<(), String> {
    let id = &transfer.id;
    let charge = transfer.charge_id.as_ref();
    if (transfer.amount, transfer.currency) != (order.amount, order.currency) {
        let (asked, told) = (order.currency.display(order.amount), transfer.currency.display(transfer.amount));
        return Err(format!("asked for a transfer of {asked}, told of {id} of {told}"));
    }
    if transfer.destination != order.destination {
        return Err(format!("asked for a transfer to {}, told of {id} to {}", order.destination, transfer.destination));
    }
    if charge != Some(&order.source_transaction) {
        let told = charge.map_or("no charge", ChargeId::as_str);
        return Err(format!("asked for a transfer from {}, told of {id} from {told}", order.source_transaction));
    }
    Ok(())
}

fn reversed_as_ordered(reversal: &ReversalFact, order: &ReversalOrder) -> Result<(), String> {
    let (id, transfer) = (&reversal.id, &reversal.transfer.id);
    if (reversal.amount, reversal.currency) != (order.amount, order.currency) {
        let (asked, told) = (order.currency.display(order.amount), reversal.currency.display(reversal.amount));
        return Err(format!("asked for a reversal of {asked}, told of {id} of {told}"));
    }
    if *transfer != order.transfer_id {
        return Err(format!("asked for a reversal of {}, told of {id} of {transfer}", order.transfer_id));
    }
    Ok(())
}
