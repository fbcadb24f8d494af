//! The port's calls. An answer is believed only when it is about what was asked; whatever else came is unreadable,
//! which leaves the outcome open rather than wrong.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Page};
use super::bank;
use super::client::{Client, Trip};
use super::lists;
use super::order;
use super::request::{self, Call};
use crate::domain::discrepancy::Compared;
use crate::domain::event::{self, EventError};
use crate::domain::facts::{AccountFact, DisputeFact, Fact, PayoutFact, RefundFact, Source, TransferFact};
use crate::domain::ids::{AccountId, ChargeId, IdempotencyKey, IntentId, PayoutId, TransferId};
use crate::domain::operation::{Done, Order};
use crate::domain::triage::Failure;
use crate::domain::withdrawal::Funds;
use crate::ports::{AccountLink, Called, ListPage, NewAccountLink, NewEvent, Span, StripeGateway};

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

    async fn intent(&self, id: &IntentId) -> Called<Source> {
        let mut trip = self.trip();
        let call = request::intent(id);
        let intent = trip.one(call, event::intent_read, |intent| same(id.as_str(), &intent.object_id)).await;
        trip.came_to(intent)
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

    async fn refunds_of(&self, charge: &ChargeId) -> Called<Vec<RefundFact>> {
        let mut trip = self.trip();
        let refunds = trip.all(|after| request::refunds_of(charge, after), event::refund_read).await;
        let refunds = refunds.and_then(|(refunds, last)| {
            let refunds: Vec<RefundFact> = refunds.into_iter().flatten().collect();
            match refunds.iter().find(|refund| refund.charge_id != *charge) {
                Some(other) => {
                    Err(last.unreadable(format!("asked for {charge}, told of {} of {}", other.id, other.charge_id)))
                }
                None => Ok(refunds),
            }
        });
        trip.came_to(refunds)
    }

    async fn transfer(&self, id: &TransferId) -> Called<TransferFact> {
        let mut trip = self.trip();
        let call = request::transfer(id);
        let transfer = trip.one(call, event::transfer_read, |transfer| same(id.as_str(), transfer.id.as_str())).await;
        trip.came_to(transfer)
    }

    async fn transfers_in(&self, group: &str) -> Called<Vec<TransferFact>> {
        let mut trip = self.trip();
        let transfers = trip.all(|after| request::transfers_in(group, after), event::transfer_read).await;
        trip.came_to(transfers.map(|(transfers, _)| transfers))
    }

    async fn events(&self, types: &[&str], span: Span, after: Option<&str>) -> Called<ListPage<NewEvent>> {
        let mut trip = self.trip();
        let now = self.now();
        let events = lists::events(&mut trip, types, span, after, now).await;
        trip.came_to(events)
    }

    async fn made(&self, what: Compared, span: Span, after: Option<&str>) -> Called<ListPage<(Fact, DateTime<Utc>)>> {
        let mut trip = self.trip();
        let now = self.now();
        let made = lists::made(&mut trip, what, span, after, now).await;
        trip.came_to(made)
    }

    async fn charges(&self, span: Span, after: Option<&str>) -> Called<ListPage<Source>> {
        let mut trip = self.trip();
        let now = self.now();
        let charges = lists::charges(&mut trip, span, after, now).await;
        trip.came_to(charges)
    }

    async fn funds_of(&self, account: &AccountId) -> Called<Funds> {
        let mut trip = self.trip();
        let funds = bank::funds_of(&mut trip, account).await;
        trip.came_to(funds)
    }

    async fn payouts_since(&self, account: &AccountId, since: DateTime<Utc>) -> Called<Vec<PayoutFact>> {
        let mut trip = self.trip();
        let payouts = bank::payouts_since(&mut trip, account, since).await.map(|(payouts, _)| payouts);
        trip.came_to(payouts)
    }

    async fn payout(&self, id: &PayoutId, account: Option<&AccountId>) -> Called<PayoutFact> {
        let mut trip = self.trip();
        let payout = bank::payout(&mut trip, id, account).await;
        trip.came_to(payout)
    }

    async fn link_account(&self, key: &IdempotencyKey, link: &NewAccountLink) -> Called<AccountLink> {
        let mut trip = self.trip();
        let made = bank::link(&mut trip, key, link).await;
        trip.came_to(made)
    }

    async fn carry_out(&self, key: &IdempotencyKey, order: &Order, not_after: DateTime<Utc>) -> Called<Done> {
        let mut trip = self.trip().not_after(not_after);
        let done = order::carry_out(&mut trip, key, order).await;
        trip.came_to(done)
    }

    async fn find(&self, key: &IdempotencyKey, order: &Order) -> Called<Option<Done>> {
        let mut trip = self.trip();
        let found = order::find(&mut trip, key, order).await;
        trip.came_to(found)
    }
}

impl Trip<'_> {
    pub(super) async fn one<T>(
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
    pub(super) async fn all<T>(
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

pub(super) fn same(asked: &str, told: &str) -> Result<(), String> {
    if asked == told { Ok(()) } else { Err(format!("asked for {asked}, told of {told}")) }
}
