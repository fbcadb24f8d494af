//! The cron endpoint's keys and tokens, from the settings.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::wiring::{AppError, Worker};
use crate::config::{self, Config};
use crate::http::{self, Keys, MintError, Minted, Parties, TokenCheck};
use crate::ports::Clock;

/// Why `payoutd token` has none to give.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is nothing to sign it with.
    #[error(
        "cron.jwt_secret is not set: set CRON_JWT_SECRET to the daemon's, 32 bytes or more (`openssl rand -base64 32`)"
    )]
    NoSecret,
    /// Whoever signs tokens is not this machine.
    #[error("{0} is set: tokens are signed with its private key, which payoutd does not have; ask its owner for one")]
    PublicKey(&'static str),
    /// It could not be made.
    #[error(transparent)]
    Mint(#[from] MintError),
}

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
    let public = [("cron.public_key_file", &config.public_key_file), ("cron.jwks_file", &config.jwks_file)];
    if let Some((key, _)) = public.into_iter().find(|(_, file)| file.is_some()) {
        return Err(TokenError::PublicKey(key));
    }
    let secret = config.jwt_secret.as_ref().ok_or(TokenError::NoSecret)?;
    let mut parties = parties(config);
    parties.issuer = issuer.unwrap_or(parties.issuer);
    Ok(http::mint(secret, &parties, ttl, clock.now())?)
}

/// What tokens are checked with; `None` where no key is configured, and there is no such endpoint.
pub(super) fn token_keys(config: &Config) -> Result<Option<Keys>, AppError> {
    let cron = &config.cron;
    let keys = if let Some(secret) = &cron.jwt_secret {
        let refused = |why| AppError::CronKey { key: "cron.jwt_secret", what: "the secret".into(), why };
        Some(Keys::secret(secret).map_err(refused)?)
    } else if let Some(path) = &cron.public_key_file {
        Some(from_file("cron.public_key_file", path, Keys::pem)?)
    } else if let Some(path) = &cron.jwks_file {
        Some(from_file("cron.jwks_file", path, Keys::jwks)?)
    } else {
        None
    };
    match &keys {
        Some(keys) => tracing::info!(algorithms = keys.algorithms(), "the cron endpoint takes tokens"),
        None => tracing::info!(
            "there is no cron endpoint, since no key for its tokens is configured (cron.jwt_secret, \
             cron.public_key_file or cron.jwks_file); runs follow release.schedule"
        ),
    }
    Ok(keys)
}

type Read = fn(&[u8]) -> Result<Keys, http::KeyError>;

fn from_file(key: &'static str, path: &Path, read: Read) -> Result<Keys, AppError> {
    let text = std::fs::read(path).map_err(|why| AppError::File { key, path: path.to_owned(), why })?;
    read(&text).map_err(|why| AppError::CronKey { key, what: path.display().to_string(), why })
}

pub(super) fn endpoint(config: &Config, worker: &Worker, keys: Keys) -> http::Cron {
    http::Cron::new(
        TokenCheck::new(keys, parties(&config.cron)),
        Arc::new(worker.database.clone()),
        Arc::new(worker.jobs.clone()),
        usize::try_from(config.cron.requests_per_minute).unwrap_or(12),
        config.cron.answer_after,
    )
}

fn parties(config: &config::Cron) -> Parties {
    Parties { issuer: config.issuer.clone(), audience: config.audience.clone() }
}
