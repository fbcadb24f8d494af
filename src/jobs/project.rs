//! Projection: reads kept events and has the store write what they say. An event that cannot be read stays, with its
//! error, and is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Jobs, Loop, span};
use crate::domain::event;
use crate::ports::{Projected, StoreError, Unprojected};

/// Events in one transaction, at most.
const MOST: i64 = 200;
/// And at first.
const FIRST: i64 = 8;
/// How long to wait when there is nothing to do, should the hint get lost.
const IDLE: Duration = Duration::from_secs(5);
/// How long to wait when the database is away, or another daemon projects.
const AWAY: Duration = Duration::from_secs(1);

/// How many events are projected in one transaction. A few after a start or an error, then twice as many each time: a daemon that
/// is killed again and again before it gets through a large batch would not get anywhere, ever.
#[derive(Debug)]
pub(super) struct BatchSize(AtomicI64);

impl Default for BatchSize {
    fn default() -> Self {
        Self(AtomicI64::new(FIRST))
    }
}

impl BatchSize {
    fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// How many the next time, if these go well.
    fn next(&self) -> i64 {
        (self.get() * 2).min(MOST)
    }

    /// So many were projected.
    fn went_well(&self, events: usize) {
        if is_full(events, self.get()) {
            self.0.store(self.next(), Ordering::Relaxed);
        }
    }

    fn failed(&self) {
        self.0.store(FIRST, Ordering::Relaxed);
    }
}

/// Whether a batch is as large as it may be, so that more may wait.
fn is_full(events: usize, size: i64) -> bool {
    i64::try_from(events).is_ok_and(|events| events >= size)
}

/// Events that were read, in the order in which they came.
#[derive(Debug)]
struct Batch {
    events: Vec<Projected>,
    /// When those came that could be read.
    came: Vec<DateTime<Utc>>,
}

pub(super) async fn keep_projecting(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Project);
    let mut next = None;
    loop {
        jobs.pulse.works(Loop::Project);
        let wait = match project_next(&jobs, &mut next).await {
            Ok(Some(0)) => IDLE,
            Ok(Some(_)) => Duration::ZERO,
            Ok(None) => AWAY,
            Err(error) => {
                tracing::error!(%error, "events cannot be projected now");
                AWAY
            }
        };
        let goes_on = match wait {
            Duration::ZERO => !jobs.stop.is_cancelled(),
            AWAY => jobs.pause(Loop::Project, AWAY).await,
            wait => jobs.pause_or(Loop::Project, &jobs.signals.events, wait).await,
        };
        if !goes_on {
            return;
        }
    }
}

/// Projects the batch that was read ahead, or else the next one. While a full one is being written, the one after it is read.
async fn project_next(jobs: &Jobs, ahead: &mut Option<Batch>) -> Result<Option<usize>, StoreError> {
    let size = jobs.batch_size.get();
    let batch = match ahead.take() {
        Some(batch) => batch,
        None => read_some(jobs, size, Vec::new()).await?,
    };
    let count = batch.events.len();
    if !is_full(count, size) {
        return project(jobs, batch).await;
    }
    let these = batch.events.iter().map(|event| event.row_id).collect();
    let (projected, read) = tokio::join!(project(jobs, batch), read_some(jobs, jobs.batch_size.next(), these));
    if let Ok(Some(_)) = projected {
        *ahead = read.ok().filter(|batch| !batch.events.is_empty());
    }
    projected
}

/// Projects the next events. Answers how many, or `None` when another daemon is at it.
pub(super) async fn project_batch(jobs: &Jobs) -> Result<Option<usize>, StoreError> {
    let batch = read_some(jobs, jobs.batch_size.get(), Vec::new()).await?;
    project(jobs, batch).await
}

/// Reads events that wait, besides these.
async fn read_some(jobs: &Jobs, limit: i64, besides: Vec<i64>) -> Result<Batch, StoreError> {
    let now = jobs.clock.now();
    let events = jobs.store.unprojected(limit, besides, now).await?;
    let mut batch = Batch { events: Vec::with_capacity(events.len()), came: Vec::with_capacity(events.len()) };
    for event in events {
        let received_at = event.received_at;
        let event = read(event, now);
        batch.came.extend(event.fact.is_ok().then_some(received_at));
        batch.events.push(event);
    }
    Ok(batch)
}

/// Has the store write what a batch says. Answers how many events it was, or `None` when another daemon is at it.
async fn project(jobs: &Jobs, Batch { events, came }: Batch) -> Result<Option<usize>, StoreError> {
    let count = events.len();
    if count == 0 {
        return Ok(Some(0));
    }
    match jobs.store.project(events, jobs.clock.now()).await {
        Ok(true) => jobs.batch_size.went_well(count),
        Ok(false) => return Ok(None),
        Err(error) => {
            jobs.batch_size.failed();
            return Err(error);
        }
    }
    let now = jobs.clock.now();
    for at in came {
        let lag = (now - at).to_std().unwrap_or_default();
        metrics::histogram!("payoutd_webhook_lag_seconds").record(lag.as_secs_f64()); // float: not money
    }
    Ok(Some(count))
}

fn read(event: Unprojected, now: DateTime<Utc>) -> Projected {
    let fact = event::facts(&event.body).map(|(_, fact)| fact).map_err(|error| error.to_string());
    if let Err(error) = &fact {
        tracing::error!(event.id = event.event_id, error, "an event cannot be read; it stays and is tried again");
    }
    Projected { row_id: event.row_id, fact, retry_at: now + span(retry_wait(event.attempts)) }
}

/// Five seconds, doubled with each attempt, at most an hour: an upgrade may be able to read it.
fn retry_wait(attempts: i32) -> Duration {
    let doubled = 5_u64.checked_shl(attempts.unsigned_abs()).unwrap_or(u64::MAX);
    Duration::from_secs(doubled.clamp(5, 3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of batches that all go well and are full.
    fn sizes(batches: usize, size: &BatchSize) -> Vec<i64> {
        let turn = |_| {
            let events = size.get();
            size.went_well(usize::try_from(events).expect("few"));
            events
        };
        (0..batches).map(turn).collect()
    }

    #[test]
    fn batches_grow_to_the_limit_and_begin_again_after_an_error() {
        let size = BatchSize::default();
        assert_eq!(sizes(6, &size), [8, 16, 32, 64, 128, 200]);
        size.failed();
        assert_eq!(sizes(3, &size), [8, 16, 32]);
    }

    #[test]
    fn what_is_not_full_proves_nothing_about_larger_ones() {
        let size = BatchSize::default();
        size.went_well(7);
        size.went_well(0);
        assert_eq!(size.get(), 8);
        size.went_well(8);
        assert_eq!(size.get(), 16);
    }

    /// Given a daemon that lives for no longer than it takes to project sixty events, then each of its lives gets somewhere; with
    /// a hundred in a batch none would.
    #[test]
    fn one_that_is_killed_again_and_again_gets_through() {
        let (mut waiting, mut lives) = (1_000, 0);
        while waiting > 0 {
            lives += 1;
            let (size, mut left) = (BatchSize::default(), 60);
            while waiting > 0 && size.get().min(waiting) <= left {
                let events = size.get().min(waiting);
                (left, waiting) = (left - events, waiting - events);
                size.went_well(usize::try_from(events).expect("few"));
            }
            assert!(lives <= 1_000, "{waiting} never get projected");
        }
        assert_eq!(lives, 18, "8, 16 and 32 in each");
    }
}
