//! The operator's desk: lists to look things up in, and the few things that a person may do to events, emails and
//! operations. Rows are as they are shown; their names in JSON stay as they are.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Lease, PaymentRef, PaymentView, Reclaimed, StoreError};
use crate::domain::ids::{MentorId, OperationId, PaymentId, WithdrawalId};
use crate::domain::operation::OperationState;
use crate::domain::payment::{PaymentStatus, words};

/// A part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many at most.
    pub limit: i64,
    /// Only what has a lower number than this: the list goes on after the last row of the page before.
    pub before: Option<i64>,
}

impl Page {
    /// The newest so many.
    pub fn newest(limit: i64) -> Self {
        Self { limit, before: None }
    }
}

/// A row that cannot be read, most likely changed by hand: it is listed as such, beside the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Its number.
    pub id: i64,
    /// What is wrong with it.
    pub unreadable: String,
}

/// A row of a list, as far as it can be read.
pub type Listed<T> = Result<T, Unreadable>;

/// Which payments; what is left empty does not narrow.
#[derive(Debug, Clone, Default)]
pub struct PaymentFilter {
    /// In one of these.
    pub statuses: Vec<PaymentStatus>,
    /// Of this mentor.
    pub mentor: Option<MentorId>,
    /// Held, with this reason's code among its reasons.
    pub held_for: Option<String>,
    /// With the admin's flag.
    pub flagged: bool,
    /// Paid by the customer then or later.
    pub paid_since: Option<DateTime<Utc>>,
    /// Paid by the customer before then.
    pub paid_before: Option<DateTime<Utc>>,
    /// Paid then or before, and the money is still on the platform.
    pub on_platform_since: Option<DateTime<Utc>>,
    /// To be looked at by then.
    pub due_by: Option<DateTime<Utc>>,
}

/// A run as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunEntry {
    /// Its row.
    pub id: i64,
    /// `schedule`, `cli` or `cron`.
    pub trigger: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while it goes on, or when its process ended first.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Payments looked at.
    pub looked_at: i64,
    /// Transfers confirmed.
    pub transferred: i64,
    /// Payments that are held.
    pub held: i64,
    /// Payments that wait for a time.
    pub waiting: i64,
    /// Transfers refused for good.
    pub failed: i64,
    /// Transfers that will be tried again, or whose outcome was not known.
    pub unfinished: i64,
    /// Why not all could be done.
    pub error: Option<String>,
}

words!(
    /// Where an event stands.
    EventState {
        /// To be projected.
        Pending = "pending",
        /// Its facts are in the rows that it is about.
        Projected = "projected",
        /// Nothing in it concerns payoutd, or a person said so.
        Ignored = "ignored",
        /// It could not be read or written.
        Failed = "failed",
    }
);

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// In this state.
    pub state: Option<EventState>,
    /// Of this type.
    pub kind: Option<String>,
}

/// How a person names an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRef {
    /// Its row.
    Row(i64),
    /// Stripe's id.
    Stripe(String),
}

/// An event as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventEntry {
    /// Its row.
    pub id: i64,
    /// Stripe's id.
    pub event_id: String,
    /// Such as `charge.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub state: EventState,
    /// Whether it is about real money.
    pub livemode: bool,
    /// The connected account that it is about.
    pub account: Option<String>,
    /// The payment that it is about, where that is known.
    pub payment: Option<PaymentId>,
    /// When Stripe made it.
    pub created_at: DateTime<Utc>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it was projected or ignored.
    pub projected_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What is wrong with it, or why it was ignored.
    pub note: Option<String>,
}

words!(
    /// Where an email stands.
    EmailState {
        /// To be sent.
        Queued = "queued",
        /// Accepted by the mail server.
        Sent = "sent",
        /// Given up.
        Failed = "failed",
    }
);

/// Which emails.
#[derive(Debug, Clone, Default)]
pub struct EmailFilter {
    /// In this state.
    pub state: Option<EmailState>,
    /// To this address, or to the mentor of this id.
    pub to: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
}

/// An email as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmailEntry {
    /// Its row.
    pub id: i64,
    /// What it tells of.
    pub kind: String,
    /// `admin` or `mentor`.
    pub recipient: String,
    /// The address.
    pub to: String,
    /// The mentor, where it is theirs.
    pub mentor: Option<MentorId>,
    /// The payment that it is about.
    pub payment: Option<PaymentId>,
    /// Where it stands.
    pub state: EmailState,
    /// How often sending was tried.
    pub attempts: i32,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What the last attempt said.
    pub error: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
}

/// How a person names operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationRef {
    /// Its row.
    Row(OperationId),
    /// All of a payment's.
    Payment(PaymentRef),
    /// The transfer that it made, or its idempotency key.
    Text(String),
}

/// An operation as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationEntry {
    /// Its row.
    pub id: OperationId,
    /// `transfer`.
    pub kind: String,
    /// The payment that it is about, where it is about one.
    pub payment: Option<PaymentId>,
    /// The withdrawal that it is about, where it is about one.
    pub withdrawal: Option<WithdrawalId>,
    /// Who is paid.
    pub mentor: MentorId,
    /// Goes up after a definite refusal.
    pub generation: i32,
    /// What it is sent under, always.
    pub idempotency_key: String,
    /// In minor units; nothing where it moves no money.
    pub amount: Option<i64>,
    /// In what.
    pub currency: Option<String>,
    /// Where it stands.
    pub state: OperationState,
    /// Whether some request may have been carried out.
    pub maybe_done: bool,
    /// Attempts that count against the limit.
    pub attempts: i32,
    /// When its first request left.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// When its latest request left.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// Since when its outcome is unknown.
    pub unknown_since: Option<DateTime<Utc>>,
    /// When it is taken up next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The daemon that works on it.
    pub lease_owner: Option<String>,
    /// Until when.
    pub lease_until: Option<DateTime<Utc>>,
    /// Stripe's id of what was made.
    pub transfer_id: Option<String>,
    /// `Request-Id` of the last answer.
    pub request_id: Option<String>,
    /// The code of what went wrong.
    pub error_code: Option<String>,
    /// In words.
    pub error: Option<String>,
    /// When the intent was committed.
    pub created_at: DateTime<Utc>,
}

/// A call to Stripe, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallEntry {
    /// `create`, `look_up` or `preflight`.
    pub kind: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i64,
    /// The HTTP status.
    pub http_status: Option<i32>,
    /// The code of what went wrong.
    pub error_code: Option<String>,
    /// In words.
    pub error: Option<String>,
    /// `Request-Id`.
    pub request_id: Option<String>,
}

/// An operation with every call that was made for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationStory {
    /// The operation.
    #[serde(flatten)]
    pub operation: OperationEntry,
    /// Its calls, oldest first.
    pub calls: Vec<CallEntry>,
}

/// What a person's wish came to, where the row must stand in a certain state for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<State> {
    /// Done.
    Granted,
    /// It stands here, and was left as it is.
    Refused(State),
    /// There is no such row.
    NoSuchRow,
}

/// An operation that a person wants looked for at Stripe.
#[derive(Debug, Clone)]
pub enum TakenUp {
    /// It is this worker's, to look and nothing else.
    Leased(Box<Reclaimed>),
    /// It is not unknown, and was left as it is.
    Refused(OperationState),
    /// There is no such operation.
    NoSuchRow,
}

/// What a person looks up and decides.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Payments that fit, newest first.
    async fn search_payments(&self, filter: PaymentFilter, page: Page) -> Result<Vec<Listed<PaymentView>>, StoreError>;
    /// Runs, newest first; with `failed`, only those that could not do everything.
    async fn runs(&self, failed: bool, page: Page) -> Result<Vec<RunEntry>, StoreError>;

    /// Events, newest first.
    async fn events(&self, filter: EventFilter, page: Page) -> Result<Vec<EventEntry>, StoreError>;
    /// An event with its body.
    async fn find_event(&self, by: EventRef) -> Result<Option<(EventEntry, Vec<u8>)>, StoreError>;
    /// How many events failed.
    async fn count_failed_events(&self) -> Result<i64, StoreError>;
    /// Puts an event back to be projected at once, wherever it stands. `false` when there is no such row.
    async fn replay_event(&self, row_id: i64, actor: String, now: DateTime<Utc>) -> Result<bool, StoreError>;
    /// The same with the next failed events whose row comes after `after`. Answers their rows, in order.
    async fn replay_failed_events(
        &self,
        after: i64,
        limit: i64,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoreError>;
    /// Sets an event that is not projected aside for good.
    async fn ignore_event(
        &self,
        row_id: i64,
        actor: String,
        reason: String,
        now: DateTime<Utc>,
    ) -> Result<Wish<EventState>, StoreError>;

    /// Emails, newest first.
    async fn emails(&self, filter: EmailFilter, page: Page) -> Result<Vec<EmailEntry>, StoreError>;
    /// How many emails were given up.
    async fn count_failed_emails(&self) -> Result<i64, StoreError>;
    /// Queues an email anew that was given up, with the rows that went out with it.
    async fn retry_email(&self, id: i64, actor: String, now: DateTime<Utc>) -> Result<Wish<EmailState>, StoreError>;
    /// The same with the next that were given up and whose row comes after `after`. Answers their rows, in order.
    async fn retry_failed_emails(
        &self,
        after: i64,
        limit: i64,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoreError>;

    /// Operations in one of these states (in any, when none is given), newest first.
    async fn operations(
        &self,
        states: Vec<OperationState>,
        page: Page,
    ) -> Result<Vec<Listed<OperationEntry>>, StoreError>;
    /// Operations with their calls, by generation.
    async fn find_operations(&self, by: OperationRef) -> Result<Vec<OperationStory>, StoreError>;
    /// Takes up an unknown operation as the rescuer does, but to look for it and nothing else, since a person asks.
    async fn take_up_unknown(
        &self,
        id: OperationId,
        actor: String,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<TakenUp, StoreError>;
}
