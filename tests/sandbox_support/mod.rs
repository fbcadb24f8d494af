//! A sandbox with a clock that tests move, an HTTP client for it, and an endpoint that receives its webhooks.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes as AxumBytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use payoutd::sandbox::{Paid, Pay, Sandbox, SandboxOptions};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub const KEY: &str = "sk_test_sandbox";
pub const START: i64 = 1_795_000_000;

/// The time, as tests set it.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn options(&self) -> SandboxOptions {
        let clock = self.0.clone();
        SandboxOptions::new(move || clock.load(Ordering::SeqCst))
    }
}

/// A running sandbox and a client with its key.
pub struct Stripe {
    pub sandbox: Sandbox,
    pub clock: Clock,
    pub client: ApiClient,
}

impl Stripe {
    pub async fn start() -> Self {
        Self::start_with(|options| options).await
    }

    pub async fn start_with(change: impl FnOnce(SandboxOptions) -> SandboxOptions) -> Self {
        let clock = Clock::new();
        let sandbox = Sandbox::start(change(clock.options())).await.expect("the sandbox starts");
        let client = ApiClient::new(&sandbox.base_url());
        Self { sandbox, clock, client }
    }

    pub fn pay(&self, pay: Pay) -> Paid {
        self.sandbox.pay(pay).expect("a customer pays")
    }

    /// An account that can receive transfers.
    pub fn mentor(&self) -> String {
        self.sandbox.create_account(payoutd::sandbox::NewAccount::default()).expect("an account")
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.client.send("GET", path, "", &[]).await.expect("an answer")
    }

    pub async fn post(&self, path: &str, form: &str) -> Reply {
        self.client.send("POST", path, form, &[]).await.expect("an answer")
    }

    pub async fn post_with_key(&self, path: &str, form: &str, key: &str) -> Reply {
        self.client.post_with_key(path, form, key).await.expect("an answer")
    }
}

/// No answer came: the connection was closed.
#[derive(Debug)]
pub struct NoAnswer;

#[derive(Clone)]
pub struct ApiClient {
    base: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl ApiClient {
    pub fn new(base: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { base: base.to_owned(), http }
    }

    pub async fn post_with_key(&self, path: &str, form: &str, key: &str) -> Result<Reply, NoAnswer> {
        self.send("POST", path, form, &[("Idempotency-Key", key)]).await
    }

    /// Headers given here come instead of the usual ones.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, NoAnswer> {
        let mut request = hyper::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !headers.iter().any(|(name, _)| *name == "Authorization") {
            request = request.header("Authorization", format!("Bearer {KEY}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).expect("a request");
        let response = self.http.request(request).await.map_err(|_| NoAnswer)?;
        let (head, body) = response.into_parts();
        let text = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(text.to_vec()).expect("UTF-8"),
        })
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn id(&self) -> String {
        let id = self.json()["id"].as_str().map(str::to_owned);
        id.unwrap_or_else(|| panic!("no id: {} {}", self.status, self.text))
    }

    /// Status, code and parameter of an error.
    pub fn error(&self) -> (u16, String, String) {
        let error = self.json()["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("code"), text("param"))
    }

    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The ids of a list.
    pub fn ids(&self) -> Vec<String> {
        let list = self.json()["data"].as_array().cloned().unwrap_or_default();
        list.iter().map(|item| item["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// What an endpoint was sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub signature: String,
    pub body: String,
}

impl Delivery {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("an event is JSON")
    }

    pub fn kind(&self) -> String {
        self.event()["type"].as_str().expect("a type").to_owned()
    }
}

/// An endpoint that refuses its first deliveries and takes the rest.
pub struct Endpoint {
    pub url: String,
    received: watch::Receiver<Vec<Delivery>>,
}

type Log = Arc<(Mutex<u32>, watch::Sender<Vec<Delivery>>)>;

impl Endpoint {
    pub async fn start(refusals: u32) -> Self {
        let (sender, received) = watch::channel(Vec::new());
        let log: Log = Arc::new((Mutex::new(refusals), sender));
        let app = Router::new().fallback(receive).with_state(log);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}/webhooks/stripe", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, received }
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.received.borrow().clone()
    }

    /// How often each type came.
    pub fn kinds(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for delivery in self.deliveries() {
            *kinds.entry(delivery.kind()).or_default() += 1;
        }
        kinds
    }
}

async fn receive(State(log): State<Log>, headers: HeaderMap, body: AxumBytes) -> StatusCode {
    let signature = headers["Stripe-Signature"].to_str().expect("ASCII").to_owned();
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    log.1.send_modify(|received| received.push(Delivery { signature, body }));
    let mut refusals = log.0.lock().expect("no test panics here");
    if *refusals > 0 {
        *refusals -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::OK
}

/// Waits until something that happens elsewhere has happened, a task's turn at a time.
pub async fn until(mut happened: impl FnMut() -> bool) {
    while !happened() {
        tokio::task::yield_now().await;
    }
}
