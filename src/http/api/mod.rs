//! The API, `/v1`: what the platform's backend and an admin's own console ask and tell. It reads and writes through ports,
//! decides nothing about money, and says nothing to those whose token does not allow it.

mod answer;
mod balances;
mod call;
mod commission;
mod cursor;
mod document;
mod door;
mod fields;
mod payments;
mod refunds;
mod report;
mod routes;
mod scope;
mod serve;
mod subjects;
mod withdrawals;
mod writes;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;

use self::subjects::Subjects;
use super::error::ErrorAnswer;
use super::rate::RateLimit;
use super::token::TokenCheck;
use super::{Settings, State};
use crate::domain::policy::Policy;
use crate::ports::{Asks, Books, Clock, Desk, Histories, Store, Withdrawals, Writes};

pub use routes::{Route, mounted};
pub use scope::{Access, Scope};

/// Whoever sends bad tokens in a loop must not fill the disk with log lines.
const REFUSALS_LOGGED_PER_MINUTE: usize = 20;

/// What the API needs of the other rooms.
pub struct ApiParts {
    /// Who may come in.
    pub tokens: TokenCheck,
    /// Requests of one subject within a minute.
    pub requests_per_minute: usize,
    /// Payments and mentors.
    pub store: Arc<dyn Store>,
    /// Lists of payments.
    pub desk: Arc<dyn Desk>,
    /// Balances and reports.
    pub books: Arc<dyn Books>,
    /// Refunds.
    pub asks: Arc<dyn Asks>,
    /// Completed sessions and holds.
    pub writes: Arc<dyn Writes>,
    /// Histories of mentors.
    pub histories: Arc<dyn Histories>,
    /// Withdrawals; without them there are no routes for them.
    pub withdrawals: Option<Arc<dyn Withdrawals>>,
    /// The rules' numbers.
    pub policy: Arc<Policy>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The API.
pub struct Api {
    parts: ApiParts,
    document: serde_json::Value,
    requests: Subjects,
    refusals: RateLimit,
}

impl Api {
    /// Puts it together.
    pub fn new(parts: ApiParts) -> Self {
        Self {
            document: document::of(mounted(parts.withdrawals.is_some())),
            requests: Subjects::per_minute(parts.requests_per_minute),
            refusals: RateLimit::per_minute(REFUSALS_LOGGED_PER_MINUTE),
            parts,
        }
    }
}

/// Its routes, or one that says that there are none.
pub(super) fn router(api: Option<&Arc<Api>>, settings: &Settings) -> Router<State> {
    let Some(api) = api else {
        return Router::new().route("/v1/{*rest}", any(async || not_configured()));
    };
    let add = |router: Router<State>, route| router.route(route_path(route), serve::method(route, api, settings));
    mounted(api.parts.withdrawals.is_some()).fold(Router::new(), add)
}

fn route_path(route: &Route) -> &'static str {
    route.path
}

/// What is said to a path that is none.
pub(super) fn no_such_route() -> ErrorAnswer {
    let message = "there is no such route; GET /v1/openapi.json names every one";
    ErrorAnswer::new(StatusCode::NOT_FOUND, "not_found", message)
}

fn not_configured() -> ErrorAnswer {
    let message =
        "no key for this is configured: set api.jwt_secret (API_JWT_SECRET), api.public_key_file or api.jwks_file";
    ErrorAnswer::new(StatusCode::NOT_FOUND, "api_not_configured", message)
}
