//! What a sandbox is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::core::Settings;

/// The clock that a sandbox lives by: unix seconds. It never reads another.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where webhooks go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// `http://…`; the sandbox speaks no TLS.
    pub url: String,
    /// `whsec_…`: what its signatures are made with.
    pub secret: String,
}

/// Who delivers the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryMode {
    /// The sandbox, as they happen, with retries: in no promised order, like Stripe.
    Automatic,
    /// The caller, one by one: any event, any number of times, in any order.
    Manual,
}

/// How automatic delivery goes about refusals and silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryRetry {
    /// The wait before the second attempt, in milliseconds; it doubles each time.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub longest_ms: u64,
    /// How many attempts an event gets.
    pub attempts: u32,
    /// How long an endpoint may take to answer, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for DeliveryRetry {
    fn default() -> Self {
        Self { first_ms: 100, longest_ms: 5_000, attempts: 50, timeout_ms: 10_000 }
    }
}

/// What a sandbox is started with.
#[derive(Clone)]
pub struct SandboxOptions {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account that it plays.
    pub settings: Settings,
    /// Where webhooks go from the start.
    pub webhooks: Vec<WebhookEndpoint>,
    /// Who delivers them.
    pub delivery: DeliveryMode,
    /// How.
    pub retry: DeliveryRetry,
    /// The clock.
    pub now: Now,
}

impl SandboxOptions {
    /// A free port, no fees, no webhooks yet, automatic delivery; at the time that this clock tells.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            settings: Settings::default(),
            webhooks: Vec::new(),
            delivery: DeliveryMode::Automatic,
            retry: DeliveryRetry::default(),
            now: Arc::new(now),
        }
    }

    /// The caller delivers the events.
    #[must_use]
    pub fn manual_delivery(mut self) -> Self {
        self.delivery = DeliveryMode::Manual;
        self
    }

    /// Delivers to this endpoint.
    #[must_use]
    pub fn webhook(mut self, url: &str, secret: &str) -> Self {
        let (url, secret) = (url.to_owned(), secret.to_owned());
        self.webhooks.push(WebhookEndpoint { url, secret });
        self
    }
}
