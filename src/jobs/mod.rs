//! The loops that do the work: project, release, submit, rescue, mail, schedule, daily, upkeep. They meet Stripe, the database, mail
//! and time only through `ports`, and decide nothing about money: they ask `domain`, and do what it answers.

mod accounts;
mod breaker;
mod catch_up;
mod daily;
mod disputes;
mod ingest;
mod look;
mod mail;
mod onboarding;
mod pace;
mod preflight;
mod project;
mod pulse;
mod reconcile;
mod record;
mod release;
mod rescue;
mod resolve;
mod retention;
mod runs;
mod schedule;
mod submit;
mod sweep;
mod upkeep;
mod withdrawals;

pub use breaker::SharedBreaker;
pub use catch_up::{CatchUpSettings, NotCaughtUp};
pub use daily::DailySchedules;
pub use ingest::GroupInbox;
pub use onboarding::OnboardingSettings;
pub use pulse::{Loop, Pulse, Turning};
pub use reconcile::{NotReconciled, Reconciled};
pub use record::Recorder;
pub use resolve::Found;
pub use sweep::SweepSettings;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::pulse::Life;
use self::runs::Runs;
use crate::domain::breaker::BreakerPolicy;
use crate::domain::digest::Chore;
use crate::domain::policy::Policy;
use crate::domain::retention::RetentionPolicy;
use crate::domain::timetable::Timetable;
use crate::ports::{Chores, Clock, Lease, Mailer, Store, StripeGateway};

/// Numbers of the loops.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What this daemon calls itself on its leases.
    pub owner: String,
    /// When runs are due.
    pub timetable: Timetable,
    /// Payments looked at in one transaction.
    pub batch_size: usize,
    /// Calls to Stripe under way at once.
    pub concurrency: usize,
    /// The timeout of the slowest call that a loop makes, to Stripe or to a mail server.
    pub longest_call: Duration,
    /// How often the rescuer looks, at least.
    pub rescue_interval: Duration,
    /// Numbers of the breaker.
    pub breaker: BreakerPolicy,
    /// Attempts to send an email.
    pub mail_attempts: u32,
    /// How long alerts of a kind are gathered after one was sent.
    pub mail_merge_window: Duration,
    /// When what is done once a day is due.
    pub daily: DailySchedules,
    /// How many days back the daily comparison with Stripe goes.
    pub reconcile_days: u32,
    /// How long is kept what nobody needs any more.
    pub retention: RetentionPolicy,
    /// When Stripe is asked for events that no webhook brought.
    pub catch_up: CatchUpSettings,
    /// How payments are looked at right before they are paid.
    pub sweep: SweepSettings,
    /// Payments that may be read or claimed, and not sent yet.
    pub ahead: usize,
    /// What Stripe has to know of the platform when a mentor is onboarded.
    pub onboarding: OnboardingSettings,
}

/// What the loops share.
pub struct Jobs {
    store: Arc<dyn Store>,
    chores: Arc<dyn Chores>,
    stripe: Arc<dyn StripeGateway>,
    mailer: Arc<dyn Mailer>,
    clock: Arc<dyn Clock>,
    policy: Arc<Policy>,
    settings: Settings,
    breaker: Arc<SharedBreaker>,
    recorder: Recorder,
    signals: Signals,
    pulse: Arc<Pulse>,
    /// Once cancelled, nothing new is begun; what is under way ends.
    stop: CancellationToken,
    /// Events projected in one transaction.
    batch_size: project::BatchSize,
    /// One run at a time.
    runs: Runs,
    /// Where a run goes on when whoever asked for it has left.
    tasks: TaskTracker,
}

/// How one loop tells another that there is something to do. Only a hint: each looks by itself, too.
#[derive(Default)]
pub struct Signals {
    /// An event was kept.
    pub events: Notify,
    /// A run is wanted.
    pub release: Notify,
    /// An operation is not at its end.
    pub operations: Notify,
    /// An email was written.
    pub mail: Notify,
}

/// What the loops work with.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The same, for what is done once a day.
    pub chores: Arc<dyn Chores>,
    /// Stripe.
    pub stripe: Arc<dyn StripeGateway>,
    /// Mail.
    pub mailer: Arc<dyn Mailer>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The rules' numbers.
    pub policy: Arc<Policy>,
    /// The loops' numbers.
    pub settings: Settings,
    /// Stops the loops.
    pub stop: CancellationToken,
}

impl Jobs {
    /// Puts the loops together; nothing runs yet. The recorder's task is spawned on `tasks`, and ends when the last
    /// [`Jobs`] is dropped.
    pub fn new(parts: Parts, tasks: &TaskTracker) -> Arc<Self> {
        let pulse = Arc::new(Pulse::new(parts.settings.longest_call));
        let recorder = Recorder::spawn(parts.store.clone(), parts.clock.clone(), pulse.clone(), tasks);
        Arc::new(Self {
            breaker: Arc::new(SharedBreaker::new(parts.settings.breaker)),
            recorder,
            store: parts.store,
            chores: parts.chores,
            stripe: parts.stripe,
            mailer: parts.mailer,
            clock: parts.clock,
            policy: parts.policy,
            settings: parts.settings,
            signals: Signals::default(),
            pulse,
            stop: parts.stop,
            batch_size: project::BatchSize::default(),
            runs: Runs::default(),
            tasks: tasks.clone(),
        })
    }

    /// Starts every loop on `tasks`. They end once `stop` is cancelled and what is under way has ended.
    pub fn start(self: &Arc<Self>, tasks: &TaskTracker) {
        self.start_unscheduled(tasks);
        tasks.spawn(catch_up::keep_catching_up(self.clone()));
        tasks.spawn(schedule::keep_time(self.clone()));
        tasks.spawn(daily::keep_daily(self.clone(), Loop::Daily, &[Chore::PlatformLimit, Chore::Digest]));
        tasks.spawn(daily::keep_daily(self.clone(), Loop::Audit, &[Chore::Audit]));
        tasks.spawn(daily::keep_daily(self.clone(), Loop::Reconcile, &[Chore::Reconcile]));
        tasks.spawn(daily::keep_daily(self.clone(), Loop::Retention, &[Chore::Retention]));
        tasks.spawn(upkeep::keep_in_shape(self.clone()));
    }

    /// The same without what is scheduled, since the schedule's ticks come by the machine's own clock: runs are kicked
    /// from outside.
    pub fn start_unscheduled(self: &Arc<Self>, tasks: &TaskTracker) {
        tasks.spawn(release::wake_held_by_settings(self.clone()));
        tasks.spawn(project::keep_projecting(self.clone()));
        tasks.spawn(release::keep_releasing(self.clone()));
        tasks.spawn(rescue::keep_rescuing(self.clone()));
        tasks.spawn(mail::keep_mailing(self.clone()));
    }

    /// The breaker, for health.
    pub fn breaker(&self) -> Arc<SharedBreaker> {
        self.breaker.clone()
    }

    /// Whether the loops turn.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// The signals, for those who feed the loops.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    fn lease(&self, now: DateTime<Utc>) -> Lease {
        Lease { owner: self.settings.owner.clone(), until: now + span(self.policy.retry.lease) }
    }

    /// Held by a loop for as long as it lives.
    fn life(&self, which: Loop) -> Life {
        Life::of(which, &self.pulse, &self.stop)
    }

    /// Waits, but not beyond the stop. `false` once stopped.
    async fn pause(&self, which: Loop, wait: Duration) -> bool {
        self.pulse.rests(which, wait);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = self.clock.sleep(wait) => true,
        }
    }

    /// Waits for a hint or for the time, but not beyond the stop. `false` once stopped.
    async fn pause_or(&self, which: Loop, hint: &Notify, wait: Duration) -> bool {
        self.pulse.rests(which, wait);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = hint.notified() => true,
            () = self.clock.sleep(wait) => true,
        }
    }
}

/// A duration as the calendar knows it.
fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
