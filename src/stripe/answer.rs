//! From an answer's status, headers and body to an object or a [`Failure`]. It says what came, not what it means.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::body::Bytes;
use hyper::header::{DATE, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::transport::Received;
use crate::domain::triage::{Failure, Refusal};

/// Longer waits than a day are not obeyed; a mistaken header must not stop payouts for years.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A success, its body not yet read.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// When Stripe says that it answered.
    pub date: Option<DateTime<Utc>>,
    pub body: Bytes,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub data: Vec<&'a RawValue>,
    pub has_more: bool,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

#[derive(Deserialize)]
struct ErrorObject {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    message: Option<String>,
    param: Option<String>,
}

impl Answer {
    /// Sorts what was received.
    pub(super) fn sort(received: Received) -> Result<Self, Failure> {
        let Received { status, headers, body } = received;
        let body = body?;
        if status.is_success() {
            let date = text(&headers, DATE.as_str()).and_then(|date| DateTime::parse_from_rfc2822(date).ok());
            return Ok(Self { status: status.as_u16(), date: date.map(|date| date.to_utc()), body });
        }
        Err(refused(status, &headers, &body))
    }

    /// Reads the body as JSON.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|e| self.unreadable(format!("not the JSON that was asked for: {e}")))
    }

    pub(super) fn unreadable(&self, why: impl Into<String>) -> Failure {
        Failure::Unreadable { status: self.status, why: why.into() }
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let code = status.as_u16();
    if !status.is_client_error() && !status.is_server_error() {
        return Failure::Unreadable { status: code, why: "neither a success nor an error".into() };
    }
    let said = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => body.error,
        Err(_) if speaks_for_itself(status) => {
            let message = Some(format!("HTTP {status} without Stripe's error object"));
            ErrorObject { kind: String::new(), code: None, message, param: None }
        }
        Err(_) => return Failure::Unreadable { status: code, why: "an error that is not in Stripe's words".into() },
    };
    Failure::Refused(Refusal {
        status: code,
        kind: said.kind,
        code: said.code.unwrap_or_default(),
        message: said.message.unwrap_or_else(|| format!("HTTP {status}")),
        param: said.param,
        should_retry: text(headers, "stripe-should-retry").and_then(|word| word.parse().ok()),
        retry_after: text(headers, RETRY_AFTER.as_str()).and_then(seconds),
    })
}

/// Whether the status alone is enough. The other 4xx would end an operation as refused for good; only Stripe may say
/// that, not a proxy's error page, so without Stripe's words they count as unreadable.
fn speaks_for_itself(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 409 | 429)
}

fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// A header's text, where there is one.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
