//! Keeps the database in shape: what was counted is added up. No money moves because of it.

use std::sync::Arc;
use std::time::Duration;

use super::{Jobs, Loop};
use crate::ports::StoreError;

/// How often to look.
const LOOK: Duration = Duration::from_secs(20);

/// Does so until stopped.
pub(super) async fn keep_in_shape(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Upkeep);
    loop {
        jobs.pulse.works(Loop::Upkeep);
        if let Err(error) = jobs.fold_counts().await {
            tracing::warn!(%error, "counts of payments are not added up now; it is tried again");
        }
        if !jobs.pause(Loop::Upkeep, LOOK).await {
            return;
        }
    }
}

impl Jobs {
    /// Adds up what was counted of payments, so that reading it stays cheap.
    pub async fn fold_counts(&self) -> Result<(), StoreError> {
        while self.chores.fold_counts().await? && !self.stop.is_cancelled() {
            self.pulse.works(Loop::Upkeep);
        }
        Ok(())
    }
}
