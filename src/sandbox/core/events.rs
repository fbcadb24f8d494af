//! The event log: what happened, in order, as `GET /v1/events` and the webhooks tell it.

use serde_json::{Map, Value, json};

use super::Core;
use super::error::StripeError;
use super::page::{allow, page};
use super::params::Params;
use super::store::Object;

/// One event. Its object is the state at that moment and never changes afterwards.
#[derive(Debug, Clone)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// `transfer.created` and the like.
    pub kind: String,
    /// Unix seconds.
    pub created: i64,
    object_id: String,
    /// As text: a tree of values takes several times the room, and there are many events.
    text: Box<str>,
}

impl Event {
    /// The event as it is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The event as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The id of the object that the event is about.
    pub fn object_id(&self) -> &str {
        &self.object_id
    }
}

impl Object for Event {
    const KIND: &'static str = "event";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        Event::json(self)
    }
}

/// The request that causes what happens now: events name it.
#[derive(Debug, Default, Clone)]
pub(super) struct Cause {
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
}

impl Core {
    /// Something happened on the platform's own account.
    pub(super) fn emit(&mut self, kind: &str, object: Value) {
        self.record(kind, object, None, None);
    }

    /// Something changed; `previous` holds the former values of what changed.
    pub(super) fn emit_change(&mut self, kind: &str, object: Value, previous: Value) {
        self.record(kind, object, Some(previous), None);
    }

    /// Something happened on a connected account.
    pub(super) fn emit_for(&mut self, account: &str, kind: &str, object: Value, previous: Option<Value>) {
        self.record(kind, object, previous, Some(account));
    }

    fn record(&mut self, kind: &str, object: Value, previous: Option<Value>, account: Option<&str>) {
        let id = self.ids.object("evt_");
        let object_id = object["id"].as_str().unwrap_or_default().to_owned();
        let mut data = Map::from_iter([("object".to_owned(), object)]);
        data.extend(previous.map(|values| ("previous_attributes".to_owned(), values)));
        let mut body = json!({
            "id": id,
            "object": "event",
            "api_version": self.settings.api_version,
            "created": self.now,
            "data": data,
            "livemode": false,
            "pending_webhooks": self.settings.webhook_endpoints,
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            "type": kind,
        });
        if let Some(account) = account {
            body["account"] = json!(account);
        }
        let (kind, created, text) = (kind.to_owned(), self.now, body.to_string().into());
        self.events.insert(Event { id, kind, created, object_id, text });
    }

    pub(super) fn get_event(&self, id: &str) -> Result<Value, StripeError> {
        let event = self.events.get(id).ok_or_else(|| StripeError::no_such("event", id))?;
        Ok(event.json())
    }

    pub(super) fn list_events(&self, params: &Params) -> Result<Value, StripeError> {
        allow(params, &["type", "types", "delivery_success"])?;
        let mut wanted = params.list("types");
        if wanted.len() > MOST_TYPES {
            return Err(StripeError::refused(400, None, "You can only filter by 20 types.").with_param("types"));
        }
        wanted.extend(params.text("type")?);
        let keep = |event: &Event| wanted.is_empty() || wanted.iter().any(|pattern| matches(pattern, &event.kind));
        page(params, "/v1/events", self.events.iter(), keep)
    }
}

/// Types that a list of events can be asked for: <https://docs.stripe.com/api/events/list>. The refusal's words are not
/// published; these are our own.
const MOST_TYPES: usize = 20;

/// `charge.*` takes every kind below `charge.`.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => kind == pattern,
    }
}
