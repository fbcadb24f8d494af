//! What payoutd asks about connected accounts and their payouts. The crate's own builders of these are left out: their
//! features bring all of Stripe's forms, of which payoutd sends a few fields.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::answer::Answer;
use super::client::Trip;
use super::gateway::same;
use super::request::{self, Call, PAGE_LIMIT, in_path};
use crate::domain::event;
use crate::domain::facts::{AccountFact, PayoutFact};
use crate::domain::ids::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::money::Currency;
use crate::domain::onboarding::{AccountOrder, MANUAL, ScheduleOrder};
use crate::domain::read::{OPERATION_KEY, WITHDRAWAL_KEY};
use crate::domain::triage::Failure;
use crate::domain::withdrawal::{Funds, PayoutOrder};
use crate::ports::{AccountLink, NewAccountLink};

type Form = BTreeMap<String, String>;

fn post(path: &str, form: &Form, key: &IdempotencyKey) -> Call {
    Call::from_builder(RequestBuilder::new(StripeMethod::Post, path).form(form), Some(key.clone()))
}

fn form<const N: usize>(fields: [(&str, String); N]) -> Form {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn create_payout(key: &IdempotencyKey, order: &PayoutOrder) -> Call {
    let form = form([
        ("amount", order.amount.to_string()),
        ("currency", order.currency.to_string()),
        ("method", order.speed.to_string()),
        (&format!("metadata[{OPERATION_KEY}]"), key.to_string()),
        (&format!("metadata[{WITHDRAWAL_KEY}]"), order.reference.clone()),
    ]);
    post("/payouts", &form, key).on(&order.account_id)
}

fn list(path: &str, since: DateTime<Utc>, after: Option<&str>) -> Call {
    let mut query = form([("created[gte]", since.timestamp().to_string()), ("limit", PAGE_LIMIT.to_string())]);
    query.extend(after.map(|id| ("starting_after".to_owned(), id.to_owned())));
    Call::from_builder(RequestBuilder::new(StripeMethod::Get, path).query(&query), None)
}

fn create_account(key: &IdempotencyKey, order: &AccountOrder) -> Call {
    let mut form = form([
        ("type", order.account_type.to_string()),
        ("capabilities[transfers][requested]", "true".to_owned()),
        (&format!("metadata[{OPERATION_KEY}]"), key.to_string()),
        ("metadata[payoutd_mentor]", order.mentor_id.to_string()),
    ]);
    form.extend(order.email.clone().map(|email| ("email".to_owned(), email)));
    form.extend(order.country.clone().map(|country| ("country".to_owned(), country)));
    post("/accounts", &form, key)
}

fn set_manual(key: &IdempotencyKey, order: &ScheduleOrder) -> Call {
    let form = form([("settings[payouts][schedule][interval]", MANUAL.to_owned())]);
    post(&format!("/accounts/{}", in_path(order.account_id.as_str())), &form, key)
}

fn create_link(key: &IdempotencyKey, link: &NewAccountLink) -> Call {
    let form = form([
        ("account", link.account_id.to_string()),
        ("refresh_url", link.refresh_url.clone()),
        ("return_url", link.return_url.clone()),
        ("type", "account_onboarding".to_owned()),
    ]);
    post("/account_links", &form, key)
}

pub(super) async fn pay_out(
    trip: &mut Trip<'_>,
    key: &IdempotencyKey,
    order: &PayoutOrder,
) -> Result<PayoutFact, Failure> {
    let call = create_payout(key, order);
    let payout = trip.one(call, event::payout_read, |payout| as_ordered(payout, order)).await?;
    Ok(of(payout, &order.account_id))
}

/// Whose a payout is stands in the request alone.
fn of(payout: PayoutFact, account: &AccountId) -> PayoutFact {
    PayoutFact { account_id: Some(account.clone()), ..payout }
}

fn as_ordered(payout: &PayoutFact, order: &PayoutOrder) -> Result<(), String> {
    if (payout.amount, payout.currency) == (order.amount, order.currency) {
        return Ok(());
    }
    let (asked, told) = (order.currency.display(order.amount), payout.currency.display(payout.amount));
    Err(format!("asked for a payout of {asked}, told of {} of {told}", payout.id))
}

pub(super) async fn find_payout(
    trip: &mut Trip<'_>,
    key: &IdempotencyKey,
    order: &PayoutOrder,
) -> Result<Option<PayoutFact>, Failure> {
    let (payouts, last) = payouts_since(trip, &order.account_id, order.since).await?;
    let found = payouts.into_iter().find(|payout| payout.operation_key.as_deref() == Some(key.as_str()));
    let as_asked = found.as_ref().map_or(Ok(()), |payout| as_ordered(payout, order));
    as_asked.map(|()| found).map_err(|why| last.unreadable(why))
}

pub(super) async fn payouts_since(
    trip: &mut Trip<'_>,
    account: &AccountId,
    since: DateTime<Utc>,
) -> Result<(Vec<PayoutFact>, Answer), Failure> {
    let page = |after: Option<&str>| list("/payouts", since, after).on(account);
    let (payouts, last) = trip.all(page, event::payout_read).await?;
    Ok((payouts.into_iter().map(|payout| of(payout, account)).collect(), last))
}

pub(super) async fn payout(
    trip: &mut Trip<'_>,
    id: &PayoutId,
    account: Option<&AccountId>,
) -> Result<PayoutFact, Failure> {
    let path = format!("/payouts/{}", in_path(id.as_str()));
    let call = Call::from_builder(RequestBuilder::new(StripeMethod::Get, path), None);
    let call = match account {
        Some(account) => call.on(account),
        None => call,
    };
    let payout = trip.one(call, event::payout_read, |payout| same(id.as_str(), payout.id.as_str())).await?;
    Ok(PayoutFact { account_id: account.cloned(), ..payout })
}

#[derive(Deserialize)]
struct Balance {
    available: Vec<Line>,
    instant_available: Option<Vec<Line>>,
}

#[derive(Deserialize)]
struct Line {
    amount: i64,
    currency: String,
}

pub(super) async fn funds_of(trip: &mut Trip<'_>, account: &AccountId) -> Result<Funds, Failure> {
    let answer = trip.send(request::balance().on(account)).await?;
    let Balance { available, instant_available } = answer.json()?;
    let side = |lines: Vec<Line>| {
        // A currency that payoutd does not know is one that it cannot pay out.
        let known = lines.into_iter().filter_map(|line| Some((Currency::parse(&line.currency).ok()?, line.amount)));
        known.collect()
    };
    Ok(Funds { available: side(available), instant: side(instant_available.unwrap_or_default()) })
}

pub(super) async fn make_account(
    trip: &mut Trip<'_>,
    key: &IdempotencyKey,
    order: &AccountOrder,
) -> Result<AccountFact, Failure> {
    trip.one(create_account(key, order), event::account_read, |_| Ok(())).await
}

pub(super) async fn find_account(
    trip: &mut Trip<'_>,
    key: &IdempotencyKey,
    order: &AccountOrder,
) -> Result<Option<AccountFact>, Failure> {
    let page = |after: Option<&str>| list("/accounts", order.since, after);
    let (accounts, _) = trip.all(page, event::account_read).await?;
    Ok(accounts.into_iter().find(|account| account.operation_key.as_deref() == Some(key.as_str())))
}

pub(super) async fn make_manual(
    trip: &mut Trip<'_>,
    key: &IdempotencyKey,
    order: &ScheduleOrder,
) -> Result<AccountFact, Failure> {
    let check = |account: &AccountFact| {
        same(order.account_id.as_str(), account.id.as_str())?;
        is_manual(account).then_some(()).ok_or_else(|| format!("{} was to pay out when asked only", account.id))
    };
    trip.one(set_manual(key, order), event::account_read, check).await
}

/// It is set once: where it is so, it does not matter who did it.
pub(super) async fn find_manual(trip: &mut Trip<'_>, order: &ScheduleOrder) -> Result<Option<AccountFact>, Failure> {
    let id = order.account_id.as_str();
    let call = request::account(&order.account_id);
    let account = trip.one(call, event::account_read, |account| same(id, account.id.as_str())).await?;
    Ok(Some(account).filter(is_manual))
}

fn is_manual(account: &AccountFact) -> bool {
    let interval = account.details.as_ref().and_then(|details| details.payout_interval.as_deref());
    interval == Some(MANUAL)
}

#[derive(Deserialize)]
struct Link {
    url: String,
    expires_at: i64,
}

pub(super) async fn link(
    trip: &mut Trip<'_>,
    key: &IdempotencyKey,
    link: &NewAccountLink,
) -> Result<AccountLink, Failure> {
    let answer = trip.send(create_link(key, link)).await?;
    let Link { url, expires_at } = answer.json()?;
    let expires_at = DateTime::from_timestamp(expires_at, 0);
    let expires_at = expires_at.ok_or_else(|| answer.unreadable("`expires_at` is not a time"))?;
    Ok(AccountLink { url, expires_at })
}
