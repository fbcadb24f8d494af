//! The API from the settings: its keys and tokens, and the rooms behind it.

use std::sync::Arc;
use std::time::Duration;

use super::tokens::{TokenError, TokenSettings};
use super::wiring::{AppError, Worker, policy};
use super::withdrawals::Withdrawals;
use crate::config::{self, Config};
use crate::http::{self, ApiParts, Grant, Keys, Minted, TokenCheck};
use crate::ports::Clock;

/// Mints a token for the API that allows these scopes, for one subject.
///
/// # Errors
/// When the settings have no secret to sign it with, or it would be valid for too long.
pub fn mint_api_token(
    config: &config::Api,
    grant: Grant<'_>,
    ttl: Duration,
    issuer: Option<String>,
    clock: &dyn Clock,
) -> Result<Minted, TokenError> {
    TokenSettings::of_api(config).mint(grant, ttl, issuer, clock)
}

/// What tokens are checked with; `None` where no key is configured, and there is no API.
pub(super) fn token_keys(config: &Config) -> Result<Option<Keys>, AppError> {
    let keys = TokenSettings::of_api(&config.api).keys()?;
    match &keys {
        Some(keys) => tracing::info!(algorithms = keys.algorithms(), "the API takes tokens"),
        None => tracing::info!(
            "there is no API, since no key for its tokens is configured (api.jwt_secret, api.public_key_file or \
             api.jwks_file)"
        ),
    }
    Ok(keys)
}

pub(super) fn endpoint(config: &Config, worker: &Worker, keys: Keys) -> Result<http::Api, AppError> {
    let store = Arc::new(worker.database.clone());
    Ok(http::Api::new(ApiParts {
        tokens: TokenCheck::new(keys, TokenSettings::of_api(&config.api).parties()),
        requests_per_minute: usize::try_from(config.api.requests_per_minute).unwrap_or(300),
        store: store.clone(),
        desk: store.clone(),
        books: store.clone(),
        asks: store.clone(),
        writes: store.clone(),
        histories: store.clone(),
        withdrawals: Some(Arc::new(Withdrawals::new(worker.database.clone(), worker.stripe.clone()))),
        policy: Arc::new(policy(config)?),
        clock: worker.clock.clone(),
    }))
}
