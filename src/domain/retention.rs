//! What is removed once nobody needs it any more, and after how long. Nothing of the books is among it.

use std::time::Duration;

use super::payment::words;

words!(
    /// What is removed.
    Kept {
        /// Events that were projected or ignored.
        Events = "events",
        /// Calls made for operations that are at their end.
        Attempts = "attempts",
        /// Emails that were sent.
        Emails = "emails",
        /// Keys of the API's writes.
        ApiWrites = "api_writes",
        /// What runs came to.
        Runs = "runs",
    }
);

/// How long each is kept; `None` for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Events that were projected or ignored.
    pub events: Option<Duration>,
    /// Calls made for operations that are at their end.
    pub attempts: Option<Duration>,
    /// Emails that were sent.
    pub emails: Option<Duration>,
    /// Keys of the API's writes.
    pub api_writes: Option<Duration>,
    /// What runs came to.
    pub runs: Option<Duration>,
}

impl RetentionPolicy {
    /// How long this is kept.
    pub fn time(&self, kept: Kept) -> Option<Duration> {
        match kept {
            Kept::Events => self.events,
            Kept::Attempts => self.attempts,
            Kept::Emails => self.emails,
            Kept::ApiWrites => self.api_writes,
            Kept::Runs => self.runs,
        }
    }
}
