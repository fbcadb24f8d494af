//! Withdrawals and connected accounts, on the configured database: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::facts::AccountFact;
use crate::domain::ids::{AccountId, MentorId, WithdrawalId};
use crate::domain::onboarding::AccountOrder;
use crate::domain::operation::Operation;
use crate::domain::withdrawal::WithdrawalCase;
use crate::ports::{
    CheckedWithdrawal, ClaimedAccount, ClaimedWithdrawal, DueWithdrawal, Lease, NewWithdrawal, Payouts, Withdraw,
    WithdrawalView, Withdrawals,
};

#[async_trait]
impl Withdrawals for Database {
    async fn ask_withdrawal(&self, withdrawal: NewWithdrawal, now: DateTime<Utc>) -> Result<Withdraw> {
        let policy = self.policy.clone();
        tx!(self.db, "record a withdrawal", |conn| withdrawals::make(conn, &withdrawal, &policy, now))
    }

    async fn withdrawals(
        &self,
        mentor: MentorId,
        before: Option<WithdrawalId>,
        limit: i64,
    ) -> Result<Vec<WithdrawalView>> {
        read!(self.db, "list withdrawals", |conn| withdrawals::list(conn, Some(&mentor), before, limit))
    }
}

impl Database {
    /// Everybody's withdrawals, newest first.
    pub async fn all_withdrawals(&self, limit: i64) -> Result<Vec<WithdrawalView>> {
        read!(self.db, "list withdrawals", |conn| withdrawals::list(conn, None, None, limit))
    }
}

#[async_trait]
impl Payouts for Database {
    async fn pick_withdrawals(
        &self,
        limit: i64,
        revisit_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<DueWithdrawal>, usize)> {
        let policy = self.policy.clone();
        tx!(self.db, "pick due withdrawals", |conn| paying_out::pick(conn, limit, revisit_at, &policy, now))
    }

    async fn claim_withdrawal(
        &self,
        checked: CheckedWithdrawal,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<ClaimedWithdrawal> {
        let policy = self.policy.clone();
        tx!(self.db, "claim a withdrawal", |conn| paying_out::claim(conn, &checked, &lease, &policy, now))
    }

    async fn postpone_withdrawal(&self, id: WithdrawalId, until: DateTime<Utc>) -> Result<()> {
        tx!(self.db, "postpone a withdrawal", |conn| paying_out::postpone(conn, id, until))
    }

    async fn refresh_withdrawal(
        &self,
        id: WithdrawalId,
        account: AccountFact,
        now: DateTime<Utc>,
    ) -> Result<WithdrawalCase> {
        tx!(self.db, "take in an account", |conn| paying_out::refresh(conn, id, &account, now))
    }

    async fn post_payouts(&self, now: DateTime<Utc>) -> Result<()> {
        let posted: Result<usize> = tx!(self.db, "post payouts", |conn| payout_ledger::post_waiting(conn, now));
        posted.map(|_| ())
    }

    async fn claim_account(&self, order: AccountOrder, lease: Lease, now: DateTime<Utc>) -> Result<ClaimedAccount> {
        tx!(self.db, "claim an account", |conn| onboarding::claim_account(conn, &order, &lease, now))
    }

    async fn accounts_to_schedule(&self, limit: i64) -> Result<Vec<(MentorId, AccountId)>> {
        if !self.policy.onboarding.manual_payouts {
            return Ok(Vec::new());
        }
        read!(self.db, "read accounts", |conn| onboarding::to_schedule(conn, limit))
    }

    async fn claim_schedule(
        &self,
        mentor: MentorId,
        account: AccountId,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<Operation>> {
        let policy = self.policy.clone();
        tx!(self.db, "claim a schedule", |conn| {
            onboarding::claim_schedule(conn, mentor.clone(), account.clone(), &lease, &policy, now)
        })
    }
}
