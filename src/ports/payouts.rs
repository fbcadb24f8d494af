//! The bank leg and connected accounts as the jobs see them in the database: withdrawals that are due, and accounts that
//! are to be made or changed. One method that writes is one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Lease, StoreError};
use crate::domain::facts::{AccountFact, PayoutFact};
use crate::domain::ids::{AccountId, MentorId, OperationId, PayoutId, WithdrawalId};
use crate::domain::onboarding::AccountOrder;
use crate::domain::operation::Operation;
use crate::domain::withdrawal::{Funds, WithdrawalCase};

/// A withdrawal that nothing speaks against so far: its account is to be read.
#[derive(Debug, Clone)]
pub struct DueWithdrawal {
    /// The facts.
    pub case: WithdrawalCase,
    /// The mentor's latest payout then: what is read next knows of it, and of no later one.
    pub latest: Option<OperationId>,
}

/// A withdrawal whose account was just read.
#[derive(Debug, Clone)]
pub struct CheckedWithdrawal {
    /// Which.
    pub id: WithdrawalId,
    /// As in [`DueWithdrawal`].
    pub latest: Option<OperationId>,
    /// The account.
    pub account: AccountFact,
    /// What is on it.
    pub funds: Funds,
    /// The account's payouts since shortly before it was asked for.
    pub payouts: Vec<PayoutFact>,
}

/// What claiming a withdrawal came to.
#[derive(Debug, Clone)]
pub enum ClaimedWithdrawal {
    /// The intent is committed: send it.
    Submit(Box<Operation>),
    /// It cannot be, for this reason.
    Refused(String),
    /// Another payout of the mentor came in between: it is looked at again.
    Waits,
    /// It was paid out before, by this payout, and this database did not know it.
    Adopted(PayoutId),
    /// It is not open any more.
    Gone,
}

/// What asking for an account to be made came to.
#[derive(Debug, Clone)]
pub enum ClaimedAccount {
    /// The intent is committed: send it.
    Submit(Box<Operation>),
    /// The mentor has one.
    Has(AccountId),
    /// One is being made, by this operation.
    UnderWay(OperationId),
    /// There is no such mentor.
    NoSuchMentor,
}

/// The database.
#[async_trait]
pub trait Payouts: Send + Sync {
    /// Looks at open withdrawals that are due, one of each mentor. Those that cannot be are refused; the others are left
    /// alone until `revisit_at`. Answers also how many were looked at.
    async fn pick_withdrawals(
        &self,
        limit: i64,
        revisit_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<DueWithdrawal>, usize), StoreError>;
    /// Tx 1 of the money rule: takes in what Stripe said, decides again under the lock, commits the intent.
    async fn claim_withdrawal(
        &self,
        checked: CheckedWithdrawal,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<ClaimedWithdrawal, StoreError>;
    /// Lets a withdrawal wait, since its account could not be read.
    async fn postpone_withdrawal(&self, id: WithdrawalId, until: DateTime<Utc>) -> Result<(), StoreError>;
    /// Takes in what was read of an account before a payout is sent again, and answers the facts as they are then.
    async fn refresh_withdrawal(
        &self,
        id: WithdrawalId,
        account: AccountFact,
        now: DateTime<Utc>,
    ) -> Result<WithdrawalCase, StoreError>;
    /// Posts payouts to the ledger that are not posted yet, such as those of an account that became somebody's.
    async fn post_payouts(&self, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Tx 1 of the money rule for a new account.
    async fn claim_account(
        &self,
        order: AccountOrder,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<ClaimedAccount, StoreError>;
    /// Mentors whose accounts are to be set to manual payouts, and never were.
    async fn accounts_to_schedule(&self, limit: i64) -> Result<Vec<(MentorId, AccountId)>, StoreError>;
    /// Tx 1 of the money rule for that. `None` when it was done, or is not to be any more.
    async fn claim_schedule(
        &self,
        mentor: MentorId,
        account: AccountId,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<Operation>, StoreError>;
}
