//! The listener: takes webhooks in, starts runs for who may, answers the API and for the daemon's health. It never reads an
//! event beyond its head, and says 200 to a webhook only after the inbox has it committed.

mod api;
mod body;
mod cron;
mod error;
mod health;
mod metrics;
mod rate;
mod request_id;
mod serve;
mod token;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware;
use axum::routing::{get, post};

use self::cron::REFUSALS_LOGGED_PER_MINUTE;
use self::error::ErrorAnswer;
use self::rate::RateLimit;
use self::request_id::RequestIds;
use crate::ports::{Clock, Health, Inbox, SignatureCheck};

pub use api::{Access, Api, ApiParts, Route, Scope, mounted};
pub use cron::Cron;
pub use metrics::router as metrics_router;
pub use serve::serve;
pub use token::{
    Accepted, Bearer, Grant, KeyError, Keys, LONGEST_LIFETIME, MintError, Minted, Parties, Refusal, SCOPE, TokenCheck,
    mint, mint_for,
};

/// What the listener needs of the other rooms.
#[derive(Clone)]
pub struct State {
    /// Where events are kept.
    pub inbox: Arc<dyn Inbox>,
    /// Whether they come from Stripe.
    pub signatures: Arc<dyn SignatureCheck>,
    /// The cron endpoint, where there is a key for it.
    pub cron: Option<Arc<Cron>>,
    /// The API, where there is a key for it.
    pub api: Option<Arc<Api>>,
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
    let refusals = Arc::new(RateLimit::per_minute(REFUSALS_LOGGED_PER_MINUTE));
    let receive = move |state, request| webhook::receive(state, request, refusals.clone());
    // Left alone, a HEAD would do what a GET does.
    let trigger = post(cron::transfer_funds).get(cron::transfer_funds).head(wrong_method);
    Router::new()
        .route("/webhooks/stripe", post(receive))
        .route("/cron/transfer-funds", trigger)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(api::router(state.api.as_ref(), &state.settings))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
        .layer(middleware::from_fn_with_state(request_ids, request_id::mark))
}

async fn nothing_here(uri: Uri) -> ErrorAnswer {
    if uri.path() == "/v1" || uri.path().starts_with("/v1/") {
        return api::no_such_route();
    }
    let message = "there is nothing here; webhooks go to /webhooks/stripe";
    ErrorAnswer::new(StatusCode::NOT_FOUND, "not_found", message)
}

async fn wrong_method() -> ErrorAnswer {
    ErrorAnswer::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path takes another method")
}
