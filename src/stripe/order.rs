//! Carrying an order out, and looking for what one came to. What Stripe tells of is believed only when it is as ordered.

use super::bank;
use super::client::Trip;
use super::gateway::same;
use super::request;
use crate::domain::event;
use crate::domain::facts::{AccountFact, RefundFact, ReversalFact, Source, TransferFact};
use crate::domain::ids::{ChargeId, IdempotencyKey};
use crate::domain::operation::{Done, IntentOrder, Order, RefundOrder, ReversalOrder, TransferOrder};
use crate::domain::payment::Collection;
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
        Order::Refund(order) => {
            let call = request::create_refund(key, order);
            let check = |refund: &Option<RefundFact>| match refund {
                Some(refund) => refunded_as_ordered(refund, order),
                None => Err(format!("asked for a refund of {}, told of one of no charge", order.charge_id)),
            };
            let read = |refund: Option<RefundFact>| refund.map(Done::Refund);
            let refund = trip.one(call, event::refund_read, check).await.map(read);
            // `check` has refused an answer without a refund.
            refund.and_then(|done| done.ok_or_else(|| Failure::NoAnswer("a refund of no charge".into())))
        }
        Order::Capture(order) => on_intent(trip, request::capture(key, order), order, Collection::Paid).await,
        Order::Cancel(order) => on_intent(trip, request::cancel(key, order), order, Collection::Canceled).await,
        Order::Payout(order) => bank::pay_out(trip, key, order).await.map(Done::Payout),
        Order::Account(order) => bank::make_account(trip, key, order).await.map(account),
        Order::Schedule(order) => bank::make_manual(trip, key, order).await.map(account),
    }
}

async fn on_intent(
    trip: &mut Trip<'_>,
    call: request::Call,
    order: &IntentOrder,
    wanted: Collection,
) -> Result<Done, Failure> {
    let intent = trip.one(call, event::intent_read, |intent| intent_as_ordered(intent, order, wanted)).await;
    intent.map(|intent| Done::Intent(Box::new(intent)))
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
        Order::Refund(order) => {
            let page = |after: Option<&str>| request::refunds_of(&order.charge_id, after);
            let (refunds, last) = trip.all(page, event::refund_read).await?;
            let mut refunds = refunds.into_iter().flatten();
            let found = refunds.find(|refund| refund.operation_key.as_deref() == Some(key.as_str()));
            let as_asked = found.as_ref().map_or(Ok(()), |refund| refunded_as_ordered(refund, order));
            as_asked.map(|()| found.map(Done::Refund)).map_err(|why| last.unreadable(why))
        }
        Order::Capture(order) => ended_as(trip, order, Collection::Paid).await,
        Order::Cancel(order) => ended_as(trip, order, Collection::Canceled).await,
        Order::Payout(order) => Ok(bank::find_payout(trip, key, order).await?.map(Done::Payout)),
        Order::Account(order) => Ok(bank::find_account(trip, key, order).await?.map(account)),
        Order::Schedule(order) => Ok(bank::find_manual(trip, order).await?.map(account)),
    }
}

fn account(account: AccountFact) -> Done {
    Done::Account(Box::new(account))
}

/// A payment intent is captured or canceled once: where it is, it does not matter which request did it.
async fn ended_as(trip: &mut Trip<'_>, order: &IntentOrder, wanted: Collection) -> Result<Option<Done>, Failure> {
    let call = request::intent(&order.intent_id);
    let intent = trip.one(call, event::intent_read, |intent| same(order.intent_id.as_str(), &intent.object_id)).await?;
    Ok((intent.says.collection == wanted).then(|| Done::Intent(Box::new(intent))))
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
    if charge != order.source_transaction.as_ref() {
        let told = charge.map_or("no charge", ChargeId::as_str);
        let asked = order.source_transaction.as_ref().map_or("no charge", ChargeId::as_str);
        return Err(format!("asked for a transfer from {asked}, told of {id} from {told}"));
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

fn refunded_as_ordered(refund: &RefundFact, order: &RefundOrder) -> Result<(), String> {
    let id = &refund.id;
    if (refund.amount, refund.currency) != (order.amount, order.currency) {
        let (asked, told) = (order.currency.display(order.amount), refund.currency.display(refund.amount));
        return Err(format!("asked for a refund of {asked}, told of {id} of {told}"));
    }
    if refund.charge_id != order.charge_id {
        return Err(format!("asked for a refund of {}, told of {id} of {}", order.charge_id, refund.charge_id));
    }
    Ok(())
}

fn intent_as_ordered(intent: &Source, order: &IntentOrder, wanted: Collection) -> Result<(), String> {
    same(order.intent_id.as_str(), &intent.object_id)?;
    if intent.says.collection != wanted {
        return Err(format!("{} was to be {wanted}, and is told to be {}", intent.object_id, intent.says.collection));
    }
    Ok(())
}
