//! What the client is built from, and why it may refuse to be.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// How Stripe is reached.
pub struct Settings {
    /// `https://api.stripe.com`, or where a sandbox listens; without `/v1`.
    pub api_base: Url,
    /// `sk_…` or `rk_…`.
    pub secret_key: SecretString,
    /// How many requests may begin in a second, all calls together.
    pub requests_per_second: u32,
    /// How many calls may be under way at once.
    pub concurrency: usize,
    /// How long a call may take, waiting for its turn included.
    pub call_timeout: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("api_base", &self.api_base.as_str())
            .field("requests_per_second", &self.requests_per_second)
            .field("concurrency", &self.concurrency)
            .field("call_timeout", &self.call_timeout)
            .finish_non_exhaustive()
    }
}

/// Why the room cannot be set up. No secret is part of it.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address cannot be called.
    #[error("the Stripe API base {why}; use https://api.stripe.com, or http://127.0.0.1:<port> for a sandbox")]
    ApiBase {
        /// What is wrong with it.
        why: String,
    },
    /// The key cannot stand in a header.
    #[error("the Stripe secret key is empty or has characters that no key has: was it pasted with a line break?")]
    SecretKey,
    /// A number that must not be zero is.
    #[error("`{0}` must be more than zero")]
    Zero(&'static str),
    /// TLS cannot be set up.
    #[error("TLS towards Stripe cannot be set up: {0}")]
    Tls(String),
    /// There is nothing to check webhooks with.
    #[error("a webhook signing secret is missing or empty: set STRIPE_WEBHOOK_SECRET to the endpoint's whsec_… value")]
    WebhookSecret,
}

impl Settings {
    /// The base without a slash at its end, once all settings are found to be usable.
    pub(super) fn checked_base(&self) -> Result<String, SetupError> {
        for (name, zero) in [
            ("requests_per_second", self.requests_per_second == 0),
            ("concurrency", self.concurrency == 0),
            ("call_timeout", self.call_timeout.is_zero()),
        ] {
            if zero {
                return Err(SetupError::Zero(name));
            }
        }
        let base = self.api_base.as_str().trim_end_matches('/');
        let fault = match &self.api_base {
            url if !matches!(url.scheme(), "http" | "https") => Some("is not http or https"),
            url if url.host_str().is_none_or(str::is_empty) => Some("names no host"),
            url if !url.username().is_empty() || url.password().is_some() => Some("must not carry a user or password"),
            url if url.query().is_some() || url.fragment().is_some() => Some("must not have a query or a fragment"),
            _ if base.ends_with("/v1") => Some("ends in /v1, which payoutd adds by itself"),
            _ => None,
        };
        match fault {
            Some(why) => Err(SetupError::ApiBase { why: why.into() }),
            None => Ok(base.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(base: &str) -> Settings {
        Settings {
            api_base: Url::parse(base).unwrap(),
            secret_key: "sk_test_example".to_owned().into(),
            requests_per_second: 20,
            concurrency: 16,
            call_timeout: Duration::from_secs(30),
        }
    }

    #[test]
    fn the_base_is_taken_without_its_slash() {
        for (given, taken) in [
            ("https://api.stripe.com", "https://api.stripe.com"),
            ("https://api.stripe.com/", "https://api.stripe.com"),
            ("http://127.0.0.1:12111/stripe/", "http://127.0.0.1:12111/stripe"),
        ] {
            assert_eq!(settings(given).checked_base().unwrap(), taken);
        }
    }

    #[test]
    fn a_base_that_cannot_be_called_is_refused_with_the_reason() {
        for (given, why) in [
            ("ftp://api.stripe.com", "not http"),
            ("https://me:secret@api.stripe.com", "user or password"),
            ("https://api.stripe.com/?key=1", "query"),
            ("https://api.stripe.com/v1/", "/v1"),
        ] {
            let error = settings(given).checked_base().unwrap_err().to_string();
            assert!(error.contains(why), "{given}: {error}");
            assert!(!error.contains("secret@"), "{error}");
        }
    }

    #[test]
    fn no_limit_may_be_zero() {
        let wrong = Settings { concurrency: 0, ..settings("https://api.stripe.com") };
        assert_eq!(wrong.checked_base().unwrap_err().to_string(), "`concurrency` must be more than zero");
    }

    #[test]
    fn debug_output_has_no_key() {
        assert!(!format!("{:?}", settings("https://api.stripe.com")).contains("sk_test"));
    }
}
