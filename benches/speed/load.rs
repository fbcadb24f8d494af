//! Load: webhooks that are written and signed beforehand, sent over connections that stay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::daemon::SECRET;
use super::seed;

/// Whether events wait to be projected. Asked again and again, so it must not read all of them.
pub const WAITING: &str =
    "SELECT count(*) FROM (SELECT FROM webhook_events WHERE next_attempt_at IS NOT NULL LIMIT 1) AS one";

/// What sending came to.
pub struct Sent {
    /// From the first to the last answer.
    pub took: Duration,
    /// How long each answer took, in microseconds, the quickest first.
    pub waits_us: Vec<u64>,
}

/// Requests for events `from` to `to`, whole and signed now, about charges made now.
pub fn signed(prefix: &str, from: usize, to: usize) -> Vec<Vec<u8>> {
    signed_at(prefix, from, to, now() as i64)
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

/// The same about charges that were made then.
pub fn signed_at(prefix: &str, from: usize, to: usize, charged_at: i64) -> Vec<Vec<u8>> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let now = now();
    let request = |n: usize| {
        let body = seed::event(&format!("{prefix}{n}"), charged_at);
        let tag = hmac::sign(&key, format!("{now}.{body}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "POST /webhooks/stripe HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             stripe-signature: t={now},v1={hex}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    (from..to).map(request).collect()
}

/// Sends them all, so many at a time.
pub async fn send(to: SocketAddr, requests: Arc<Vec<Vec<u8>>>, connections: usize) -> Sent {
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(to).await.expect("it listens");
        stream.set_nodelay(true).expect("ours");
        streams.push(stream);
    }
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for stream in streams {
        senders.spawn(sender(stream, requests.clone(), next.clone()));
    }
    let mut waits_us = Vec::with_capacity(requests.len());
    while let Some(waits) = senders.join_next().await {
        waits_us.extend(waits.expect("every webhook is answered with 200"));
    }
    let took = begun.elapsed();
    waits_us.sort_unstable();
    Sent { took, waits_us }
}

async fn sender(mut stream: TcpStream, requests: Arc<Vec<Vec<u8>>>, next: Arc<AtomicUsize>) -> Vec<u64> {
    let mut waits = Vec::new();
    let mut buffer = Vec::with_capacity(1024);
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let begun = Instant::now();
        stream.write_all(request).await.expect("it reads");
        buffer.clear();
        while !is_whole(&buffer) {
            assert!(stream.read_buf(&mut buffer).await.expect("it answers") > 0, "it hung up");
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer));
        waits.push(begun.elapsed().as_micros() as u64);
    }
    waits
}

/// Answers are short and end with their JSON.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}") && answer.windows(4).any(|window| window == b"\r\n\r\n")
}

/// Sends one request, and reads until the other side closes.
pub async fn once(to: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    answer
}

/// How many requests a second something answers, asked over so many connections for a while: its own ceiling.
pub async fn ceiling(of: SocketAddr, request: &str, connections: usize, lasting: Duration) -> f64 {
    let until = Instant::now() + lasting;
    let mut askers = JoinSet::new();
    for _ in 0..connections {
        let (mut stream, request) = (TcpStream::connect(of).await.expect("it listens"), request.as_bytes().to_vec());
        stream.set_nodelay(true).expect("ours");
        askers.spawn(async move {
            let (mut answered, mut buffer) = (0_u64, Vec::with_capacity(4096));
            while Instant::now() < until {
                stream.write_all(&request).await.expect("it reads");
                buffer.clear();
                while !is_whole(&buffer) {
                    assert!(stream.read_buf(&mut buffer).await.expect("it answers") > 0, "it hung up");
                }
                answered += 1;
            }
            answered
        });
    }
    let mut answered = 0;
    while let Some(count) = askers.join_next().await {
        answered += count.expect("it answers");
    }
    answered as f64 / lasting.as_secs_f64()
}
