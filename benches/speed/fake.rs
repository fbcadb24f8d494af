//! A Stripe that answers charges, transfers, accounts and empty lists from memory, over HTTP/1.1 with connections that stay.
//! Cheap, so that it is not what is measured; it counts, so that what was measured can be checked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it saw, and how it answers.
#[derive(Default)]
pub struct Seen {
    /// Requests.
    pub requests: AtomicU64,
    /// Connections.
    pub connections: AtomicU64,
    /// Requests for a transfer that were new.
    pub transfers: AtomicU64,
    /// Requests for a transfer under a key that was used before.
    pub repeated: AtomicU64,
    /// How long it waits before it answers, in milliseconds.
    pub latency_ms: AtomicU64,
    /// What it lists as transfers, where anything.
    pub listed: Mutex<Option<Listed>>,
    keys: Mutex<HashMap<String, u64>>,
}

/// Transfers that were made at even distances: the first of them when, over how many seconds, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// When the first was made, in seconds since 1970.
    pub from: i64,
    /// Over how long.
    pub seconds: i64,
    /// How many.
    pub count: i64,
}

/// A fake that listens.
pub struct Fake {
    /// Where.
    pub address: SocketAddr,
    /// What it saw.
    pub seen: Arc<Seen>,
}

impl Fake {
    /// Starts it in a thread of its own.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("ours");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("ours");
                while let Ok((stream, _)) = listener.accept().await {
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(serve(stream, shared.clone()));
                }
            });
        });
        Self { address, seen }
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    let _ = stream.set_nodelay(true);
    let (mut buffer, mut out) = (Vec::with_capacity(4096), Vec::with_capacity(4096));
    loop {
        while let Some((head, body)) = whole(&buffer) {
            let (head_text, body_text) = (text(&buffer[..head]), text(&buffer[head..head + body]));
            let answer = answer(head_text, body_text, &seen);
            buffer.drain(..head + body);
            let latency = seen.latency_ms.load(Ordering::Relaxed);
            if latency > 0 {
                tokio::time::sleep(Duration::from_millis(latency)).await;
            }
            let number = seen.requests.fetch_add(1, Ordering::Relaxed);
            out.clear();
            out.extend_from_slice(
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_{number}\r\ncontent-length: {}\r\n\r\n",
                    answer.len()
                )
                .as_bytes(),
            );
            out.extend_from_slice(answer.as_bytes());
            if stream.write_all(&out).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The lengths of a request's head and body, once all of it is there.
fn whole(buffer: &[u8]) -> Option<(usize, usize)> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let body = header(text(&buffer[..head]), "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    (buffer.len() >= head + body).then_some((head, body))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn answer(head: &str, body: &str, seen: &Seen) -> String {
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    match (method, path.trim_start_matches("/v1/").split_once('/').unwrap_or((path.trim_start_matches("/v1/"), ""))) {
        ("POST", ("transfers", "")) => transfer(head, body, seen),
        ("GET", ("transfers", "")) => transfers(target, seen),
        ("GET", ("charges", id)) => charge(id),
        ("GET", ("accounts", id)) => account(id),
        _ => r#"{"object":"list","data":[],"has_more":false,"livemode":false,"available":[]}"#.to_owned(),
    }
}

fn charge(id: &str) -> String {
    let number = id.trim_start_matches("ch_bench_");
    format!(
        r#"{{"id":"{id}","object":"charge","livemode":false,"amount":10000,"amount_captured":10000,"amount_refunded":0,"created":{created},"currency":"eur","captured":true,"paid":true,"status":"succeeded","disputed":false,"payment_intent":"pi_bench_{number}","balance_transaction":{{"id":"txn_{number}","object":"balance_transaction","amount":10000,"currency":"eur","fee":320,"net":9680}},"billing_details":{{"email":"ada@example.com","name":"Ada Customer"}},"receipt_email":null,"transfer_group":null,"metadata":{{"mentor_id":"mentor-{mentor}","booking_id":"booking-{number}"}}}}"#,
        created = super::seed::PAID_AT,
        mentor = number.parse::<u64>().unwrap_or(0) % super::seed::MENTORS,
    )
}

pub fn account(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"account","capabilities":{{"transfers":"active"}},"details_submitted":true,"payouts_enabled":true,"charges_enabled":true,"requirements":{{"currently_due":[],"disabled_reason":null}},"settings":{{"payouts":{{"schedule":{{"interval":"manual"}}}}}},"metadata":{{}}}}"#
    )
}

fn transfer(head: &str, body: &str, seen: &Seen) -> String {
    let key = header(head, "idempotency-key").unwrap_or_default();
    let mut keys = seen.keys.lock().expect("nobody panics with it");
    let next = keys.len() as u64 + 1;
    let (number, count) = match keys.get(key) {
        Some(known) => (*known, &seen.repeated),
        None => {
            keys.insert(key.to_owned(), next);
            (next, &seen.transfers)
        }
    };
    drop(keys);
    count.fetch_add(1, Ordering::Relaxed);
    let field = |name: &str| body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let decoded = |name| percent_encoding::percent_decode_str(field(name).unwrap_or_default()).decode_utf8_lossy();
    transfer_object(&Transfer {
        id: &format!("tr_bench_{number}"),
        created: super::seed::PAID_AT,
        amount: &decoded("amount"),
        currency: &decoded("currency"),
        destination: &decoded("destination"),
        charge: &decoded("source_transaction"),
        group: &decoded("transfer_group"),
        metadata: &format!(r#"{{"payoutd_operation":"{key}"}}"#),
    })
}

struct Transfer<'a> {
    id: &'a str,
    created: i64,
    amount: &'a str,
    currency: &'a str,
    destination: &'a str,
    charge: &'a str,
    group: &'a str,
    metadata: &'a str,
}

fn transfer_object(t: &Transfer<'_>) -> String {
    let Transfer { id, created, amount, currency, destination, charge, group, metadata } = t;
    format!(
        r#"{{"id":"{id}","object":"transfer","amount":{amount},"amount_reversed":0,"created":{created},"currency":"{currency}","destination":"{destination}","source_transaction":"{charge}","transfer_group":"{group}","livemode":false,"metadata":{metadata},"reversals":{{"object":"list","data":[],"has_more":false}}}}"#
    )
}

/// A page of what is listed as made in a span, the latest first.
fn transfers(target: &str, seen: &Seen) -> String {
    let query =
        percent_encoding::percent_decode_str(target.split_once('?').map_or("", |(_, query)| query)).decode_utf8_lossy();
    let asked = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let (mut page, mut more) = (Vec::new(), false);
    if let Some(listed) = *seen.listed.lock().expect("nobody panics with it") {
        let moment = |name| asked(name).and_then(|at| at.parse().ok()).expect("a span is asked for");
        let oldest = listed.first_at(moment("created[gte]"));
        let after = asked("starting_after").and_then(|id| id.strip_prefix("tr_listed_")?.parse().ok());
        let end = after.unwrap_or_else(|| listed.first_at(moment("created[lt]")));
        let first = oldest.max(end - 100);
        page = (first..end).rev().map(|n| listed.transfer(n)).collect();
        more = first > oldest;
    }
    format!(r#"{{"object":"list","data":[{}],"has_more":{more}}}"#, page.join(","))
}

impl Listed {
    /// The number of the first that was made at that time or later.
    fn first_at(&self, at: i64) -> i64 {
        let exact = (at - self.from) * self.count;
        (exact + self.seconds - 1).div_euclid(self.seconds).clamp(0, self.count)
    }

    fn transfer(&self, n: i64) -> String {
        transfer_object(&Transfer {
            id: &format!("tr_listed_{n}"),
            created: self.from + n * self.seconds / self.count,
            amount: "9000",
            currency: "eur",
            destination: &format!("acct_{}", n % super::seed::MENTORS as i64),
            charge: &format!("ch_listed_{n}"),
            group: &format!("payoutd_ch_listed_{n}"),
            metadata: "{}",
        })
    }
}
