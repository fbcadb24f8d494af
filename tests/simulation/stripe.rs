//! The way to Stripe: payoutd's own client speaks to the sandbox's state machine, with nothing between them but the faults
//! that the sandbox plays and time that passes. What has reached Stripe happens there, also when the caller is dead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request, StatusCode};
use payoutd::app::sandbox::{self, Answer, Core, Hold, Outcome, Ticket};
use payoutd::domain::triage::Failure;
use payoutd::stripe::{Exchange, Received};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::storage::BySweep;
use crate::time::Time;

/// Stripe, and what is known of how it was read.
pub struct Stripe {
    pub core: Core,
    /// How a daemon last read a charge.
    read_at: BTreeMap<(u64, String), Read>,
    /// And how it had been read when its transfer was last claimed.
    claimed_after: BTreeMap<String, Read>,
    /// The charge that was read last.
    pub just_read: Option<String>,
    /// The daemon that is about to ask for a transfer, or has asked for it.
    pub about_to_pay: Option<u64>,
    /// How a charge had been read by who asked for its transfer, when that came in: what was carried out may have come in
    /// long before.
    pub asked_after: BTreeMap<String, Vec<Read>>,
    /// The lists that a daemon has asked for from the first page on, and how far it got.
    listed: BTreeMap<(u64, &'static str), Listing>,
    /// Requests that Stripe has begun, by number: they go on although their caller is gone, or sleeps.
    running: BTreeMap<u64, Running>,
    begun: u64,
    /// Calls that somebody waits for.
    pub waited_for: u64,
    /// Calls so far.
    pub calls: u64,
    /// Lists that set out or arrived: between them nothing else may move for long.
    pub lists: u64,
}

pub type Shared = Arc<Mutex<Stripe>>;

impl Stripe {
    pub fn new(settings: sandbox::Settings) -> Stripe {
        Stripe {
            core: Core::new(settings),
            read_at: BTreeMap::new(),
            claimed_after: BTreeMap::new(),
            just_read: None,
            about_to_pay: None,
            asked_after: BTreeMap::new(),
            listed: BTreeMap::new(),
            running: BTreeMap::new(),
            begun: 0,
            waited_for: 0,
            calls: 0,
            lists: 0,
        }
    }

    /// The sweep that a daemon may go by: the oldest of what it last listed to the end.
    pub fn swept_by(&self, daemon: u64, now_ms: i64) -> BySweep {
        let lists = LISTS.map(|list| self.listed.get(&(daemon, list)).and_then(|listing| listing.done));
        let oldest = lists.into_iter().collect::<Option<Vec<_>>>().and_then(|lists| lists.into_iter().min());
        let age_ms = oldest.map_or(0, |(_, began_ms)| now_ms - began_ms);
        BySweep { read: oldest.map(|(events, _)| events), age_ms }
    }

    /// A daemon reads a charge, or its disputes once more.
    fn is_read(&mut self, daemon: u64, of: &ReadOf, now_ms: i64) {
        let events = self.core.events().len();
        match of {
            ReadOf::Charge(charge) => {
                let read = Read { charge: events, disputes: events, asked_ms: now_ms };
                self.read_at.insert((daemon, charge.clone()), read);
                self.just_read = Some(charge.clone());
            }
            ReadOf::Disputes(charge) => {
                if let Some(read) = self.read_at.get_mut(&(daemon, charge.clone())) {
                    read.disputes = events;
                }
            }
        }
    }

    /// A daemon has committed the intent to transfer a charge. Answers when it had asked for it.
    pub fn was_claimed(&mut self, daemon: u64, charge: &str) -> Option<i64> {
        let read = *self.read_at.get(&(daemon, charge.to_owned()))?;
        self.claimed_after.insert(charge.to_owned(), read);
        Some(read.asked_ms)
    }

    /// A daemon asks for the transfer of a charge. It has read the charge itself, or goes on with what another had claimed.
    fn is_asked_for(&mut self, daemon: u64, charge: String) {
        self.about_to_pay = Some(daemon);
        let own = self.read_at.get(&(daemon, charge.clone()));
        let read = own.max(self.claimed_after.get(&charge)).copied();
        self.asked_after.entry(charge).or_default().extend(read);
    }

    /// A page of a list was answered. Only what was listed from its first page to its last counts.
    fn was_listed(&mut self, daemon: u64, list: &'static str, began: Option<(usize, i64)>, is_last: bool) {
        let listing = self.listed.entry((daemon, list)).or_default();
        listing.began = began.or(listing.began);
        if is_last {
            listing.done = listing.began.take().or(listing.done);
        }
    }

    /// What was on its way when its caller died goes on.
    pub fn goes_on(&mut self, now_s: i64) {
        for running in self.running.values_mut().filter(|running| running.until_s <= now_s) {
            if let Some(ticket) = running.ticket.take() {
                running.outcome = Some(self.core.resume(now_s, ticket));
            }
        }
        // Nobody hears it.
        self.running.retain(|_, running| running.has_caller || running.ticket.is_some());
    }

    fn begins(&mut self, ticket: Ticket, until_s: i64) -> u64 {
        self.begun += 1;
        let running = Running { until_s, ticket: Some(ticket), outcome: None, has_caller: true };
        self.running.insert(self.begun, running);
        self.begun
    }

    /// The caller has waited for it.
    fn ends(&mut self, number: u64, now_s: i64) -> Outcome {
        let running = self.running.remove(&number).expect("it has a caller");
        match running.ticket {
            Some(ticket) => self.core.resume(now_s, ticket),
            None => running.outcome.expect("it was resumed"),
        }
    }
}

/// How a charge was read: after how many events it was itself, and its disputes, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    pub charge: usize,
    pub disputes: usize,
    asked_ms: i64,
}

impl Read {
    /// All of it was told at once.
    pub fn at_once(events: usize) -> Read {
        Read { charge: events, disputes: events, asked_ms: 0 }
    }
}

/// What of a charge a request reads.
enum ReadOf {
    /// The charge itself, which says whether it was ever disputed.
    Charge(String),
    /// What became of its disputes.
    Disputes(String),
}

/// A request that Stripe has and has not answered.
struct Running {
    until_s: i64,
    /// Not carried out yet.
    ticket: Option<Ticket>,
    /// What it came to.
    outcome: Option<Outcome>,
    has_caller: bool,
}

/// How far a daemon got with a list: after how many events it was begun, and when.
#[derive(Debug, Default, Clone, Copy)]
struct Listing {
    began: Option<(usize, i64)>,
    done: Option<(usize, i64)>,
}

/// What a sweep has to list: what tells of refunds and disputes.
const LISTS: [&str; 3] = ["/v1/events", "/v1/refunds", "/v1/disputes"];

/// The list that a request asks for, and whether from its beginning. Refunds and disputes of one charge are no such list, nor
/// are events of which those of refunds are left out.
fn list_of(request: &sandbox::Request) -> Option<(&'static str, bool)> {
    let list = LISTS.into_iter().find(|list| *list == request.path)?;
    let all = match list {
        "/v1/events" => request.query.contains("refund.failed") && request.query.contains("charge.dispute.updated"),
        _ => !request.query.contains("charge="),
    };
    let read = request.method == sandbox::Method::Get && all && request.query.contains("created");
    read.then(|| (list, !request.query.contains("starting_after")))
}

/// How long a connection stands on which nothing is said.
const STANDS: Duration = Duration::from_secs(3_600);

/// One daemon's way to Stripe.
pub struct Wire {
    pub stripe: Shared,
    pub time: Arc<Time>,
    /// Whose.
    pub daemon: u64,
    pub chance: Mutex<Chance>,
}

/// A call that somebody waits for.
struct WaitedFor<'a>(&'a Shared);

impl WaitedFor<'_> {
    fn new(stripe: &Shared) -> WaitedFor<'_> {
        stripe.lock().expect("no panic").waited_for += 1;
        WaitedFor(stripe)
    }
}

impl Drop for WaitedFor<'_> {
    fn drop(&mut self) {
        self.0.lock().expect("no panic").waited_for -= 1;
    }
}

/// A caller who waits for a request that Stripe has. Dropped, it goes on without them.
struct UnderWay<'a> {
    wire: &'a Wire,
    number: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.wire.stripe.lock().expect("no panic").running.get_mut(&self.number) {
            running.has_caller = false;
        }
    }
}

impl Wire {
    async fn a_moment(&self) {
        let ms = self.chance.lock().expect("no panic").below(40);
        self.time.sleep(Duration::from_millis(ms)).await;
    }

    fn ask(&self, request: sandbox::Request) -> Outcome {
        let mut stripe = self.stripe.lock().expect("no panic");
        stripe.calls += 1;
        let read = read_of(&request);
        if let Some(charge) = transfer_of(&request) {
            stripe.is_asked_for(self.daemon, charge);
        }
        let outcome = stripe.core.request(self.time.now_s(), request);
        if let (Some(of), Outcome::Answer(answer) | Outcome::HoldBack { answer, .. }) = (&read, &outcome)
            && answer.status == 200
        {
            stripe.is_read(self.daemon, of, self.time.now_ms());
        }
        outcome
    }

    /// What comes of an answer that arrives; `list` is what it is a page of, and what Stripe was like when it was asked for.
    fn arrives(&self, answer: Answer, list: Option<(&'static str, bool, (usize, i64))>) -> Received {
        if let Some((list, is_first, asked)) = list
            && let Ok(page) = serde_json::from_str::<serde_json::Value>(&answer.body)
            && answer.status == 200
        {
            let is_last = page["has_more"] == false;
            self.stripe.lock().expect("no panic").was_listed(self.daemon, list, is_first.then_some(asked), is_last);
        }
        self.answered(answer)
    }

    fn answered(&self, answer: Answer) -> Received {
        let mut headers = HeaderMap::new();
        for (name, value) in &answer.headers {
            headers.insert(*name, value.parse().expect("a header"));
        }
        let date = chrono::DateTime::from_timestamp(self.time.now_s(), 0).expect("a time").to_rfc2822();
        headers.insert("date", date.parse().expect("a header"));
        let status = StatusCode::from_u16(answer.status).expect("a status");
        Received { status, headers, body: Ok(Bytes::from(answer.body)) }
    }
}

async fn read(request: Request<Full<Bytes>>) -> sandbox::Request {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("it is in memory").to_bytes();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    sandbox::Request {
        method: sandbox::Method::from_name(head.method.as_str()),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8(body.to_vec()).expect("a form"),
        authorization: header("authorization"),
        idempotency_key: header("idempotency-key"),
        stripe_account: header("stripe-account"),
    }
}

#[async_trait]
impl Exchange for Wire {
    async fn exchange(&self, request: Request<Full<Bytes>>, deadline: Instant) -> Result<Received, Failure> {
        let request = read(request).await;
        let _waited_for = WaitedFor::new(&self.stripe);
        if transfer_of(&request).is_some() {
            self.stripe.lock().expect("no panic").about_to_pay = Some(self.daemon);
        }
        let is_list = LISTS.contains(&request.path.as_str()) || request.path == "/v1/charges";
        self.stripe.lock().expect("no panic").lists += u64::from(is_list);
        self.a_moment().await;
        let left = || deadline.saturating_duration_since(Instant::now());
        // A machine that slept for hours before it sent finds the connection dead; what is late by less gets through.
        if Instant::now() > deadline + STANDS {
            return Err(timeout());
        }
        let of = read_of(&request);
        let list = list_of(&request).map(|(list, is_first)| {
            let events = self.stripe.lock().expect("no panic").core.events().len();
            (list, is_first, (events, self.time.now_ms()))
        });
        let mut outcome = self.ask(request);
        loop {
            match outcome {
                Outcome::Answer(answer) => {
                    self.a_moment().await;
                    self.stripe.lock().expect("no panic").lists += u64::from(is_list);
                    return Ok(self.arrives(answer, list));
                }
                Outcome::Reset => return Err(Failure::NoAnswer("the connection broke".into())),
                Outcome::HoldBack { answer, hold } => {
                    let (wait, in_time) = held(hold, left());
                    self.time.sleep(wait).await;
                    return if in_time { Ok(self.arrives(answer, list)) } else { Err(timeout()) };
                }
                Outcome::Wait { ticket, hold } => {
                    let (wait, in_time) = held(hold, left());
                    let whole = if let Hold::Ms(ms) = hold { i64::try_from(ms / 1_000).unwrap_or(0) } else { 0 };
                    let until_s = self.time.now_s() + whole;
                    // It is carried out later: what it tells is not older than this.
                    if let Some(of) = &of {
                        self.stripe.lock().expect("no panic").is_read(self.daemon, of, self.time.now_ms());
                    }
                    let number = self.stripe.lock().expect("no panic").begins(ticket, until_s);
                    let _under_way = UnderWay { wire: self, number };
                    self.time.sleep(wait).await;
                    if !in_time {
                        return Err(timeout());
                    }
                    outcome = self.stripe.lock().expect("no panic").ends(number, self.time.now_s());
                }
            }
        }
    }
}

/// The charge that a request transfers.
fn transfer_of(request: &sandbox::Request) -> Option<String> {
    let asks = request.method == sandbox::Method::Post && request.path == "/v1/transfers";
    let mut fields = request.body.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(name, _)| asks && *name == "source_transaction").map(|(_, charge)| charge.to_owned())
}

/// What of a charge a request reads.
fn read_of(request: &sandbox::Request) -> Option<ReadOf> {
    if request.method != sandbox::Method::Get {
        return None;
    }
    let charge = request.path.strip_prefix("/v1/charges/").map(|charge| ReadOf::Charge(charge.to_owned()));
    let disputes = || {
        let mut fields = request.query.split('&').filter_map(|field| field.split_once('='));
        let (_, charge) = fields.find(|(name, _)| request.path == "/v1/disputes" && *name == "charge")?;
        Some(ReadOf::Disputes(charge.to_owned()))
    };
    charge.or_else(disputes)
}

/// How long to wait, and whether the answer comes by then.
fn held(hold: Hold, left: Duration) -> (Duration, bool) {
    match hold {
        Hold::Ms(ms) if Duration::from_millis(ms) < left => (Duration::from_millis(ms), true),
        Hold::Ms(_) | Hold::UntilClientLeaves => (left, false),
    }
}

fn timeout() -> Failure {
    Failure::NoAnswer("no answer within the call timeout".into())
}
