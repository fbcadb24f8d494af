//! The schedule: tokio-cron-scheduler says when, and only that. What is due stands in the database, so a kick that is
//! late, doubled or lost changes nothing but the time.

use std::sync::Arc;
use std::time::Duration;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{Jobs, Loop};

/// The schedule cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The expression is not one.
    #[error("release.schedule `{expression}` is not a schedule: {why}; write six fields, for example \"0 * * * * *\"")]
    Expression {
        /// What was configured.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Checks a six-field expression (seconds first, in UTC).
pub fn check_schedule(expression: &str) -> Result<(), ScheduleError> {
    Job::new(expression, |_, _| {})
        .map(|_| ())
        .map_err(|error| ScheduleError::Expression { expression: expression.to_owned(), why: error.to_string() })
}

/// How often the scheduler shows that it turns. A clock that was set back stops it, and then nothing else would tell.
const BEAT: &str = "*/10 * * * * *";
const BETWEEN_BEATS: Duration = Duration::from_secs(10);

/// Kicks runs until stopped. Should the scheduler fail, says so and tries again.
pub(super) async fn keep_time(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Schedule);
    loop {
        jobs.pulse.rests(Loop::Schedule, BETWEEN_BEATS);
        if let Err(error) = kick(&jobs).await {
            tracing::error!(%error, "the scheduler failed; starting it again");
        }
        if !jobs.pause(Loop::Schedule, Duration::from_secs(5)).await {
            return;
        }
    }
}

async fn kick(jobs: &Arc<Jobs>) -> Result<(), JobSchedulerError> {
    let mut scheduler = JobScheduler::new().await?;
    let kicked = Arc::downgrade(jobs);
    let job = Job::new(jobs.settings.schedule.as_str(), move |_, _| {
        if let Some(jobs) = kicked.upgrade() {
            jobs.signals.release.notify_one();
        }
    })?;
    scheduler.add(job).await?;
    let pulse = jobs.pulse.clone();
    scheduler.add(Job::new(BEAT, move |_, _| pulse.rests(Loop::Schedule, BETWEEN_BEATS))?).await?;
    scheduler.start().await?;
    jobs.stop.cancelled().await;
    scheduler.shutdown().await
}
