//! Projection: reads kept events and has the store write what they say. An event that cannot be read stays, with its
//! error, and is tried again.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Jobs, Loop, span};
use crate::domain::event;
use crate::ports::{Projected, StoreError, Unprojected};

const BATCH: i64 = 100;
/// How long to wait when there is nothing to do, should the hint get lost.
const IDLE: Duration = Duration::from_secs(5);
/// How long to wait when the database is away, or another daemon projects.
const AWAY: Duration = Duration::from_secs(1);

pub(super) async fn keep_projecting(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Project);
    loop {
        jobs.pulse.works(Loop::Project);
        let wait = match project_batch(&jobs).await {
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

/// Projects the next events. Answers how many, or `None` when another daemon is at it.
pub(super) async fn project_batch(jobs: &Jobs) -> Result<Option<usize>, StoreError> {
    let now = jobs.clock.now();
    let events = jobs.store.unprojected(BATCH, now).await?;
    let count = events.len();
    if count == 0 {
        return Ok(Some(0));
    }
    let came: Vec<_> = events.iter().map(|event| event.received_at).collect();
    let projected: Vec<_> = events.into_iter().map(|event| read(event, now)).collect();
    let readable: Vec<_> = projected.iter().map(|event| event.fact.is_ok()).collect();
    if !jobs.store.project(projected, now).await? {
        return Ok(None);
    }
    let now = jobs.clock.now();
    for at in came.into_iter().zip(readable).filter_map(|(at, readable)| readable.then_some(at)) {
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
