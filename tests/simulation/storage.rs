//! The store between the daemon and its SQLite file: one call at a time and to its end, as seen from the simulation, with a
//! database that now and then is away, before a commit or after it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use payoutd::domain::facts::{AccountFact, DisputeFact, Fact};
use payoutd::domain::hold::{Hold, Subject};
use payoutd::domain::ids::{AccountId, ChargeId, MentorId, PaymentId, RunId, WithdrawalId};
use payoutd::domain::mentor::{Account, Mentor};
use payoutd::domain::notice::Outgoing;
use payoutd::domain::onboarding::AccountOrder;
use payoutd::domain::operation::{Operation, Order};
use payoutd::domain::payment::{Pause, PaymentStatus};
use payoutd::domain::release::Case;
use payoutd::domain::sweep::{Sweep, Swept};
use payoutd::domain::withdrawal::WithdrawalCase;
use payoutd::ports::{
    CaughtUp, CheckedWithdrawal, Claimed, ClaimedAccount, ClaimedWithdrawal, Continuities, Continuity, DueLetter,
    DueWithdrawal, Kept, Lease, MentorChange, NewEvent, Outcome, PaymentRef, PaymentView, Payouts, Picked,
    PickedBySweep, Preflighted, Projected, Reclaimed, Recorded, RunCounts, Sent, StatusFigures, Store, StoreError,
    SweepStanding, Sweeps, TimelineEntry, Trigger, Unprojected, UnreadEvent,
};
use payoutd::store::Database;

use crate::chance::Chance;
use crate::mutations::Mutation;
use crate::sql::Sql;

/// What all daemons of a simulation share of their storage.
pub struct Shared {
    pub database: Database,
    /// Drives SQLite: the simulation's own thread waits for it.
    pub backstage: tokio::runtime::Handle,
    /// Whether the database may be away.
    pub faults: Arc<AtomicBool>,
    /// Counts what happens: who moved nothing is idle.
    pub moves: Arc<AtomicU64>,
    /// Charges whose transfer's intent was committed.
    pub claims: Mutex<Vec<Claim>>,
    /// Stripe, as it was listed.
    pub stripe: crate::stripe::Shared,
    /// How many flags were set or lifted so far.
    pub flags: AtomicU64,
    pub mutation: Option<Mutation>,
    /// An admin's own connection.
    pub sql: Sql,
}

/// An intent to transfer that was committed.
pub struct Claim {
    /// Of which charge.
    pub charge: String,
    /// After how many flags were set.
    pub flags: u64,
    /// What it went by.
    pub by: By,
}

/// What a claim went by, as Stripe saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Its charge was read so long before, by the daemon's clock; `None` where it never was.
    Charge { age_ms: Option<i64> },
    /// A sweep.
    Sweep(BySweep),
}

/// Stripe's view of the sweep that a claim went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BySweep {
    /// After how many events it was begun; `None` where the daemon has never listed all that it has to.
    pub read: Option<usize>,
    /// How long it had been begun when it was claimed by, by the daemon's clock.
    pub age_ms: i64,
}

pub struct SimStore {
    /// Whose.
    pub daemon: u64,
    pub shared: Arc<Shared>,
    pub chance: Mutex<Chance>,
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Shared {
    /// Waits here until it is done: to the simulation it happens in one moment.
    pub fn at_once<T>(&self, what: impl Future<Output = T>) -> T {
        let _backstage = self.backstage.enter();
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut what = std::pin::pin!(tokio::task::unconstrained(what));
        loop {
            match what.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(done) => return done,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

fn away<T>() -> Result<T, StoreError> {
    Err(StoreError::Away("the connection broke (simulated)".into()))
}

impl SimStore {
    fn fate(&self) -> u64 {
        self.chance.lock().expect("no panic").below(1_000)
    }

    async fn call<T>(&self, what: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
        let (fate, faults) = (self.fate(), self.shared.faults.load(Ordering::SeqCst));
        // A daemon may die before the call, and after it without knowing that it is done.
        tokio::task::yield_now().await;
        self.shared.moves.fetch_add(1, Ordering::SeqCst);
        if faults && fate < 5 {
            return away();
        }
        let done = self.shared.at_once(what);
        tokio::task::yield_now().await;
        if faults && fate < 10 {
            return away();
        }
        done
    }

    fn claimed(&self, operation: &Operation, by: Option<BySweep>, now: DateTime<Utc>) {
        if let Order::Transfer(order) = &operation.order
            && let Some(charge) = &order.source_transaction
        {
            let asked_ms = self.shared.stripe.lock().expect("no panic").was_claimed(self.daemon, charge.as_str());
            let age_ms = asked_ms.map(|asked_ms| now.timestamp_millis() - asked_ms);
            let by = by.map_or(By::Charge { age_ms }, By::Sweep);
            let flags = self.shared.flags.load(Ordering::SeqCst);
            let claim = Claim { charge: charge.as_str().to_owned(), flags, by };
            self.shared.claims.lock().expect("no panic").push(claim);
        }
    }
}

/// Passes a call on to the database.
macro_rules! pass_on {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)+) => {
        $(fn $name<'a: 'async_trait, 'async_trait>(&'a self $(, $argument: $type)*)
            -> std::pin::Pin<Box<dyn Future<Output = Result<$answer, StoreError>> + Send + 'async_trait>>
        where
            Self: 'async_trait,
        {
            Box::pin(self.call(self.shared.database.$name($($argument),*)))
        })+
    };
}

impl SimStore {
    async fn conclude_mutated(&self, outcomes: Vec<Outcome>, now: DateTime<Utc>) -> Result<Vec<Recorded>, StoreError> {
        let concluded = async {
            let outcomes = match self.shared.mutation {
                Some(mutation) => mutation.outcomes(&self.shared, outcomes),
                None => outcomes,
            };
            self.shared.database.conclude(outcomes, now).await
        };
        self.call(concluded).await
    }
}

#[async_trait]
impl Store for SimStore {
    async fn keep_events(&self, events: Vec<NewEvent>) -> Result<Vec<Kept>, StoreError> {
        let kept = match self.shared.mutation {
            Some(mutation) => mutation.events(&self.shared, events.clone()),
            None => events.clone(),
        };
        let answers = vec![Kept::Again; events.len()];
        if kept.is_empty() && !events.is_empty() {
            return Ok(answers);
        }
        let told = self.call(self.shared.database.keep_events(kept)).await?;
        Ok(if told.len() == events.len() { told } else { answers })
    }

    async fn claim(
        &self,
        ready: Vec<Preflighted>,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let shared = self.shared.clone();
        let claim = async {
            let unflagged = shared.mutation.map(|mutation| mutation.before_claim(&shared)).unwrap_or_default();
            let ready = match shared.mutation {
                Some(mutation) => mutation.looked_at(ready, now),
                None => ready,
            };
            let claimed = shared.database.claim(ready, lease, now).await;
            if let Some(mutation) = shared.mutation {
                mutation.after_claim(&shared, &unflagged);
            }
            for claimed in claimed.iter().flatten() {
                if let Claimed::Submit(operation) = claimed {
                    self.claimed(operation, None, now);
                }
            }
            claimed
        };
        self.call(claim).await
    }

    async fn conclude(&self, outcomes: Vec<Outcome>, now: DateTime<Utc>) -> Result<Vec<Recorded>, StoreError> {
        self.conclude_mutated(outcomes, now).await
    }

    pass_on! {
        fn unprojected(&self, limit: i64, besides: Vec<i64>, now: DateTime<Utc>) -> Vec<Unprojected>;
        fn project(&self, events: Vec<Projected>, now: DateTime<Utc>) -> bool;
        fn oldest_unprojected(&self) -> Option<DateTime<Utc>>;
        fn pick_due(&self, limit: i64, revisit_at: DateTime<Utc>, now: DateTime<Utc>) -> Picked;
        fn preview_due(&self, limit: i64, now: DateTime<Utc>) -> Vec<(Case, DateTime<Utc>)>;
        fn postpone(&self, payments: Vec<PaymentId>, pause: Pause) -> ();
        fn wake_held_by_settings(&self) -> usize;
        fn accounts_to_read(&self, stale_before: DateTime<Utc>, limit: i64) -> Vec<AccountId>;
        fn disputes_to_read(&self, stale_before: DateTime<Utc>, limit: i64, now: DateTime<Utc>) -> Vec<ChargeId>;
        fn learn_disputes(&self, disputes: Vec<DisputeFact>, now: DateTime<Utc>) -> ();
        fn learn_account(&self, account: AccountFact, now: DateTime<Utc>) -> ();
        fn reclaim(&self, limit: i64, lease: Lease, now: DateTime<Utc>) -> Vec<Reclaimed>;
        fn refresh_case(&self, payment: PaymentId, facts: Vec<Fact>, now: DateTime<Utc>) -> Case;
        fn next_operation_at(&self) -> Option<DateTime<Utc>>;
        fn tell(&self, notices: Vec<Outgoing>, now: DateTime<Utc>) -> ();
        fn due_letters(&self, limit: i64, merge_window: Duration, lease: Lease, now: DateTime<Utc>) -> Vec<DueLetter>;
        fn letter_sent(&self, letter: DueLetter, sent: Sent, now: DateTime<Utc>) -> ();
        fn begin_run(&self, trigger: Trigger, now: DateTime<Utc>) -> RunId;
        fn finish_run(&self, run: RunId, counts: RunCounts, error: Option<String>, now: DateTime<Utc>) -> ();
        fn find_payment(&self, by: PaymentRef) -> Option<PaymentView>;
        fn payments(&self, status: Option<PaymentStatus>, limit: i64) -> Vec<PaymentView>;
        fn timeline(&self, payment: PaymentId) -> Vec<TimelineEntry>;
        fn status(&self, now: DateTime<Utc>) -> StatusFigures;
        fn place_hold(&self, on: Subject, actor: String, reason: String, now: DateTime<Utc>) -> Option<i64>;
        fn lift_holds(&self, on: Subject, actor: String, reason: String, now: DateTime<Utc>) -> Vec<Hold>;
        fn retry(&self, payment: PaymentId, actor: String, now: DateTime<Utc>) -> bool;
        fn put_mentor(&self, id: MentorId, change: MentorChange, actor: String, now: DateTime<Utc>) -> Mentor;
        fn mentors(&self, id: Option<MentorId>, limit: i64) -> Vec<(Mentor, Option<Account>, Vec<Hold>)>;
        fn check(&self) -> ();
    }
}

#[async_trait]
impl Sweeps for SimStore {
    async fn pick_by_sweep(
        &self,
        limit: i64,
        sweep: Sweep,
        lease: Lease,
        revisit_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<PickedBySweep, StoreError> {
        let shared = self.shared.clone();
        let pick = async {
            let unflagged = shared.mutation.map(|mutation| mutation.before_claim(&shared)).unwrap_or_default();
            let by = shared.stripe.lock().expect("no panic").swept_by(self.daemon, now.timestamp_millis());
            let picked = shared.database.pick_by_sweep(limit, sweep, lease, revisit_at, now).await;
            if let Some(mutation) = shared.mutation {
                mutation.after_claim(&shared, &unflagged);
            }
            for claimed in picked.iter().flat_map(|picked| &picked.claimed) {
                if let Claimed::Submit(operation) = claimed {
                    self.claimed(operation, Some(by), now);
                }
            }
            picked
        };
        self.call(pick).await
    }

    pass_on! {
        fn sweep_standing(&self, now: DateTime<Utc>) -> SweepStanding;
        fn swept(&self, step: Swept, began: Option<DateTime<Utc>>) -> DateTime<Utc>;
        fn sweep_failed(&self, from: Swept, began: DateTime<Utc>) -> DateTime<Utc>;
        fn take_in_listed(&self, facts: Vec<Fact>, now: DateTime<Utc>) -> ();
        fn unread_events(&self, ids: Vec<String>) -> Vec<UnreadEvent>;
    }
}

#[async_trait]
impl Continuities for SimStore {
    pass_on! {
        fn beat(&self, now: DateTime<Utc>) -> Continuity;
        fn caught_up(&self, step: CaughtUp) -> ();
        fn latest_event(&self) -> Option<DateTime<Utc>>;
    }
}

#[async_trait]
impl Payouts for SimStore {
    pass_on! {
        fn pick_withdrawals(&self, limit: i64, revisit_at: DateTime<Utc>, now: DateTime<Utc>) -> (Vec<DueWithdrawal>, usize);
        fn claim_withdrawal(&self, checked: CheckedWithdrawal, lease: Lease, now: DateTime<Utc>) -> ClaimedWithdrawal;
        fn postpone_withdrawal(&self, id: WithdrawalId, until: DateTime<Utc>) -> ();
        fn refresh_withdrawal(&self, id: WithdrawalId, account: AccountFact, now: DateTime<Utc>) -> WithdrawalCase;
        fn post_payouts(&self, now: DateTime<Utc>) -> ();
        fn claim_account(&self, order: AccountOrder, lease: Lease, now: DateTime<Utc>) -> ClaimedAccount;
        fn accounts_to_schedule(&self, limit: i64) -> Vec<(MentorId, AccountId)>;
        fn claim_schedule(&self, mentor: MentorId, account: AccountId, lease: Lease, now: DateTime<Utc>) -> Option<Operation>;
    }
}
