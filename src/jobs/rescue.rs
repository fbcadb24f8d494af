//! The submit loop and the rescuer in one: takes up operations that are due again, whose outcome is unknown, or whose
//! worker is gone, and does the next step of each.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::submit::resume;
use super::{Jobs, Loop};
use crate::domain::breaker::Permit;
use crate::ports::StoreError;

/// How long to wait at least, so that a due operation which cannot be taken does not keep the loop spinning.
const LEAST: Duration = Duration::from_millis(50);

pub(super) async fn keep_rescuing(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Rescue);
    loop {
        jobs.pulse.works(Loop::Rescue);
        let wait = match rescue_batch(&jobs).await.and(next_wait(&jobs).await) {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "operations cannot be taken up now");
                jobs.settings.rescue_interval
            }
        };
        if !(jobs.pause(Loop::Rescue, LEAST).await && jobs.pause_or(Loop::Rescue, &jobs.signals.operations, wait).await)
        {
            return;
        }
    }
}

/// Until the next operation is due, at most the interval; longer while the breaker is open.
async fn next_wait(jobs: &Jobs) -> Result<Duration, StoreError> {
    let now = jobs.clock.now();
    let at = jobs.store.next_operation_at().await?;
    let until_due = at.map_or(jobs.settings.rescue_interval, |at| (at - now).to_std().unwrap_or_default());
    Ok(until_due.min(jobs.settings.rescue_interval))
}

impl Jobs {
    /// Takes up what is due now. Answers how many operations.
    pub async fn rescue(self: &Arc<Self>) -> Result<usize, StoreError> {
        rescue_batch(self).await
    }
}

async fn rescue_batch(jobs: &Arc<Jobs>) -> Result<usize, StoreError> {
    let now = jobs.clock.now();
    let due = jobs.store.next_operation_at().await?.is_some_and(|at| at <= now);
    if !due || jobs.stop.is_cancelled() {
        return Ok(0);
    }
    let permit = jobs.breaker.permit(now);
    let limit = match permit {
        Permit::All => jobs.settings.concurrency,
        Permit::Probe => 1,
        Permit::Wait(_) => return Ok(0),
    };
    let reclaimed = jobs.store.reclaim(i64::try_from(limit).unwrap_or(i64::MAX), jobs.lease(now), now).await?;
    let count = reclaimed.len();
    if count == 0 {
        jobs.breaker.give_back(permit, now);
    }
    let mut steps = JoinSet::new();
    for operation in reclaimed {
        let jobs = jobs.clone();
        steps.spawn(async move { resume(&jobs, operation).await });
    }
    while steps.join_next().await.is_some() {}
    Ok(count)
}
