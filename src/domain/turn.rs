//! What an attempt makes of an operation, whatever it is about: its end, or when and as what it goes on. Nothing that may
//! have been done is ever concluded not to have been; only Stripe's own word or a proven absence does that.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::operation::{ABSENT, Done, Operation, OperationState, WITHDRAWN};
use super::outcome::{Attempted, Next};
use super::policy::RetryPolicy;
use super::retry;
use super::triage::{Failure, Verdict, triage};

/// What an attempt comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn<'a> {
    /// Stripe did it.
    Done(&'a Done),
    /// It goes on so.
    On(Next),
    /// Stripe refused, and nothing was done.
    Refused(&'a Failure, Verdict),
    /// Tried as often as is counted, and never done.
    GivenUp(&'a Failure, u32),
    /// Nothing was done and nobody refused it: the code and words of why.
    Undone(&'static str, String),
}

/// Concludes. `would_send` says whether the operation would be sent again now under its key.
pub(super) fn turn<'a>(
    op: &Operation,
    attempted: &'a Attempted,
    would_send: impl FnOnce() -> bool,
    retry: &RetryPolicy,
    now: DateTime<Utc>,
) -> Turn<'a> {
    let ctx = Moment { op, retry, now };
    match attempted {
        Attempted::Done(done) => Turn::Done(done),
        Attempted::Failed(failure) => ctx.failed(failure),
        Attempted::NotFound => ctx.not_found(would_send),
        Attempted::NotAsked(failure) => Turn::On(ctx.again(failure, op.attempts, retry.preflight, op.maybe_done)),
        Attempted::NotBegun => {
            let failure = Failure::NotSent("its worker stopped before its turn came".into());
            Turn::On(ctx.again(&failure, op.attempts, Duration::ZERO, op.maybe_done))
        }
        Attempted::Withdrawn(why) => Turn::Undone(WITHDRAWN, why.clone()),
    }
}

struct Moment<'a> {
    op: &'a Operation,
    retry: &'a RetryPolicy,
    now: DateTime<Utc>,
}

impl Moment<'_> {
    fn failed<'f>(&self, failure: &'f Failure) -> Turn<'f> {
        match triage(failure) {
            verdict @ (Verdict::Retry | Verdict::Unknown) => self.counted(failure, verdict),
            verdict @ (Verdict::RetrySoon | Verdict::AskAgain) => {
                let wait = self.retry.busy.max(failure.retry_after().unwrap_or_default());
                let unknown = self.op.maybe_done || verdict == Verdict::AskAgain;
                Turn::On(self.again(failure, self.op.attempts, wait, unknown))
            }
            Verdict::StopTheWorld => {
                Turn::On(self.again(failure, self.op.attempts, self.retry.rescue, self.op.maybe_done))
            }
            verdict => Turn::Refused(failure, verdict),
        }
    }

    fn counted<'f>(&self, failure: &'f Failure, verdict: Verdict) -> Turn<'f> {
        let attempts = self.op.attempts + 1;
        let unknown = self.op.maybe_done || verdict == Verdict::Unknown;
        if attempts < self.retry.max_attempts {
            let wait = retry::delay(self.retry, attempts, self.op.id.0);
            let wait = wait.max(failure.retry_after().unwrap_or_default());
            return Turn::On(self.again(failure, attempts, wait, unknown));
        }
        // An unknown outcome is never turned into a failure by a counter: it is the rescuer's from here.
        match unknown {
            true => Turn::On(self.again(failure, attempts, self.retry.rescue, true)),
            false => Turn::GivenUp(failure, attempts),
        }
    }

    fn not_found(&self, would_send: impl FnOnce() -> bool) -> Turn<'static> {
        let settled_at = self.op.last_sent_at.map(|sent| sent + span(self.retry.absence_grace));
        if settled_at.is_none_or(|at| at <= self.now) {
            let why = "Stripe has no such thing: the request was never carried out";
            return Turn::Undone(ABSENT, why.into());
        }
        let failure = Failure::NoAnswer("not found yet; an earlier request may still be under way".into());
        // A look that a person asked for may come early: what would be sent again under its key is not put off by it.
        if would_send() {
            let wait = retry::delay(self.retry, self.op.attempts.max(1), self.op.id.0);
            return Turn::On(self.again(&failure, self.op.attempts, wait, true));
        }
        let next = self.again(&failure, self.op.attempts, Duration::ZERO, true);
        Turn::On(Next { next_attempt_at: settled_at, ..next })
    }

    fn again(&self, failure: &Failure, attempts: u32, wait: Duration, unknown: bool) -> Next {
        Next {
            state: if unknown { OperationState::Unknown } else { OperationState::Planned },
            attempts,
            next_attempt_at: Some(self.now + span(wait)),
            unknown_since: unknown.then(|| self.op.unknown_since.unwrap_or(self.now)),
            done_as: None,
            error: Some(error(failure)),
        }
    }
}

impl Next {
    /// The operation's end: Stripe did it.
    pub(super) fn confirmed(op: &Operation, done_as: &str) -> Self {
        Self {
            state: OperationState::Confirmed,
            attempts: op.attempts,
            next_attempt_at: None,
            unknown_since: None,
            done_as: Some(done_as.to_owned()),
            error: None,
        }
    }

    /// The operation's end: nothing was done.
    pub(super) fn rejected(op: &Operation, error: (String, String)) -> Self {
        Self {
            state: OperationState::Rejected,
            attempts: op.attempts,
            next_attempt_at: None,
            unknown_since: None,
            done_as: None,
            error: Some(error),
        }
    }

    /// Since when its outcome is unknown, where that is so long that an admin is to know.
    pub(super) fn unknown_for_long(&self, retry: &RetryPolicy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.unknown_since.filter(|since| now - *since >= span(retry.unknown_alert_after))
    }
}

/// The code and words of what went wrong.
pub(super) fn error(failure: &Failure) -> (String, String) {
    (failure.code().to_owned(), failure.message().to_owned())
}

/// A duration as the calendar knows it.
pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
