//! How the daemon does, for those who tell others: a line for people, and the loops that do not turn.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::jobs::{Pulse, Turning};
use crate::ports::{Clock, Store};

/// Nobody waits longer for a line of text.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks at a daemon, and outlives none of its parts.
#[derive(Clone)]
pub struct Observer {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pulse: Arc<Pulse>,
}

impl Observer {
    /// What there is to do and what was done last.
    pub async fn summary(&self) -> String {
        let figures = match timeout(LOOK_TIMEOUT, self.store.status(self.clock.now())).await {
            Ok(Ok(figures)) => figures,
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the database does not answer".to_owned(),
        };
        let held: i64 = figures.payments.iter().filter(|(status, _)| *status == "held").map(|(_, count)| count).sum();
        let last = figures.last_run.map_or("no run yet".to_owned(), |run| {
            format!("last run {}: {run}", run.finished_at.format("%Y-%m-%d %H:%M:%SZ"))
        });
        format!("{} due, {held} held; {last}", figures.due)
    }

    /// The loops that should have turned by now.
    pub fn late(&self) -> Vec<Turning> {
        self.pulse.look().into_iter().filter(|turning| turning.late).collect()
    }
}
