//! Balances: every movement is a balance transaction of one account, pending until it settles, then available.
//! A balance is the sum of its transactions and nothing else.

use std::collections::BTreeMap;

use serde_json::{Number, Value, json};

use super::Core;
use super::error::StripeError;
use super::money;
use super::page::{allow, page};
use super::params::Params;
use super::store::{Object, Store};

/// Whose balance: the platform's, or a connected account's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Platform,
    Connected(String),
}

#[derive(Debug, Clone)]
pub(super) struct BalanceTransaction {
    pub id: String,
    pub owner: Owner,
    pub kind: &'static str,
    pub reporting_category: &'static str,
    pub source: Option<String>,
    pub currency: String,
    pub amount: i64,
    pub fee: i64,
    pub description: Option<String>,
    /// Settled amount and presented amount, where they differ.
    pub conversion: Option<(i64, i64)>,
    pub created: i64,
    pub available_on: i64,
    /// Kept in step by [`Ledger::settle`].
    pub available: bool,
}

impl BalanceTransaction {
    pub fn net(&self) -> i64 {
        self.amount - self.fee
    }

    fn fee_details(&self) -> Value {
        if self.fee == 0 {
            return json!([]);
        }
        json!([{
            "amount": self.fee,
            "application": null,
            "currency": self.currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }])
    }
}

impl Object for BalanceTransaction {
    const KIND: &'static str = "balance transaction";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "balance_transaction",
            "amount": self.amount,
            "available_on": self.available_on,
            "balance_type": "payments",
            "created": self.created,
            "currency": self.currency,
            "description": self.description,
            "exchange_rate": self.conversion.and_then(rate),
            "fee": self.fee,
            "fee_details": self.fee_details(),
            "net": self.net(),
            "reporting_category": self.reporting_category,
            "source": self.source,
            "status": if self.available { "available" } else { "pending" },
            "type": self.kind,
        })
    }
}

/// Six decimals, from whole numbers: a rate is shown, never calculated with.
fn rate((settled, presented): (i64, i64)) -> Option<Number> {
    let millionths = money::scale(settled, 1_000_000, presented);
    serde_json::from_str(&format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)).ok()
}

type Totals = BTreeMap<(Owner, String), i64>;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub transactions: Store<BalanceTransaction>,
    available: Totals,
    pending: Totals,
    /// What settles when, in order.
    due: BTreeMap<(i64, u64), String>,
    posted: u64,
}

impl Ledger {
    pub fn available(&self, owner: &Owner, currency: &str) -> i64 {
        self.available.get(&(owner.clone(), currency.to_owned())).copied().unwrap_or(0)
    }

    /// Available and pending together: what the account will have when all has settled.
    pub fn total(&self, owner: &Owner, currency: &str) -> i64 {
        let account = (owner.clone(), currency.to_owned());
        self.available(owner, currency) + self.pending.get(&account).copied().unwrap_or(0)
    }

    pub fn post(&mut self, transaction: BalanceTransaction) -> String {
        let id = transaction.id.clone();
        let account = (transaction.owner.clone(), transaction.currency.clone());
        if transaction.available {
            *self.available.entry(account).or_default() += transaction.net();
        } else {
            *self.pending.entry(account).or_default() += transaction.net();
            self.posted += 1;
            self.due.insert((transaction.available_on, self.posted), id.clone());
        }
        self.transactions.insert(transaction);
        id
    }

    /// Moves what has settled by now from pending to available.
    pub fn settle(&mut self, now: i64) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let id = entry.remove();
            let Some(transaction) = self.transactions.get_mut(&id) else {
                continue;
            };
            transaction.available = true;
            let account = (transaction.owner.clone(), transaction.currency.clone());
            *self.pending.entry(account.clone()).or_default() -= transaction.net();
            *self.available.entry(account).or_default() += transaction.net();
        }
    }

    fn side(&self, totals: &Totals, owner: &Owner) -> Value {
        let known = self.available.keys().chain(self.pending.keys());
        let currencies: std::collections::BTreeSet<_> =
            known.filter(|(held, _)| held == owner).map(|(_, currency)| currency).collect();
        let line = |currency: &&String| {
            let amount = totals.get(&(owner.clone(), (*currency).clone())).copied().unwrap_or(0);
            json!({"amount": amount, "currency": currency, "source_types": {"card": amount}})
        };
        currencies.iter().map(line).collect()
    }

    pub fn platform_available(&self) -> BTreeMap<String, i64> {
        platform(&self.available)
    }

    pub fn platform_pending(&self) -> BTreeMap<String, i64> {
        platform(&self.pending)
    }

    pub fn json(&self, owner: &Owner, instant: bool) -> Value {
        let mut balance = json!({
            "object": "balance",
            "available": self.side(&self.available, owner),
            "livemode": false,
            "pending": self.side(&self.pending, owner),
        });
        if instant {
            balance["instant_available"] = balance["available"].clone();
        }
        balance
    }

    /// What all connected accounts have, settled or not.
    pub fn connected(&self) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for ((owner, currency), amount) in self.available.iter().chain(&self.pending) {
            if *owner != Owner::Platform {
                *sums.entry(currency.clone()).or_default() += amount;
            }
        }
        sums
    }
}

fn platform(totals: &Totals) -> BTreeMap<String, i64> {
    let own = totals.iter().filter(|((owner, _), _)| *owner == Owner::Platform);
    own.map(|((_, currency), amount)| (currency.clone(), *amount)).collect()
}

/// A movement to be posted now.
pub(super) struct Movement<'a> {
    pub owner: Owner,
    pub kind: &'static str,
    pub reporting_category: &'static str,
    pub source: Option<&'a str>,
    pub currency: &'a str,
    pub amount: i64,
    pub fee: i64,
    pub conversion: Option<(i64, i64)>,
    pub description: Option<String>,
    /// Unix seconds; at or before now means available at once.
    pub available_on: i64,
}

impl Core {
    /// Posts a movement and returns the id of its balance transaction.
    pub(super) fn post(&mut self, movement: Movement<'_>) -> String {
        let id = self.ids.object("txn_");
        self.ledger.post(BalanceTransaction {
            id,
            owner: movement.owner,
            kind: movement.kind,
            reporting_category: movement.reporting_category,
            source: movement.source.map(str::to_owned),
            currency: movement.currency.to_owned(),
            amount: movement.amount,
            fee: movement.fee,
            description: movement.description,
            conversion: movement.conversion,
            created: self.now,
            available_on: movement.available_on.max(self.now),
            available: movement.available_on <= self.now,
        })
    }

    /// What an account has. What is available may be paid out at once where its bank takes that.
    pub(super) fn balance(&self, owner: &Owner) -> Value {
        let instant = match owner {
            Owner::Platform => false,
            Owner::Connected(id) => self.accounts.get(id).is_some_and(|account| account.instant_payouts),
        };
        self.ledger.json(owner, instant)
    }

    pub(super) fn list_balance_transactions(&self, params: &Params, owner: &Owner) -> Result<Value, StripeError> {
        allow(params, &["currency", "payout", "source", "type"])?;
        let (currency, source, kind) = (params.text("currency")?, params.text("source")?, params.text("type")?);
        page(params, "/v1/balance_transactions", self.ledger.transactions.iter(), |held| {
            held.owner == *owner
                && currency.is_none_or(|wanted| held.currency == wanted)
                && source.is_none_or(|wanted| held.source.as_deref() == Some(wanted))
                && kind.is_none_or(|wanted| held.kind == wanted)
        })
    }

    pub(super) fn get_balance_transaction(&self, id: &str) -> Result<Value, StripeError> {
        let found = self.ledger.transactions.get(id);
        found.map(Object::json).ok_or_else(|| StripeError::no_such("balance transaction", id))
    }
}
