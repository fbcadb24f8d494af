//! A server that does to each request what its script says, badly where it is to, and remembers what it saw.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use payoutd::ports::Clock;
use payoutd::stripe::{Client, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// What is done to one request, once it was read to its end.
#[derive(Debug, Clone)]
pub enum Act {
    /// A whole answer.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// A whole answer, after which the connection is closed without a word.
    AnswerThenClose(String),
    /// These bytes, after which the connection is closed.
    Raw(String),
    /// These bytes, after which nothing more comes.
    RawThenHang(String),
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing ever comes.
    Hang,
}

impl Act {
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self::Answer { status, headers: vec![("Request-Id", "req_test".into())], body: body.to_string() }
    }

    pub fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name, value.into()));
                Self::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    /// All values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

pub struct ScriptedServer {
    pub base: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrivals: watch::Receiver<usize>,
    connections: Arc<AtomicUsize>,
}

impl ScriptedServer {
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let script: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let (arrived, arrivals) = watch::channel(0);
        let server = Self { base, seen: Arc::default(), arrivals, connections: Arc::default() };
        let (seen, connections) = (server.seen.clone(), server.connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script.clone(), seen.clone(), arrived.clone()));
            }
        });
        server
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until so many requests have arrived.
    pub async fn sees(&self, count: usize) {
        let mut arrivals = self.arrivals.clone();
        let arrived = arrivals.wait_for(|arrived| *arrived >= count);
        tokio::time::timeout(Duration::from_secs(5), arrived).await.expect("too few requests arrive").unwrap();
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: watch::Sender<usize>,
) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().push(request);
        arrived.send_modify(|count| *count += 1);
        let act = script.lock().unwrap().pop_front().unwrap_or_else(|| Act::json(599, "the script is over"));
        let text = match &act {
            Act::Answer { status, headers, body } => answer(*status, headers, body),
            Act::AnswerThenClose(body) => answer(200, &[], body),
            Act::Raw(text) | Act::RawThenHang(text) => text.clone(),
            Act::Close | Act::Reset | Act::Hang => String::new(),
        };
        let _ = stream.write_all(text.as_bytes()).await;
        match act {
            Act::Answer { .. } => {}
            Act::AnswerThenClose(_) | Act::Raw(_) | Act::Close => return,
            Act::Reset => return stream.set_zero_linger().unwrap(),
            Act::RawThenHang(_) | Act::Hang => std::future::pending().await,
        }
    }
}

fn answer(status: u16, headers: &[(&'static str, String)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} Scripted\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let header = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()));
    let headers: Vec<_> = lines.filter_map(header).collect();
    let mut request = Seen { method, target, headers, body: String::new() };
    let length: usize = request.header("content-length").first().map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8(bytes[head_end + 4..].to_vec()).unwrap();
    Some(request)
}

/// A clock that stands, so that what comes from it can be told from what comes from Stripe.
pub struct StandingClock;

impl StandingClock {
    pub const NOW: i64 = 1_800_000_000;
}

#[async_trait]
impl Clock for StandingClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(Self::NOW, 0).unwrap()
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

pub const KEY: &str = "sk_test_scripted";

pub fn settings(base: &Url) -> Settings {
    Settings {
        api_base: base.clone(),
        secret_key: KEY.to_owned().into(),
        requests_per_second: 10_000,
        concurrency: 16,
        call_timeout: Duration::from_secs(10),
    }
}

pub fn client(settings: Settings) -> Client {
    Client::new(settings, Arc::new(StandingClock)).unwrap()
}
