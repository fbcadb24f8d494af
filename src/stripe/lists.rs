//! Stripe's lists by time: events that no webhook may have brought, and what was made in a span of time. One page a call,
//! so that a long list is never in memory as a whole.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::answer::{Answer, Page};
use super::client::Trip;
use super::request::{Call, PAGE_LIMIT};
use crate::domain::discrepancy::Compared;
use crate::domain::event;
use crate::domain::facts::{Fact, Source};
use crate::domain::ids::AccountId;
use crate::domain::triage::Failure;
use crate::ports::{ListPage, NewEvent, Span};

#[derive(Deserialize)]
struct Made {
    id: String,
    created: i64,
}

/// `more` is asked for beside the span.
fn call(path: &str, more: &[(&str, &str)], span: Span, after: Option<&str>) -> Call {
    let mut query = vec![
        ("created[gte]".to_owned(), span.since.timestamp().to_string()),
        ("created[lt]".to_owned(), span.until.timestamp().to_string()),
        ("limit".to_owned(), PAGE_LIMIT.to_string()),
    ];
    query.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    query.extend(after.map(|id| ("starting_after".to_owned(), id.to_owned())));
    let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let call = Call::from_builder(RequestBuilder::new(StripeMethod::Get, path), None);
    Call { path: format!("{}?{query}", call.path), ..call }
}

/// One page; what one of its objects is, `read` says.
async fn page<T>(
    trip: &mut Trip<'_>,
    call: Call,
    read: impl Fn(&RawValue, &Made, &Answer) -> Result<Option<T>, Failure>,
) -> Result<ListPage<T>, Failure> {
    let after = call.path.clone();
    let answer = trip.send(call).await?;
    let Page { data, has_more } = answer.json()?;
    let mut items = Vec::with_capacity(data.len());
    let mut last = None;
    for object in data {
        let made: Made = serde_json::from_str(object.get()).map_err(|e| answer.unreadable(e.to_string()))?;
        items.extend(read(object, &made, &answer)?);
        last = Some(made.id);
    }
    let next = match (has_more, last) {
        (false, _) => None,
        (true, None) => return Err(answer.unreadable("an empty page with more to come")),
        (true, Some(last)) if after.ends_with(&format!("starting_after={last}")) => {
            return Err(answer.unreadable(format!("the list does not get past {last}")));
        }
        (true, last) => last,
    };
    Ok(ListPage { items, next })
}

pub(super) async fn events(
    trip: &mut Trip<'_>,
    types: &[&str],
    span: Span,
    after: Option<&str>,
    now: DateTime<Utc>,
) -> Result<ListPage<NewEvent>, Failure> {
    let types: Vec<_> = types.iter().map(|kind| ("types[]", *kind)).collect();
    page(trip, call("/events", &types, span, after), |object, _, answer| {
        let body = object.get().as_bytes().to_vec();
        let head = event::head(&body).map_err(|e| answer.unreadable(e.to_string()))?;
        Ok(Some(NewEvent {
            event_id: head.id.into_string(),
            kind: head.kind,
            created_at: head.created_at,
            livemode: head.livemode,
            account: head.account.map(AccountId::into_string),
            body,
            received_at: now,
            unreadable: None,
        }))
    })
    .await
}

pub(super) async fn charges(
    trip: &mut Trip<'_>,
    span: Span,
    after: Option<&str>,
    now: DateTime<Utc>,
) -> Result<ListPage<Source>, Failure> {
    let settled = [("expand[]", "data.balance_transaction")];
    page(trip, call("/charges", &settled, span, after), |object, _, answer| {
        let charge = event::charge_read(object, answer.date.unwrap_or(now));
        charge.map(Some).map_err(|e| answer.unreadable(e.to_string()))
    })
    .await
}

pub(super) async fn made(
    trip: &mut Trip<'_>,
    what: Compared,
    span: Span,
    after: Option<&str>,
    now: DateTime<Utc>,
) -> Result<ListPage<(Fact, DateTime<Utc>)>, Failure> {
    let path = match what {
        Compared::Transfer => "/transfers",
        Compared::Refund => "/refunds",
        Compared::Dispute => "/disputes",
        Compared::Payout => "/payouts",
    };
    page(trip, call(path, &[], span, after), |object, made, answer| {
        let told_at = answer.date.unwrap_or(now);
        let fact = match what {
            Compared::Transfer => event::transfer_read(object, told_at).map(|fact| Some(Fact::Transfer(fact))),
            Compared::Refund => event::refund_read(object, told_at).map(|fact| fact.map(Fact::Refund)),
            Compared::Dispute => event::dispute_read(object, told_at).map(|fact| Some(Fact::Dispute(fact))),
            Compared::Payout => payout(object, told_at),
        };
        let fact = fact.map_err(|e| answer.unreadable(e.to_string()))?;
        let made_at = DateTime::from_timestamp(made.created, 0);
        let made_at = made_at.ok_or_else(|| answer.unreadable("`created` is not a time"))?;
        Ok(fact.map(|fact| (fact, made_at)))
    })
    .await
}

/// What Stripe took from a bank to cover a balance below zero is no payout to one.
fn payout(object: &RawValue, told_at: DateTime<Utc>) -> Result<Option<Fact>, event::EventError> {
    #[derive(Deserialize)]
    struct Amount {
        amount: i64,
    }
    match serde_json::from_str(object.get()) {
        Ok(Amount { amount }) if amount < 0 => Ok(None),
        _ => event::payout_read(object, told_at).map(|fact| Some(Fact::Payout(fact))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_seconds_and_every_type_is_asked_for() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let span = Span { since: at(1_000), until: at(2_000) };
        let types = [("types[]", "charge.refunded"), ("types[]", "transfer.created")];
        let call = call("/events", &types, span, Some("evt_1"));
        let expected = "/v1/events?created%5Bgte%5D=1000&created%5Blt%5D=2000&limit=100&types%5B%5D=charge.refunded\
            &types%5B%5D=transfer.created&starting_after=evt_1";
        assert_eq!((call.path.as_str(), call.method), (expected, hyper::Method::GET));
    }
}
