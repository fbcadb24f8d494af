//! Whether the loops turn: each says when it will be back at the latest, and one that is not back by then is late. The
//! service manager is told that the daemon lives only while none is. It neither stops nor mends a loop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// Projects events.
    Project,
    /// Does release runs.
    Release,
    /// Takes up operations again.
    Rescue,
    /// Sends emails.
    Mail,
    /// Records outcomes.
    Record,
    /// Keeps the schedule.
    Schedule,
    /// Does what is done once a day.
    Daily,
    /// Looks at the books.
    Audit,
    /// Asks for events that no webhook brought.
    CatchUp,
    /// Compares with Stripe.
    Reconcile,
    /// Removes what nobody needs any more.
    Retention,
    /// Keeps the database in shape.
    Upkeep,
}

impl Loop {
    /// All of them.
    pub const ALL: [Loop; 12] = [
        Loop::Project,
        Loop::Release,
        Loop::Rescue,
        Loop::Mail,
        Loop::Record,
        Loop::Schedule,
        Loop::Daily,
        Loop::Audit,
        Loop::CatchUp,
        Loop::Reconcile,
        Loop::Retention,
        Loop::Upkeep,
    ];

    /// What it is called in logs and figures.
    pub fn word(self) -> &'static str {
        match self {
            Loop::Project => "project",
            Loop::Release => "release",
            Loop::Rescue => "rescue",
            Loop::Mail => "mail",
            Loop::Record => "record",
            Loop::Schedule => "schedule",
            Loop::Daily => "daily",
            Loop::Audit => "audit",
            Loop::CatchUp => "catch_up",
            Loop::Reconcile => "reconcile",
            Loop::Retention => "retention",
            Loop::Upkeep => "upkeep",
        }
    }
}

/// What a loop may be late by: a busy machine, a slow disk.
const SLACK: Duration = Duration::from_secs(30);
/// One step of work may take so long besides its calls: a transaction that waits for its turn.
const STEP: Duration = Duration::from_secs(120);
/// Calls to Stripe or to a mail server that one step makes one after the other, at most.
const CALLS_IN_A_STEP: u32 = 4;

/// The heartbeat of all loops. Monotonic time: the calendar may be set back, and that is no reason to be late.
#[derive(Debug)]
pub struct Pulse {
    step: Duration,
    beats: Mutex<[Beat; Loop::ALL.len()]>,
}

#[derive(Debug, Clone, Copy)]
struct Beat {
    last: Instant,
    next_by: Instant,
    ended: bool,
}

/// How a loop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turning {
    /// Which.
    pub name: &'static str,
    /// Since it last turned.
    pub age: Duration,
    /// Whether it should have turned since.
    pub late: bool,
}

impl Pulse {
    /// Nobody is late yet. `longest_call` is the timeout of the slowest call that a loop makes.
    pub fn new(longest_call: Duration) -> Self {
        let step = STEP + longest_call * CALLS_IN_A_STEP;
        let now = Instant::now();
        Self { step, beats: Mutex::new([Beat { last: now, next_by: now + step, ended: false }; Loop::ALL.len()]) }
    }

    /// A loop begins a step of work.
    pub fn works(&self, which: Loop) {
        self.beat(which, self.step);
    }

    /// A loop waits, for so long at most.
    pub fn rests(&self, which: Loop, wait: Duration) {
        self.beat(which, wait.saturating_add(SLACK));
    }

    /// How each loop stands.
    pub fn look(&self) -> Vec<Turning> {
        let now = Instant::now();
        let beats = *self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let turning = |(which, beat): (Loop, Beat)| Turning {
            name: which.word(),
            age: now - beat.last,
            late: beat.ended || now > beat.next_by,
        };
        Loop::ALL.into_iter().zip(beats).map(turning).collect()
    }

    fn beat(&self, which: Loop, allowed: Duration) {
        let now = Instant::now();
        // A wait beyond what a clock can hold is no wait that anybody configures.
        let next_by = now.checked_add(allowed).unwrap_or(now + STEP);
        self.with(which, |beat| Beat { last: now, next_by, ended: beat.ended });
    }

    fn with(&self, which: Loop, change: impl FnOnce(Beat) -> Beat) {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let beat = &mut beats[which as usize];
        *beat = change(*beat);
    }
}

/// Held by a loop as long as it lives: one that ends before it is told to, by a panic for one, is late at once.
pub(super) struct Life {
    pulse: Arc<Pulse>,
    which: Loop,
    stop: CancellationToken,
}

impl Life {
    pub(super) fn of(which: Loop, pulse: &Arc<Pulse>, stop: &CancellationToken) -> Self {
        Self { pulse: pulse.clone(), which, stop: stop.clone() }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            tracing::error!(name = self.which.word(), "a loop ended though nobody stopped it");
            self.pulse.with(self.which, |beat| Beat { ended: true, ..beat });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Duration = Duration::from_secs(30);

    fn late(pulse: &Pulse) -> Vec<&'static str> {
        pulse.look().into_iter().filter(|turning| turning.late).map(|turning| turning.name).collect()
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_is_late_once_its_own_time_is_over() {
        let pulse = Pulse::new(CALL);
        for which in Loop::ALL {
            pulse.rests(which, Duration::from_secs(5));
        }
        pass(35).await;
        assert_eq!(late(&pulse), [""; 0], "5 s of rest and 30 s of slack");
        pulse.works(Loop::Release);
        pulse.rests(Loop::Rescue, Duration::from_secs(3600));
        pass(1).await;
        let those =
            ["project", "mail", "record", "schedule", "daily", "audit", "catch_up", "reconcile", "retention", "upkeep"];
        assert_eq!(late(&pulse), those);
        pass(240).await;
        assert_eq!(late(&pulse), [&["project", "release"], &those[1..]].concat(), "a step takes 240 s at most");
        pulse.works(Loop::Release);
        assert!(!late(&pulse).contains(&"release"), "it has turned again");
        assert_eq!(pulse.look()[1].age, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_ended_by_itself_stays_late() {
        let (pulse, stop) = (Arc::new(Pulse::new(CALL)), CancellationToken::new());
        drop(Life::of(Loop::Mail, &pulse, &stop));
        pulse.works(Loop::Mail);
        assert_eq!(late(&pulse), ["mail"], "whoever beats for it, it is gone");
        stop.cancel();
        drop(Life::of(Loop::Project, &pulse, &stop));
        assert_eq!(late(&pulse), ["mail"], "one that was stopped is not");
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_rest_is_not_believed() {
        let pulse = Pulse::new(CALL);
        pulse.rests(Loop::Mail, Duration::MAX);
        assert_eq!(late(&pulse), [""; 0]);
    }
}
