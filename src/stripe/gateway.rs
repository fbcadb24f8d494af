//! The port's calls. An answer is believed only when it is about what was asked; whatever else came is unreadable,
//! which leaves the outcome open rather than wrong.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Page};
use super::client::{Client, Trip};
use super::request::{self, Call};
use crate::domain::event::{self, EventError};
use crate::domain::facts::{AccountFact, DisputeFact, Source, TransferFact};
use crate::domain::ids::{AccountId, ChargeId, IdempotencyKey};
use crate::domain::operation::TransferOrder;
use crate::domain::triage::Failure;
use crate::ports::{Called, StripeGateway};

/// How an object of the API is read.
type Read<T> = fn(&RawValue, DateTime<Utc>) -> Result<T, EventError>;

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Moded {
    livemode: bool,
}

impl Client {
    /// Reads the platform's balance, to see whether Stripe takes the key and whether that moves real money.
    pub async fn livemode(&self) -> Called<bool> {
        let mut trip = self.trip();
        let answer = trip.send(request::balance()).await;
        let read = answer.and_then(|answer| answer.json().map(|Moded { livemode }| livemode));
        trip.came_to(read)
    }
}

#[async_trait]
impl StripeGateway for Client {
    async fn ping(&self) -> Called<()> {
        let mut trip = self.trip();
        let pinged = trip.send(request::balance()).await.map(|_| ());
        trip.came_to(pinged)
    }

    async fn charge(&self, id: &ChargeId) -> Called<Source> {
        let mut trip = self.trip();
        let call = request::charge(id);
        let charge = trip.one(call, event::charge_read, |charge| same(id.as_str(), &charge.object_id)).await;
        trip.came_to(charge)
    }

    async fn disputes_of(&self, charge: &ChargeId) -> Called<Vec<DisputeFact>> {
        let mut trip = self.trip();
        let disputes = trip.all(|after| request::disputes_of(charge, after), event::dispute_read).await;
        let disputes = disputes.and_then(|(disputes, last)| {
            match disputes.iter().map(|found| &found.dispute).find(|dispute| dispute.charge_id != *charge) {
                Some(other) => {
                    Err(last.unreadable(format!("asked for {charge}, told of {} on {}", other.id, other.charge_id)))
                }
                None => Ok(disputes),
            }
        });
        trip.came_to(disputes)
    }

    async fn account(&self, id: &AccountId) -> Called<AccountFact> {
        let mut trip = self.trip();
        let call = request::account(id);
        let account = trip.one(call, event::account_read, |account| same(id.as_str(), account.id.as_str())).await;
        trip.came_to(account)
    }

    async fn create_transfer(
        &self,
        key: &IdempotencyKey,
        order: &TransferOrder,
        not_after: DateTime<Utc>,
    ) -> Called<TransferFact> {
        let mut trip = self.trip().not_after(not_after);
        let call = request::create_transfer(key, order);
        let transfer = trip.one(call, event::transfer_read, |transfer| as_ordered(transfer, order)).await;
        trip.came_to(transfer)
    }

    async fn find_transfer(&self, key: &IdempotencyKey, order: &TransferOrder) -> Called<Option<TransferFact>> {
        let mut trip = self.trip();
        let group = &order.transfer_group;
        let all = trip.all(|after| request::transfers_in(group, after), event::transfer_read).await;
        let found = all.and_then(|(transfers, last)| {
            let found = ours(transfers, key);
            match found.as_ref().map_or(Ok(()), |transfer| as_ordered(transfer, order)) {
                Ok(()) => Ok(found),
                Err(why) => Err(last.unreadable(why)),
            }
        });
        trip.came_to(found)
    }
}

impl Trip<'_> {
    async fn one<T>(
        &mut self,
        call: Call,
        read: Read<T>,
        check: impl Fn(&T) -> Result<(), String>,
    ) -> Result<T, Failure> {
        let answer = self.send(call).await?;
        let object = read(answer.json()?, self.told_at(&answer)).map_err(|e| answer.unreadable(e.to_string()))?;
        check(&object).map_err(|why| answer.unreadable(why))?;
        Ok(object)
    }

    /// Every object of a list, and the last page's answer. A list that cannot be read to its end is a failure: what
    /// was not seen must not count as absent.
    async fn all<T>(
        &mut self,
        page: impl Fn(Option<&str>) -> Call,
        read: Read<T>,
    ) -> Result<(Vec<T>, Answer), Failure> {
        let mut objects = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let answer = self.send(page(after.as_deref())).await?;
            let told_at = self.told_at(&answer);
            let Page { data, has_more } = answer.json()?;
            for object in &data {
                objects.push(read(object, told_at).map_err(|e| answer.unreadable(e.to_string()))?);
            }
            if !has_more {
                return Ok((objects, answer));
            }
            let last = data.last().ok_or_else(|| answer.unreadable("an empty page with more to come"))?;
            let last: Named = serde_json::from_str(last.get()).map_err(|e| answer.unreadable(e.to_string()))?;
            if after.as_ref() == Some(&last.id) {
                return Err(answer.unreadable(format!("the list does not get past {}", last.id)));
            }
            after = Some(last.id);
        }
    }
}

fn same(asked: &str, told: &str) -> Result<(), String> {
    if asked == told { Ok(()) } else { Err(format!("asked for {asked}, told of {told}")) }
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
