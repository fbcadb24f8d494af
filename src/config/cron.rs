//! `[cron]`: the endpoint that starts a run from outside, and what its tokens must be.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::checker::Checker;
use super::reader::Reader;

/// Hosted cron services give up after 30 s, as most proxies do after 60.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// The endpoint that starts a run from outside.
#[derive(Debug, Clone)]
pub struct Cron {
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
    /// Good tokens accepted within a minute.
    pub requests_per_minute: u32,
    /// After this the caller is told that the run goes on.
    pub answer_after: Duration,
}

impl Cron {
    pub(super) fn read(r: &mut Reader) -> Self {
        Cron {
            jwt_secret: r.take_optional("cron.jwt_secret"),
            public_key_file: r.take_optional("cron.public_key_file"),
            jwks_file: r.take_optional("cron.jwks_file"),
            issuer: r.take("cron.issuer", "payoutd".to_owned()),
            audience: r.take("cron.audience", "payoutd".to_owned()),
            requests_per_minute: r.number("cron.requests_per_minute", 12, 1..=600),
            answer_after: r.take("cron.answer_after", Duration::from_secs(25)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let files = [self.public_key_file.is_some(), self.jwks_file.is_some()];
        check_keys(c, "cron", self.jwt_secret.as_ref(), files);
        c.positive("cron.answer_after", self.answer_after);
        let why = "hosted cron services and proxies do not wait longer for an answer";
        c.at_most("cron.answer_after", self.answer_after, LONGEST_ANSWER, why);
    }
}

/// What tokens are checked with: a secret, a PEM file or a JWKS, and no two of them.
pub(super) fn check_keys(c: &mut Checker<'_>, section: &str, secret: Option<&SecretString>, [pem, jwks]: [bool; 2]) {
    let key = |name: &str| format!("{section}.{name}");
    let secret = secret.map(ExposeSecret::expose_secret);
    // RFC 7518, 3.2: a key of the size of the hash output or larger.
    c.require(secret.is_none_or(|s| s.len() >= 32), &key("jwt_secret"), || {
        "is shorter than 32 bytes and could be guessed: make one with `openssl rand -base64 32`".to_owned()
    });
    let secret = secret.is_some();
    let message =
        |other: &str| format!("is set, and {section}.{other} too: only one of them can say which tokens are good");
    c.require(!(secret && pem), &key("public_key_file"), || message("jwt_secret"));
    c.require(!(secret && jwks), &key("jwks_file"), || message("jwt_secret"));
    c.require(!(pem && jwks), &key("jwks_file"), || message("public_key_file"));
}
