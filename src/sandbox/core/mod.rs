//! Stripe as a state machine: a request and the time go in, what to do about it comes out.
//! No clock, no randomness, no socket: the same calls always give the same answers.

mod account;
mod auth;
mod books;
mod charge;
mod checkout_session;
mod control;
mod dispute;
mod error;
mod events;
mod expand;
mod faults;
mod idempotency;
mod ids;
mod ledger;
mod money;
mod page;
mod params;
mod pay;
mod paying;
mod payment_intent;
mod payout;
mod rate_limit;
mod refund;
mod reversal;
mod routes;
mod serve;
mod settings;
mod store;
mod transfer;
mod wire;

use std::collections::BTreeMap;

pub use account::{Access, CapabilityStatus};
pub use books::{Books, PayoutEntry, TransferEntry};
pub use control::{AccountChange, ControlError, Ending, NewAccount, NewRefund};
pub use dispute::{DisputeStatus, NewDispute};
pub use events::Event;
pub use faults::{Fault, FaultMatch, FaultReport, FaultRule, ServerErrorPoint};
pub use pay::{Paid, PaidThrough, Pay, PayResult, Settlement};
pub use settings::{CaptureStyle, DEFAULT_SECRET_KEY, ReversalCover, Settings, SourceLimit, StripeFees};
pub use wire::{Answer, Hold, Method, Outcome, Request, Ticket};

use store::Store;

/// A whole Stripe account, with its connected accounts.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    /// Unix seconds, as of the call that is being served.
    now: i64,
    ids: ids::Ids,
    /// The API request that is being served, for the events it causes.
    cause: events::Cause,
    charges: Store<charge::Charge>,
    intents: Store<payment_intent::PaymentIntent>,
    sessions: Store<checkout_session::CheckoutSession>,
    refunds: Store<refund::Refund>,
    disputes: Store<dispute::Dispute>,
    accounts: Store<account::Account>,
    transfers: Store<transfer::Transfer>,
    payouts: Store<payout::Payout>,
    events: Store<Event>,
    ledger: ledger::Ledger,
    keys: idempotency::Keys,
    faults: faults::FaultPlan,
    rate: rate_limit::RateLimit,
    /// Requests that are under way, by ticket.
    waiting: BTreeMap<u64, serve::Waiting>,
    tickets: u64,
}

impl Core {
    /// An empty account.
    pub fn new(settings: Settings) -> Self {
        Self {
            ids: ids::Ids::new(settings.seed),
            settings,
            now: 0,
            cause: events::Cause::default(),
            charges: Store::default(),
            intents: Store::default(),
            sessions: Store::default(),
            refunds: Store::default(),
            disputes: Store::default(),
            accounts: Store::default(),
            transfers: Store::default(),
            payouts: Store::default(),
            events: Store::default(),
            ledger: ledger::Ledger::default(),
            keys: idempotency::Keys::default(),
            faults: faults::FaultPlan::default(),
            rate: rate_limit::RateLimit::default(),
            waiting: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// Time moves on: funds settle and old keys are forgotten.
    fn advance(&mut self, now: i64) {
        self.now = now;
        self.ledger.settle(now);
        self.keys.forget_until(now - self.settings.key_lifetime_s);
    }
}
