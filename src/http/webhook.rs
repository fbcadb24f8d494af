//! `POST /webhooks/stripe`: read, believe, keep, and only then say 200. What is authentic is kept even when it cannot
//! be read; what is not authentic leaves no trace but a log line. Bodies are never logged.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::time::timeout;
use tracing::Instrument;

use super::error::ErrorAnswer;
use super::rate::RateLimit;
use super::{State, body};
use crate::domain::event::{self, Head};
use crate::ports::{Kept, NewEvent, SignatureError, StoreError};

const RETRY_AFTER_S: u32 = 30;

pub(super) async fn receive(
    Extract(state): Extract<State>,
    request: Request,
    refusals: Arc<RateLimit>,
) -> Result<Json<serde_json::Value>, ErrorAnswer> {
    let (head, body) = request.into_parts();
    let body = body::read(body, &head.headers, &state.settings).await?;
    let now = state.clock.now();
    let signature = signature_header(&head.headers);
    if let Err(error) = state.signatures.check(signature.as_deref(), &body, now) {
        count("refused");
        // All are counted; not all are logged: whoever sends junk must not fill the disk with it.
        if refusals.admit(now).is_ok() {
            tracing::warn!(%error, "a webhook is not believed");
        } else {
            tracing::debug!(%error, "a webhook is not believed");
        }
        return Err(not_believed(&error));
    }
    keep(&state, new_event(body, now)).await?;
    Ok(Json(json!({ "received": true })))
}

/// Several headers of a name stand for one list, and a value that is no text cannot fit.
fn signature_header(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all("stripe-signature").iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn new_event(body: Vec<u8>, now: DateTime<Utc>) -> NewEvent {
    match event::head(&body).map_err(|e| e.to_string()).and_then(storable) {
        Ok(head) => NewEvent {
            event_id: head.id.into_string(),
            kind: head.kind,
            created_at: head.created_at,
            livemode: head.livemode,
            account: head.account.map(|account| account.into_string()),
            body,
            received_at: now,
            unreadable: None,
        },
        Err(why) => NewEvent {
            event_id: format!("unreadable:{}", sha256_hex(&body)),
            kind: String::new(),
            created_at: now,
            livemode: false,
            account: None,
            body,
            received_at: now,
            unreadable: Some(why),
        },
    }
}

/// PostgreSQL's text takes no NUL: such an event would be refused, come again for days, and then be lost.
fn storable(head: Head) -> Result<Head, String> {
    let account = head.account.as_ref().map_or("", |account| account.as_str());
    let texts = [("id", head.id.as_str()), ("type", &head.kind), ("account", account)];
    let field = texts.into_iter().find(|(_, text)| text.contains('\0')).map(|(field, _)| field);
    match field {
        Some(field) => Err(format!("the body is not a Stripe event: `{field}` has a NUL character")),
        None => Ok(head),
    }
}

fn sha256_hex(body: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In a task of its own: a sender that hangs up, or our timeout, must not break off a write in the middle.
async fn keep(state: &State, event: NewEvent) -> Result<(), ErrorAnswer> {
    let (id, kind, unreadable) = (event.event_id.clone(), event.kind.clone(), event.unreadable.is_some());
    let inbox = state.inbox.clone();
    let keeping = tokio::spawn(async move { inbox.keep(event).await }.in_current_span());
    let kept = match timeout(state.settings.keep_timeout, keeping).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(_)) => Err(StoreError::Away("the inbox stopped in the middle of it".into())),
        Err(_) => Err(StoreError::Away(format!("no commit within {:?}", state.settings.keep_timeout))),
    };
    match kept {
        Ok(kept) => {
            let again = kept == Kept::Again;
            count(if unreadable {
                "unreadable"
            } else if again {
                "again"
            } else {
                "kept"
            });
            if unreadable {
                tracing::warn!(event.id = id, again, "kept an authentic webhook that is not an event");
            } else {
                tracing::info!(event.id = id, event.kind = kind, again, "kept an event");
            }
            Ok(())
        }
        Err(error) => {
            count("not_kept");
            tracing::error!(event.id = id, event.kind = kind, %error, "an event is not kept; Stripe will send it again");
            Err(not_kept())
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("payoutd_webhooks_total", "outcome" => outcome).increment(1);
}

fn not_believed(error: &SignatureError) -> ErrorAnswer {
    let code = match error {
        SignatureError::Missing => "signature_missing",
        SignatureError::Malformed(_) => "signature_malformed",
        SignatureError::NoMatch => "signature_mismatch",
        SignatureError::TooOld { .. } => "timestamp_too_old",
        SignatureError::InFuture { .. } => "timestamp_in_future",
    };
    ErrorAnswer::new(StatusCode::BAD_REQUEST, code, error.to_string())
}

fn not_kept() -> ErrorAnswer {
    let message = "the event could not be stored and is not acknowledged; send it again";
    ErrorAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", message).retry_after_s(RETRY_AFTER_S)
}
