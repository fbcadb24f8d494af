//! The cron endpoint's keys and tokens, from the settings.

use std::sync::Arc;
use std::time::Duration;

use super::tokens::{TokenError, TokenSettings};
use super::wiring::{AppError, Worker};
use crate::config::{self, Config};
use crate::http::{self, Grant, Keys, Minted, SCOPE, TokenCheck};
use crate::ports::Clock;

/// Mints a token for the cron endpoint, from `issuer` if that is given, else from the configured one.
///
/// # Errors
/// When the settings have no secret to sign it with, or it would be valid for too long.
pub fn mint_token(
    config: &config::Cron,
    ttl: Duration,
    issuer: Option<String>,
    clock: &dyn Clock,
) -> Result<Minted, TokenError> {
    TokenSettings::of_cron(config).mint(Grant { scope: SCOPE, subject: None }, ttl, issuer, clock)
}

/// What tokens are checked with; `None` where no key is configured, and there is no such endpoint.
pub(super) fn token_keys(config: &Config) -> Result<Option<Keys>, AppError> {
    let keys = TokenSettings::of_cron(&config.cron).keys()?;
    match &keys {
        Some(keys) => tracing::info!(algorithms = keys.algorithms(), "the cron endpoint takes tokens"),
        None => tracing::info!(
            "there is no cron endpoint, since no key for its tokens is configured (cron.jwt_secret, \
             cron.public_key_file or cron.jwks_file); runs follow release.schedule"
        ),
    }
    Ok(keys)
}

pub(super) fn endpoint(config: &Config, worker: &Worker, keys: Keys) -> http::Cron {
    http::Cron::new(
        TokenCheck::new(keys, TokenSettings::of_cron(&config.cron).parties()),
        Arc::new(worker.database.clone()),
        Arc::new(worker.jobs.clone()),
        usize::try_from(config.cron.requests_per_minute).unwrap_or(12),
        config.cron.answer_after,
    )
}
