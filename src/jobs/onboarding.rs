//! Connected accounts: made for mentors who have none, and made to pay out only when asked once their owners are through
//! with Stripe's forms. Each is an operation; the link to the forms is not.

use async_trait::async_trait;

use super::submit::submit;
use super::{Jobs, span};
use crate::domain::breaker::Side;
use crate::domain::ids::{AccountId, IdempotencyKey, MentorId};
use crate::domain::matter::Concluded;
use crate::domain::onboarding::{AccountOrder, AccountType};
use crate::domain::operation::{Operation, OperationState};
use crate::ports::{
    AccountLink, ClaimedAccount, NewAccountLink, NewOnboarding, Onboarded, Onboarding, OnboardingError, Recorded,
    StoreError,
};

/// Accounts changed in one run at most.
const AT_ONCE: i64 = 20;

/// What Stripe has to know of the platform.
#[derive(Debug, Clone)]
pub struct OnboardingSettings {
    /// Of which kind accounts are made.
    pub account_type: AccountType,
    /// Where owners live, where nothing else is said.
    pub country: Option<String>,
    /// Where they are sent back to.
    pub return_url: Option<String>,
    /// Where they are sent when a link is too old.
    pub refresh_url: Option<String>,
}

/// Has accounts pay out only when asked, each once.
pub(super) async fn schedule(jobs: &Jobs) -> Result<(), StoreError> {
    for (mentor, account) in jobs.store.accounts_to_schedule(AT_ONCE).await? {
        let now = jobs.clock.now();
        if jobs.stop.is_cancelled() || !jobs.breaker.lets_call(now) {
            break;
        }
        if let Some(operation) = jobs.store.claim_schedule(mentor, account, jobs.lease(now), now).await? {
            submit(jobs, operation).await;
        }
    }
    Ok(())
}

#[async_trait]
impl Onboarding for Jobs {
    async fn onboard(&self, new: NewOnboarding) -> Result<Onboarded, OnboardingError> {
        let settings = &self.settings.onboarding;
        let return_url = settings.return_url.clone().ok_or(OnboardingError::NotSet("onboarding.return_url"))?;
        let refresh_url = settings.refresh_url.clone().unwrap_or_else(|| return_url.clone());
        let mentor = new.mentor_id.clone();
        let (account, made) = self.account_of(new).await?;
        let link = self.link(NewAccountLink { account_id: account.clone(), refresh_url, return_url }).await?;
        Ok(Onboarded { mentor, account, made, link })
    }
}

impl Jobs {
    /// The mentor's account, and whether it was made now.
    async fn account_of(&self, new: NewOnboarding) -> Result<(AccountId, bool), OnboardingError> {
        let (now, mentor) = (self.clock.now(), new.mentor_id);
        let order = AccountOrder {
            mentor_id: mentor.clone(),
            account_type: self.settings.onboarding.account_type,
            email: new.email,
            country: new.country.or_else(|| self.settings.onboarding.country.clone()),
            // The clocks of two machines may differ.
            since: now - span(self.policy.retry.absence_grace),
        };
        match self.store.claim_account(order, self.lease(now), now).await? {
            ClaimedAccount::Has(account) => Ok((account, false)),
            ClaimedAccount::UnderWay(id) => Err(OnboardingError::UnderWay(mentor, id)),
            ClaimedAccount::NoSuchMentor => Err(OnboardingError::NoSuchMentor(mentor)),
            ClaimedAccount::Submit(operation) => self.make(mentor, *operation).await.map(|account| (account, true)),
        }
    }

    async fn make(&self, mentor: MentorId, operation: Operation) -> Result<AccountId, OnboardingError> {
        let id = operation.id;
        let Recorded::Written(concluded) = submit(self, operation).await else {
            return Err(OnboardingError::UnderWay(mentor, id));
        };
        match *concluded {
            Concluded::Account(conclusion) => match (conclusion.account, conclusion.next.state) {
                (Some(account), OperationState::Confirmed) => Ok(account.id),
                (_, OperationState::Rejected) => {
                    let why = conclusion.next.error.map_or_else(String::new, |(_, words)| words);
                    Err(OnboardingError::Refused(mentor, why))
                }
                _ => Err(OnboardingError::UnderWay(mentor, id)),
            },
            _ => Err(OnboardingError::UnderWay(mentor, id)),
        }
    }

    async fn link(&self, new: NewAccountLink) -> Result<AccountLink, OnboardingError> {
        // Each link is another one: it is used up by opening it.
        let key = format!("payoutd:link:{}:{}", new.account_id, self.clock.now().timestamp_millis());
        let called = self.stripe.link_account(&IdempotencyKey::new(key), &new).await;
        self.learn(Side::Writing, &called.result).await;
        called.result.map_err(|failure| OnboardingError::NoLink(new.account_id, failure.message().to_owned()))
    }
}
