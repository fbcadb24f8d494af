//! `[stripe]`: the account's key, where Stripe is, and how hard we may knock. A live key is only
//! ever sent to Stripe itself.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::checker::Checker;
use super::reader::Reader;

const API_BASE: &str = "https://api.stripe.com";
/// Stripe allows 25 requests a second in test mode and 100 live; both leave room for other programs
/// of the same account. <https://docs.stripe.com/rate-limits>
const TEST_REQUESTS_PER_SECOND: u32 = 20;
const LIVE_REQUESTS_PER_SECOND: u32 = 80;

/// How Stripe is reached.
#[derive(Debug, Clone)]
pub struct Stripe {
    /// `sk_…` or a restricted `rk_…`.
    pub secret_key: Option<SecretString>,
    /// Each `whsec_…` that a webhook may be signed with; two while one is being rotated.
    pub webhook_secrets: Vec<SecretString>,
    /// Where Stripe (or the sandbox) answers.
    pub api_base: Url,
    /// Shared by all calls of one daemon.
    pub requests_per_second: u32,
    /// Calls that may be on the wire at once.
    pub concurrency: u32,
    /// After this a call's outcome is unknown.
    pub call_timeout: Duration,
}

/// Whether a key moves real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMode {
    /// `sk_test_…`, `rk_test_…`.
    Test,
    /// `sk_live_…`, `rk_live_…`.
    Live,
}

impl KeyMode {
    /// The mode that a key's prefix states; `None` for what is not a secret key.
    pub fn of(key: &SecretString) -> Option<KeyMode> {
        let (kind, rest) = key.expose_secret().split_once('_')?;
        let (mode, secret) = rest.split_once('_')?;
        match (kind, mode) {
            _ if secret.is_empty() => None,
            ("sk" | "rk", "test") => Some(KeyMode::Test),
            ("sk" | "rk", "live") => Some(KeyMode::Live),
            _ => None,
        }
    }

    /// What Stripe's `livemode` must say on every object.
    pub fn livemode(self) -> bool {
        self == KeyMode::Live
    }
}

impl Stripe {
    pub(super) fn read(r: &mut Reader) -> Self {
        let secret_key: Option<SecretString> = r.take_optional("stripe.secret_key");
        let requests_per_second = match secret_key.as_ref().and_then(KeyMode::of) {
            Some(KeyMode::Live) => LIVE_REQUESTS_PER_SECOND,
            Some(KeyMode::Test) | None => TEST_REQUESTS_PER_SECOND,
        };
        Stripe {
            secret_key,
            webhook_secrets: r.take("stripe.webhook_secrets", Vec::new()),
            api_base: r.take("stripe.api_base", default_base()),
            requests_per_second: r.number("stripe.requests_per_second", requests_per_second, 1..=100_000),
            concurrency: r.number("stripe.concurrency", 16, 1..=1_024),
            call_timeout: r.take("stripe.call_timeout", Duration::from_secs(30)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        c.positive("stripe.call_timeout", self.call_timeout);
        if let Some(key) = &self.secret_key {
            c.accept(secret_key(key), "stripe.secret_key");
        }
        let bad = self.webhook_secrets.iter().filter(|s| !is_signing_secret(s));
        let bad = bad.count();
        c.require(bad == 0, "stripe.webhook_secrets", || {
            format!(
                "{bad} of {} is not a signing secret: it begins with whsec_ and stands in the \
                 Stripe dashboard under Developers, Webhooks",
                self.webhook_secrets.len()
            )
        });
        c.accept(self.check_base(), "stripe.api_base");
    }

    fn check_base(&self) -> Result<(), String> {
        let base = &self.api_base;
        let host = base.host_str().unwrap_or_default();
        if !matches!(base.scheme(), "http" | "https") || host.is_empty() {
            return Err(format!("is not an HTTP address: write \"{API_BASE}\""));
        }
        if base.username() != "" || base.password().is_some() || base.query().is_some() {
            return Err(format!("must be an address alone, without user or parameters: write \"{API_BASE}\""));
        }
        let live = self.secret_key.as_ref().and_then(KeyMode::of) == Some(KeyMode::Live);
        if live && base.scheme() != "https" {
            return Err(format!("a live key is never sent over plain http: write \"{API_BASE}\", or use a test key"));
        }
        if live && host != "api.stripe.com" {
            return Err(format!(
                "a live key is only sent to Stripe, not to {host}: write \"{API_BASE}\", or use a \
                 test key with the sandbox"
            ));
        }
        Ok(())
    }
}

fn default_base() -> Url {
    Url::parse(API_BASE).expect("a constant") // cannot fail: a test parses this constant
}

fn is_signing_secret(secret: &SecretString) -> bool {
    let secret = secret.expose_secret();
    secret.strip_prefix("whsec_").is_some_and(|s| !s.is_empty())
}

fn secret_key(key: &SecretString) -> Result<(), String> {
    let text = key.expose_secret();
    if text.starts_with("pk_") {
        return Err("is a publishable key (pk_): use the secret key, sk_… or rk_…".to_owned());
    }
    if text.starts_with("whsec_") {
        return Err("is a webhook's signing secret: that one belongs to stripe.webhook_secrets, \
             the secret key begins with sk_ or rk_"
            .to_owned());
    }
    if text.contains(char::is_whitespace) || !text.is_ascii() {
        return Err("has a space or a letter in it that no key has: copy it again".to_owned());
    }
    match KeyMode::of(key) {
        Some(_) => Ok(()),
        None => Err("is not a secret key: it begins with sk_test_, sk_live_, rk_test_ or \
             rk_live_"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_mode() {
        for (key, mode) in [
            ("sk_test_1", Some(KeyMode::Test)),
            ("rk_live_1", Some(KeyMode::Live)),
            ("sk_test_", None),
            ("sk_prod_1", None),
            ("pk_live_1", None),
            ("", None),
        ] {
            assert_eq!(KeyMode::of(&key.into()), mode, "{key}");
        }
        assert!(KeyMode::Live.livemode() && !KeyMode::Test.livemode());
    }

    #[test]
    fn the_default_base_is_stripe_itself() {
        assert_eq!(default_base().as_str(), "https://api.stripe.com/");
    }
}
