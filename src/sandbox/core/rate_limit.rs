//! Requests per second, counted on the injected clock.

#[derive(Debug, Default)]
pub(super) struct RateLimit {
    second: i64,
    requests: u32,
}

impl RateLimit {
    /// Counts a request; false when it is one too many for its second.
    pub fn admit(&mut self, now: i64, per_second: Option<u32>) -> bool {
        if self.second != now {
            *self = Self { second: now, requests: 0 };
        }
        self.requests += 1;
        per_second.is_none_or(|limit| self.requests <= limit)
    }
}
