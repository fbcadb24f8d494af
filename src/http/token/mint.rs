//! Makes a token of one's own, for those who hold the secret.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{LONGEST_LIFETIME, Parties, SCOPE};

const JTI_BYTES: usize = 16;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// Nobody would accept it.
    #[error("a token is valid for 1s to 1h: give a shorter or longer time")]
    Lifetime,
    /// The machine gives no random bytes.
    #[error("no random bytes can be had for the token's id")]
    NoRandom,
    /// The library's word.
    #[error("the token cannot be signed: {0}")]
    Unsigned(String),
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    /// As it goes into the `Authorization` header.
    pub token: String,
    /// Its id.
    pub jti: String,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

/// What a token allows, and whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// Scopes, with spaces between.
    pub scope: &'a str,
    /// Who is to show it, where that matters.
    pub subject: Option<&'a str>,
}

/// Makes a token for a run, that can be used once until `ttl` is over.
///
/// # Errors
/// When `ttl` is not from a second to an hour, or there is no randomness.
pub fn mint(secret: &SecretString, parties: &Parties, ttl: Duration, now: DateTime<Utc>) -> Result<Minted, MintError> {
    mint_for(secret, parties, Grant { scope: SCOPE, subject: None }, ttl, now)
}

/// Makes a token that allows what is said.
///
/// # Errors
/// When `ttl` is not from a second to an hour, or there is no randomness.
pub fn mint_for(
    secret: &SecretString,
    parties: &Parties,
    grant: Grant<'_>,
    ttl: Duration,
    now: DateTime<Utc>,
) -> Result<Minted, MintError> {
    let ttl = TimeDelta::seconds(i64::try_from(ttl.as_secs()).map_err(|_| MintError::Lifetime)?);
    if ttl < TimeDelta::seconds(1) || ttl > LONGEST_LIFETIME {
        return Err(MintError::Lifetime);
    }
    let now = now.trunc_subsecs(0);
    let (expires_at, jti) = (now + ttl, random_id()?);
    let claims = Claims {
        iss: &parties.issuer,
        aud: &parties.audience,
        iat: now.timestamp(),
        exp: expires_at.timestamp(),
        jti: &jti,
        scope: grant.scope,
        sub: grant.subject,
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let token = encode(&Header::new(Algorithm::HS256), &claims, &key);
    let token = token.map_err(|error| MintError::Unsigned(error.to_string()))?;
    Ok(Minted { token, jti, expires_at })
}

fn random_id() -> Result<String, MintError> {
    let mut bytes = [0; JTI_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| MintError::NoRandom)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
