//! What people look at and ask for: payments, their story, figures, mentors.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::ids::{AccountId, PaymentId};
use crate::domain::release::Case;

/// How a person names a payment: by its number, or by any of its ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentRef {
    /// Its number.
    Number(PaymentId),
    /// Its payment intent, charge, checkout session, transfer or booking.
    Text(String),
}

impl PaymentRef {
    /// As it is typed: its number, or any of its ids.
    pub fn typed(text: &str) -> Self {
        match text.trim_start_matches('#').parse() {
            Ok(number) => Self::Number(PaymentId(number)),
            Err(_) => Self::Text(text.to_owned()),
        }
    }
}

/// A payment as it is shown.
#[derive(Debug, Clone)]
pub struct PaymentView {
    /// The facts.
    pub case: Case,
    /// When the customer paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// When it is looked at next; `None` until a fact changes.
    pub next_check_at: Option<DateTime<Utc>>,
    /// What was or would be sent.
    pub mentor_due_minor: i64,
    /// The platform's part.
    pub platform_fee_minor: i64,
    /// What the transfer's last attempt said.
    pub last_error: Option<String>,
    /// The latest operation's state and counted attempts.
    pub operation: Option<(String, i32)>,
}

/// One line of a payment's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// `event`, `operation`, `attempt`, `debt`, `email`, `hold`, `audit` or `retention`.
    pub kind: String,
    /// What.
    pub what: String,
}

/// What is open is counted so far; one more stands for all that is more. Payments by status and reason are counted to the last.
pub const COUNTED_TO: i64 = 10_000;

/// A count that goes no further than [`COUNTED_TO`], in words.
pub fn counted(count: i64) -> String {
    if count > COUNTED_TO { format!("more than {COUNTED_TO}") } else { count.to_string() }
}

/// Figures for `payoutd status`. Counts of what is open go up to [`COUNTED_TO`], but those of payments by status and reason.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StatusFigures {
    /// Payments that are not transferred, by status.
    pub payments: BTreeMap<String, i64>,
    /// Payments that are to be looked at now.
    pub due: i64,
    /// Operations that are not at their end, by state.
    pub operations: BTreeMap<String, i64>,
    /// Emails that are not sent, by state.
    pub emails: BTreeMap<String, i64>,
    /// Events that are not projected, by state.
    pub events: BTreeMap<String, i64>,
    /// Held payments by reason.
    pub held: BTreeMap<String, i64>,
    /// When the payment that is due for longest became due.
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// When the oldest event came that is not projected.
    pub oldest_event_at: Option<DateTime<Utc>>,
    /// Since when an outcome is unknown, the oldest.
    pub oldest_unknown_at: Option<DateTime<Utc>>,
    /// Payments that near the limit of how long money may stay on the platform.
    pub near_limit: i64,
    /// The last run that ended.
    pub last_run: Option<LastRun>,
    /// How far the database knows what happened at Stripe.
    pub continuity: Option<super::Continuity>,
    /// How preflight by sweep stands; `None` where none was begun yet.
    pub sweep: Option<SweepFigures>,
    /// Differences between this database and Stripe that stand.
    pub discrepancies: i64,
}

/// When Stripe's lists of what changed were gone through.
#[derive(Debug, Clone, Serialize)]
pub struct SweepFigures {
    /// When the last sweep began that was done to its end.
    pub swept_at: Option<DateTime<Utc>>,
    /// When the first one began that failed since.
    pub failing_since: Option<DateTime<Utc>>,
}

/// What the last run did.
#[derive(Debug, Clone, Serialize)]
pub struct LastRun {
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Payments looked at.
    pub looked_at: i64,
    /// Transfers confirmed.
    pub transferred: i64,
    /// Payments held.
    pub held: i64,
    /// Transfers refused for good.
    pub failed: i64,
    /// Why not all could be done.
    pub error: Option<String>,
}

impl std::fmt::Display for LastRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { looked_at, transferred, held, failed, .. } = self;
        write!(f, "{looked_at} looked at: {transferred} transferred, {held} held, {failed} failed")?;
        self.error.as_ref().map_or(Ok(()), |error| write!(f, "; {error}"))
    }
}

/// What a mentor is to be recorded as; `None` leaves what is there.
#[derive(Debug, Clone, Default)]
pub struct MentorChange {
    /// What to call them.
    pub name: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
    /// Where their money goes.
    pub account_id: Option<AccountId>,
}
