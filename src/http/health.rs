//! `/healthz`: the process turns. `/readyz`: it can do its work. Neither changes anything.

use std::time::Duration;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::State;
use super::error::ErrorAnswer;

/// Whoever probes gives up before long; an answer that says what hangs is worth more than none.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn alive() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

pub(super) async fn ready(Extract(state): Extract<State>) -> Response {
    match timeout(LOOK_TIMEOUT, state.health.readiness()).await {
        Ok(readiness) => {
            let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, Json(readiness)).into_response()
        }
        Err(_) => {
            let message = format!("looking took more than {} s: is the database stuck?", LOOK_TIMEOUT.as_secs());
            ErrorAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "readiness_unknown", message).into_response()
        }
    }
}
