//! One operation whose outcome is unknown, looked for at Stripe now, because a person asks. It is taken up, looked for
//! and concluded as the rescuer does it; it never sends anything.

use chrono::{DateTime, Utc};

use super::Jobs;
use super::submit::resume;
use crate::domain::ids::OperationId;
use crate::domain::operation::{About, OperationState};
use crate::domain::outcome::Next;
use crate::ports::{Desk, Recorded, StoreError, TakenUp};

/// What a look brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there, under this id of Stripe: the operation was done.
    Adopted(About, String),
    /// It is proven that nothing was done: the payment goes back to the decision.
    Absent(About),
    /// It is as unknown as before.
    Unknown {
        /// What it is about.
        about: About,
        /// Why nothing can be said.
        why: String,
        /// When payoutd goes on by itself.
        next_attempt_at: Option<DateTime<Utc>>,
    },
    /// It is not unknown, and was left as it is.
    NotUnknown(OperationState),
    /// There is no such operation.
    NoSuchOperation,
}

impl Jobs {
    /// Looks for an unknown operation, and has what was found recorded. The actor is put on record first.
    pub async fn resolve(&self, desk: &dyn Desk, id: OperationId, actor: String) -> Result<Found, StoreError> {
        let now = self.clock.now();
        let taken = match desk.take_up_unknown(id, actor, self.lease(now), now).await? {
            TakenUp::Leased(taken) => *taken,
            TakenUp::Refused(state) => return Ok(Found::NotUnknown(state)),
            TakenUp::NoSuchRow => return Ok(Found::NoSuchOperation),
        };
        let about = taken.operation.about;
        let lease_until = taken.operation.lease_until;
        let unwritten = |why: String| Found::Unknown { about, why, next_attempt_at: Some(lease_until) };
        Ok(match resume(self, taken).await {
            Recorded::Written(conclusion) => found(about, conclusion.next()),
            Recorded::LeaseLost => {
                unwritten("the look took longer than its lease; whoever has it now finds out".into())
            }
            Recorded::Refused(why) => unwritten(format!("what was found could not be written: {why}")),
        })
    }
}

fn found(about: About, next: &Next) -> Found {
    match (next.state, next.done_as.clone()) {
        (OperationState::Confirmed, Some(made)) => Found::Adopted(about, made),
        (OperationState::Rejected, _) => Found::Absent(about),
        _ => {
            let why = next.error.as_ref().map_or_else(String::new, |(_, words)| words.clone());
            Found::Unknown { about, why, next_attempt_at: next.next_attempt_at }
        }
    }
}
