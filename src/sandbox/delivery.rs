//! Webhooks: signed deliveries of events, by themselves with retries or one by one on demand.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::core::Event;
use super::options::{DeliveryMode, DeliveryRetry, SandboxOptions, WebhookEndpoint};
use super::signature::signature_header;

/// Deliveries under way at once: Stripe too sends several, in no promised order.
const AT_ONCE: usize = 8;

/// Why an event could not be brought to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// No event has this id.
    #[error("no event {0} to deliver")]
    NoSuchEvent(String),
    /// The endpoint's URL cannot be used.
    #[error("webhook endpoint {url}: {reason}")]
    BadEndpoint {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The endpoint could not be reached, or did not answer in time.
    #[error("delivering {event} to {url}: {reason}")]
    Unreachable {
        /// The event's id.
        event: String,
        /// The endpoint.
        url: String,
        /// What happened.
        reason: String,
    },
}

/// How far delivery has come.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    happened: usize,
    taken: usize,
    under_way: usize,
}

pub(super) struct Deliveries {
    mode: DeliveryMode,
    retry: DeliveryRetry,
    endpoints: Mutex<Vec<WebhookEndpoint>>,
    delivered: Mutex<BTreeSet<String>>,
    progress: watch::Sender<Progress>,
    slots: Semaphore,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Deliveries {
    pub fn new(options: &SandboxOptions) -> Self {
        Self {
            mode: options.delivery,
            retry: options.retry,
            endpoints: Mutex::new(options.webhooks.clone()),
            delivered: Mutex::default(),
            progress: watch::Sender::default(),
            slots: Semaphore::new(AT_ONCE),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Adds an endpoint and returns how many there are.
    pub fn add(&self, endpoint: WebhookEndpoint) -> usize {
        let mut endpoints = lock(&self.endpoints);
        endpoints.push(endpoint);
        endpoints.len()
    }

    pub fn is_delivered(&self, event_id: &str) -> bool {
        lock(&self.delivered).contains(event_id)
    }

    /// There are this many events now.
    pub fn happened(&self, events: usize) {
        self.progress.send_if_modified(|progress| {
            let more = events > progress.happened;
            progress.happened = events.max(progress.happened);
            more
        });
    }

    pub async fn wait(&self, stop: &CancellationToken) {
        if self.mode == DeliveryMode::Manual {
            return;
        }
        let mut progress = self.progress.subscribe();
        let done = progress.wait_for(|seen| seen.taken == seen.happened && seen.under_way == 0);
        tokio::select! {
            _ = done => {}
            () = stop.cancelled() => {}
        }
    }

    pub async fn deliver_once(&self, event: &Event, now: i64) -> Result<Vec<u16>, DeliveryError> {
        let endpoints = lock(&self.endpoints).clone();
        let mut statuses = Vec::new();
        for endpoint in &endpoints {
            statuses.push(self.send(event, endpoint, now).await?);
        }
        if statuses.iter().all(|status| is_success(*status)) {
            lock(&self.delivered).insert(event.id.clone());
        }
        Ok(statuses)
    }

    async fn send(&self, event: &Event, endpoint: &WebhookEndpoint, now: i64) -> Result<u16, DeliveryError> {
        let body = event.text().to_owned();
        let request = hyper::Request::post(&endpoint.url)
            .header("Content-Type", "application/json; charset=utf-8")
            .header("User-Agent", "Stripe/1.0 (payoutd sandbox)")
            .header("Stripe-Signature", signature_header(&endpoint.secret, now, body.as_bytes()))
            .body(Full::from(body))
            .map_err(|error| DeliveryError::BadEndpoint { url: endpoint.url.clone(), reason: error.to_string() })?;
        let unreachable =
            |reason: String| DeliveryError::Unreachable { event: event.id.clone(), url: endpoint.url.clone(), reason };
        let timeout = Duration::from_millis(self.retry.timeout_ms);
        match tokio::time::timeout(timeout, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response.status().as_u16()),
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Err(_) => Err(unreachable(format!("no answer within {} ms", self.retry.timeout_ms))),
        }
    }
}

/// Takes events as they happen and sends each on its way, until the sandbox stops.
pub(super) async fn dispatch(control: Control) {
    let shared = &control.0;
    if shared.deliveries.mode == DeliveryMode::Manual {
        return;
    }
    let mut progress = shared.deliveries.progress.subscribe();
    loop {
        let fresh = progress.wait_for(|seen| seen.taken < seen.happened);
        let taken = tokio::select! {
            Ok(seen) = fresh => seen.taken,
            () = shared.stop.cancelled() => return,
        };
        let events: Vec<Event> = control.core().events().skip(taken).cloned().collect();
        shared.deliveries.progress.send_modify(|seen| {
            seen.taken += events.len();
            seen.happened = seen.happened.max(seen.taken);
            seen.under_way += events.len();
        });
        for event in events {
            let control = control.clone();
            shared.tasks.spawn(async move { bring(control, event).await });
        }
    }
}

/// Brings one event to every endpoint, however often that takes.
async fn bring(control: Control, event: Event) {
    let shared = &control.0;
    let endpoints = lock(&shared.deliveries.endpoints).clone();
    let mut everywhere = !endpoints.is_empty();
    for endpoint in endpoints {
        let sent = tokio::select! {
            sent = insist(&control, &event, &endpoint) => sent,
            () = shared.stop.cancelled() => false,
        };
        everywhere &= sent;
    }
    if everywhere {
        lock(&shared.deliveries.delivered).insert(event.id.clone());
    }
    shared.deliveries.progress.send_modify(|seen| seen.under_way -= 1);
}

/// True once the endpoint took the event; false when its attempts are used up.
async fn insist(control: &Control, event: &Event, endpoint: &WebhookEndpoint) -> bool {
    let deliveries = &control.0.deliveries;
    let mut wait_ms = deliveries.retry.first_ms;
    for attempt in 1..=deliveries.retry.attempts {
        let result = match deliveries.slots.acquire().await {
            Ok(_slot) => deliveries.send(event, endpoint, (control.0.now)()).await,
            Err(_closed) => return false,
        };
        match result {
            Ok(status) if is_success(status) => return true,
            Ok(status) => tracing::debug!(event.id = %event.id, status, attempt, "webhook refused"),
            Err(error) => tracing::debug!(event.id = %event.id, %error, attempt, "webhook not delivered"),
        }
        if attempt < deliveries.retry.attempts {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = wait_ms.saturating_mul(2).min(deliveries.retry.longest_ms);
        }
    }
    tracing::warn!(event.id = %event.id, url = %endpoint.url, "sandbox gave up on a webhook");
    false
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
