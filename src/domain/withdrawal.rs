//! A withdrawal: a payout from a mentor's connected account to their bank, which somebody asks for. What it comes to by
//! the facts, or why it cannot be.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::ids::{AccountId, IdempotencyKey, MentorId, WithdrawalId};
use super::mentor::{Account, Mentor, NOT_FOUND};
use super::money::{Currency, MinorUnits};
use super::payment::words;
use super::policy::Policy;

words!(
    /// Where a withdrawal stands.
    WithdrawalState {
        /// To be done by the next run.
        Open = "open",
        /// Its operation is under way; the outcome moves it.
        Submitted = "submitted",
        /// Stripe has sent it to the bank.
        InTransit = "in_transit",
        /// The bank has it. Even so a bank may send it back later.
        Paid = "paid",
        /// It cannot be; nothing was asked of Stripe.
        Refused = "refused",
        /// Stripe would not, or the bank sent it back: the money is on the connected account.
        Failed = "failed",
        /// It was cancelled before the bank had it: the money is on the connected account.
        Canceled = "canceled",
        /// Whoever made it took it back.
        Retracted = "retracted",
    }
);

words!(
    /// How fast a withdrawal is to be.
    Speed {
        /// In the bank's own time, at no cost.
        Standard = "standard",
        /// Within minutes, where the bank account or card can: Stripe takes a fee for it.
        Instant = "instant",
    }
);

/// How long before a request was recorded its payout may have been made: a request that went with a restored database may
/// be made again under its key.
const LOOK_BACK: TimeDelta = TimeDelta::days(3);
/// What of a request's key may stand in Stripe's, which has 255 characters at most.
const LONGEST_KEY: usize = 100;

/// The frozen parameters of a payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutOrder {
    /// How much, in minor units.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// From which connected account.
    pub account_id: AccountId,
    /// How fast.
    pub speed: Speed,
    /// Who asked for it.
    pub withdrawal_id: WithdrawalId,
    /// What a look-up finds it by.
    pub reference: String,
    /// A payout of before cannot be it.
    pub since: DateTime<Utc>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawalRequest {
    /// Its row.
    pub id: WithdrawalId,
    /// Whose money.
    pub mentor_id: MentorId,
    /// In minor units, as it was written: it may be no amount at all. `None` for all that is available.
    pub amount: Option<i64>,
    /// In what, as it was written; `None` where the mentor has one currency only.
    pub currency: Option<String>,
    /// How fast.
    pub speed: Speed,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// What Stripe's payout says it is for.
    pub reference: String,
}

impl WithdrawalRequest {
    /// From when on its payout may have been made.
    pub fn since(&self) -> DateTime<Utc> {
        self.requested_at.checked_sub_signed(LOOK_BACK).unwrap_or(self.requested_at)
    }
}

/// What names a request at Stripe: the key of whoever asked, which they repeat when they ask again; or else what the
/// database drew by lot. Both stay the same in a restored database, and neither is ever given to another request.
pub fn reference(request_key: Option<&str>, nonce: &str) -> String {
    let plain = |key: &&str| key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
    request_key.filter(plain).map_or_else(|| format!("nonce:{nonce}"), |key| format!("key:{key}"))
}

/// The key of a payout. It names the account and the request, and no row of ours.
pub fn payout_key(account: &AccountId, reference: &str, generation: i32) -> IdempotencyKey {
    IdempotencyKey::new(format!("payoutd:payout:{account}:{reference}:{generation}"))
}

/// What is on a connected account. Stripe tells of amounts below zero, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Funds {
    /// What may be paid out.
    pub available: BTreeMap<Currency, i64>,
    /// What of it may be paid out at once.
    pub instant: BTreeMap<Currency, i64>,
}

/// The facts about a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawalCase {
    /// What is asked for.
    pub request: WithdrawalRequest,
    /// Whose money.
    pub mentor: Option<Mentor>,
    /// Their account, once it was read from Stripe for this.
    pub account: Option<Account>,
    /// What is on it, once that was read.
    pub funds: Option<Funds>,
    /// Open holds on the mentor.
    pub holds: Vec<Hold>,
    /// What they owe.
    pub debts: BTreeMap<Currency, MinorUnits>,
}

/// What a withdrawal comes to, or why it cannot be.
pub fn answer(case: &WithdrawalCase, policy: &Policy) -> Result<PayoutOrder, String> {
    if let Some(why) = objection(case, policy) {
        return Err(why);
    }
    let (request, funds) = (&case.request, case.funds.clone().unwrap_or_default());
    let account_id = case.mentor.as_ref().and_then(|mentor| mentor.account_id.clone());
    let account_id = account_id.ok_or("the mentor has no connected account")?;
    let currency = currency(request, &funds)?;
    let amount = amount(case, &funds, currency)?;
    let least = policy.withdrawals.minimum(currency);
    if amount < least {
        return Err(below(currency, amount, least));
    }
    let (speed, reference) = (request.speed, request.reference.clone());
    Ok(PayoutOrder {
        amount,
        currency,
        account_id,
        speed,
        withdrawal_id: request.id,
        reference,
        since: request.since(),
    })
}

/// What speaks against it whatever is on the account, as far as is known.
pub fn objection(case: &WithdrawalCase, policy: &Policy) -> Option<String> {
    payee(case).or_else(|| account(case.account.as_ref()?)).or_else(|| written(&case.request, policy))
}

fn payee(case: &WithdrawalCase) -> Option<String> {
    let Some(mentor) = &case.mentor else {
        return Some(format!("there is no mentor `{}`", case.request.mentor_id));
    };
    if mentor.account_id.is_none() {
        return Some("the mentor has no connected account".into());
    }
    let hold = case.holds.iter().find(|hold| hold.is_open())?;
    Some(format!("the mentor is on hold: {}", hold.reason))
}

fn account(account: &Account) -> Option<String> {
    let restricted = account.disabled_reason.as_deref();
    if account.deauthorized_at.is_some() || restricted == Some(NOT_FOUND) {
        return Some("the connected account is not connected to the platform any more".into());
    }
    if account.payouts_enabled {
        return None;
    }
    let why = restricted.map_or(String::new(), |why| format!(" ({why})"));
    Some(format!("Stripe does not let the connected account pay out to its bank yet{why}"))
}

/// What is wrong with what was written.
fn written(request: &WithdrawalRequest, policy: &Policy) -> Option<String> {
    let positive = |amount: i64| MinorUnits::new(amount).filter(|amount| *amount > MinorUnits::ZERO);
    let amount = match request.amount.map(|amount| (amount, positive(amount))) {
        Some((asked, None)) => {
            return Some(format!("{asked} is no amount to withdraw: it must be more than zero"));
        }
        amount => amount.and_then(|(_, amount)| amount),
    };
    let currency = match request.currency.as_deref().map(Currency::parse)? {
        Ok(currency) => currency,
        Err(unknown) => return Some(unknown.to_string()),
    };
    let (amount, least) = (amount?, policy.withdrawals.minimum(currency));
    if amount.get() % currency.step() != 0 {
        let step = currency.display(MinorUnits::new(currency.step()).unwrap_or_default());
        return Some(format!("{} cannot be withdrawn: the smallest step is {step}", currency.display(amount)));
    }
    (amount < least).then(|| below(currency, amount, least))
}

fn below(currency: Currency, amount: MinorUnits, least: MinorUnits) -> String {
    let (amount, least) = (currency.display(amount), currency.display(least));
    format!("{amount} is less than {least}, the least that can be withdrawn")
}

/// The currency that was asked for, or the only one that there is something in.
fn currency(request: &WithdrawalRequest, funds: &Funds) -> Result<Currency, String> {
    if let Some(code) = &request.currency {
        return Currency::parse(code).map_err(|unknown| unknown.to_string());
    }
    let some: Vec<Currency> = funds.available.iter().filter(|(_, minor)| **minor > 0).map(|(code, _)| *code).collect();
    match some.as_slice() {
        [] => Err("nothing is available to withdraw".into()),
        [currency] => Ok(*currency),
        several => {
            let codes: Vec<_> = several.iter().map(Currency::code).collect();
            Err(format!("say in which currency: there is something in {}", codes.join(", ")))
        }
    }
}

fn amount(case: &WithdrawalCase, funds: &Funds, currency: Currency) -> Result<MinorUnits, String> {
    let there = |side: &BTreeMap<Currency, i64>| side.get(&currency).copied().and_then(MinorUnits::new);
    let available = there(&funds.available).unwrap_or_default();
    let owed = case.debts.get(&currency).copied().unwrap_or_default();
    let free = available.saturating_sub(owed);
    let kept_back = match owed {
        MinorUnits::ZERO => String::new(),
        owed => format!(", since {} are owed to the platform", currency.display(owed)),
    };
    if free == MinorUnits::ZERO {
        return Err(format!("nothing is available to withdraw in {}{kept_back}", currency.code().to_uppercase()));
    }
    let asked = case.request.amount.and_then(MinorUnits::new);
    let instant = there(&funds.instant).unwrap_or_default();
    let amount = match (asked, case.request.speed) {
        (Some(asked), _) => asked,
        (None, Speed::Standard) => free,
        (None, Speed::Instant) => free.min(instant),
    };
    let whole_steps = MinorUnits::new(amount.get() - amount.get() % currency.step()).unwrap_or_default();
    let amount = if asked.is_none() { whole_steps } else { amount };
    if amount > free {
        let (amount, free) = (currency.display(amount), currency.display(free));
        return Err(format!("{amount} is more than the {free} that are available{kept_back}"));
    }
    if case.request.speed == Speed::Instant && (amount > instant || amount == MinorUnits::ZERO) {
        let instant = currency.display(instant);
        return Err(format!("only {instant} can be paid out instantly now; ask for a standard withdrawal"));
    }
    Ok(amount)
}

/// What Stripe's word for a payout says of its withdrawal. A word that is not known is one on its way.
pub fn standing(status: &str) -> WithdrawalState {
    match status {
        "paid" => WithdrawalState::Paid,
        "failed" => WithdrawalState::Failed,
        "canceled" => WithdrawalState::Canceled,
        _ => WithdrawalState::InTransit,
    }
}

/// Whether a payout's money has left the connected account, and has not come back.
pub fn has_left(status: &str) -> bool {
    matches!(standing(status), WithdrawalState::InTransit | WithdrawalState::Paid)
}

/// What withdrawals must keep to.
#[derive(Debug, Clone, Default)]
pub struct WithdrawalPolicy {
    /// Amounts below which nothing is withdrawn, per currency.
    pub minimums: BTreeMap<Currency, MinorUnits>,
}

impl WithdrawalPolicy {
    /// The least that is withdrawn in a currency.
    pub fn minimum(&self, currency: Currency) -> MinorUnits {
        let least = MinorUnits::new(1).unwrap_or_default();
        self.minimums.get(&currency).copied().unwrap_or(least).max(least)
    }
}

#[cfg(test)]
#[path = "withdrawal_tests.rs"]
mod tests;
