//! `[api]`: who may use the API, and how often.

use std::path::PathBuf;

use secrecy::SecretString;

use super::checker::Checker;
use super::cron::check_keys;
use super::reader::Reader;

/// The API. Without a key there is none.
#[derive(Debug, Clone)]
pub struct Api {
    /// What its tokens are signed with (HS256).
    pub jwt_secret: Option<SecretString>,
    /// Or the public key of whoever signs them (RS256, EdDSA), in PEM.
    pub public_key_file: Option<PathBuf>,
    /// Or several of them, as a JWKS.
    pub jwks_file: Option<PathBuf>,
    /// Who tokens come from.
    pub issuer: String,
    /// Whom they are for.
    pub audience: String,
    /// Requests of one subject within a minute.
    pub requests_per_minute: u32,
}

impl Api {
    pub(super) fn read(r: &mut Reader) -> Self {
        Api {
            jwt_secret: r.take_optional("api.jwt_secret"),
            public_key_file: r.take_optional("api.public_key_file"),
            jwks_file: r.take_optional("api.jwks_file"),
            issuer: r.take("api.issuer", "payoutd".to_owned()),
            audience: r.take("api.audience", "payoutd-api".to_owned()),
            requests_per_minute: r.number("api.requests_per_minute", 300, 1..=6_000),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let keys = [self.public_key_file.is_some(), self.jwks_file.is_some()];
        check_keys(c, "api", self.jwt_secret.as_ref(), keys);
    }
}
