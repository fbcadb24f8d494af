//! Whether a token is good: its signature by jsonwebtoken, its times by the clock that is injected (jsonwebtoken would
//! ask the machine). Why it is not is for the log alone.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;

use super::keys::Keys;
use super::{LEEWAY, LONGEST_LIFETIME, Parties, SCOPE};

/// Ours have some 300 bytes, those of an RSA key of 4096 bits some 1000.
const LONGEST_BYTES: usize = 4 * 1024;
/// A UUID has 36 characters.
const LONGEST_JTI_BYTES: usize = 128;

/// Checks tokens.
#[derive(Clone)]
pub struct TokenCheck {
    keys: Keys,
    parties: Parties,
}

/// A good token, as far as can be said without knowing whether it was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub jti: String,
    /// From then on it is refused for its age.
    pub refused_from: DateTime<Utc>,
}

/// Why a token is refused. Never repeats any of it but what an issuer that we trust has signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is too long to be one of ours.
    #[error("it has {0} bytes, more than any token for this")]
    TooLong(usize),
    /// It is no token, or names an algorithm that nobody should use.
    #[error("it is no JWT, or its algorithm is not one that could be accepted")]
    Unreadable,
    /// It names extensions (`crit`) that must be understood.
    #[error("it asks for extensions (crit) that are not known here")]
    Critical,
    /// Its `kid` is none of the set's.
    #[error("its key is not in the configured set (kid)")]
    UnknownKey,
    /// Its algorithm is not its key's.
    #[error("its algorithm is not the one of the configured key")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("its signature is wrong: was it signed with the configured key?")]
    WrongSignature,
    /// Signed, but something is missing or of a wrong kind.
    #[error("its claims cannot be read: {0}")]
    Claims(String),
    /// It is from somebody else.
    #[error("its issuer (iss) is not cron.issuer")]
    WrongIssuer,
    /// It is for somebody else.
    #[error("its audience (aud) does not include cron.audience")]
    WrongAudience,
    /// It has been too old for so long.
    #[error("it expired {0} s ago")]
    Expired(i64),
    /// It begins later.
    #[error("it is not valid yet (nbf), for another {0} s")]
    NotYet(i64),
    /// It was made later.
    #[error("it was issued (iat) {0} s in the future: check the clocks")]
    IssuedInFuture(i64),
    /// It may be used for too long, or for no time at all.
    #[error("it is valid for {0} s (exp - iat), which must be from 1 to 3600")]
    Lifetime(i64),
    /// It allows something else.
    #[error("its scope does not include payouts:run")]
    WrongScope,
    /// Its id cannot be remembered.
    #[error("its id (jti) is empty, longer than 128 bytes, or has control characters")]
    BadId,
}

/// Times are whole seconds; a fraction is refused, as no issuer that we know sends one.
#[derive(Deserialize)]
struct Claims {
    /// As text: jsonwebtoken would also take a list that has our issuer in it.
    #[serde(rename = "iss")]
    _issuer: String,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    jti: String,
    scope: String,
}

impl TokenCheck {
    /// Takes the keys of those that may ask for runs.
    pub fn new(keys: Keys, parties: Parties) -> Self {
        Self { keys, parties }
    }

    /// Checks everything but that the token was not used before.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Accepted, Refusal> {
        if token.len() > LONGEST_BYTES {
            return Err(Refusal::TooLong(token.len()));
        }
        let header = decode_header(token).map_err(|_| Refusal::Unreadable)?;
        if header.crit.is_some() {
            return Err(Refusal::Critical);
        }
        let key = self.keys.meant_by(header.kid.as_deref()).ok_or(Refusal::UnknownKey)?;
        if header.alg != key.algorithm {
            return Err(Refusal::WrongAlgorithm);
        }
        let mut validation = Validation::new(key.algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.parties.issuer]);
        validation.set_audience(&[&self.parties.audience]);
        // Below, by our clock.
        validation.validate_exp = false;
        let decoded = decode::<Claims>(token, &key.decoding, &validation).map_err(|error| refusal(error.kind()))?;
        judge(decoded.claims, now)
    }
}

fn refusal(error: &ErrorKind) -> Refusal {
    match error {
        ErrorKind::InvalidSignature => Refusal::WrongSignature,
        ErrorKind::InvalidIssuer => Refusal::WrongIssuer,
        ErrorKind::InvalidAudience => Refusal::WrongAudience,
        ErrorKind::MissingRequiredClaim(claim) => Refusal::Claims(format!("`{claim}` is missing")),
        // The header was read before: this is about the claims, and the signature fits.
        ErrorKind::Json(why) => Refusal::Claims(why.to_string()),
        _ => Refusal::Unreadable,
    }
}

fn judge(claims: Claims, now: DateTime<Utc>) -> Result<Accepted, Refusal> {
    let (now_s, leeway_s) = (now.timestamp(), LEEWAY.num_seconds());
    let lifetime_s = claims.exp.saturating_sub(claims.iat);
    if !(1..=LONGEST_LIFETIME.num_seconds()).contains(&lifetime_s) {
        return Err(Refusal::Lifetime(lifetime_s));
    }
    let expired_s = now_s.saturating_sub(claims.exp);
    if expired_s >= leeway_s {
        return Err(Refusal::Expired(expired_s));
    }
    let ahead_s = claims.iat.saturating_sub(now_s);
    if ahead_s > leeway_s {
        return Err(Refusal::IssuedInFuture(ahead_s));
    }
    let early_s = claims.nbf.map_or(0, |nbf| nbf.saturating_sub(now_s));
    if early_s > leeway_s {
        return Err(Refusal::NotYet(early_s));
    }
    if !claims.scope.split(' ').any(|scope| scope == SCOPE) {
        return Err(Refusal::WrongScope);
    }
    let jti = claims.jti;
    if jti.is_empty() || jti.len() > LONGEST_JTI_BYTES || jti.contains(char::is_control) {
        return Err(Refusal::BadId);
    }
    // Not beyond the calendar: it is near now, by what was checked above.
    let refused_from = now + TimeDelta::seconds(leeway_s - expired_s);
    Ok(Accepted { jti, refused_from })
}
