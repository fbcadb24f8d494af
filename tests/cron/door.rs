//! The endpoint over a real socket, with runs, database and clock in the test's hand.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use payoutd::domain::ids::RunId;
use payoutd::http::{Cron, Parties, Settings, State, mint, router, serve};
use payoutd::ports::{
    Clock, Health, Inbox, Kept, NewEvent, NoRun, Readiness, RunCounts, RunOutcome, RunTicket, RunTrigger,
    SignatureCheck, SignatureError, StoreError, Trigger, UsedTokens,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::issuer::{SECRET, check_with, secret_keys};
use crate::web::{PATH, bearer, post, send};

/// Everything that the listener needs of others.
struct World {
    now: Mutex<DateTime<Utc>>,
    used: Mutex<BTreeSet<String>>,
    store_is_away: Mutex<bool>,
    runs: Mutex<usize>,
    /// `None`: a run does not end.
    ended: Mutex<Option<Result<RunOutcome, NoRun>>>,
}

fn counts() -> RunCounts {
    RunCounts { looked_at: 10, transferred: 4, held: 2, waiting: 1, failed: 1, unfinished: 2 }
}

fn outcome(trouble: Option<&str>) -> RunOutcome {
    RunOutcome { run_id: RunId(7), counts: counts(), trouble: trouble.map(str::to_owned) }
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            now: Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).expect("a time")),
            used: Mutex::default(),
            store_is_away: Mutex::new(false),
            runs: Mutex::new(0),
            ended: Mutex::new(Some(Ok(outcome(None)))),
        })
    }

    fn advance(&self, seconds: i64) {
        *self.now.lock().unwrap() += TimeDelta::seconds(seconds);
    }

    fn token(&self) -> String {
        let parties = Parties { issuer: "payoutd".into(), audience: "payoutd".into() };
        mint(&SECRET.into(), &parties, Duration::from_secs(600), *self.now.lock().unwrap()).expect("a token").token
    }

    fn runs(&self) -> usize {
        *self.runs.lock().unwrap()
    }
}

/// The world, as each room's trait wants it.
#[derive(Clone)]
struct Is(Arc<World>);

#[async_trait]
impl Clock for Is {
    fn now(&self) -> DateTime<Utc> {
        *self.0.now.lock().unwrap()
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

#[async_trait]
impl UsedTokens for Is {
    async fn use_once(&self, jti: &str, _: DateTime<Utc>, _: DateTime<Utc>) -> Result<bool, StoreError> {
        if *self.0.store_is_away.lock().unwrap() {
            return Err(StoreError::Away("postgres://user:password@db is down".into()));
        }
        Ok(self.0.used.lock().unwrap().insert(jti.to_owned()))
    }
}

#[async_trait]
impl RunTrigger for Is {
    async fn trigger(&self, trigger: Trigger) -> Result<RunTicket, NoRun> {
        assert_eq!(trigger, Trigger::Cron);
        *self.0.runs.lock().unwrap() += 1;
        let ended = match self.0.ended.lock().unwrap().clone() {
            Some(ended) => std::future::ready(ended).boxed(),
            None => std::future::pending().boxed(),
        };
        Ok(RunTicket { run_id: RunId(7), joined: false, ended })
    }
}

#[async_trait]
impl Inbox for Is {
    async fn keep(&self, _: NewEvent) -> Result<Kept, StoreError> {
        Ok(Kept::New)
    }
}

impl SignatureCheck for Is {
    fn check(&self, _: Option<&str>, _: &[u8], _: DateTime<Utc>) -> Result<(), SignatureError> {
        Ok(())
    }
}

#[async_trait]
impl Health for Is {
    async fn readiness(&self) -> Readiness {
        unreachable!("nobody asks")
    }
}

async fn open(world: &Arc<World>, requests_per_minute: usize) -> SocketAddr {
    let is = Arc::new(Is(world.clone()));
    let check = check_with(secret_keys());
    let cron = Cron::new(check, is.clone(), is.clone(), requests_per_minute, Duration::from_secs(25));
    open_with(world, Some(Arc::new(cron))).await
}

async fn open_with(world: &Arc<World>, cron: Option<Arc<Cron>>) -> SocketAddr {
    let is = Arc::new(Is(world.clone()));
    let state = State {
        inbox: is.clone(),
        signatures: is.clone(),
        health: is.clone(),
        clock: is,
        cron,
        api: None,
        settings: Settings::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let at = listener.local_addr().expect("bound");
    tokio::spawn(serve(listener, router(state), 64, CancellationToken::new()));
    at
}

#[tokio::test]
async fn a_good_token_has_a_run_done_and_is_told_what_it_did() {
    let world = World::new();
    let at = open(&world, 100).await;
    let expected = json!({ "run_id": 7, "processed": 4, "failed": 1, "held": 2, "total": 10 });
    for (line, header) in [
        (format!("POST {PATH}"), bearer(&world.token())),
        (format!("GET {PATH}"), bearer(&world.token())),
        (format!("POST {PATH}"), format!("authorization: bearer {}\r\n", world.token())),
        (format!("POST {PATH}"), format!("AUTHORIZATION: BEARER   {}\r\n", world.token())),
        (format!("POST {PATH}?now=1"), format!("{}Content-Length: 2\r\n\r\n{{}}", bearer(&world.token()))),
    ] {
        let answer = send(at, &line, &header).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{line} {header}");
        assert!(answer.header("x-request-id").is_some());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(world.runs(), 5);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let world = World::new();
    let at = open(&world, 100).await;
    let spent = world.token();
    assert_eq!(post(at, &spent).await.status, 200);
    let expired = world.token();
    world.advance(3_600);
    let good = world.token();
    let two = format!("{}{}", bearer(&good), bearer(&world.token()));
    let rows = [
        ("no header", String::new()),
        ("no token", "Authorization: Bearer\r\n".into()),
        ("an empty token", "Authorization: Bearer \r\n".into()),
        ("two headers", two),
        ("two tokens", format!("Authorization: Bearer {good} {good}\r\n")),
        ("a list", format!("Authorization: Bearer {good}, Basic eDp5\r\n")),
        ("another scheme", format!("Authorization: Token {good}\r\n")),
        ("a password", "Authorization: Basic cGF5b3V0ZDpzZWNyZXQ=\r\n".into()),
        ("no scheme", format!("Authorization: {good}\r\n")),
        ("no text", "Authorization: Bearer \u{fffd}\r\n".into()),
        ("in the wrong header", format!("X-Authorization: Bearer {good}\r\n")),
        ("garbage", bearer("garbage")),
        ("huge", bearer(&"x".repeat(30_000))),
        ("expired", bearer(&expired)),
        ("used before", bearer(&spent)),
    ];
    let mut bodies = BTreeSet::new();
    for (what, headers) in rows {
        let answer = send(at, &format!("POST {PATH}"), &headers).await;
        assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("bearer"), "{what}");
        bodies.insert(answer.said().to_string());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(world.runs(), 1);
    // None of this has used the good one up.
    assert_eq!(post(at, &good).await.status, 200);
    assert_eq!(post(at, &good).await.status, 401, "but this has");
}

/// A log that the test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_why_without_the_token_and_does_not_fill_up() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With a subscriber of this thread alone, a log line that another test's thread says first is switched off for all.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    // The listener's tasks are on this thread, too.
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new();
    let at = open(&world, 100).await;
    let token = world.token();
    for status in [200, 401] {
        assert_eq!(post(at, &token).await.status, status);
    }
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    for _ in 0..100 {
        assert_eq!(post(at, &format!("{message}.AAAA")).await.status, 401);
    }
    let said = String::from_utf8(log.0.lock().unwrap().clone()).expect("UTF-8");
    assert!(said.contains("a run was asked for") && said.contains("run.id=7"), "{said}");
    assert_eq!(said.matches("it was used before").count(), 1, "{said}");
    assert_eq!(said.matches("its signature is wrong").count(), 19, "{said}");
    assert!(!said.contains(message) && !said.contains(signature), "{said}");
}

#[tokio::test]
async fn tokens_in_the_query_are_not_looked_at() {
    let world = World::new();
    let at = open(&world, 100).await;
    let token = world.token();
    let answer = send(at, &format!("GET {PATH}?access_token={token}&token={token}"), "").await;
    assert_eq!((answer.status, world.runs()), (401, 0));
}

#[tokio::test]
async fn good_tokens_are_limited_and_bad_ones_lock_nobody_out() {
    let world = World::new();
    let at = open(&world, 2).await;
    for _ in 0..30 {
        assert_eq!(post(at, "garbage").await.status, 401);
    }
    for _ in 0..2 {
        assert_eq!(post(at, &world.token()).await.status, 200);
    }
    world.advance(15);
    let third = world.token();
    let answer = post(at, &third).await;
    assert_eq!((answer.status, answer.code()), (429, "rate_limited"));
    assert_eq!(answer.header("retry-after"), Some("45"));
    assert_eq!(world.runs(), 2);
    world.advance(45);
    assert_eq!(post(at, &third).await.status, 200, "its token was not used up");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_long_is_answered_before_it_ends() {
    let world = World::new();
    *world.ended.lock().unwrap() = None;
    let at = open(&world, 100).await;
    let begin = tokio::time::Instant::now();
    let answer = post(at, &world.token()).await;
    assert_eq!((answer.status, answer.body), (202, json!({ "run_id": 7, "status": "running" })));
    assert_eq!(begin.elapsed().as_secs(), 25);
}

#[tokio::test]
async fn what_could_not_be_done_is_said_and_asks_to_come_again() {
    let world = World::new();
    let at = open(&world, 100).await;
    let away = || StoreError::Away("postgres://user:password@db is down".into());
    let stopped = "not all was tried: authentication_error: Invalid API Key (HTTP 401)";
    for (ended, code, words) in [
        (Ok(outcome(Some(stopped))), "transfers_stopped", "Invalid API Key (HTTP 401) (run 7: 4 transferred of 10"),
        (Err(NoRun::Store(away())), "run_failed", "the database did not let it"),
        (Err(NoRun::Stopping), "run_failed", "the daemon is stopping"),
        (Err(NoRun::BrokeOff), "run_failed", "broke off"),
    ] {
        *world.ended.lock().unwrap() = Some(ended);
        let answer = post(at, &world.token()).await;
        assert_eq!((answer.status, answer.code()), (503, code));
        let message = answer.body["error"]["message"].as_str().expect("words");
        assert!(message.contains(words) && !message.contains("password"), "{message}");
        assert_eq!(answer.header("retry-after"), Some("30"));
    }
    *world.store_is_away.lock().unwrap() = true;
    let (runs, token) = (world.runs(), world.token());
    let answer = post(at, &token).await;
    assert_eq!((answer.status, answer.code()), (503, "store_unavailable"));
    assert!(!answer.body.to_string().contains("password"), "{answer:?}");
    assert_eq!(world.runs(), runs, "a token that may have been used before starts nothing");
    *world.store_is_away.lock().unwrap() = false;
    assert_ne!(post(at, &token).await.status, 401, "it can be used when the database is back");
}

#[tokio::test]
async fn without_a_key_there_is_no_endpoint_and_it_says_so() {
    let world = World::new();
    let at = open_with(&world, None).await;
    let answer = post(at, &world.token()).await;
    assert_eq!((answer.status, answer.code()), (404, "cron_not_configured"));
    assert!(answer.body["error"]["message"].as_str().is_some_and(|words| words.contains("CRON_JWT_SECRET")));
}

#[tokio::test]
async fn other_methods_are_refused() {
    let world = World::new();
    let at = open(&world, 100).await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = send(at, &format!("{method} {PATH}"), &bearer(&world.token())).await;
        assert_eq!((answer.status, answer.code()), (405, "method_not_allowed"), "{method}");
    }
    assert_eq!(send(at, &format!("HEAD {PATH}"), &bearer(&world.token())).await.status, 405);
    assert_eq!(world.runs(), 0);
}
