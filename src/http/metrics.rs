//! `/metrics`: the figures, on a listener of their own. It says how the business goes, so it is never on the address
//! that the world sends webhooks to.

use std::sync::Arc;

use axum::Router;
use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::error::ErrorAnswer;
use super::health;
use crate::ports::Figures;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes: the figures, and whether the process turns.
pub fn router(figures: Arc<dyn Figures>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(health::alive))
        .fallback(async || ErrorAnswer::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here but /metrics"))
        .with_state(figures)
}

async fn scrape(Extract(figures): Extract<Arc<dyn Figures>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], figures.text().await)
}
