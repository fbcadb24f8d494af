//! Reads the connected accounts that Stripe has not told of, or that were not in order when it last did: a webhook may
//! have been lost, and a mentor should not wait for the next one.

use std::time::Duration;

use super::{Jobs, span};
use crate::domain::breaker::Side;
use crate::ports::StoreError;

/// Accounts read in one run at most.
const AT_ONCE: i64 = 20;
/// An account that is not in order is read again after this.
const STALE_AFTER: Duration = Duration::from_secs(3600);

/// Reads a few accounts. One that cannot be read is left for the next run.
pub(super) async fn refresh(jobs: &Jobs) -> Result<(), StoreError> {
    let now = jobs.clock.now();
    for id in jobs.store.accounts_to_read(now - span(STALE_AFTER), AT_ONCE).await? {
        if jobs.stop.is_cancelled() || !jobs.breaker.lets_call(jobs.clock.now()) {
            break;
        }
        let called = jobs.stripe.account(&id).await;
        jobs.learn(Side::Reading, &called.result).await;
        match called.result {
            Ok(account) => jobs.store.learn_account(account, jobs.clock.now()).await?,
            Err(failure) => tracing::warn!(
                account.id = id.as_str(),
                error = failure.message(),
                "a mentor's Stripe account cannot be read; their payments wait"
            ),
        }
    }
    Ok(())
}
