//! Reads the disputes that are not over and of which Stripe has said nothing for long: the webhook that ends one may have
//! been lost, and what it holds would be held for ever.

use std::time::Duration;

use super::release::read_disputes;
use super::{Jobs, span};
use crate::ports::StoreError;

/// Charges whose disputes are read in one run at most.
const AT_ONCE: i64 = 20;
/// A dispute goes on for weeks: it is asked about once a day.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Reads a few. One that cannot be read is asked about again a day later, and keeps no other back.
pub(super) async fn refresh(jobs: &Jobs) -> Result<(), StoreError> {
    let now = jobs.clock.now();
    for charge in jobs.store.disputes_to_read(now - span(STALE_AFTER), AT_ONCE, now).await? {
        if jobs.stop.is_cancelled() || !jobs.breaker.lets_call(jobs.clock.now()) {
            break;
        }
        read_disputes(jobs, &charge).await?;
    }
    Ok(())
}
