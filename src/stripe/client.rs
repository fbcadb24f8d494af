//! The client: every call takes its turn, carries the same headers and ends by its deadline. It makes each request
//! once; whether to make it again is for the jobs to say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, text};
use super::pace::Pace;
use super::request::{API_VERSION, Call};
use super::transport::{Exchange, Transport};
use super::{Settings, SetupError};
use crate::domain::triage::Failure;
use crate::ports::{Called, Clock};

const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const STRIPE_ACCOUNT: HeaderName = HeaderName::from_static("stripe-account");
const OUR_NAME: &str = concat!("payoutd/", env!("CARGO_PKG_VERSION"));
const FORM: &str = "application/x-www-form-urlencoded";

/// Calls Stripe, over connections that it keeps open. One is enough for a daemon; share it with an `Arc`.
pub struct Client {
    transport: Arc<dyn Exchange>,
    base: String,
    authorization: HeaderValue,
    pace: Pace,
    under_way: Semaphore,
    call_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// Sets the client up; connects to nothing yet.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let plain = settings.api_base.scheme() == "http";
        let transport = Arc::new(Transport::new(plain, settings.concurrency)?);
        Self::over(transport, settings, clock)
    }

    /// The same over another way to Stripe than the network.
    pub fn over(transport: Arc<dyn Exchange>, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let base = settings.checked_base()?;
        Ok(Self {
            transport,
            base,
            authorization: authorization(&settings.secret_key)?,
            pace: Pace::new(settings.requests_per_second),
            under_way: Semaphore::new(settings.concurrency.min(Semaphore::MAX_PERMITS)),
            call_timeout: settings.call_timeout,
            clock,
        })
    }

    /// Begins a call of the port, which may take several requests.
    /// Now, by the injected clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn trip(&self) -> Trip<'_> {
        let deadline = Instant::now() + self.call_timeout;
        Trip { client: self, deadline, not_after: None, first_sent: None, request_id: None, status: None }
    }

    async fn turn(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Failure> {
        let turn = async {
            let permit = self.under_way.acquire().await;
            self.pace.turn().await;
            permit
        };
        match timeout_at(deadline, turn).await {
            // A turn that comes with the deadline is too late to be of use.
            Ok(Ok(permit)) if Instant::now() < deadline => Ok(permit),
            Ok(Err(_)) => Err(Failure::NotSent("the client is closed".into())),
            Ok(Ok(_)) | Err(_) => Err(Failure::NotSent("no turn within the call timeout: too many calls wait".into())),
        }
    }

    fn request(&self, call: &Call) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.base, call.path))
            .header(AUTHORIZATION, &self.authorization)
            .header(STRIPE_VERSION, API_VERSION)
            .header(USER_AGENT, OUR_NAME)
            .header(ACCEPT, "application/json");
        if call.method == hyper::Method::POST {
            request = request.header(CONTENT_TYPE, FORM);
        }
        if let Some(key) = &call.key {
            request = request.header(IDEMPOTENCY_KEY, key.as_str());
        }
        if let Some(account) = &call.account {
            request = request.header(STRIPE_ACCOUNT, account.as_str());
        }
        request
            .body(Full::from(call.form.clone()))
            .map_err(|e| Failure::NotSent(format!("the request cannot be written: {e}")))
    }
}

fn count(call: &Call, sent: Instant, failure: Option<&Failure>) {
    let resource = resource(&call.path);
    let outcome = failure.map_or("ok", outcome);
    metrics::counter!("payoutd_stripe_requests_total", "resource" => resource, "outcome" => outcome).increment(1);
    let took = sent.elapsed().as_secs_f64(); // float: not money
    metrics::histogram!("payoutd_stripe_request_seconds", "resource" => resource).record(took);
}

/// A closed set of words, since each becomes a time series.
fn resource(path: &str) -> &'static str {
    let name = path.trim_start_matches("/v1/").split(['/', '?']).next().unwrap_or_default();
    let known = ["transfers", "charges", "disputes", "accounts", "balance", "payouts", "events"];
    known.into_iter().find(|known| *known == name).unwrap_or("other")
}

fn outcome(failure: &Failure) -> &'static str {
    match (failure, failure.status()) {
        (Failure::NotSent(_), _) => "not_sent",
        (Failure::NoAnswer(_), _) => "no_answer",
        (Failure::Unreadable { .. }, _) => "unreadable",
        (_, Some(429)) => "rate_limited",
        (_, Some(401 | 403)) => "not_allowed",
        (_, Some(500..)) => "server_error",
        (Failure::Refused(_), _) => "refused",
    }
}

fn authorization(key: &SecretString) -> Result<HeaderValue, SetupError> {
    let key = key.expose_secret();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SetupError::SecretKey);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| SetupError::SecretKey)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A 429 with `lock_timeout` is about one object that was busy, and says nothing about how fast we are.
fn says_too_fast(failure: &Failure) -> bool {
    failure.status() == Some(429) && failure.code() != "lock_timeout"
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// One call of the port: its deadline, and what is to be recorded of its requests.
pub(super) struct Trip<'a> {
    client: &'a Client,
    deadline: Instant,
    not_after: Option<DateTime<Utc>>,
    first_sent: Option<Instant>,
    request_id: Option<String>,
    status: Option<u16>,
}

impl Trip<'_> {
    /// Sends nothing from this time on, by the calendar: a machine that slept does not notice it by its deadline.
    pub(super) fn not_after(self, end: DateTime<Utc>) -> Self {
        Self { not_after: Some(end), ..self }
    }

    /// Makes one request, once.
    pub(super) async fn send(&mut self, call: Call) -> Result<Answer, Failure> {
        let client = self.client;
        (self.status, self.request_id) = (None, None);
        let request = client.request(&call)?;
        let _permit = client.turn(self.deadline).await?;
        if self.not_after.is_some_and(|end| client.clock.now() >= end) {
            return Err(Failure::NotSent("its lease ran out before it could be sent".into()));
        }
        let sent = Instant::now();
        self.first_sent.get_or_insert(sent);
        let answer = match client.transport.exchange(request, self.deadline).await {
            Ok(received) => {
                self.request_id = text(&received.headers, "request-id").map(str::to_owned);
                Answer::sort(received)
            }
            Err(failure) => Err(failure),
        };
        self.status = answer.as_ref().map_or_else(Failure::status, |answer| Some(answer.status));
        if answer.as_ref().is_err_and(says_too_fast) {
            client.pace.slow_down();
        }
        self.log(&call, sent, answer.as_ref().err());
        count(&call, sent, answer.as_ref().err());
        answer
    }

    /// When the answer was given, by Stripe's clock or else by ours.
    pub(super) fn told_at(&self, answer: &Answer) -> DateTime<Utc> {
        answer.date.unwrap_or_else(|| self.client.clock.now())
    }

    /// Ends the call.
    pub(super) fn came_to<T>(self, result: Result<T, Failure>) -> Called<T> {
        let took = self.first_sent.map(|sent| sent.elapsed()).unwrap_or_default();
        Called { result, status: self.status, request_id: self.request_id, took }
    }

    fn log(&self, call: &Call, sent: Instant, failure: Option<&Failure>) {
        tracing::debug!(
            http.method = %call.method,
            http.path = call.path.split('?').next(),
            http.status = self.status,
            stripe.request_id = self.request_id,
            stripe.error = failure.map(Failure::code),
            took_ms = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX),
            "called Stripe"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::triage::Refusal;

    #[test]
    fn only_a_429_that_is_about_our_pace_slows_us_down() {
        let refused =
            |status, code: &str| Failure::Refused(Refusal { status, code: code.into(), ..Refusal::default() });
        for (failure, slower) in [
            (refused(429, "rate_limit"), true),
            (refused(429, ""), true),
            (refused(429, "lock_timeout"), false),
            (refused(400, "rate_limit"), false),
            (refused(503, ""), false),
            (Failure::NoAnswer("timeout".into()), false),
        ] {
            assert_eq!(says_too_fast(&failure), slower, "{failure:?}");
        }
    }

    #[test]
    fn a_request_is_counted_under_a_word_of_a_closed_set() {
        for (path, word) in [
            ("/v1/transfers", "transfers"),
            ("/v1/transfers?transfer_group=x", "transfers"),
            ("/v1/charges/ch_1?expand[]=balance_transaction", "charges"),
            ("/v1/accounts/acct_1", "accounts"),
            ("/v1/who_knows/1", "other"),
        ] {
            assert_eq!(resource(path), word);
        }
        let refused = |status| Failure::Refused(Refusal { status, ..Refusal::default() });
        for (failure, word) in [
            (refused(400), "refused"),
            (refused(401), "not_allowed"),
            (refused(429), "rate_limited"),
            (refused(503), "server_error"),
            (Failure::Unreadable { status: 500, why: String::new() }, "unreadable"),
            (Failure::NoAnswer(String::new()), "no_answer"),
        ] {
            assert_eq!(outcome(&failure), word, "{failure:?}");
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_refused_before_anything_is_sent() {
        for key in ["", "sk_test_1\n", "sk test", "sk_tést"] {
            assert!(matches!(authorization(&key.to_owned().into()), Err(SetupError::SecretKey)), "{key:?}");
        }
        assert!(authorization(&"sk_test_1".to_owned().into()).unwrap().is_sensitive());
    }
}
