//! What handlers answer, and the errors that several of them know.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::error::ErrorAnswer;
use crate::ports::StoreError;

const RETRY_AFTER_S: u32 = 30;

/// A good answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Value,
}

pub(super) type Answered = Result<Answer, ErrorAnswer>;

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn ok(body: Value) -> Answered {
        Ok(Self { status: StatusCode::OK, body })
    }

    /// Of a row that was made, or was there from an earlier request of the same key.
    pub(super) fn made(body: &impl Serialize, now: bool) -> Answered {
        let status = if now { StatusCode::CREATED } else { StatusCode::OK };
        Ok(Self { status, body: json!(body) })
    }

    /// A page of a list, of rows that were asked for with one more than the page holds; `cursor` names where one stands.
    pub(super) fn page<T: Serialize>(mut rows: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Answered {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(cursor);
        Self::ok(json!({ "data": rows, "next_cursor": next_cursor }))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

/// The database's words may name its address: they are for the log.
impl From<StoreError> for ErrorAnswer {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request of the API could not be answered");
        match error {
            StoreError::Away(_) | StoreError::Schema(_) => unavailable(),
            StoreError::Refused { .. } | StoreError::Corrupt { .. } => {
                let message = "the database did not do it; the log says why. To ask again with the same key is safe";
                ErrorAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
            }
        }
    }
}

pub(super) fn unavailable() -> ErrorAnswer {
    let message = "the database did not answer in time; ask again, with the same key";
    ErrorAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", message).retry_after_s(RETRY_AFTER_S)
}

pub(super) fn no_such_mentor(field: &str) -> ErrorAnswer {
    let message = "there is no such mentor, and no payment names them: is that how the platform writes the id?";
    ErrorAnswer::new(StatusCode::NOT_FOUND, "mentor_not_found", message).about(field)
}

pub(super) fn no_such_payment() -> ErrorAnswer {
    let message = "there is no such payment: give its number, booking, payment intent (pi_…), charge (ch_…), checkout \
        session (cs_…) or transfer (tr_…)";
    ErrorAnswer::new(StatusCode::NOT_FOUND, "payment_not_found", message).about("id")
}

/// The same key, and other content.
pub(super) fn key_reused() -> ErrorAnswer {
    let message = "this key was used before, for something else: nothing was done; take a new key for a new request";
    ErrorAnswer::new(StatusCode::CONFLICT, "idempotency_key_reused", message).about("Idempotency-Key")
}
