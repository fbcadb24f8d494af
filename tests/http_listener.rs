//! The listener over a real socket: what it answers to good and bad input, and that 200 means committed.

#[path = "http_listener/connections.rs"]
mod connections;
#[path = "http_listener/webhooks.rs"]
mod webhooks;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use payoutd::http::{Settings, State, router, serve};
use payoutd::ports::{Clock, Health, Inbox, Kept, NewEvent, Readiness, StoreError};
use payoutd::stripe::{DEFAULT_TOLERANCE, Signatures};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "whsec_listener";
const NOW: i64 = 1_800_000_000;
const EVENT: &str =
    r#"{"id":"evt_1","object":"event","type":"charge.succeeded","created":1799999990,"livemode":true,"data":{}}"#;

/// An inbox in memory that can be held up, and can fail.
struct Desk {
    kept: Mutex<Vec<NewEvent>>,
    failing: Mutex<Option<fn() -> StoreError>>,
    entered: Semaphore,
    may_commit: Semaphore,
    committed: Semaphore,
}

impl Desk {
    fn open() -> Arc<Self> {
        Self::with_permits(Semaphore::MAX_PERMITS)
    }

    fn held() -> Arc<Self> {
        Self::with_permits(0)
    }

    fn with_permits(permits: usize) -> Arc<Self> {
        let none = || Semaphore::new(0);
        let (kept, failing) = (Mutex::default(), Mutex::default());
        Arc::new(Self { kept, failing, entered: none(), may_commit: Semaphore::new(permits), committed: none() })
    }

    fn kept(&self) -> Vec<NewEvent> {
        self.kept.lock().unwrap().clone()
    }

    /// Waits for a commit.
    async fn commits(&self) {
        let commit = tokio::time::timeout(Duration::from_secs(5), self.committed.acquire()).await;
        commit.expect("the write was broken off").unwrap().forget();
    }

    fn fail_with(&self, error: Option<fn() -> StoreError>) {
        *self.failing.lock().unwrap() = error;
    }
}

#[async_trait]
impl Inbox for Desk {
    async fn keep(&self, event: NewEvent) -> Result<Kept, StoreError> {
        self.entered.add_permits(1);
        self.may_commit.acquire().await.unwrap().forget();
        if let Some(error) = *self.failing.lock().unwrap() {
            return Err(error());
        }
        let mut kept = self.kept.lock().unwrap();
        let again = kept.iter().any(|known| known.event_id == event.event_id);
        if !again {
            kept.push(event);
        }
        self.committed.add_permits(1);
        Ok(if again { Kept::Again } else { Kept::New })
    }
}

struct StandingClock;

#[async_trait]
impl Clock for StandingClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap()
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

struct Pulse(bool);

#[async_trait]
impl Health for Pulse {
    async fn readiness(&self) -> Readiness {
        let database = if self.0 { "ok" } else { "cannot be reached" };
        Readiness {
            ready: self.0,
            database: database.into(),
            migrations: "ok".into(),
            breaker: "closed".into(),
            oldest_unprojected_event_s: 3,
        }
    }
}

struct Running {
    addr: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

async fn start(inbox: Arc<Desk>) -> Running {
    start_with(inbox, true, Settings::default()).await
}

async fn start_with(inbox: Arc<Desk>, ready: bool, settings: Settings) -> Running {
    start_limited(inbox, ready, settings, 256).await
}

async fn start_limited(inbox: Arc<Desk>, ready: bool, settings: Settings, most_connections: usize) -> Running {
    let signatures = Arc::new(Signatures::new(&[SECRET.to_owned().into()], DEFAULT_TOLERANCE).unwrap());
    let health = Arc::new(Pulse(ready));
    let state = State { inbox, signatures, cron: None, api: None, health, clock: Arc::new(StandingClock), settings };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = tokio::spawn(serve(listener, router(state), most_connections, stop.clone()));
    Running { addr, stop, server }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not an answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn code(&self) -> &str {
        assert!(!self.body["error"]["message"].as_str().unwrap().is_empty(), "{self:?}");
        self.body["error"]["code"].as_str().unwrap()
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends bytes, ends our side, and reads what comes back.
    async fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        stream.shutdown().await.unwrap();
        read(&mut stream).await
    }

    async fn deliver(&self, body: &[u8]) -> Answer {
        self.send(signed(body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }
}

async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    Answer::parse(&bytes)
}

fn signature(time: i64, secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[time.to_string().as_bytes(), b".", body].concat());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn with_signature(signature: &str, body: &[u8]) -> Vec<u8> {
    post(&format!("Stripe-Signature: {signature}\r\n"), body)
}

fn signed(body: &[u8]) -> Vec<u8> {
    with_signature(&signature(NOW, SECRET, body), body)
}

fn event(id: &str) -> String {
    EVENT.replace("evt_1", id)
}
