//! Reads the connected accounts that Stripe has not told of, or that were not in order when it last did: a webhook may
//! have been lost, and a mentor should not wait for the next one.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};

use super::{Jobs, span};
use crate::domain::breaker::Side;
use crate::domain::facts::{AccountDetails, AccountFact, Stamp};
use crate::domain::ids::{AccountId, EventId};
use crate::domain::mentor::{Capability, NOT_FOUND};
use crate::domain::triage::{Verdict, triage};
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
            Err(failure) => {
                let (account_id, error) = (id.as_str(), failure.message());
                tracing::warn!(account.id = account_id, error, "an account cannot be read; its mentor's payments wait");
                // Stripe's plain no is kept, so that the account is not asked for in each run; it is asked again later.
                if matches!(triage(&failure), Verdict::Reject | Verdict::HoldMentor) {
                    jobs.store.learn_account(not_found(id, now), now).await?;
                }
            }
        }
    }
    Ok(())
}

pub(super) fn not_found(id: AccountId, now: DateTime<Utc>) -> AccountFact {
    let details = AccountDetails {
        details_submitted: false,
        payouts_enabled: false,
        charges_enabled: false,
        disabled_reason: Some(NOT_FOUND.to_owned()),
        requirements: Vec::new(),
        payout_interval: None,
    };
    let transfers = Capability::Inactive;
    // An event of the same second counts more than this.
    let stamp = Stamp { told_at: now.trunc_subsecs(0), rank: i16::MIN, event_id: EventId::new("") };
    AccountFact { id, transfers, details: Some(details), operation_key: None, stamp }
}
