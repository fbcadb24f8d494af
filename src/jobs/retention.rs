//! Removes what nobody needs any more, once a day: finished, older than it is kept, a few rows in a transaction. What of the
//! books there is, it never sees.

use super::daily::Done;
use super::{Jobs, Loop, span};
use crate::domain::retention::Kept;
use crate::ports::{StoreError, Turn};

/// Rows looked at in one transaction: a few, since on SQLite nothing else is written meanwhile.
const PAGE: i64 = 500;

impl Jobs {
    /// Removes what is old. `None` when it was given up: what is left is removed another time.
    pub(super) async fn remove_old(&self, turn: &mut Turn) -> Result<Done, StoreError> {
        let mut removed = Vec::new();
        for what in Kept::ALL.iter().copied() {
            let Some(time) = self.settings.retention.time(what) else { continue };
            let before = self.clock.now() - span(time);
            let (mut after, mut count) = (0, 0);
            loop {
                let began = self.clock.now();
                let page = self.chores.remove_old(what, before, after, PAGE).await?;
                count += page.removed;
                let removed = u64::try_from(page.removed).unwrap_or(u64::MAX);
                metrics::counter!("payoutd_removed_total", "what" => what.word()).increment(removed);
                let Some(last) = page.last else { break };
                after = last;
                if !self.goes_on(turn, Loop::Retention).await? {
                    return Ok(None);
                }
                // The database has others to serve: half of the time is theirs alone.
                let took = (self.clock.now() - began).to_std().unwrap_or_default();
                if !self.pause(Loop::Retention, took).await {
                    return Ok(None);
                }
            }
            removed.push(format!("{count} {}", what.word().replace('_', " ")));
        }
        Ok(Some((Vec::new(), format!("removed: {}", removed.join(", ")))))
    }
}
