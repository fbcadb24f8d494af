//! `POST /cron/transfer-funds` (and GET, which hosted cron services send): starts a run, or joins the one under way,
//! for whoever shows a good token. It says nothing about why a token is refused; the log does, without the token.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::timeout;

use super::State;
use super::error::ErrorAnswer;
use super::rate::RateLimit;
use super::token::{Accepted, TokenCheck, bearer};
use crate::domain::ids::RunId;
use crate::ports::{NoRun, RunCounts, RunOutcome, RunTrigger, StoreError, Trigger, UsedTokens};

/// Whoever sends bad tokens in a loop must not fill the disk with log lines.
pub(super) const REFUSALS_LOGGED_PER_MINUTE: usize = 20;
const RETRY_AFTER_S: u32 = 30;

/// What the endpoint needs.
pub struct Cron {
    tokens: TokenCheck,
    used: Arc<dyn UsedTokens>,
    runs: Arc<dyn RunTrigger>,
    answer_after: Duration,
    requests: RateLimit,
    refusals: RateLimit,
}

impl Cron {
    /// With a limit of so many good tokens a minute; after `answer_after` the caller is told that the run goes on.
    pub fn new(
        tokens: TokenCheck,
        used: Arc<dyn UsedTokens>,
        runs: Arc<dyn RunTrigger>,
        requests_per_minute: usize,
        answer_after: Duration,
    ) -> Self {
        Self {
            tokens,
            used,
            runs,
            answer_after,
            requests: RateLimit::per_minute(requests_per_minute),
            refusals: RateLimit::per_minute(REFUSALS_LOGGED_PER_MINUTE),
        }
    }
}

pub(super) async fn transfer_funds(Extract(state): Extract<State>, headers: HeaderMap) -> Response {
    let answer = match &state.cron {
        Some(cron) => asked(cron, &headers, state.clock.now()).await,
        None => Err(not_configured()),
    };
    let mut response = answer.into_response();
    // Each answer is about one run; a proxy that keeps the answer to a GET would keep runs from being asked for.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The limit counts tokens whose signature fits, and no others: counted before, anybody could lock the cron service
/// out with garbage, which costs us one signature check and no look into the database.
async fn asked(cron: &Cron, headers: &HeaderMap, now: DateTime<Utc>) -> Result<Response, ErrorAnswer> {
    let token = bearer(headers).map_err(|why| cron.refuse(&why, now))?;
    let accepted = cron.tokens.check(token, now).map_err(|why| cron.refuse(&why.to_string(), now))?;
    cron.requests.admit(now).map_err(|wait_s| too_many(&accepted, wait_s))?;
    let first = cron.used.use_once(&accepted.jti, accepted.refused_from, now).await;
    if !first.map_err(|error| unavailable(&error))? {
        return Err(cron.refuse("it was used before", now));
    }
    run(cron, &accepted).await
}

async fn run(cron: &Cron, accepted: &Accepted) -> Result<Response, ErrorAnswer> {
    let ticket = cron.runs.trigger(Trigger::Cron).await.map_err(|why| no_run(&why))?;
    let run_id = ticket.run_id;
    tracing::info!(run.id = run_id.0, joined = ticket.joined, token.id = accepted.jti, "a run was asked for");
    match timeout(cron.answer_after, ticket.ended).await {
        Ok(ended) => ended.map_err(|why| no_run(&why)).and_then(done),
        Err(_) => Ok((StatusCode::ACCEPTED, Json(GoesOn { run_id, status: "running" })).into_response()),
    }
}

/// What a run did, in the words that callers know. What is in `total` and in none of the others waits for a time or is
/// not finished, and comes up again by itself.
#[derive(Serialize)]
struct Done {
    run_id: RunId,
    /// Transferred.
    processed: usize,
    /// Refused by Stripe for good.
    failed: usize,
    /// Not paid until a person or an event changes something.
    held: usize,
    /// Looked at.
    total: usize,
}

#[derive(Serialize)]
struct GoesOn {
    run_id: RunId,
    status: &'static str,
}

fn done(outcome: RunOutcome) -> Result<Response, ErrorAnswer> {
    let RunCounts { looked_at, transferred, failed, held, .. } = outcome.counts;
    if let Some(trouble) = outcome.trouble {
        let message = format!("{trouble} (run {}: {transferred} transferred of {looked_at} looked at)", outcome.run_id);
        return Err(ErrorAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "transfers_stopped", message)
            .retry_after_s(RETRY_AFTER_S));
    }
    let done = Done { run_id: outcome.run_id, processed: transferred, failed, held, total: looked_at };
    Ok(Json(done).into_response())
}

impl Cron {
    fn refuse(&self, why: &str, now: DateTime<Utc>) -> ErrorAnswer {
        if self.refusals.admit(now).is_ok() {
            tracing::warn!(why, "a request for a run is refused");
        } else {
            tracing::debug!(why, "a request for a run is refused");
        }
        ErrorAnswer::new(StatusCode::UNAUTHORIZED, "unauthorized", "this needs a valid token: Authorization: Bearer …")
    }
}

fn not_configured() -> ErrorAnswer {
    let message = "no key for this is configured: set cron.jwt_secret (CRON_JWT_SECRET), cron.public_key_file or \
        cron.jwks_file";
    ErrorAnswer::new(StatusCode::NOT_FOUND, "cron_not_configured", message)
}

fn too_many(accepted: &Accepted, wait_s: u32) -> ErrorAnswer {
    tracing::warn!(token.id = accepted.jti, wait_s, "runs are asked for more often than cron.requests_per_minute");
    let message = "runs are asked for too often; this token can still be used";
    ErrorAnswer::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).retry_after_s(wait_s)
}

fn unavailable(error: &StoreError) -> ErrorAnswer {
    tracing::error!(%error, "a run was asked for, and the database did not let it");
    let message = "the database did not answer as it should, and no run was begun; the log says why";
    ErrorAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", message).retry_after_s(RETRY_AFTER_S)
}

/// The database's words may name its address: they are for the log.
fn no_run(why: &NoRun) -> ErrorAnswer {
    tracing::error!(error = %why, "a run was asked for, and could not be done");
    let message = match why {
        NoRun::Store(_) => "the run could not be done, since the database did not let it; the log says why".to_owned(),
        NoRun::Stopping | NoRun::BrokeOff => why.to_string(),
    };
    ErrorAnswer::new(StatusCode::SERVICE_UNAVAILABLE, "run_failed", message).retry_after_s(RETRY_AFTER_S)
}
