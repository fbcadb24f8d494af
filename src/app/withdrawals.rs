//! Withdrawals as people ask for them: what is on the account is read first, so that one that is not covered is refused to
//! whoever asks. Where Stripe does not answer, it is recorded all the same, and the next run looks. It moves no money.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::wiring::{AppError, client, existing_database};
use crate::config::Config;
use crate::domain::ids::{MentorId, WithdrawalId};
use crate::domain::withdrawal::Funds;
use crate::ports::{
    NewWithdrawal, Store, StoreError, StripeGateway, Withdraw, WithdrawalView, Withdrawals as Recorded,
};
use crate::store::Database;

/// Where they are asked for.
pub struct Withdrawals {
    database: Database,
    stripe: Option<Arc<dyn StripeGateway>>,
}

impl Withdrawals {
    pub(super) fn new(database: Database, stripe: Arc<dyn StripeGateway>) -> Self {
        Self { database, stripe: Some(stripe) }
    }

    /// For a command: with the configured database, and with Stripe where there is a key for it.
    pub async fn of(config: &Config) -> Result<Self, AppError> {
        let stripe = match config.require_stripe() {
            Ok(parts) => Some(client(parts)?),
            Err(_) => None,
        };
        Ok(Self { database: existing_database(config).await?, stripe })
    }

    /// What is on a mentor's account, as far as that can be found out now.
    async fn funds(&self, mentor: &MentorId) -> Result<Option<Funds>, StoreError> {
        let Some(stripe) = &self.stripe else { return Ok(None) };
        let found = self.database.mentors(Some(mentor.clone()), 1).await?.into_iter().next();
        let Some(account) = found.and_then(|(mentor, ..)| mentor.account_id) else { return Ok(None) };
        let read = stripe.funds_of(&account).await.result;
        Ok(read
            .inspect_err(|why| tracing::warn!(error = why.message(), "what is on an account could not be read"))
            .ok())
    }
}

#[async_trait]
impl Recorded for Withdrawals {
    async fn ask_withdrawal(&self, withdrawal: NewWithdrawal, now: DateTime<Utc>) -> Result<Withdraw, StoreError> {
        let funds = self.funds(&withdrawal.mentor_id).await?;
        self.database.ask_withdrawal(NewWithdrawal { funds, ..withdrawal }, now).await
    }

    async fn withdrawals(
        &self,
        mentor: MentorId,
        before: Option<WithdrawalId>,
        limit: i64,
    ) -> Result<Vec<WithdrawalView>, StoreError> {
        self.database.withdrawals(mentor, before, limit).await
    }
}
