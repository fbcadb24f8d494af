//! One run at a time, whoever wants it: the schedule's and the command line's runs follow each other, the cron
//! endpoint joins the one under way. A run is a task of its own, and does not end with whoever asked for it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::watch;

use super::Jobs;
use crate::domain::ids::RunId;
use crate::ports::{NoRun, RunCounts, RunOutcome, RunTicket, RunTrigger, Trigger};

/// The run under way, or the last one.
#[derive(Default)]
pub(super) struct Runs(Mutex<Option<watch::Receiver<Stage>>>);

/// How far a run is.
#[derive(Debug, Clone)]
enum Stage {
    /// Not on record yet.
    Beginning,
    /// On record, and at work.
    Working(RunId),
    /// Over.
    Ended(Result<RunOutcome, NoRun>),
}

/// A run to follow.
struct Followed {
    stages: watch::Receiver<Stage>,
    joined: bool,
}

impl Jobs {
    /// Does one run, after the one that may be under way. Runs of several daemons share the work.
    pub async fn run(self: &Arc<Self>, trigger: Trigger) -> Result<RunCounts, NoRun> {
        self.run_to_end(trigger).await.map(|outcome| outcome.counts)
    }

    /// The same, with why not all could be tried.
    pub async fn run_to_end(self: &Arc<Self>, trigger: Trigger) -> Result<RunOutcome, NoRun> {
        loop {
            let Followed { stages, joined } = self.start_or_join(trigger);
            let ended = end_of(stages).await;
            if !joined {
                return ended;
            }
        }
    }

    fn start_or_join(self: &Arc<Self>, trigger: Trigger) -> Followed {
        let mut last = self.runs.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stages) = last.as_ref().filter(|stages| is_under_way(stages)) {
            return Followed { stages: stages.clone(), joined: true };
        }
        let (tell, stages) = watch::channel(Stage::Beginning);
        *last = Some(stages.clone());
        let jobs = self.clone();
        self.tasks.spawn(async move {
            let began = |run_id| drop(tell.send_replace(Stage::Working(run_id)));
            let ended = jobs.run_alone(trigger, began).await;
            // Those who wait for this may be about to close the database: nothing of it is held any longer.
            drop(jobs);
            tell.send_replace(Stage::Ended(ended.map_err(NoRun::Store)));
        });
        Followed { stages, joined: false }
    }
}

#[async_trait]
impl RunTrigger for Arc<Jobs> {
    async fn trigger(&self, trigger: Trigger) -> Result<RunTicket, NoRun> {
        if self.stop.is_cancelled() {
            return Err(NoRun::Stopping);
        }
        let Followed { mut stages, joined } = self.start_or_join(trigger);
        let on_record = stages.wait_for(|stage| !matches!(stage, Stage::Beginning)).await;
        let run_id = match on_record.map(|stage| stage.clone()) {
            Ok(Stage::Working(run_id)) => run_id,
            Ok(Stage::Ended(ended)) => ended?.run_id,
            Ok(Stage::Beginning) | Err(_) => return Err(NoRun::BrokeOff),
        };
        Ok(RunTicket { run_id, joined, ended: end_of(stages).boxed() })
    }
}

/// A run whose task is gone without a word, because it panicked, is not under way.
fn is_under_way(stages: &watch::Receiver<Stage>) -> bool {
    stages.has_changed().is_ok() && !matches!(*stages.borrow(), Stage::Ended(_))
}

async fn end_of(mut stages: watch::Receiver<Stage>) -> Result<RunOutcome, NoRun> {
    match stages.wait_for(|stage| matches!(stage, Stage::Ended(_))).await.as_deref() {
        Ok(Stage::Ended(ended)) => ended.clone(),
        Ok(_) | Err(_) => Err(NoRun::BrokeOff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StoreError;

    #[tokio::test]
    async fn a_run_is_under_way_until_it_says_how_it_ended_or_vanishes() {
        let (tell, stages) = watch::channel(Stage::Beginning);
        assert!(is_under_way(&stages));
        tell.send_replace(Stage::Working(RunId(7)));
        assert!(is_under_way(&stages));
        tell.send_replace(Stage::Ended(Err(StoreError::Away("gone".into()).into())));
        assert!(!is_under_way(&stages));
        assert!(matches!(end_of(stages).await, Err(NoRun::Store(StoreError::Away(_)))));

        let (tell, stages) = watch::channel(Stage::Working(RunId(8)));
        drop(tell);
        assert!(!is_under_way(&stages));
        assert!(matches!(end_of(stages).await, Err(NoRun::BrokeOff)));
    }
}
