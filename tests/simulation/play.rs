//! One seed, one life: customers, banks, admins and faults by chance, until all is over; then whatever is due must come.

mod goes_on;
mod rest;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use payoutd::app::sandbox::{
    DisputeStatus, Fault, FaultMatch, FaultRule, NewAccount, NewDispute, NewRefund, Pay, ServerErrorPoint, Settings,
    SourceLimit,
};
use payoutd::domain::ids::{AccountId, MentorId, PaymentId};
use payoutd::domain::policy::Policy;
use payoutd::domain::sweep::Preflight;
use payoutd::ports::{MentorChange, Store};
use payoutd::store::Database;

use crate::auditor::Auditor;
use crate::chance::Chance;
use crate::daemon::Daemon;
use crate::mutations::Mutation;
use crate::post::{Delivered, Post};
use crate::sql::Sql;
use crate::storage::Shared;
use crate::stripe::{self, Stripe, Wire};
use crate::time::Time;

/// What a life came to: counts for people, and a trace that is the same for the same seed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Life {
    pub payments: u64,
    pub transfers: u64,
    pub calls: u64,
    pub kills: u64,
    pub stops: u64,
    /// Intents that were committed by a sweep.
    pub by_sweep: u64,
    pub trace: Vec<String>,
}

pub struct Booking {
    name: String,
    pub charge: String,
    amount: i64,
    refunded: i64,
    dispute: Option<(String, DisputeStatus)>,
    is_flagged: bool,
}

pub struct Play {
    chance: Chance,
    pub time: Arc<Time>,
    pub stripe: stripe::Shared,
    pub storage: Arc<Shared>,
    pub faults: Arc<AtomicBool>,
    delivered: Delivered,
    policy: Arc<Policy>,
    /// Chooses for each daemon of a life that sweeps whether it does; `None` where none does.
    pub sweeps: Option<Chance>,
    daemons: Vec<Daemon>,
    mentors: Vec<String>,
    pub bookings: Vec<Booking>,
    flagged: BTreeMap<String, Vec<(u64, Option<u64>)>>,
    auditor: Auditor,
    /// Events to be delivered, and when.
    on_the_way: VecDeque<(i64, String)>,
    told: usize,
    started: u64,
    pub life: Life,
    _dir: tempfile::TempDir,
}

const STEPS: u64 = 40;

/// Lives one life. The error says what went wrong, with the trace up to there.
pub fn play(seed: u64, mutation: Option<Mutation>) -> Result<Life, String> {
    let mut play = Play::new(seed, mutation);
    let lived = play.lives();
    lived.map_err(|why| {
        let tail = play.life.trace.len().saturating_sub(60);
        format!("seed {seed}: {why}\n{}", play.life.trace[tail..].join("\n"))
    })?;
    Ok(play.life)
}

impl Play {
    pub fn new(seed: u64, mutation: Option<Mutation>) -> Play {
        let mut chance = Chance::new(seed);
        let dir = tempfile::Builder::new().prefix("payoutd-sim-").tempdir_in(crate::memory()).expect("a directory");
        let path = dir.path().join("payoutd.db").to_string_lossy().into_owned();
        std::fs::write(&path, crate::template()).expect("writable");
        // By a chance of its own. A shorter window: what is older than a key may have to be looked for, and so is not swept.
        let mut chance_of_sweeps = Chance::new(!seed);
        let sweeps = chance_of_sweeps.permille(500).then_some(chance_of_sweeps);
        let window = if sweeps.is_some() { WINDOW / 6 } else { WINDOW };
        let policy = Arc::new(Policy { dispute_window: window, ..crate::policy() });
        let backstage = crate::backstage();
        let guard = backstage.enter();
        let database = Database::open_with(&format!("sqlite://{path}"), 1, policy.clone()).expect("a database");
        drop(guard);
        let settings = Settings {
            source_limit: SourceLimit::ChargeAmount,
            settlement_delay_s: chance.of(&[0, 86_400]),
            seed,
            ..Settings::default()
        };
        let faults = Arc::new(AtomicBool::new(true));
        let stripe = Arc::new(Mutex::new(Stripe::new(settings)));
        let storage = Arc::new(Shared {
            database,
            backstage: backstage.clone(),
            faults: faults.clone(),
            moves: Arc::new(AtomicU64::new(0)),
            claims: Mutex::default(),
            stripe: stripe.clone(),
            flags: AtomicU64::new(0),
            mutation,
            sql: Sql::open(&path),
        });
        Play {
            chance,
            time: Arc::new(Time::default()),
            stripe,
            storage,
            faults,
            delivered: Delivered::default(),
            policy,
            sweeps,
            daemons: Vec::new(),
            mentors: Vec::new(),
            bookings: Vec::new(),
            flagged: BTreeMap::new(),
            auditor: Auditor::default(),
            on_the_way: VecDeque::new(),
            told: 0,
            started: 0,
            life: Life::default(),
            _dir: dir,
        }
    }

    fn lives(&mut self) -> Result<(), String> {
        for number in 0..3 {
            self.mentor(number);
        }
        for _ in 0..self.chance.of(&[1, 1, 2]) {
            self.starts();
        }
        for _ in 0..STEPS {
            self.something_happens();
            self.lists_go_wrong();
            self.wakes_up();
            let turns = 5 + self.chance.below(60);
            self.goes_on(turns)?;
            if self.chance.permille(700) {
                let ms = self.chance.of(&[1_000, 20_000, 150_000, 1_200_000, 7_200_000, 14_400_000, 43_200_000]);
                self.passes(ms)?;
            }
        }
        self.comes_to_rest()?;
        self.is_right()
    }

    // What happens ----------------------------------------------------------------------------------------------------

    fn notes(&mut self, what: String) {
        let at = self.time.now_ms() / 1_000 - 1_795_219_200;
        self.life.trace.push(format!("{at:>7} {what}"));
    }

    pub fn mentor(&mut self, number: usize) {
        let id = format!("mentor-{number}");
        let account = self.core(|core, now| core.add_account(now, NewAccount::default())).expect("a free id");
        let change = MentorChange {
            name: Some(id.clone()),
            email: Some(format!("{id}@example.org")),
            account_id: Some(AccountId::new(account)),
        };
        let put = self.storage.database.put_mentor(MentorId::new(&id), change, "sim".into(), self.now());
        self.storage.at_once(put).expect("recorded");
        self.mentors.push(id);
    }

    fn something_happens(&mut self) {
        match self.chance.below(100) {
            0..25 => self.customer_pays(),
            25..35 => self.refund(),
            35..43 => self.dispute(),
            43..53 => self.flag(),
            53..56 => self.asks_for_refund(),
            56..58 => self.asks_to_withdraw(),
            58..72 => self.fault(),
            72..78 => self.kill(),
            78..83 => self.starts(),
            83..87 => self.skew(),
            87..94 => self.admin_retries(),
            _ => self.stale_event(),
        }
    }

    pub fn customer_pays(&mut self) {
        let name = format!("B{}", self.bookings.len());
        let mentor = self.mentors[self.chance.index(self.mentors.len())].clone();
        let amount = 100 + i64::try_from(self.chance.below(20_000)).expect("small");
        let pay = Pay::new(amount, "usd").by("Casey", "casey@example.com").transfer_group(&name);
        let pay = pay.metadata("mentorUserId", &mentor).metadata("bookingId", &name);
        let paid = self.core(|core, now| core.pay(now, pay)).expect("a valid payment");
        self.notes(format!("{name}: {amount} is paid for {mentor}, {}", paid.charge));
        self.life.payments += 1;
        let charge = paid.charge;
        self.bookings.push(Booking { name, charge, amount, refunded: 0, dispute: None, is_flagged: false });
    }

    fn any(&mut self) -> Option<usize> {
        (!self.bookings.is_empty()).then(|| self.chance.index(self.bookings.len()))
    }

    fn refund(&mut self) {
        let Some(index) = self.any() else { return };
        let booking = &self.bookings[index];
        if booking.dispute.is_some() || booking.refunded == booking.amount {
            return;
        }
        let left = booking.amount - booking.refunded;
        let (charge, name) = (booking.charge.clone(), booking.name.clone());
        let all = self.chance.permille(300);
        let part = 1 + i64::try_from(self.chance.below(left.unsigned_abs())).expect("small");
        let amount = if all { left } else { part };
        let refund = NewRefund { charge, amount_minor: Some(amount), pending: false };
        if self.core(|core, now| core.refund_in_dashboard(now, refund)).is_ok() {
            self.notes(format!("{name}: {amount} is refunded"));
            self.bookings[index].refunded += amount;
        }
    }

    fn dispute(&mut self) {
        let Some(index) = self.any() else { return };
        match self.bookings[index].dispute.clone() {
            None if self.bookings[index].refunded == 0 => {
                let charge = self.bookings[index].charge.clone();
                let inquiry = self.chance.permille(300);
                let status = if inquiry { DisputeStatus::WarningNeedsResponse } else { DisputeStatus::NeedsResponse };
                let new = NewDispute { status, ..NewDispute::chargeback(&charge) };
                if let Ok(id) = self.core(|core, now| core.open_dispute(now, new)) {
                    self.notes(format!("{}: {status:?}", self.bookings[index].name));
                    self.bookings[index].dispute = Some((id, status));
                }
            }
            Some((id, status)) => {
                let next = self.chance.of(next_of(status));
                self.dispute_becomes(index, &id, next);
            }
            None => {}
        }
    }

    fn dispute_becomes(&mut self, index: usize, id: &str, status: DisputeStatus) {
        if self.core(|core, now| core.set_dispute_status(now, id, status)).is_ok() {
            self.notes(format!("{}: {status:?}", self.bookings[index].name));
            self.bookings[index].dispute = Some((id.to_owned(), status));
        }
    }

    fn flag(&mut self) {
        let Some(index) = self.any() else { return };
        self.flags(index, !self.bookings[index].is_flagged);
    }

    fn flags(&mut self, index: usize, flag: bool) {
        let (name, charge) = (self.bookings[index].name.clone(), self.bookings[index].charge.clone());
        let set = format!("UPDATE payments SET dispute_requested = {flag} WHERE booking_id = '{name}'");
        if self.storage.sql.run(&set) == 0 {
            return;
        }
        let number = self.storage.flags.fetch_add(1, Ordering::SeqCst) + 1;
        let spans = self.flagged.entry(charge).or_default();
        match spans.last_mut() {
            Some(last) if !flag => last.1 = Some(number),
            _ => spans.push((number, None)),
        }
        self.bookings[index].is_flagged = flag;
        self.notes(format!("{name}: flag {flag}"));
    }

    fn asks_for_refund(&mut self) {
        let Some(index) = self.any() else { return };
        let name = self.bookings[index].name.clone();
        let from = format!("payments WHERE booking_id = '{name}'");
        let Some(payment) = self.storage.sql.number("id", &from) else { return };
        let amount = 1 + self.chance.below(self.bookings[index].amount.unsigned_abs() + 50);
        let insert = "INSERT INTO refund_requests (payment_id, amount, reason) VALUES";
        self.storage.sql.run(&format!("{insert} ({payment}, {amount}, 'asked')"));
        self.notes(format!("{name}: {amount} is asked back"));
    }

    fn asks_to_withdraw(&mut self) {
        let mentor = self.mentors[self.chance.index(self.mentors.len())].clone();
        let amount = 1 + self.chance.below(15_000);
        let insert = "INSERT INTO payout_requests (mentor_id, amount, currency) VALUES";
        self.storage.sql.run(&format!("{insert} ('{mentor}', {amount}, 'usd')"));
        self.notes(format!("{mentor} asks for {amount}"));
    }

    fn fault(&mut self) {
        let of = match self.chance.below(4) {
            0 => FaultMatch::reads("/v1/"),
            1 => FaultMatch { method: Some("POST".into()), ..FaultMatch::default() },
            _ => FaultMatch::transfers(),
        };
        let ms = 1_000 * self.chance.below(45);
        let refuse = Fault::Refuse { status: 400, code: "transfer_refused".into(), message: "Refused.".into() };
        let error = |at| Fault::ServerError { status: 500, at };
        let faults = [
            Fault::ResetBeforeEffect,
            Fault::ResetAfterEffect,
            Fault::ResetAfterEffect,
            Fault::TimeoutBeforeEffect { hold_ms: None },
            Fault::TimeoutAfterEffect { hold_ms: None },
            Fault::TimeoutAfterEffect { hold_ms: Some(ms) },
            Fault::Delay { ms },
            Fault::RateLimited,
            Fault::LockTimeout,
            Fault::Garbage,
            error(ServerErrorPoint::BeforeExecution),
            error(ServerErrorPoint::NothingDone),
            error(ServerErrorPoint::EffectDone),
            refuse,
        ];
        let fault = faults[self.chance.index(faults.len())].clone();
        let times = u32::try_from(1 + self.chance.below(3)).expect("small");
        self.notes(format!("fault {fault:?} ×{times} on {of:?}"));
        self.core(|core, _| core.add_fault(FaultRule::times(times, of, fault)));
    }

    /// Where daemons sweep, the lists that they read go wrong more often than the rest.
    fn lists_go_wrong(&mut self) {
        let Some(sweeps) = &mut self.sweeps else { return };
        if !sweeps.permille(200) {
            return;
        }
        let list = sweeps.of(&["/v1/events", "/v1/refunds", "/v1/disputes", "/v1/charges"]);
        let error = Fault::ServerError { status: 500, at: ServerErrorPoint::BeforeExecution };
        let faults = [error, Fault::Garbage, Fault::ResetBeforeEffect, Fault::TimeoutBeforeEffect { hold_ms: None }];
        let fault = faults[sweeps.index(faults.len())].clone();
        self.notes(format!("fault {fault:?} on {list}"));
        self.core(|core, _| core.add_fault(FaultRule::times(2, FaultMatch::reads(list), fault)));
    }

    pub fn starts(&mut self) {
        if self.daemons.len() >= 2 {
            return;
        }
        self.started += 1;
        let (stripe, time) = (self.stripe.clone(), self.time.clone());
        let wire = Wire { stripe, time, daemon: self.started, chance: Mutex::new(self.chance.split()) };
        let (delivered, faults) = (self.delivered.clone(), self.faults.clone());
        let post = Post { delivered, chance: Mutex::new(self.chance.split()), faults };
        let chance = self.chance.split();
        let sweeps = self.sweeps.as_mut().is_some_and(|sweeps| sweeps.permille(800));
        let preflight = if sweeps { Preflight::Sweep } else { Preflight::Charge };
        let (storage, policy) = (self.storage.clone(), self.policy.clone());
        let daemon = Daemon::start(wire, post, storage, policy, self.started, preflight, chance);
        self.daemons.push(daemon);
        self.notes(format!("daemon {} starts, preflight by {preflight}", self.started));
    }

    fn kill(&mut self) {
        if self.daemons.is_empty() {
            return;
        }
        let index = self.chance.index(self.daemons.len());
        let daemon = &mut self.daemons[index];
        if !daemon.is_stopping && self.chance.permille(400) {
            daemon.stops();
            let number = daemon.number;
            self.life.stops += 1;
            self.notes(format!("daemon {number} is told to stop"));
            return;
        }
        self.life.kills += 1;
        self.notes("a daemon is killed".into());
        self.is_gone(index);
    }

    /// Who brought it events and heard nothing brings them again.
    fn is_gone(&mut self, index: usize) {
        let now = self.time.now_ms();
        for event in self.daemons.remove(index).dies() {
            self.on_the_way.push_back((now + 60_000, event));
        }
        if self.daemons.is_empty() {
            self.starts();
        }
    }

    /// The time is over that a daemon has to stop.
    fn those_told_to_stop_are_gone(&mut self) {
        while let Some(index) = self.daemons.iter().position(|daemon| daemon.is_stopping) {
            self.is_gone(index);
        }
    }

    /// A machine that slept goes on in the middle of what it did.
    fn wakes_up(&mut self) {
        for index in 0..self.daemons.len() {
            if self.daemons[index].is_frozen && self.chance.permille(150) {
                self.daemons[index].is_frozen = false;
                self.notes("a daemon wakes up".into());
            }
        }
    }

    fn skew(&mut self) {
        let ms = self.chance.of(&[-90_000, -2_000, 0, 0, 1_500, 60_000]);
        if let Some(daemon) = self.daemons.first() {
            daemon.clock.skew_ms.store(ms, Ordering::SeqCst);
            self.notes(format!("a clock is wrong by {ms} ms"));
        }
    }

    fn admin_retries(&mut self) {
        for id in self.storage.sql.numbers("id", "payments WHERE status = 'failed'") {
            let retry = self.storage.database.retry(PaymentId(id), "sim".into(), self.now());
            let done = self.storage.at_once(retry).expect("recorded");
            self.notes(format!("payment {id} is tried again: {done}"));
        }
    }

    /// An event that was delivered long ago comes again.
    fn stale_event(&mut self) {
        let ids: Vec<String> = self.core(|core, _| core.events().map(|event| event.id.clone()).collect());
        if !ids.is_empty() {
            let id = ids[self.chance.index(ids.len())].clone();
            self.on_the_way.push_back((self.time.now_ms(), id));
        }
    }
}

fn next_of(status: DisputeStatus) -> &'static [DisputeStatus] {
    use DisputeStatus::*;
    match status {
        WarningNeedsResponse => &[WarningUnderReview, WarningClosed, NeedsResponse],
        WarningUnderReview => &[WarningClosed, NeedsResponse],
        NeedsResponse => &[UnderReview, Won, Lost],
        UnderReview => &[Won, Lost],
        other => match other {
            Won => &[Won],
            Lost => &[Lost],
            _ => &[WarningClosed],
        },
    }
}

/// How long a window is, so that a life is long enough.
pub const WINDOW: Duration = Duration::from_secs(72 * 3_600);
