//! What follows from an attempt at a payout, and from what is told of one afterwards.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::facts::PayoutFact;
use super::ids::WithdrawalId;
use super::mentor::Mentor;
use super::money::{Currency, MinorUnits};
use super::notice::Notice;
use super::operation::{Done, Operation, Order};
use super::outcome::{Attempted, Next};
use super::outgoing::Outgoing;
use super::policy::Policy;
use super::rescue::{self, Step};
use super::turn::{Turn, error, turn};
use super::withdrawal::{self, WithdrawalCase, WithdrawalState, answer};

/// What a withdrawal becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WithdrawalNext {
    /// To be answered anew.
    Open,
    /// Stripe made this payout; what is told of it later moves it on.
    Sent(Box<PayoutFact>),
    /// Stripe would not, in these words.
    Failed(String),
}

/// All that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawalConclusion {
    /// For the operation.
    pub next: Next,
    /// For the withdrawal; `None` while the operation goes on.
    pub withdrawal: Option<WithdrawalNext>,
    /// Whom to tell.
    pub notices: Vec<Outgoing>,
}

/// Concludes an attempt. `case` holds the facts as they are now, under the request's lock.
pub fn conclude(
    op: &Operation,
    attempted: &Attempted,
    case: &WithdrawalCase,
    policy: &Policy,
    now: DateTime<Utc>,
) -> WithdrawalConclusion {
    let would_send = || next_step(op, case, policy, now) == Step::Send;
    let ended = |error: (String, String), withdrawal| WithdrawalConclusion {
        next: Next::rejected(op, error),
        withdrawal: Some(withdrawal),
        notices: Vec::new(),
    };
    let failed = |error: (String, String)| {
        let why = error.1.clone();
        let notices = told(&Told::of(op, case), WithdrawalState::Failed, Some(&why));
        WithdrawalConclusion { notices, ..ended(error, WithdrawalNext::Failed(why)) }
    };
    match turn(op, attempted, would_send, &policy.retry, now) {
        Turn::Done(done) => {
            let sent = match done {
                Done::Payout(payout) => Some(WithdrawalNext::Sent(Box::new(payout.clone()))),
                _ => None,
            };
            WithdrawalConclusion { next: Next::confirmed(op, done.id()), withdrawal: sent, notices: Vec::new() }
        }
        Turn::On(next) => {
            let notices = unknown(op, case, &next, policy, now).into_iter().collect();
            WithdrawalConclusion { next, withdrawal: None, notices }
        }
        // What was there when it was read is not there now, or Stripe will not: whoever asked may ask again.
        Turn::Refused(failure, _) => failed(error(failure)),
        Turn::GivenUp(failure, attempts) => {
            let conclusion = failed(error(failure));
            WithdrawalConclusion { next: Next { attempts, ..conclusion.next }, ..conclusion }
        }
        Turn::Undone(code, why) => ended((code.into(), why), WithdrawalNext::Open),
    }
}

/// What to do with a payout that is not on the wire.
pub fn next_step(op: &Operation, case: &WithdrawalCase, policy: &Policy, now: DateTime<Utc>) -> Step {
    rescue::choose(op, changed(op, case, policy), policy, now)
}

/// What speaks against sending it now. Where the account was read anew, that counts as well: a repeat may be what sends it.
fn changed(op: &Operation, case: &WithdrawalCase, policy: &Policy) -> Option<String> {
    if case.funds.is_none() {
        return withdrawal::objection(case, policy);
    }
    match answer(case, policy) {
        Err(why) => Some(why),
        // What is there may have grown or shrunk since: all of it is as much as it was then.
        Ok(order) => match &op.order {
            Order::Payout(ours) if ours.amount <= order.amount && ours.account_id == order.account_id => None,
            _ => Some("what is available has changed since".into()),
        },
    }
}

/// Of whom and of how much people are told.
#[derive(Debug, Clone)]
pub struct Told<'a> {
    /// Which withdrawal.
    pub id: WithdrawalId,
    /// Whose.
    pub mentor: Option<&'a Mentor>,
    /// Their id, also where nobody has told who they are.
    pub mentor_id: &'a str,
    /// How much, as far as is known.
    pub money: Option<(MinorUnits, Currency)>,
}

impl<'a> Told<'a> {
    fn of(op: &Operation, case: &'a WithdrawalCase) -> Self {
        Self { money: op.order.money(), ..Self::asked(case) }
    }

    /// As it was asked for.
    pub fn asked(case: &'a WithdrawalCase) -> Self {
        let request = &case.request;
        let currency = request.currency.as_deref().and_then(|code| Currency::parse(code).ok());
        Self {
            id: request.id,
            mentor: case.mentor.as_ref(),
            mentor_id: request.mentor_id.as_str(),
            money: request.amount.and_then(MinorUnits::new).zip(currency),
        }
    }

    fn notice(&self, news: WithdrawalNews) -> Notice {
        let named = self.mentor.and_then(|mentor| mentor.name.clone());
        let mentor = named.unwrap_or_else(|| self.mentor_id.to_owned());
        let withdrawal = WithdrawalBrief { withdrawal_id: self.id, mentor, money: self.money };
        Notice::Withdrawal { withdrawal, news }
    }

    fn to_mentor(&self, news: WithdrawalNews) -> Option<Outgoing> {
        let once = format!("{}:{}", news.kind(), self.id);
        Outgoing::to_mentor(self.mentor, self.notice(news), once, false)
    }

    fn to_admin(&self, news: WithdrawalNews, about: &str) -> Outgoing {
        Outgoing::to_admin(self.notice(news), "withdrawal_trouble", format!("{}:{about}", self.id), None)
    }
}

/// A withdrawal as an email speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalBrief {
    /// Its number.
    pub withdrawal_id: WithdrawalId,
    /// The mentor by name, or else by the platform's id.
    pub mentor: String,
    /// How much in minor units, and in what; `None` where all that is available was asked for.
    pub money: Option<(MinorUnits, Currency)>,
}

/// What people are told of a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum WithdrawalNews {
    /// To the mentor: their bank has it.
    Paid,
    /// To the mentor: it is on their connected account again, or still.
    Failed {
        /// Why, in the bank's or Stripe's words.
        why: String,
    },
    /// To the mentor: it was cancelled before their bank had it.
    Canceled,
    /// To the mentor: it cannot be.
    Refused {
        /// Why, in words.
        why: String,
    },
    /// To the admin: it failed, or nobody knows of it.
    Trouble {
        /// Why, in words.
        why: String,
    },
}

impl WithdrawalNews {
    /// A word for the kind, as stored in the outbox.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Paid => "withdrawal_paid",
            Self::Failed { .. } => "withdrawal_failed",
            Self::Canceled => "withdrawal_canceled",
            Self::Refused { .. } => "withdrawal_refused",
            Self::Trouble { .. } => "withdrawal_trouble",
        }
    }

    /// Whether the mentor is told, and not an admin.
    pub fn is_for_the_mentor(&self) -> bool {
        !matches!(self, Self::Trouble { .. })
    }
}

/// Whom to tell that a withdrawal stands so now. Each is told once of each state.
pub fn told(of: &Told<'_>, state: WithdrawalState, why: Option<&str>) -> Vec<Outgoing> {
    let why = why.unwrap_or("no reason was given").to_owned();
    let trouble = || of.to_admin(WithdrawalNews::Trouble { why: why.clone() }, state.word());
    match state {
        WithdrawalState::Paid => of.to_mentor(WithdrawalNews::Paid).into_iter().collect(),
        WithdrawalState::Failed => {
            let news = WithdrawalNews::Failed { why: why.clone() };
            of.to_mentor(news).into_iter().chain([trouble()]).collect()
        }
        WithdrawalState::Canceled => of.to_mentor(WithdrawalNews::Canceled).into_iter().chain([trouble()]).collect(),
        // Where the mentor cannot be told, somebody is to know.
        WithdrawalState::Refused => {
            vec![of.to_mentor(WithdrawalNews::Refused { why: why.clone() }).unwrap_or_else(trouble)]
        }
        _ => Vec::new(),
    }
}

/// An admin hears of a withdrawal whose account Stripe definitely does not show.
pub fn unreadable(case: &WithdrawalCase, why: &str) -> Outgoing {
    let why = format!("what is on the connected account cannot be read from Stripe: {why}");
    Told::asked(case).to_admin(WithdrawalNews::Trouble { why }, "unreadable")
}

fn unknown(
    op: &Operation,
    case: &WithdrawalCase,
    next: &Next,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Option<Outgoing> {
    next.unknown_for_long(&policy.retry, now)?;
    let why = format!("nobody knows yet whether Stripe did it; see payoutd operations show {}", op.id);
    Some(Told::of(op, case).to_admin(WithdrawalNews::Trouble { why }, "unknown"))
}

#[cfg(test)]
#[path = "withdrawn_tests.rs"]
mod tests;
