//! Stripe as the jobs see it: a handful of calls, each with its result and what is to be recorded of it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::NewEvent;
use crate::domain::discrepancy::Compared;
use crate::domain::facts::{AccountFact, DisputeFact, Fact, PayoutFact, RefundFact, Source, TransferFact};
use crate::domain::ids::{AccountId, ChargeId, IdempotencyKey, IntentId, PayoutId, TransferId};
use crate::domain::operation::{Done, Order};
use crate::domain::triage::Failure;
use crate::domain::withdrawal::Funds;

/// A call's result with what is recorded of it.
#[derive(Debug, Clone)]
pub struct Called<T> {
    /// What came of it.
    pub result: Result<T, Failure>,
    /// The HTTP status of the answer that counted; `None` when none came.
    pub status: Option<u16>,
    /// `Request-Id`.
    pub request_id: Option<String>,
    /// From sending to the end of the answer, in wall time.
    pub took: Duration,
}

/// A page at Stripe where a mentor gives what Stripe needs of them, to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccountLink {
    /// For whose account.
    pub account_id: AccountId,
    /// Where its owner is sent when the link is used up or too old: it is to make another.
    pub refresh_url: String,
    /// Where they are sent when they leave Stripe's forms, finished or not.
    pub return_url: String,
}

/// Such a page: whoever has its address may use it, once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AccountLink {
    /// Its address.
    pub url: String,
    /// Until when it can be opened.
    pub expires_at: DateTime<Utc>,
}

/// A span of time, from its first second on, up to its last and not with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From.
    pub since: DateTime<Utc>,
    /// To.
    pub until: DateTime<Utc>,
}

/// A page of a list, newest first.
#[derive(Debug, Clone)]
pub struct ListPage<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What the next page begins after; `None` on the last.
    pub next: Option<String>,
}

/// The calls that payoutd makes. Each obeys the rate limit that all share, and ends within the call timeout.
#[async_trait]
pub trait StripeGateway: Send + Sync {
    /// Asks for the platform's balance, only to see whether Stripe answers this key.
    async fn ping(&self) -> Called<()>;

    /// Reads a charge with its balance transaction's currency.
    async fn charge(&self, id: &ChargeId) -> Called<Source>;

    /// Reads a payment intent.
    async fn intent(&self, id: &IntentId) -> Called<Source>;

    /// Reads all disputes of a charge.
    async fn disputes_of(&self, charge: &ChargeId) -> Called<Vec<DisputeFact>>;

    /// Reads a connected account.
    async fn account(&self, id: &AccountId) -> Called<AccountFact>;

    /// Reads all refunds of a charge.
    async fn refunds_of(&self, charge: &ChargeId) -> Called<Vec<RefundFact>>;

    /// Reads a transfer.
    async fn transfer(&self, id: &TransferId) -> Called<TransferFact>;

    /// Reads all transfers of a group.
    async fn transfers_in(&self, group: &str) -> Called<Vec<TransferFact>>;

    /// A page of the platform's own events of these types (20 at most) that were made in a span of time. Stripe keeps 30
    /// days of them.
    async fn events(&self, types: &[&str], span: Span, after: Option<&str>) -> Called<ListPage<NewEvent>>;

    /// A page of what was made in a span of time, as facts, each with when it was made. Payouts are the platform's own.
    async fn made(&self, what: Compared, span: Span, after: Option<&str>) -> Called<ListPage<(Fact, DateTime<Utc>)>>;

    /// A page of the charges that were made in a span of time, each with its balance transaction's currency.
    async fn charges(&self, span: Span, after: Option<&str>) -> Called<ListPage<Source>>;

    /// Reads what is on a connected account.
    async fn funds_of(&self, account: &AccountId) -> Called<Funds>;

    /// Reads all payouts of a connected account that were made since.
    async fn payouts_since(&self, account: &AccountId, since: DateTime<Utc>) -> Called<Vec<PayoutFact>>;

    /// Reads a payout: of a connected account, or the platform's own.
    async fn payout(&self, id: &PayoutId, account: Option<&AccountId>) -> Called<PayoutFact>;

    /// Makes a page where a mentor gives what Stripe needs of them. It moves no money and changes nothing, so that it is no
    /// operation.
    async fn link_account(&self, key: &IdempotencyKey, link: &NewAccountLink) -> Called<AccountLink>;

    /// Carries an order out under a key. An answer that does not match the order is [`Failure::Unreadable`]. Nothing is
    /// sent from `not_after` on, also when the wait for a turn, or a machine that slept, lasted until then: the worker's
    /// lease has run out, and whoever has taken the operation up may have found that it was never sent.
    async fn carry_out(&self, key: &IdempotencyKey, order: &Order, not_after: DateTime<Utc>) -> Called<Done>;

    /// Looks for what `key` asked for: through all transfers of the order's group, all reversals of its transfer,
    /// all refunds of its charge, all payouts of its account, or at its payment intent or account. `Ok(None)` only when every page was read.
    async fn find(&self, key: &IdempotencyKey, order: &Order) -> Called<Option<Done>>;
}
