//! From an event's body to facts. Pure: the body is all it knows. What it cannot read it says, by field.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::facts::{Fact, Stamp};
use super::ids::{AccountId, EventId};
use super::money::{Currency, MinorUnits};
use super::read;

/// What the inbox needs to know of an event before anything else is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Stripe's id, unique for ever.
    pub id: EventId,
    /// Such as `charge.succeeded`.
    pub kind: String,
    /// When Stripe made it.
    pub created_at: DateTime<Utc>,
    /// Whether it is about real money.
    pub livemode: bool,
    /// The connected account it is about, where there is one.
    pub account: Option<AccountId>,
}

/// Why an event could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The body is not an event.
    #[error("the body is not a Stripe event: {0}")]
    NotAnEvent(String),
    /// The object inside is not what the type promises.
    #[error("{kind}: the object cannot be read: {why}")]
    Object {
        /// The event's type.
        kind: String,
        /// What is wrong, with the place in the object.
        why: String,
    },
    /// A field has a value that cannot be.
    #[error("{kind}: `{field}` is {value}, which {rule}")]
    Field {
        /// The event's type.
        kind: String,
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What would be right.
        rule: String,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    created: i64,
    #[serde(default)]
    livemode: bool,
    account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// Reads what the inbox needs.
pub fn head(body: &[u8]) -> Result<Head, EventError> {
    envelope(body).and_then(|envelope| head_of(&envelope))
}

/// Reads all that payoutd uses.
pub fn facts(body: &[u8]) -> Result<(Head, Fact), EventError> {
    let envelope = envelope(body)?;
    let head = head_of(&envelope)?;
    let object = envelope.data.and_then(|data| data.object);
    let object = object.ok_or_else(|| EventError::NotAnEvent("`data.object` is missing".into()))?;
    let event = Event { head: &head, object };
    let fact = read::fact(&event)?;
    Ok((head, fact))
}

fn envelope(body: &[u8]) -> Result<Envelope<'_>, EventError> {
    serde_json::from_slice(body).map_err(|e| EventError::NotAnEvent(e.to_string()))
}

fn head_of(envelope: &Envelope<'_>) -> Result<Head, EventError> {
    let created_at = DateTime::from_timestamp(envelope.created, 0)
        .ok_or_else(|| EventError::NotAnEvent(format!("`created` is {}, which is not a time", envelope.created)))?;
    if envelope.id.is_empty() || envelope.id.len() > 255 {
        return Err(EventError::NotAnEvent("`id` must have 1 to 255 characters".into()));
    }
    Ok(Head {
        id: EventId::new(envelope.id.as_ref()),
        kind: envelope.kind.as_ref().to_owned(),
        created_at,
        livemode: envelope.livemode,
        account: envelope.account.as_deref().map(AccountId::new),
    })
}

/// An event whose object is yet to be read.
pub(super) struct Event<'a> {
    pub head: &'a Head,
    pub object: &'a RawValue,
}

impl Event<'_> {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, EventError> {
        let text = self.object.get();
        serde_json::from_str(text).map_err(|error| {
            let field = field_at(text, &error).map(|field| format!("`{field}`: ")).unwrap_or_default();
            EventError::Object { kind: self.head.kind.clone(), why: format!("{field}{error}") }
        })
    }

    pub(super) fn stamp(&self, rank: i16) -> Stamp {
        Stamp { told_at: self.head.created_at, rank, event_id: self.head.id.clone() }
    }

    /// An amount that must not be negative.
    pub(super) fn amount(&self, field: &'static str, value: i64) -> Result<MinorUnits, EventError> {
        MinorUnits::new(value).ok_or_else(|| self.wrong(field, value, "must not be negative"))
    }

    /// An amount that must be more than nothing.
    pub(super) fn positive(&self, field: &'static str, value: i64) -> Result<MinorUnits, EventError> {
        let amount = self.amount(field, value)?;
        if amount == MinorUnits::ZERO { Err(self.wrong(field, value, "must be more than zero")) } else { Ok(amount) }
    }

    pub(super) fn currency(&self, code: &str) -> Result<Currency, EventError> {
        Currency::parse(code).map_err(|e| self.wrong("currency", code, e))
    }

    pub(super) fn time(&self, field: &'static str, seconds: i64) -> Result<DateTime<Utc>, EventError> {
        DateTime::from_timestamp(seconds, 0).ok_or_else(|| self.wrong(field, seconds, "is not a time"))
    }

    pub(super) fn wrong(
        &self,
        field: &'static str,
        value: impl std::fmt::Display,
        rule: impl std::fmt::Display,
    ) -> EventError {
        let value = format!("`{}`", value.to_string().chars().take(40).collect::<String>());
        EventError::Field { kind: self.head.kind.clone(), field, value, rule: rule.to_string() }
    }
}

/// The name of the field whose value an error is about: the last name before the place that the error tells.
fn field_at<'a>(text: &'a str, error: &serde_json::Error) -> Option<&'a str> {
    let lines_before = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let before = without_last_value(text.get(..lines_before + error.column())?);
    let (before, _) = before.rsplit_once("\":")?;
    before.rsplit_once('"').map(|(_, name)| name)
}

/// An error about all of an object or list is told at its end: the names inside are not the one that is meant.
fn without_last_value(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices().rev() {
        match letter {
            '}' | ']' => depth += 1,
            '{' | '[' if depth > 1 => depth -= 1,
            '{' | '[' if depth == 1 => return &text[..at],
            _ if depth == 0 => return text,
            _ => {}
        }
    }
    text
}

/// Reads a charge as the API answers it. `told_at` is when Stripe answered.
pub fn charge_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<super::facts::Source, EventError> {
    direct(object, "charge", told_at, |event| read::charge_source(event, event.read()?))
}

/// Reads a payment intent as the API answers it.
pub fn intent_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<super::facts::Source, EventError> {
    direct(object, "payment_intent", told_at, |event| read::intent_source(event, event.read()?))
}

/// Reads a dispute as the API answers it.
pub fn dispute_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<super::facts::DisputeFact, EventError> {
    direct(object, "dispute", told_at, |event| read::dispute_of(event, event.read()?))
}

/// Reads a transfer as the API answers it.
pub fn transfer_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<super::facts::TransferFact, EventError> {
    direct(object, "transfer", told_at, |event| read::transfer_of(event, event.read()?))
}

/// Reads a refund as the API answers it. `None` for one that is of no charge.
pub fn refund_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<Option<super::facts::RefundFact>, EventError> {
    direct(object, "refund", told_at, |event| read::refund_of(event, event.read()?))
}

/// Reads a transfer reversal as the API answers it.
pub fn reversal_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<super::facts::ReversalFact, EventError> {
    direct(object, "transfer_reversal", told_at, |event| read::reversal_of(event, event.read()?))
}

/// Reads a payout as the API answers it. Whose it is stands in the request alone.
pub fn payout_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<super::facts::PayoutFact, EventError> {
    direct(object, "payout", told_at, |event| read::payout_of(event, event.read()?))
}

/// Reads a connected account as the API answers it.
pub fn account_read(object: &RawValue, told_at: DateTime<Utc>) -> Result<super::facts::AccountFact, EventError> {
    direct(object, "account", told_at, |event| Ok(read::account_of(event, event.read()?)))
}

/// An object that was read directly stands as an event that sorts before real ones of the same second and rank.
fn direct<T>(
    object: &RawValue,
    kind: &str,
    told_at: DateTime<Utc>,
    read: impl FnOnce(&Event<'_>) -> Result<T, EventError>,
) -> Result<T, EventError> {
    let created_at = DateTime::from_timestamp(told_at.timestamp(), 0).unwrap_or(told_at);
    let head = Head { id: EventId::new(""), kind: format!("GET {kind}"), created_at, livemode: false, account: None };
    read(&Event { head: &head, object })
}
