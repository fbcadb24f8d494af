//! A name for each request, in its answer and in every log line about it, and the one line that says how it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tracing::Instrument;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Scanners ask for very long paths.
const LONGEST_LOGGED_PATH: usize = 100;

tokio::task_local! {
    /// Of the request that this task answers.
    static CURRENT: String;
}

/// The name of the request that is being answered, for those who answer it; `None` where requests have no names.
pub(super) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Counts requests from a start, so that no two of a daemon's life have one name, and those of its next life differ.
#[derive(Debug)]
pub(super) struct RequestIds {
    started_ms: i64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(started: DateTime<Utc>) -> Self {
        Self { started_ms: started.timestamp_millis(), next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{:x}-{}", self.started_ms, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

pub(super) async fn mark(State(ids): State<Arc<RequestIds>>, request: Request, next: Next) -> Response {
    let id = ids.next();
    let span = tracing::info_span!("request", request.id = %id);
    async {
        let begin = Instant::now();
        let method = request.method().clone();
        let path: String = request.uri().path().chars().take(LONGEST_LOGGED_PATH).collect();
        let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
        // The id is digits, letters and a dash, which a header always takes.
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(X_REQUEST_ID, value);
        }
        log(method.as_str(), &path, response.status(), begin);
        response
    }
    .instrument(span)
    .await
}

/// Only a failure of ours is worth a line by default; webhooks have their own, and probes come every second.
fn log(method: &str, path: &str, status: StatusCode, begin: Instant) {
    let took_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status_code = status.as_u16();
    if status.is_server_error() {
        tracing::warn!(http.method = method, http.path = ?path, http.status = status_code, took_ms, "answered");
    } else {
        tracing::debug!(http.method = method, http.path = ?path, http.status = status_code, took_ms, "answered");
    }
}
