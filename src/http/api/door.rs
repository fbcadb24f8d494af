//! Who is let in: the token, the subject's limit, the scope, and the key that every write needs. It reads no body.

use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};

use super::Api;
use super::call::{Call, Caller};
use super::routes::Route;
use super::scope::{Access, Scope};
use crate::http::error::ErrorAnswer;
use crate::http::token::bearer;

const KEY: &str = "Idempotency-Key";
const LONGEST_KEY_BYTES: usize = 128;

impl Api {
    /// The limit counts good tokens and no others: counted before, anybody could lock a subject out.
    pub(super) fn let_in(
        &self,
        route: &Route,
        id: &str,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> Result<Caller, ErrorAnswer> {
        if route.access == Access::Anybody {
            return Ok(Caller { subject: String::new(), scopes: Vec::new() });
        }
        let token = bearer(headers).map_err(|why| self.refuse(&why, now))?;
        let shown = self.parts.tokens.bearer(token, now).map_err(|why| self.refuse(&why.to_string(), now))?;
        let scopes = shown.scopes.iter().filter_map(|scope| Scope::from_word(scope)).collect();
        let caller = Caller { subject: shown.subject, scopes };
        self.requests.admit(&caller.subject, now).map_err(|wait_s| too_many(&caller, wait_s))?;
        Call::allowed(&caller, route.access, id).map_err(|why| {
            tracing::info!(api.subject = %caller, api.route = route.path, "a token does not allow what was asked");
            forbidden(why)
        })?;
        Ok(caller)
    }

    /// Says nothing about why; the log does, without the token.
    fn refuse(&self, why: &str, now: DateTime<Utc>) -> ErrorAnswer {
        if self.refusals.admit(now).is_ok() {
            tracing::warn!(why, "a request of the API is refused");
        } else {
            tracing::debug!(why, "a request of the API is refused");
        }
        ErrorAnswer::new(StatusCode::UNAUTHORIZED, "unauthorized", "this needs a valid token: Authorization: Bearer …")
    }
}

pub(super) fn forbidden(why: String) -> ErrorAnswer {
    ErrorAnswer::new(StatusCode::FORBIDDEN, "forbidden", why)
}

fn too_many(caller: &Caller, wait_s: u32) -> ErrorAnswer {
    tracing::warn!(api.subject = %caller, wait_s, "a subject asks more often than api.requests_per_minute");
    let message = "this subject asks too often";
    ErrorAnswer::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).retry_after_s(wait_s)
}

/// The one key of the one header.
pub(super) fn key(headers: &HeaderMap) -> Result<String, ErrorAnswer> {
    let mut values = headers.get_all(KEY).iter();
    let wrong = |code, message: &str| Err(ErrorAnswer::new(StatusCode::BAD_REQUEST, code, message).about(KEY));
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.as_bytes(),
        (None, _) => {
            let message = "every write needs a header Idempotency-Key: a text of your own (such as a UUID), the same \
                when you ask again for the same";
            return wrong("idempotency_key_missing", message);
        }
        (Some(_), Some(_)) => return wrong("invalid_idempotency_key", "there are several Idempotency-Key headers"),
    };
    let visible = value.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(value) {
        Ok(key) if visible && (1..=LONGEST_KEY_BYTES).contains(&key.len()) => Ok(key.to_owned()),
        _ => wrong(
            "invalid_idempotency_key",
            "the Idempotency-Key must have 1 to 128 letters, digits or signs, no spaces",
        ),
    }
}
