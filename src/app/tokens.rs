//! The keys that tokens are checked and signed with, from the settings of the cron endpoint or of the API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::wiring::AppError;
use crate::config;
use crate::http::{self, Grant, Keys, MintError, Minted, Parties};
use crate::ports::Clock;

/// Why `payoutd token` has none to give.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is nothing to sign it with.
    #[error("{0} is not set: set {1} to the daemon's, 32 bytes or more (`openssl rand -base64 32`)")]
    NoSecret(&'static str, &'static str),
    /// Whoever signs tokens is not this machine.
    #[error("{0} is set: tokens are signed with its private key, which payoutd does not have; ask its owner for one")]
    PublicKey(&'static str),
    /// It could not be made.
    #[error(transparent)]
    Mint(#[from] MintError),
}

/// What a section says of its tokens, and the names of its keys.
pub(super) struct TokenSettings<'a> {
    names: [&'static str; 3],
    variable: &'static str,
    secret: Option<&'a SecretString>,
    public_key_file: Option<&'a PathBuf>,
    jwks_file: Option<&'a PathBuf>,
    issuer: &'a str,
    audience: &'a str,
}

impl<'a> TokenSettings<'a> {
    pub(super) fn of_cron(cron: &'a config::Cron) -> Self {
        Self {
            names: ["cron.jwt_secret", "cron.public_key_file", "cron.jwks_file"],
            variable: "CRON_JWT_SECRET",
            secret: cron.jwt_secret.as_ref(),
            public_key_file: cron.public_key_file.as_ref(),
            jwks_file: cron.jwks_file.as_ref(),
            issuer: &cron.issuer,
            audience: &cron.audience,
        }
    }

    pub(super) fn of_api(api: &'a config::Api) -> Self {
        Self {
            names: ["api.jwt_secret", "api.public_key_file", "api.jwks_file"],
            variable: "API_JWT_SECRET",
            secret: api.jwt_secret.as_ref(),
            public_key_file: api.public_key_file.as_ref(),
            jwks_file: api.jwks_file.as_ref(),
            issuer: &api.issuer,
            audience: &api.audience,
        }
    }

    pub(super) fn parties(&self) -> Parties {
        Parties { issuer: self.issuer.to_owned(), audience: self.audience.to_owned() }
    }

    /// What tokens are checked with; `None` where no key is configured.
    pub(super) fn keys(&self) -> Result<Option<Keys>, AppError> {
        let [secret_key, pem_key, jwks_key] = self.names;
        if let Some(secret) = self.secret {
            let refused = |why| AppError::TokenKey { key: secret_key, what: "the secret".into(), why };
            return Keys::secret(secret).map(Some).map_err(refused);
        }
        if let Some(path) = self.public_key_file {
            return from_file(pem_key, path, Keys::pem).map(Some);
        }
        self.jwks_file.map(|path| from_file(jwks_key, path, Keys::jwks)).transpose()
    }

    /// Mints a token that allows this, from `issuer` if that is given, else from the configured one.
    pub(super) fn mint(
        &self,
        grant: Grant<'_>,
        ttl: Duration,
        issuer: Option<String>,
        clock: &dyn Clock,
    ) -> Result<Minted, TokenError> {
        let [secret_key, pem_key, jwks_key] = self.names;
        let public = [(pem_key, self.public_key_file), (jwks_key, self.jwks_file)];
        if let Some((key, _)) = public.into_iter().find(|(_, file)| file.is_some()) {
            return Err(TokenError::PublicKey(key));
        }
        let secret = self.secret.ok_or(TokenError::NoSecret(secret_key, self.variable))?;
        let mut parties = self.parties();
        parties.issuer = issuer.unwrap_or(parties.issuer);
        Ok(http::mint_for(secret, &parties, grant, ttl, clock.now())?)
    }
}

type Read = fn(&[u8]) -> Result<Keys, http::KeyError>;

fn from_file(key: &'static str, path: &Path, read: Read) -> Result<Keys, AppError> {
    let text = std::fs::read(path).map_err(|why| AppError::File { key, path: path.to_owned(), why })?;
    read(&text).map_err(|why| AppError::TokenKey { key, what: path.display().to_string(), why })
}
