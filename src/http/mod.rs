//! The listener: takes webhooks in, answers for the daemon's health. It never reads an event beyond its head, and
//! says 200 to a webhook only after the inbox has it committed.

mod error;
mod health;
mod metrics;
mod request_id;
mod serve;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};

use self::error::ErrorAnswer;
use self::request_id::RequestIds;
use crate::ports::{Clock, Health, Inbox, SignatureCheck};

pub use metrics::router as metrics_router;
pub use serve::serve;

/// What the listener needs of the other rooms.
#[derive(Clone)]
pub struct State {
    /// Where events are kept.
    pub inbox: Arc<dyn Inbox>,
    /// Whether they come from Stripe.
    pub signatures: Arc<dyn SignatureCheck>,
    /// Who knows whether the daemon is well.
    pub health: Arc<dyn Health>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The limits.
    pub settings: Settings,
}

/// The limits of the listener.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The longest webhook body, in bytes.
    pub body_limit_bytes: usize,
    /// How long a body may take to arrive.
    pub read_timeout: Duration,
    /// How long the inbox may take before the sender is told to come again. The event may be kept all the same; when
    /// it comes again, it is there already.
    pub keep_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_limit_bytes: 256 * 1024,
            read_timeout: Duration::from_secs(10),
            keep_timeout: Duration::from_secs(15),
        }
    }
}

/// The routes.
pub fn router(state: State) -> Router {
    let request_ids = Arc::new(RequestIds::new(state.clock.now()));
    Router::new()
        .route("/webhooks/stripe", post(webhook::receive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(async || {
            ErrorAnswer::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "there is nothing here; webhooks go to /webhooks/stripe",
            )
        })
        .method_not_allowed_fallback(async || {
            ErrorAnswer::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path takes another method")
        })
        .with_state(state)
        .layer(middleware::from_fn_with_state(request_ids, request_id::mark))
}
