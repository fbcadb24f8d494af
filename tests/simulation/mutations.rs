//! Deliberate faults of the core, as they would look from its ports. The auditor must find each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use payoutd::domain::ids::IdempotencyKey;
use payoutd::domain::outcome::Attempted;
use payoutd::domain::triage::{Failure, Refusal};
use payoutd::ports::{Called, ListPage, NewEvent, Outcome, Preflighted};

use crate::storage::Shared;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Each attempt has a key of its own.
    KeyNotStable,
    /// The claim does not look at the flag again.
    FlagNotRechecked,
    /// A lost answer counts as a refusal.
    UnknownIsFailed,
    /// Whoever brings an outcome has the lease.
    LeaseNotFenced,
    /// Of each kind of event only the first is kept.
    EventKeptOnceAKind,
    /// A list that could not be read counts as one with nothing on it.
    ListFailureIsEmpty,
    /// A look at a charge counts however old it is.
    LookNeverTooOld,
}

static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

impl Mutation {
    pub const ALL: [Mutation; 7] = [
        Mutation::KeyNotStable,
        Mutation::FlagNotRechecked,
        Mutation::UnknownIsFailed,
        Mutation::LeaseNotFenced,
        Mutation::EventKeptOnceAKind,
        Mutation::ListFailureIsEmpty,
        Mutation::LookNeverTooOld,
    ];

    /// A life that shows it, as lives are now. Where they have changed, another one does.
    pub fn seen_in(self) -> u64 {
        match self {
            Self::KeyNotStable | Self::FlagNotRechecked | Self::EventKeptOnceAKind | Self::ListFailureIsEmpty => 1,
            Self::LookNeverTooOld => 1,
            Self::UnknownIsFailed | Self::LeaseNotFenced => 8,
        }
    }

    pub fn key(self, key: &IdempotencyKey) -> IdempotencyKey {
        match self {
            Self::KeyNotStable => {
                let number = NEXT_KEY.fetch_add(1, Ordering::SeqCst);
                IdempotencyKey::new(format!("{key}:{number}"))
            }
            _ => key.clone(),
        }
    }

    pub fn list<T>(self, mut called: Called<ListPage<T>>) -> Called<ListPage<T>> {
        if self == Self::ListFailureIsEmpty && called.result.is_err() {
            called.result = Ok(ListPage { items: Vec::new(), next: None });
        }
        called
    }

    pub fn outcomes(self, shared: &Arc<Shared>, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        for outcome in &mut outcomes {
            match (self, &outcome.attempted) {
                (Self::UnknownIsFailed, Attempted::Failed(Failure::NoAnswer(_) | Failure::Unreadable { .. })) => {
                    let refusal = Refusal { status: 400, code: "no_answer".into(), ..Refusal::default() };
                    outcome.attempted = Attempted::Failed(Failure::Refused(refusal));
                }
                (Self::LeaseNotFenced, _) => {
                    let id = outcome.operation.id;
                    let leased = "state = 'submitting', lease_owner = 'nobody', lease_until = updated_at";
                    shared.sql.run(&format!(
                        "UPDATE OR IGNORE operations SET {leased} WHERE id = {id} AND state <> 'submitting'"
                    ));
                    let from = format!("operations WHERE id = {id}");
                    let epoch = shared.sql.number("lease_epoch", &from);
                    outcome.operation.lease_epoch = epoch.unwrap_or(outcome.operation.lease_epoch);
                }
                _ => {}
            }
        }
        outcomes
    }

    pub fn events(self, shared: &Arc<Shared>, events: Vec<NewEvent>) -> Vec<NewEvent> {
        if self != Self::EventKeptOnceAKind {
            return events;
        }
        let known =
            |event: &NewEvent| shared.sql.number("count(*)", &format!("webhook_events WHERE type = '{}'", event.kind));
        events.into_iter().filter(|event| known(event) == Some(0)).collect()
    }

    /// Lets looks at charges be of now.
    pub fn looked_at(self, mut ready: Vec<Preflighted>, now: DateTime<Utc>) -> Vec<Preflighted> {
        if self == Self::LookNeverTooOld {
            ready.iter_mut().for_each(|look| look.asked_at = now);
        }
        ready
    }

    /// Hides the flags from the claim. Answers whose.
    pub fn before_claim(self, shared: &Arc<Shared>) -> Vec<i64> {
        if self != Self::FlagNotRechecked {
            return Vec::new();
        }
        let flagged = shared.sql.numbers("id", "payments WHERE dispute_requested = 1");
        shared.sql.run("UPDATE payments SET dispute_requested = 0 WHERE dispute_requested = 1");
        flagged
    }

    pub fn after_claim(self, shared: &Arc<Shared>, flagged: &[i64]) {
        for id in flagged {
            shared.sql.run(&format!("UPDATE payments SET dispute_requested = 1 WHERE id = {id}"));
        }
    }
}
