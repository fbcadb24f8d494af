//! What an operation is about, with the facts that its outcome is concluded from: a payment, a withdrawal, or an account.

use chrono::{DateTime, Utc};

use super::onboarding::{self, AccountCase, AccountConclusion};
use super::operation::Operation;
use super::outcome::{self, Attempted, Conclusion, Next};
use super::policy::Policy;
use super::release::Case;
use super::rescue::{self, Step};
use super::withdrawal::WithdrawalCase;
use super::withdrawn::{self, WithdrawalConclusion};

/// The facts.
#[derive(Debug, Clone)]
pub enum Matter {
    /// About a payment.
    Payment(Box<Case>),
    /// About a withdrawal.
    Withdrawal(Box<WithdrawalCase>),
    /// About a mentor's account.
    Account(Box<AccountCase>),
}

/// All that follows from an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concluded {
    /// For a payment.
    Payment(Conclusion),
    /// For a withdrawal.
    Withdrawal(WithdrawalConclusion),
    /// For an account.
    Account(AccountConclusion),
}

impl Concluded {
    /// What the operation becomes.
    pub fn next(&self) -> &Next {
        match self {
            Self::Payment(conclusion) => &conclusion.next,
            Self::Withdrawal(conclusion) => &conclusion.next,
            Self::Account(conclusion) => &conclusion.next,
        }
    }

    /// What follows for a payment, where it is about one.
    pub fn payment(&self) -> Option<&Conclusion> {
        match self {
            Self::Payment(conclusion) => Some(conclusion),
            Self::Withdrawal(_) | Self::Account(_) => None,
        }
    }
}

/// Concludes an attempt from the facts as they are now, under their locks.
pub fn conclude(
    op: &Operation,
    attempted: &Attempted,
    matter: &Matter,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Concluded {
    match matter {
        Matter::Payment(case) => Concluded::Payment(outcome::conclude(op, attempted, case, policy, now)),
        Matter::Withdrawal(case) => Concluded::Withdrawal(withdrawn::conclude(op, attempted, case, policy, now)),
        Matter::Account(case) => Concluded::Account(onboarding::conclude(op, attempted, case, policy, now)),
    }
}

/// What to do with an operation that is not on the wire.
pub fn next_step(op: &Operation, matter: &Matter, policy: &Policy, now: DateTime<Utc>) -> Step {
    match matter {
        Matter::Payment(case) => rescue::next_step(op, case, policy, now),
        Matter::Withdrawal(case) => withdrawn::next_step(op, case, policy, now),
        Matter::Account(case) => onboarding::next_step(op, case, policy, now),
    }
}
