//! The database as the jobs and the CLI see it. One method that writes is one transaction, unless it says otherwise.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    Continuities, Kept, MentorChange, NewEvent, PaymentRef, PaymentView, Payouts, StatusFigures, Sweeps, TimelineEntry,
};
use crate::domain::facts::{AccountFact, DisputeFact, Fact};
use crate::domain::hold::{Hold, Subject};
use crate::domain::ids::{AccountId, ChargeId, MentorId, PaymentId, RunId};
use crate::domain::matter::{Concluded, Matter};
use crate::domain::mentor::{Account, Mentor};
use crate::domain::notice::{Notice, Outgoing};
use crate::domain::operation::Operation;
use crate::domain::outcome::Attempted;
use crate::domain::payment::{Pause, PaymentStatus};
use crate::domain::reason::Reason;
use crate::domain::release::{Case, Plan};
use crate::domain::rescue::Step;

/// Why the database did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or the connection broke: nothing is known to be written.
    #[error("the database cannot be reached: {0}")]
    Away(String),
    /// It refused.
    #[error("the database refused to {doing}: {why}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// Its words.
        why: String,
    },
    /// What it holds cannot be.
    #[error("the database holds a {what} that cannot be read: {why}")]
    Corrupt {
        /// What kind of thing, and which.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The schema is not the one that this payoutd works with.
    #[error("{0}")]
    Schema(String),
}

/// An event to be projected.
#[derive(Debug, Clone)]
pub struct Unprojected {
    /// Its row.
    pub row_id: i64,
    /// Stripe's id.
    pub event_id: String,
    /// Its body.
    pub body: Vec<u8>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

/// An event that was read, or why it could not be.
#[derive(Debug, Clone)]
pub struct Projected {
    /// Its row.
    pub row_id: i64,
    /// What it says.
    pub fact: Result<Fact, String>,
    /// When to try again, where it could not be read.
    pub retry_at: DateTime<Utc>,
}

/// What a look at the due payments brought.
#[derive(Debug, Clone, Default)]
pub struct Picked {
    /// May be paid, as far as the database knows; each is left alone by others until the set time.
    pub ready: Vec<(Plan, Case)>,
    /// Something else than the transfer is to be sent: they were paid, and something is to be taken back or paid again;
    /// or a refund, a capture or the end of an authorisation is due.
    pub asked: Vec<Case>,
    /// Charges that say they are disputed, while no dispute is known: to be asked for.
    pub disputes_to_read: Vec<ChargeId>,
    /// How many were looked at.
    pub looked_at: usize,
    /// How many of them are held.
    pub held: usize,
    /// How many of them wait.
    pub waiting: usize,
}

/// A lease on operations.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Which daemon.
    pub owner: String,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// A payment whose charge was just read.
#[derive(Debug, Clone)]
pub struct Preflighted {
    /// Which.
    pub payment_id: PaymentId,
    /// When Stripe was first asked.
    pub asked_at: DateTime<Utc>,
    /// What Stripe said.
    pub facts: Vec<Fact>,
}

impl Preflighted {
    /// Whether it may be claimed by. What a machine had in hand when it fell asleep is no look right before a transfer; and a
    /// clock that was set back since tells nothing of how old it is.
    pub fn is_fresh(&self, max_age: Duration, now: DateTime<Utc>) -> bool {
        (now - self.asked_at).to_std().is_ok_and(|age| age < max_age)
    }
}

/// What claiming a payment came to.
#[derive(Debug, Clone)]
pub enum Claimed {
    /// The intent is committed: send it.
    Submit(Box<Operation>),
    /// Something speaks against it by now.
    Held(PaymentId, Vec<Reason>),
    /// Not yet.
    Waits(PaymentId, Pause),
    /// Another worker has it.
    Taken(PaymentId),
    /// Nothing is to be sent: it went towards a debt, or what had to be put right is right.
    Adjusted(PaymentId),
    /// The database refused; it is looked at again later.
    Refused(PaymentId, String),
}

/// An operation taken up again.
#[derive(Debug, Clone)]
pub struct Reclaimed {
    /// The operation, under this worker's lease.
    pub operation: Operation,
    /// The facts that it depends on, as they are now.
    pub matter: Matter,
    /// What is to be done with it, as far as these facts say.
    pub step: Step,
}

/// A call as it is kept for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// `create`, `look_up` or `preflight`.
    pub kind: &'static str,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Stripe's or our code of what went wrong.
    pub error_code: Option<String>,
    /// In words.
    pub error: Option<String>,
    /// `Request-Id`.
    pub request_id: Option<String>,
}

/// What a worker brings home.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The operation as it was leased.
    pub operation: Operation,
    /// The calls that were made for it.
    pub attempts: Vec<AttemptRecord>,
    /// What they came to.
    pub attempted: Attempted,
}

/// What became of an outcome.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// Written.
    Written(Box<Concluded>),
    /// The lease was lost in the meantime: nothing was written, whoever has it now will.
    LeaseLost,
    /// The database refused this one; the rescuer takes it when its lease runs out.
    Refused(String),
}

/// An email's row, leased for sending, with all rows merged into it.
#[derive(Debug, Clone)]
pub struct DueLetter {
    /// The rows; the first one names the email.
    pub row_ids: Vec<i64>,
    /// The first row's Message-ID, without its domain.
    pub message_id: String,
    /// The recipient's address.
    pub to: String,
    /// When the first was written.
    pub written_at: DateTime<Utc>,
    /// What to tell.
    pub notices: Vec<Notice>,
    /// How often it was tried.
    pub attempts: i32,
}

/// What sending an email came to.
#[derive(Debug, Clone)]
pub enum Sent {
    /// Accepted.
    Accepted,
    /// To be tried again at this time.
    Later(DateTime<Utc>, String),
    /// Given up.
    GivenUp(String),
}

/// How a run came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The schedule.
    Schedule,
    /// `payoutd run`.
    Cli,
    /// The cron endpoint.
    Cron,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RunCounts {
    /// Payments looked at.
    pub looked_at: usize,
    /// Transfers confirmed.
    pub transferred: usize,
    /// Payments that are held.
    pub held: usize,
    /// Payments that wait for a time.
    pub waiting: usize,
    /// Transfers refused for good.
    pub failed: usize,
    /// Transfers that will be tried again, or whose outcome is not known yet.
    pub unfinished: usize,
}

impl std::ops::Add for RunCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            looked_at: self.looked_at + other.looked_at,
            transferred: self.transferred + other.transferred,
            held: self.held + other.held,
            waiting: self.waiting + other.waiting,
            failed: self.failed + other.failed,
            unfinished: self.unfinished + other.unfinished,
        }
    }
}

/// The database.
#[async_trait]
pub trait Store: Payouts + Continuities + Sweeps + Send + Sync {
    /// Keeps events, all in one commit; one answer for each, in order.
    async fn keep_events(&self, events: Vec<NewEvent>) -> Result<Vec<Kept>, StoreError>;
    /// Events that wait to be projected, besides these: oldest first.
    async fn unprojected(
        &self,
        limit: i64,
        besides: Vec<i64>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Unprojected>, StoreError>;
    /// Projects events. One that fails does not fail the others; it stays with its error. `false` when another daemon is
    /// projecting, and nothing was done.
    async fn project(&self, events: Vec<Projected>, now: DateTime<Utc>) -> Result<bool, StoreError>;
    /// How long the oldest event has waited.
    async fn oldest_unprojected(&self) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Looks at payments that are due to be looked at. Those that may be paid are left alone by others until
    /// `revisit_at`; the rest is settled.
    async fn pick_due(&self, limit: i64, revisit_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<Picked, StoreError>;
    /// The same without writing: what a run would do.
    async fn preview_due(&self, limit: i64, now: DateTime<Utc>) -> Result<Vec<(Case, DateTime<Utc>)>, StoreError>;
    /// Tx 1 of the money rule: locks each payment, takes in what Stripe said, decides again, commits the intent.
    async fn claim(
        &self,
        ready: Vec<Preflighted>,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError>;
    /// Lets a payment wait, since its charge could not be read.
    async fn postpone(&self, payments: Vec<PaymentId>, pause: Pause) -> Result<(), StoreError>;
    /// Has payments looked at again that the operator's settings held: those may have changed since.
    async fn wake_held_by_settings(&self) -> Result<usize, StoreError>;
    /// Connected accounts of mentors that Stripe has not told of, or not since `stale_before` while not active.
    async fn accounts_to_read(&self, stale_before: DateTime<Utc>, limit: i64) -> Result<Vec<AccountId>, StoreError>;
    /// Charges with a dispute that is not over and of which nothing was heard, and nothing asked, since `stale_before`. They
    /// count as asked about now.
    async fn disputes_to_read(
        &self,
        stale_before: DateTime<Utc>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<ChargeId>, StoreError>;
    /// Records what disputes were read as.
    async fn learn_disputes(&self, disputes: Vec<DisputeFact>, now: DateTime<Utc>) -> Result<(), StoreError>;
    /// Records what an account was read as.
    async fn learn_account(&self, account: AccountFact, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Takes up operations that are due or whose lease ran out. `unknown` and `submitting` ones become leased too.
    async fn reclaim(&self, limit: i64, lease: Lease, now: DateTime<Utc>) -> Result<Vec<Reclaimed>, StoreError>;
    /// Takes in what was read of a charge before an operation is sent again, and answers the facts as they are then.
    async fn refresh_case(&self, payment: PaymentId, facts: Vec<Fact>, now: DateTime<Utc>) -> Result<Case, StoreError>;
    /// Tx 2 of the money rule: writes outcomes, fenced on their leases; one answer for each, in order.
    async fn conclude(&self, outcomes: Vec<Outcome>, now: DateTime<Utc>) -> Result<Vec<Recorded>, StoreError>;
    /// When the next operation is due or its lease ends.
    async fn next_operation_at(&self) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Writes emails to the outbox.
    async fn tell(&self, notices: Vec<Outgoing>, now: DateTime<Utc>) -> Result<(), StoreError>;
    /// Leases due emails. Waiting rows that merge are merged; a kind that was sent less than `merge_window` ago waits.
    async fn due_letters(
        &self,
        limit: i64,
        merge_window: Duration,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Vec<DueLetter>, StoreError>;
    /// Records what sending came to.
    async fn letter_sent(&self, letter: DueLetter, sent: Sent, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Begins a run.
    async fn begin_run(&self, trigger: Trigger, now: DateTime<Utc>) -> Result<RunId, StoreError>;
    /// Ends it.
    async fn finish_run(
        &self,
        run: RunId,
        counts: RunCounts,
        error: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Finds a payment.
    async fn find_payment(&self, by: PaymentRef) -> Result<Option<PaymentView>, StoreError>;
    /// Payments, newest first.
    async fn payments(&self, status: Option<PaymentStatus>, limit: i64) -> Result<Vec<PaymentView>, StoreError>;
    /// A payment's story, oldest first.
    async fn timeline(&self, payment: PaymentId) -> Result<Vec<TimelineEntry>, StoreError>;
    /// Figures of everything.
    async fn status(&self, now: DateTime<Utc>) -> Result<StatusFigures, StoreError>;
    /// Places a person's hold. `None` when the same actor's hold stands there already.
    async fn place_hold(
        &self,
        on: Subject,
        actor: String,
        reason: String,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError>;
    /// Lifts all open holds on a subject, whoever placed them: a person asked for it. Answers those that were lifted.
    async fn lift_holds(
        &self,
        on: Subject,
        actor: String,
        reason: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<Hold>, StoreError>;
    /// Gives a failed payment back to the decision. `false` when it is not failed.
    async fn retry(&self, payment: PaymentId, actor: String, now: DateTime<Utc>) -> Result<bool, StoreError>;
    /// Records a mentor, or changes one.
    async fn put_mentor(
        &self,
        id: MentorId,
        change: MentorChange,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Mentor, StoreError>;
    /// Mentors, by id.
    async fn mentors(
        &self,
        id: Option<MentorId>,
        limit: i64,
    ) -> Result<Vec<(Mentor, Option<Account>, Vec<Hold>)>, StoreError>;
    /// Fails unless the database answers and its schema is ours.
    async fn check(&self) -> Result<(), StoreError>;
}
