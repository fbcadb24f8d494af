//! A daemon: the real loops in a runtime of their own that goes on only when it is told to, and can be killed anywhere.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payoutd::domain::breaker::BreakerPolicy;
use payoutd::domain::discrepancy::Compared;
use payoutd::domain::event;
use payoutd::domain::facts::{AccountFact, DisputeFact, Fact, PayoutFact, RefundFact, Source, TransferFact};
use payoutd::domain::ids::{AccountId, ChargeId, IdempotencyKey, IntentId, PayoutId, TransferId};
use payoutd::domain::onboarding::AccountType;
use payoutd::domain::operation::{Done, Order};
use payoutd::domain::policy::Policy;
use payoutd::domain::sweep::Preflight;
use payoutd::domain::timetable::Timetable;
use payoutd::domain::withdrawal::Funds;
use payoutd::jobs::{
    CatchUpSettings, DailySchedules, GroupInbox, Jobs, OnboardingSettings, Parts, Settings, SweepSettings,
};
use payoutd::ports::{
    AccountLink, Called, Clock, Inbox, ListPage, NewAccountLink, NewEvent, Span, StoreError, StripeGateway,
};
use payoutd::stripe::Client;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auditor::SWEEP_MAX_AGE_MS;
use crate::chance::Chance;
use crate::mutations::Mutation;
use crate::post::Post;
use crate::storage::{self, SimStore};
use crate::stripe::Wire;
use crate::time::SimClock;

pub struct Daemon {
    pub number: u64,
    runtime: Option<Runtime>,
    jobs: Arc<Jobs>,
    inbox: Arc<GroupInbox>,
    pub clock: Arc<SimClock>,
    deliveries: Vec<(String, JoinHandle<Result<(), StoreError>>)>,
    /// Nothing goes on in it, as in a machine that sleeps.
    pub is_frozen: bool,
    /// It was told to stop, and ends what is under way.
    pub is_stopping: bool,
    stop: CancellationToken,
    /// Time that passed while it was frozen.
    behind_ms: u64,
}

impl Daemon {
    pub fn start(
        wire: Wire,
        post: Post,
        storage: Arc<storage::Shared>,
        policy: Arc<Policy>,
        number: u64,
        preflight: Preflight,
        mut chance: Chance,
    ) -> Daemon {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let clock = Arc::new(SimClock { time: wire.time.clone(), skew_ms: AtomicI64::new(0) });
        let mutation = storage.mutation;
        let settings = payoutd::stripe::Settings {
            api_base: "https://api.stripe.com".parse().expect("an address"),
            secret_key: payoutd::app::sandbox::DEFAULT_SECRET_KEY.to_owned().into(),
            requests_per_second: 1_000,
            concurrency: 4,
            call_timeout: Duration::from_secs(30),
        };
        let client = Client::over(Arc::new(wire), settings, clock.clone()).expect("a client");
        let stripe: Arc<dyn StripeGateway> = match mutation {
            Some(mutation) => Arc::new(Mutated { client, mutation }),
            None => Arc::new(client),
        };
        let stop = CancellationToken::new();
        let parts = Parts {
            chores: Arc::new(storage.database.clone()),
            store: Arc::new(SimStore { daemon: number, shared: storage, chance: Mutex::new(chance.split()) }),
            stripe,
            mailer: Arc::new(post),
            clock: clock.clone(),
            policy,
            settings: self::settings(number, preflight),
            stop: stop.clone(),
        };
        let (jobs, inbox) = runtime.block_on(async {
            let tasks = TaskTracker::new();
            let jobs = Jobs::new(parts, &tasks);
            jobs.start_unscheduled(&tasks);
            let inbox = GroupInbox::spawn(jobs.clone(), &tasks);
            (jobs, Arc::new(inbox))
        });
        Daemon {
            number,
            runtime: Some(runtime),
            jobs,
            inbox,
            clock,
            deliveries: Vec::new(),
            is_frozen: false,
            is_stopping: false,
            stop,
            behind_ms: 0,
        }
    }

    /// So many milliseconds of work.
    pub fn works(&mut self, ms: u64) {
        self.behind_ms += ms;
        if self.is_frozen {
            return;
        }
        let ms = std::mem::take(&mut self.behind_ms);
        self.runtime.as_ref().expect("alive").block_on(async {
            tokio::time::advance(Duration::from_millis(ms)).await;
            for _ in 0..12 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Asks for a run, as the schedule does.
    pub fn kick(&self) {
        self.jobs.signals().release.notify_one();
    }

    /// Stripe brings an event.
    pub fn delivers(&mut self, id: &str, text: &str) {
        let head = event::head(text.as_bytes()).expect("an event");
        let event = NewEvent {
            event_id: head.id.into_string(),
            kind: head.kind,
            created_at: head.created_at,
            livemode: head.livemode,
            account: head.account.map(AccountId::into_string),
            body: text.as_bytes().to_vec(),
            received_at: self.clock.now(),
            unreadable: None,
        };
        let inbox = self.inbox.clone();
        let keeping = async move { inbox.keep(event).await.map(|_| ()) };
        let handle = self.runtime.as_ref().expect("alive").spawn(keeping);
        self.deliveries.push((id.to_owned(), handle));
    }

    /// Deliveries that were answered since: the event, and whether with 200.
    pub fn answered(&mut self) -> Vec<(String, bool)> {
        let (done, waiting) = std::mem::take(&mut self.deliveries).into_iter().partition(|(_, h)| h.is_finished());
        self.deliveries = waiting;
        let runtime = self.runtime.as_ref().expect("alive");
        let done: Vec<(String, JoinHandle<_>)> = done;
        done.into_iter().map(|(id, handle)| (id, matches!(runtime.block_on(handle), Ok(Ok(()))))).collect()
    }

    /// As `systemctl stop` does it.
    pub fn stops(&mut self) {
        self.is_stopping = true;
        self.stop.cancel();
    }

    /// The process is gone. Answers the events whose senders heard nothing.
    pub fn dies(mut self) -> Vec<String> {
        drop(self.runtime.take());
        std::mem::take(&mut self.deliveries).into_iter().map(|(id, _)| id).collect()
    }
}

fn settings(number: u64, preflight: Preflight) -> Settings {
    let midnight = Timetable::new("0 0 0 * * *", Tz::UTC).expect("a schedule");
    Settings {
        owner: format!("daemon-{number}"),
        timetable: Timetable::new("0 * * * * *", Tz::UTC).expect("a schedule"),
        batch_size: 3,
        concurrency: 4,
        longest_call: Duration::from_secs(30),
        rescue_interval: Duration::from_secs(15),
        breaker: BreakerPolicy { failures_to_open: 8, open_for: Duration::from_secs(30) },
        mail_attempts: 50,
        mail_merge_window: Duration::from_secs(3_600),
        daily: DailySchedules { limit: midnight, digest: None, audit: None, reconcile: None, retention: None },
        catch_up: CatchUpSettings { interval: Duration::from_secs(3_600), max_age: Duration::from_secs(6 * 3_600) },
        reconcile_days: 3,
        retention: Default::default(),
        sweep: SweepSettings {
            preflight,
            max_age: Duration::from_millis(SWEEP_MAX_AGE_MS.unsigned_abs()),
            overlap: Duration::from_secs(600),
        },
        ahead: 6,
        onboarding: OnboardingSettings {
            account_type: AccountType::Express,
            country: None,
            return_url: None,
            refresh_url: None,
        },
    }
}

/// The client with a fault of the core's.
struct Mutated {
    client: Client,
    mutation: Mutation,
}

#[async_trait]
impl StripeGateway for Mutated {
    async fn ping(&self) -> Called<()> {
        self.client.ping().await
    }
    async fn charge(&self, id: &ChargeId) -> Called<Source> {
        self.client.charge(id).await
    }
    async fn intent(&self, id: &IntentId) -> Called<Source> {
        self.client.intent(id).await
    }
    async fn disputes_of(&self, charge: &ChargeId) -> Called<Vec<DisputeFact>> {
        self.client.disputes_of(charge).await
    }
    async fn account(&self, id: &AccountId) -> Called<AccountFact> {
        self.client.account(id).await
    }
    async fn refunds_of(&self, charge: &ChargeId) -> Called<Vec<RefundFact>> {
        self.client.refunds_of(charge).await
    }
    async fn transfer(&self, id: &TransferId) -> Called<TransferFact> {
        self.client.transfer(id).await
    }
    async fn transfers_in(&self, group: &str) -> Called<Vec<TransferFact>> {
        self.client.transfers_in(group).await
    }
    async fn events(&self, types: &[&str], span: Span, after: Option<&str>) -> Called<ListPage<NewEvent>> {
        self.mutation.list(self.client.events(types, span, after).await)
    }
    async fn made(&self, what: Compared, span: Span, after: Option<&str>) -> Called<ListPage<(Fact, DateTime<Utc>)>> {
        self.mutation.list(self.client.made(what, span, after).await)
    }
    async fn charges(&self, span: Span, after: Option<&str>) -> Called<ListPage<Source>> {
        self.client.charges(span, after).await
    }
    async fn funds_of(&self, account: &AccountId) -> Called<Funds> {
        self.client.funds_of(account).await
    }
    async fn payouts_since(&self, account: &AccountId, since: DateTime<Utc>) -> Called<Vec<PayoutFact>> {
        self.client.payouts_since(account, since).await
    }
    async fn payout(&self, id: &PayoutId, account: Option<&AccountId>) -> Called<PayoutFact> {
        self.client.payout(id, account).await
    }
    async fn link_account(&self, key: &IdempotencyKey, link: &NewAccountLink) -> Called<AccountLink> {
        self.client.link_account(key, link).await
    }
    async fn carry_out(&self, key: &IdempotencyKey, order: &Order, not_after: DateTime<Utc>) -> Called<Done> {
        self.client.carry_out(&self.mutation.key(key), order, not_after).await
    }
    async fn find(&self, key: &IdempotencyKey, order: &Order) -> Called<Option<Done>> {
        self.client.find(key, order).await
    }
}
