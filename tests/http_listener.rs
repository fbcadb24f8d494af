//! The listener over a real socket: what it answers to good and bad input, and that 200 means committed.

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

#[tokio::test]
async fn an_authentic_event_is_kept_as_it_came() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let answer = listener.deliver(EVENT.as_bytes()).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "received": true })));
    let expected = NewEvent {
        event_id: "evt_1".into(),
        kind: "charge.succeeded".into(),
        created_at: DateTime::from_timestamp(1_799_999_990, 0).unwrap(),
        livemode: true,
        account: None,
        body: EVENT.into(),
        received_at: StandingClock.now(),
        unreadable: None,
    };
    assert_eq!(desk.kept(), [expected]);
}

#[tokio::test]
async fn an_event_that_comes_again_is_acknowledged_again() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    for _ in 0..3 {
        assert_eq!(listener.deliver(EVENT.as_bytes()).await.status, 200);
    }
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn what_is_not_believed_is_refused_with_the_reason_and_leaves_nothing() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let body = EVENT.as_bytes();
    let good = signature(NOW, SECRET, body);
    for (code, request) in [
        ("signature_missing", post("", body)),
        ("signature_malformed", with_signature("", body)),
        ("signature_malformed", with_signature("garbage", body)),
        ("signature_malformed", with_signature(&format!("{good},t=1"), body)),
        ("signature_malformed", with_signature(&good.replace("v1=", "v0="), body)),
        ("signature_malformed", with_signature("t=\u{fffd}\u{ff11},v1=", body)),
        ("signature_malformed", post(&format!("Stripe-Signature: {good}\r\nStripe-Signature: {good}\r\n"), body)),
        ("signature_mismatch", with_signature(&signature(NOW, "whsec_other", body), body)),
        ("signature_mismatch", with_signature(&good, event("evt_2").as_bytes())),
        ("signature_mismatch", with_signature(&good, b"")),
        ("timestamp_too_old", with_signature(&signature(NOW - 301, SECRET, body), body)),
        ("timestamp_in_future", with_signature(&signature(NOW + 301, SECRET, body), body)),
    ] {
        let answer = listener.send(&request).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{}", String::from_utf8_lossy(&request));
    }
    assert_eq!(desk.kept(), []);
}

#[tokio::test]
async fn what_is_authentic_but_no_event_is_kept_for_a_person() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 10] = [
        b"",
        b"null",
        b"not json",
        &EVENT.as_bytes()[..40],
        b"\xff\xfe{}",
        b"{\"id\":\"evt_1\0\"}",
        br#"{"id":"","type":"x","created":1}"#,
        br#"{"id":"evt_\u0000","type":"x","created":1}"#,
        br#"{"id":"evt_1","type":"x","created":1,"account":"a\u0000"}"#,
        deep.as_bytes(),
    ];
    for body in bodies {
        for _ in 0..2 {
            assert_eq!(listener.deliver(body).await.status, 200, "{}", String::from_utf8_lossy(body));
        }
    }
    let kept = desk.kept();
    assert_eq!(kept.iter().map(|event| &event.body[..]).collect::<Vec<_>>(), bodies);
    for event in &kept {
        let hash = event.event_id.strip_prefix("unreadable:").unwrap();
        assert!(hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
        assert!(event.unreadable.as_deref().unwrap().contains("not a Stripe event"), "{event:?}");
    }
    let of_nothing = "unreadable:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!((&*kept[0].event_id, &*kept[0].kind), (of_nothing, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_up_to_the_limit_is_taken_and_a_longer_one_is_not() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let fits = format!("{}{EVENT}", " ".repeat(262_144 - EVENT.len()));
    assert_eq!(listener.deliver(fits.as_bytes()).await.status, 200);

    let too_long = format!(" {fits}");
    let chunked = {
        let head =
            "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{too_long}\r\n0\r\n\r\n", too_long.len())
    };
    let announced = "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".to_owned();
    let beyond = "x".repeat(3 * 1024 * 1024);
    for request in [signed(too_long.as_bytes()), chunked.into(), announced.into(), signed(beyond.as_bytes())] {
        let answer = listener.send(&request).await;
        assert_eq!((answer.status, answer.code()), (413, "body_too_large"));
        assert!(answer.body["error"]["message"].as_str().unwrap().contains("262144 bytes"), "{answer:?}");
    }
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let whole = signed(EVENT.as_bytes());
    let answer = listener.send(&whole[..whole.len() - 10]).await;
    assert_eq!((answer.status, answer.code()), (400, "body_incomplete"));
    assert_eq!(desk.kept(), []);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let settings = Settings { read_timeout: Duration::from_millis(50), ..Settings::default() };
    let listener = start_with(Desk::open(), true, settings).await;
    let mut stream = listener.connect().await;
    let whole = signed(EVENT.as_bytes());
    stream.write_all(&whole[..whole.len() - 10]).await.unwrap();
    let answer = read(&mut stream).await;
    assert_eq!((answer.status, answer.code()), (408, "body_too_slow"));
}

#[tokio::test]
async fn when_the_database_is_away_the_event_is_not_acknowledged_and_comes_again() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    desk.fail_with(Some(|| StoreError::Away("postgres://user:secret@db is down".into())));
    let answer = listener.deliver(EVENT.as_bytes()).await;
    assert_eq!((answer.status, answer.code()), (503, "store_unavailable"));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert!(!answer.body.to_string().contains("secret"), "{answer:?}");

    desk.fail_with(None);
    assert_eq!(listener.deliver(EVENT.as_bytes()).await.status, 200);
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn an_inbox_that_hangs_or_panics_is_as_good_as_away() {
    let settings = Settings { keep_timeout: Duration::from_millis(50), ..Settings::default() };
    let desk = Desk::held();
    let stuck = start_with(desk.clone(), true, settings).await;
    let answer = stuck.deliver(EVENT.as_bytes()).await;
    assert_eq!((answer.status, answer.code()), (503, "store_unavailable"));
    // The write was not broken off with the wait for it.
    desk.may_commit.add_permits(1);
    desk.commits().await;

    let desk = Desk::open();
    desk.fail_with(Some(|| panic!("on purpose, to see what the listener says")));
    let panicking = start(desk.clone()).await;
    assert_eq!(panicking.deliver(EVENT.as_bytes()).await.status, 503);
    assert_eq!(panicking.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_committed() {
    let desk = Desk::held();
    let listener = start(desk.clone()).await;
    let mut stream = listener.connect().await;
    stream.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();

    // Another request, begun later, is answered in full; the held one has not a byte.
    assert_eq!(listener.get("/healthz").await.status, 200);
    let early = stream.try_read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(early, Err(std::io::ErrorKind::WouldBlock));
    assert_eq!(desk.kept(), []);

    desk.may_commit.add_permits(1);
    assert_eq!(read(&mut stream).await.status, 200);
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_break_off_the_write() {
    let desk = Desk::held();
    let listener = start(desk.clone()).await;
    let mut stream = listener.connect().await;
    stream.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();
    stream.set_zero_linger().unwrap();
    drop(stream);
    // Whoever is answered now was accepted after the reset.
    assert_eq!(listener.get("/healthz").await.status, 200);
    desk.may_commit.add_permits(1);
    desk.commits().await;
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn wrong_methods_and_paths_are_answered_in_the_same_shape() {
    let listener = start(Desk::open()).await;
    for (line, status, code) in [
        ("GET /webhooks/stripe", 405, "method_not_allowed"),
        ("DELETE /webhooks/stripe", 405, "method_not_allowed"),
        ("POST /healthz", 405, "method_not_allowed"),
        ("GET /", 404, "not_found"),
        ("POST /webhooks/stripe/", 404, "not_found"),
        ("GET /../etc/passwd", 404, "not_found"),
        ("GET /%ff%00", 404, "not_found"),
    ] {
        let answer = listener.send(format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{line}");
    }
    let answer = listener.get("/webhooks/stripe").await;
    assert_eq!(answer.header("allow"), Some("post"), "{answer:?}");
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let listener = start(Desk::open()).await;
    let answers = [
        listener.deliver(EVENT.as_bytes()).await,
        listener.send(post("", b"")).await,
        listener.get("/healthz").await,
        listener.get("/nowhere").await,
        listener.get("/webhooks/stripe").await,
    ];
    let ids: HashSet<_> = answers.iter().map(|answer| answer.header("x-request-id").unwrap()).collect();
    assert_eq!(ids.len(), answers.len(), "{ids:?}");
}

#[tokio::test]
async fn health_and_readiness_are_told_apart() {
    let well = start(Desk::open()).await;
    let ill = start_with(Desk::open(), false, Settings::default()).await;
    for listener in [&well, &ill] {
        assert_eq!(listener.get("/healthz").await.status, 200);
    }
    let answer = well.get("/readyz").await;
    assert_eq!((answer.status, &answer.body["ready"]), (200, &json!(true)));
    let answer = ill.get("/readyz").await;
    let expected = json!({
        "ready": false, "database": "cannot be reached", "migrations": "ok", "breaker": "closed",
        "oldest_unprojected_event_s": 3,
    });
    assert_eq!((answer.status, answer.body), (503, expected));
}

#[tokio::test]
async fn shutdown_lets_requests_in_flight_finish_and_takes_no_more() {
    let desk = Desk::held();
    let mut listener = start(desk.clone()).await;
    let mut idle = listener.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 512]).await.unwrap() > 0);
    let mut stream = listener.connect().await;
    stream.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();

    listener.stop.cancel();
    // The idle connection is closed at once; by then no new one is taken.
    let closed = tokio::time::timeout(Duration::from_secs(5), idle.read(&mut [0; 512])).await;
    assert_eq!(closed.expect("waits for the idle connection").unwrap(), 0);
    assert!(!listener.server.is_finished());

    desk.may_commit.add_permits(1);
    assert_eq!(read(&mut stream).await.status, 200);
    (&mut listener.server).await.unwrap();
    assert_eq!(desk.kept().len(), 1);
    assert!(TcpStream::connect(listener.addr).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_sends_its_request_is_closed() {
    let listener = start(Desk::open()).await;
    let mut silent = listener.connect().await;
    let mut slow = listener.connect().await;
    slow.write_all(b"POST /webhooks/stripe HTTP/1.1\r\nHo").await.unwrap();
    let begin = tokio::time::Instant::now();
    for stream in [&mut silent, &mut slow] {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        assert!(!said.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&said));
    }
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_neither_for_a_silent_sender_nor_for_ever() {
    let settings = Settings { keep_timeout: Duration::from_secs(3600), ..Settings::default() };
    let desk = Desk::held();
    let listener = start_with(desk.clone(), true, settings).await;
    let _silent = listener.connect().await;
    let mut stuck = listener.connect().await;
    stuck.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();

    let begin = tokio::time::Instant::now();
    listener.stop.cancel();
    listener.server.await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    assert_eq!(stuck.read(&mut [0; 1]).await.unwrap_or(0), 0, "acknowledged, though it was not kept");
}

#[tokio::test(start_paused = true)]
async fn silent_connections_up_to_the_limit_keep_no_webhook_out_for_long() {
    let desk = Desk::open();
    let listener = start_limited(desk.clone(), true, Settings::default(), 2).await;
    let begin = tokio::time::Instant::now();
    // Given as many silent connections as may be open, and as many again that wait behind them.
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(listener.connect().await);
    }
    // Then a webhook waits for its turn, and is kept.
    assert_eq!(listener.deliver(EVENT.as_bytes()).await.status, 200);
    let waited = begin.elapsed();
    assert!(waited >= Duration::from_secs(10) && waited < Duration::from_secs(25), "{waited:?}");
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_another_ends() {
    let desk = Desk::held();
    let listener = start_limited(desk.clone(), true, Settings::default(), 1).await;
    let mut first = listener.connect().await;
    first.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();
    let mut second = listener.connect().await;
    second.write_all(&signed(event("evt_2").as_bytes())).await.unwrap();

    // The second is not even looked at while the first is at work.
    let looked = tokio::time::timeout(Duration::from_millis(200), desk.entered.acquire()).await;
    assert!(looked.is_err());
    desk.may_commit.add_permits(2);
    assert_eq!(read(&mut first).await.status, 200);
    assert_eq!(read(&mut second).await.status, 200);
    assert_eq!(desk.kept().len(), 2);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_place() {
    let desk = Desk::held();
    let listener = start_limited(desk.clone(), true, Settings::default(), 1).await;
    let mut first = listener.connect().await;
    first.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();
    listener.stop.cancel();
    desk.may_commit.add_permits(1);
    assert_eq!(read(&mut first).await.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(5), listener.server).await;
    ended.expect("it waits for a place").unwrap();
}
