//! Connected accounts that payoutd makes for mentors, and how they pay out: what is asked of Stripe, and what follows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::facts::AccountFact;
use super::ids::{AccountId, IdempotencyKey, MentorId};
use super::mentor::{Account, Capability, Mentor};
use super::notice::{Notice, Outgoing};
use super::operation::{Done, Operation, Order};
use super::outcome::{Attempted, Next};
use super::payment::words;
use super::policy::Policy;
use super::rescue::{self, Step};
use super::turn::{Turn, error, turn};

words!(
    /// Stripe's kinds of connected account: <https://docs.stripe.com/connect/accounts>
    AccountType {
        /// Stripe asks its owner for what it needs, and shows them a small dashboard.
        Express = "express",
        /// Its owner has the whole of Stripe's dashboard.
        Standard = "standard",
        /// The platform answers for everything.
        Custom = "custom",
    }
);

/// Stripe's word for an account that pays out only when it is asked to.
pub const MANUAL: &str = "manual";

/// What is done with connected accounts.
#[derive(Debug, Clone, Default)]
pub struct OnboardingPolicy {
    /// Whether accounts are made to pay out only when payoutd asks, once their onboarding is complete.
    pub manual_payouts: bool,
}

/// The frozen parameters of a new account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOrder {
    /// For whom.
    pub mentor_id: MentorId,
    /// Of which kind.
    pub account_type: AccountType,
    /// Its owner's address.
    pub email: Option<String>,
    /// Where its owner lives, as ISO 3166 has it.
    pub country: Option<String>,
    /// An account of before cannot be it.
    pub since: DateTime<Utc>,
}

/// The frozen parameters of a change to manual payouts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleOrder {
    /// Of which account.
    pub account_id: AccountId,
}

/// The key of a new account. Should the database be begun anew, the mentor is still given the account of the last day.
pub fn account_key(mentor: &MentorId, generation: i32) -> IdempotencyKey {
    IdempotencyKey::new(format!("payoutd:account:{mentor}:{generation}"))
}

/// The key of a change to manual payouts.
pub fn schedule_key(account: &AccountId, generation: i32) -> IdempotencyKey {
    IdempotencyKey::new(format!("payoutd:schedule:{account}:{generation}"))
}

/// The facts about a mentor's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCase {
    /// Whose.
    pub mentor: Option<Mentor>,
    /// As last told.
    pub account: Option<Account>,
}

/// Whether an account is to be made to pay out only when asked: its owner is through with Stripe's forms, and it does not
/// yet. That this is done once is for whoever asks.
pub fn wants_manual(account: &Account, policy: &Policy) -> bool {
    let through = account.details_submitted && account.transfers == Capability::Active;
    let wanted = policy.onboarding.manual_payouts && !account.pays_out_on_request();
    wanted && through && account.deauthorized_at.is_none()
}

/// All that follows from an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConclusion {
    /// For the operation.
    pub next: Next,
    /// The account as it is now, once it is done.
    pub account: Option<Box<AccountFact>>,
    /// Whom to tell.
    pub notices: Vec<Outgoing>,
}

/// Concludes an attempt.
pub fn conclude(
    op: &Operation,
    attempted: &Attempted,
    case: &AccountCase,
    policy: &Policy,
    now: DateTime<Utc>,
) -> AccountConclusion {
    let would_send = || next_step(op, case, policy, now) == Step::Send;
    let ended = |error: (String, String)| AccountConclusion {
        notices: vec![refused(op, case, &error.1)],
        next: Next::rejected(op, error),
        account: None,
    };
    match turn(op, attempted, would_send, &policy.retry, now) {
        Turn::Done(done) => {
            let account = match done {
                Done::Account(account) => Some(account.clone()),
                _ => None,
            };
            // The account's own id stands with the operation that made it, and an id stands once.
            let done_as = match op.order {
                Order::Schedule(_) => format!("{}:{MANUAL}", done.id()),
                _ => done.id().to_owned(),
            };
            AccountConclusion { next: Next::confirmed(op, &done_as), account, notices: Vec::new() }
        }
        Turn::On(next) => {
            let notices = unknown(op, case, &next, policy, now).into_iter().collect();
            AccountConclusion { next, account: None, notices }
        }
        Turn::Refused(failure, _) => ended(error(failure)),
        Turn::GivenUp(failure, attempts) => {
            let conclusion = ended(error(failure));
            AccountConclusion { next: Next { attempts, ..conclusion.next }, ..conclusion }
        }
        Turn::Undone(code, why) => {
            let next = Next::rejected(op, (code.into(), why));
            AccountConclusion { next, account: None, notices: Vec::new() }
        }
    }
}

/// What to do with an operation that is not on the wire.
pub fn next_step(op: &Operation, case: &AccountCase, policy: &Policy, now: DateTime<Utc>) -> Step {
    let has_one = case.mentor.as_ref().is_some_and(|mentor| mentor.account_id.is_some());
    let makes_one = matches!(op.order, Order::Account(_));
    let objection = (makes_one && has_one).then(|| "the mentor has a connected account by now".to_owned());
    rescue::choose(op, objection, policy, now)
}

fn what(op: &Operation) -> &'static str {
    match op.order {
        Order::Schedule(_) => "could not be set to manual payouts; set it in Stripe's dashboard",
        _ => "could not be made",
    }
}

fn refused(op: &Operation, case: &AccountCase, why: &str) -> Outgoing {
    let notice = notice(op, case, format!("it {}: {why}", what(op)));
    Outgoing::to_admin(notice, "account_trouble", op.key.as_str(), None)
}

fn unknown(op: &Operation, case: &AccountCase, next: &Next, policy: &Policy, now: DateTime<Utc>) -> Option<Outgoing> {
    next.unknown_for_long(&policy.retry, now)?;
    let why = format!("nobody knows yet whether it was done; see payoutd operations show {}", op.id);
    Some(Outgoing::to_admin(notice(op, case, why), "account_unknown", op.id, None))
}

fn notice(op: &Operation, case: &AccountCase, why: String) -> Notice {
    let named = case.mentor.as_ref().and_then(|mentor| mentor.name.clone());
    let mentor = named.unwrap_or_else(|| op.mentor_id.to_string());
    Notice::AccountTrouble { mentor_id: op.mentor_id.clone(), mentor, why }
}
