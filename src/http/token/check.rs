//! Whether a token is good: its signature by jsonwebtoken, its times by the clock that is injected (jsonwebtoken would
//! ask the machine). Why it is not is for the log alone.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::keys::Keys;
use super::{LEEWAY, LONGEST_LIFETIME, Parties, SCOPE};

/// Ours have some 300 bytes, those of an RSA key of 4096 bits some 1000.
const LONGEST_BYTES: usize = 4 * 1024;
/// Of its id or subject: a UUID has 36 characters.
const LONGEST_NAME_BYTES: usize = 128;

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

/// A good token that names its bearer, and may be used again until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Who shows it.
    pub subject: String,
    /// What it allows, in the issuer's words.
    pub scopes: Vec<String>,
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
    #[error("its issuer (iss) is not the configured one")]
    WrongIssuer,
    /// It is for somebody else.
    #[error("its audience (aud) does not include the configured one")]
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
    /// Nobody can be told by it.
    #[error("its subject (sub) is empty, longer than 128 bytes, or has control characters")]
    BadSubject,
}

/// Times are whole seconds; a fraction is refused, as no issuer that we know sends one.
trait Claims: DeserializeOwned {
    /// From when, until when, and not before when.
    fn times(&self) -> (i64, i64, Option<i64>);
}

/// Of a token that is used once.
#[derive(Deserialize)]
struct OnceClaims {
    /// As text: jsonwebtoken would also take a list that has our issuer in it.
    #[serde(rename = "iss")]
    _issuer: String,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    jti: String,
    scope: String,
}

impl Claims for OnceClaims {
    fn times(&self) -> (i64, i64, Option<i64>) {
        (self.iat, self.exp, self.nbf)
    }
}

/// Of a token that says who shows it.
#[derive(Deserialize)]
struct BearerClaims {
    #[serde(rename = "iss")]
    _issuer: String,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    sub: String,
    scope: String,
}

impl Claims for BearerClaims {
    fn times(&self) -> (i64, i64, Option<i64>) {
        (self.iat, self.exp, self.nbf)
    }
}

impl TokenCheck {
    /// Takes the keys of those that may come in.
    pub fn new(keys: Keys, parties: Parties) -> Self {
        Self { keys, parties }
    }

    /// Checks a token for a run: everything but that it was not used before.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Accepted, Refusal> {
        let (claims, refused_from) = self.signed::<OnceClaims>(token, now)?;
        if !claims.scope.split(' ').any(|scope| scope == SCOPE) {
            return Err(Refusal::WrongScope);
        }
        let jti = Some(claims.jti).filter(|jti| is_name(jti)).ok_or(Refusal::BadId)?;
        Ok(Accepted { jti, refused_from })
    }

    /// Checks a token that says who shows it. What it allows is for the caller to judge.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn bearer(&self, token: &str, now: DateTime<Utc>) -> Result<Bearer, Refusal> {
        let (claims, _) = self.signed::<BearerClaims>(token, now)?;
        let subject = Some(claims.sub).filter(|sub| is_name(sub)).ok_or(Refusal::BadSubject)?;
        let scopes = claims.scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        Ok(Bearer { subject, scopes })
    }

    /// The claims of a token that is good at this time, and from when on it is refused for its age.
    fn signed<C: Claims>(&self, token: &str, now: DateTime<Utc>) -> Result<(C, DateTime<Utc>), Refusal> {
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
        let decoded = decode::<C>(token, &key.decoding, &validation).map_err(|error| refusal(error.kind()))?;
        let refused_from = in_time(decoded.claims.times(), now)?;
        Ok((decoded.claims, refused_from))
    }
}

/// Whether it can be kept and shown: not empty, not long, no control characters.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME_BYTES && !text.contains(char::is_control)
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

/// Answers from when on it is refused for its age.
fn in_time((iat, exp, nbf): (i64, i64, Option<i64>), now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    let (now_s, leeway_s) = (now.timestamp(), LEEWAY.num_seconds());
    let lifetime_s = exp.saturating_sub(iat);
    if !(1..=LONGEST_LIFETIME.num_seconds()).contains(&lifetime_s) {
        return Err(Refusal::Lifetime(lifetime_s));
    }
    let expired_s = now_s.saturating_sub(exp);
    if expired_s >= leeway_s {
        return Err(Refusal::Expired(expired_s));
    }
    let ahead_s = iat.saturating_sub(now_s);
    if ahead_s > leeway_s {
        return Err(Refusal::IssuedInFuture(ahead_s));
    }
    let early_s = nbf.map_or(0, |nbf| nbf.saturating_sub(now_s));
    if early_s > leeway_s {
        return Err(Refusal::NotYet(early_s));
    }
    // Not beyond the calendar: it is near now, by what was checked above.
    Ok(now + TimeDelta::seconds(leeway_s - expired_s))
}
