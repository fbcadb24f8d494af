//! Rows as they lie in the tables, and the way between them and the domain. No query stands here.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::de::DeserializeOwned;

use super::schema;
use super::types::Timestamp;
use crate::domain::dispute::Dispute;
use crate::domain::hold::{Hold, HoldSource, Subject};
use crate::domain::ids::{
    AccountId, ChargeId, DisputeId, IdempotencyKey, IntentId, MentorId, OperationId, PaymentId, RefundId, RequestId,
    TransferId, WithdrawalId,
};
use crate::domain::mentor::{Account, Capability, Mentor};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::operation::{About, Operation, OperationKind, Order};
use crate::domain::payment::{Collection, Customer, Pause, Payment, PaymentStatus, WaitWhy};
use crate::domain::request::{Ask, RefundRequest, RequestState};
use crate::domain::session::Session;
use crate::ports::{RefundRequestView, StoreError};

pub(super) type Result<T> = std::result::Result<T, StoreError>;

/// Says which row holds what cannot be.
pub(super) fn corrupt(what: impl std::fmt::Display, why: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { what: what.to_string(), why: why.to_string() }
}

pub(super) fn word<T>(what: impl std::fmt::Display, word: &str, read: fn(&str) -> Option<T>) -> Result<T> {
    read(word).ok_or_else(|| corrupt(what, format!("`{word}` is not a known word")))
}

/// Reads an amount.
pub(super) fn minor(what: impl std::fmt::Display, amount: i64) -> Result<MinorUnits> {
    MinorUnits::new(amount).ok_or_else(|| corrupt(what, format!("the amount {amount} is negative")))
}

fn currency(what: impl std::fmt::Display, code: &str) -> Result<Currency> {
    Currency::parse(code).map_err(|e| corrupt(what, e))
}

/// Reads a JSON column.
pub(super) fn json<T: DeserializeOwned>(what: impl std::fmt::Display, value: &serde_json::Value) -> Result<T> {
    T::deserialize(value).map_err(|e| corrupt(what, e))
}

/// A time for people and rules.
pub(super) fn utc(timestamp: Option<Timestamp>) -> Option<DateTime<Utc>> {
    timestamp.map(DateTime::from)
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::payments)]
pub(super) struct PaymentRow {
    pub id: i64,
    pub payment_key: String,
    pub livemode: bool,
    pub status: String,
    pub collection: String,
    pub stripe_payment_intent_id: Option<String>,
    pub stripe_charge_id: Option<String>,
    pub booking_id: Option<String>,
    pub mentor_id: Option<String>,
    pub currency: String,
    pub settlement_currency: Option<String>,
    pub settlement_amount: Option<i64>,
    pub amount: i64,
    pub platform_fee: i64,
    pub mentor_amount: i64,
    pub refunded_amount: i64,
    pub customer_name: Option<String>,
    pub customer_email: Option<String>,
    pub session_starts_at: Option<Timestamp>,
    pub session_ends_at: Option<Timestamp>,
    pub session_completed_at: Option<Timestamp>,
    pub authorized_at: Option<Timestamp>,
    pub fee_conflict: Option<String>,
    pub paid_at: Option<Timestamp>,
    pub dispute_period_ends: Option<Timestamp>,
    pub dispute_requested: bool,
    pub dispute_reason: Option<String>,
    pub charge_disputed: bool,
    pub destination_charge: bool,
    pub transfer_group: Option<String>,
    pub wait_until: Option<Timestamp>,
    pub wait_reason: Option<String>,
    pub hold_reasons: String,
    pub next_check_at: Option<Timestamp>,
    pub transfer_id: Option<String>,
    pub transfer_error: Option<String>,
}

impl PaymentRow {
    pub(super) fn payment(&self) -> Result<Payment> {
        let what = format!("payment {}", self.id);
        let wait_why = self.wait_reason.as_deref().map(|w| word(&what, w, WaitWhy::from_word)).transpose()?;
        let flag = self.dispute_requested.then(|| self.dispute_reason.clone().unwrap_or_default());
        Ok(Payment {
            id: PaymentId(self.id),
            livemode: self.livemode,
            status: word(&what, &self.status, PaymentStatus::from_word)?,
            collection: word(&what, &self.collection, Collection::from_word)?,
            intent_id: self.stripe_payment_intent_id.clone().map(IntentId::new),
            charge_id: self.stripe_charge_id.clone().map(ChargeId::new),
            mentor_id: self.mentor_id.clone().map(MentorId::new),
            booking_id: self.booking_id.clone(),
            currency: currency(&what, &self.currency)?,
            settlement_currency: self.settlement_currency.as_deref().map(|c| currency(&what, c)).transpose()?,
            settlement_amount: self.settlement_amount.map(|amount| minor(&what, amount)).transpose()?,
            amount: minor(&what, self.amount)?,
            mentor_amount: minor(&what, self.mentor_amount)?,
            refunded: minor(&what, self.refunded_amount)?,
            fee_conflict: self.fee_conflict.clone(),
            authorized_at: utc(self.authorized_at),
            paid_at: utc(self.paid_at),
            session: Session {
                starts_at: utc(self.session_starts_at),
                ends_at: utc(self.session_ends_at),
                completed_at: utc(self.session_completed_at),
            },
            customer: Customer { name: self.customer_name.clone(), email: self.customer_email.clone() },
            window_ends: utc(self.dispute_period_ends),
            flag,
            flag_lifted: 0,
            charge_disputed: self.charge_disputed,
            destination_charge: self.destination_charge,
            transfer_group: self.transfer_group.clone(),
            pause: utc(self.wait_until).zip(wait_why).map(|(until, why)| Pause { until, why }),
            transfer_id: self.transfer_id.clone().map(TransferId::new),
            hold_reasons: self.hold_reasons.clone(),
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::mentors)]
pub(super) struct MentorRow {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub stripe_account_id: Option<String>,
}

impl MentorRow {
    pub(super) fn mentor(self) -> Mentor {
        Mentor {
            id: MentorId::new(self.id),
            name: self.name,
            email: self.email,
            account_id: self.stripe_account_id.map(AccountId::new),
        }
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::accounts)]
pub(super) struct AccountRow {
    pub stripe_account_id: String,
    pub transfers: String,
    pub details_submitted: bool,
    pub payouts_enabled: bool,
    pub disabled_reason: Option<String>,
    pub deauthorized_at: Option<Timestamp>,
    pub transfers_told_at: Timestamp,
    pub transfers_rank: i16,
    pub transfers_event_id: String,
    pub details_told_at: Option<Timestamp>,
    pub details_event_id: Option<String>,
    pub charges_enabled: bool,
    pub requirements: String,
    pub payout_interval: Option<String>,
}

impl AccountRow {
    pub(super) fn account(&self) -> Result<Account> {
        Ok(Account {
            id: AccountId::new(&self.stripe_account_id),
            transfers: word(format!("account {}", self.stripe_account_id), &self.transfers, Capability::from_word)?,
            details_submitted: self.details_submitted,
            payouts_enabled: self.payouts_enabled,
            charges_enabled: self.charges_enabled,
            disabled_reason: self.disabled_reason.clone(),
            requirements: self.requirements.split(',').filter(|due| !due.is_empty()).map(str::to_owned).collect(),
            payout_interval: self.payout_interval.clone(),
            deauthorized_at: utc(self.deauthorized_at),
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::holds)]
pub(super) struct HoldRow {
    pub id: i64,
    pub payment_id: Option<i64>,
    pub mentor_id: Option<String>,
    pub source: String,
    pub actor: String,
    pub reason: String,
    pub placed_at: Timestamp,
    pub lifted_at: Option<Timestamp>,
}

impl HoldRow {
    pub(super) fn hold(self) -> Result<Hold> {
        let what = format!("hold {}", self.id);
        let subject = match (self.payment_id, self.mentor_id) {
            (Some(id), _) => Subject::Payment(PaymentId(id)),
            (None, Some(id)) => Subject::Mentor(MentorId::new(id)),
            (None, None) => return Err(corrupt(what, "it stands on nothing")),
        };
        Ok(Hold {
            id: self.id,
            subject,
            source: word(what, &self.source, HoldSource::from_word)?,
            actor: self.actor,
            reason: self.reason,
            placed_at: self.placed_at.into(),
            lifted_at: utc(self.lifted_at),
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::disputes)]
pub(super) struct DisputeRow {
    pub stripe_dispute_id: String,
    pub stripe_charge_id: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub reason: String,
    pub fee: i64,
    pub fee_currency: Option<String>,
}

impl DisputeRow {
    pub(super) fn dispute(self) -> Result<Dispute> {
        let what = format!("dispute {}", self.stripe_dispute_id);
        Ok(Dispute {
            amount: minor(&what, self.amount)?,
            currency: currency(&what, &self.currency)?,
            fee: minor(&what, self.fee)?,
            fee_currency: currency(&what, self.fee_currency.as_deref().unwrap_or(&self.currency))?,
            id: DisputeId::new(self.stripe_dispute_id),
            charge_id: ChargeId::new(self.stripe_charge_id),
            status: self.status,
            reason: self.reason,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::operations)]
pub(super) struct OperationRow {
    pub id: i64,
    pub kind: String,
    pub cause: String,
    pub payment_id: Option<i64>,
    pub withdrawal_id: Option<i64>,
    pub mentor_id: String,
    pub generation: i32,
    pub idempotency_key: String,
    pub parameters: serde_json::Value,
    pub state: String,
    pub maybe_done: bool,
    pub attempts: i32,
    pub first_sent_at: Option<Timestamp>,
    pub last_sent_at: Option<Timestamp>,
    pub unknown_since: Option<Timestamp>,
    pub lease_epoch: i64,
    pub lease_until: Option<Timestamp>,
}

impl OperationRow {
    pub(super) fn about(&self) -> About {
        match (self.payment_id, self.withdrawal_id) {
            (Some(id), _) => About::Payment(PaymentId(id)),
            (None, Some(id)) => About::Withdrawal(WithdrawalId(id)),
            (None, None) => About::Account,
        }
    }

    pub(super) fn operation(self) -> Result<Operation> {
        let what = format!("operation {}", self.id);
        let (about, kind) = (self.about(), word(&what, &self.kind, OperationKind::from_word)?);
        let order = Order::read(kind, &self.parameters).map_err(|e| corrupt(format!("{what}'s parameters"), e))?;
        Ok(Operation {
            id: OperationId(self.id),
            cause: self.cause,
            order,
            about,
            mentor_id: MentorId::new(self.mentor_id),
            generation: self.generation,
            key: IdempotencyKey::new(self.idempotency_key),
            maybe_done: self.maybe_done,
            attempts: self.attempts.unsigned_abs(),
            first_sent_at: utc(self.first_sent_at),
            last_sent_at: utc(self.last_sent_at),
            unknown_since: utc(self.unknown_since),
            lease_epoch: self.lease_epoch,
            lease_until: self.lease_until.map_or(DateTime::UNIX_EPOCH, DateTime::from),
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::refund_requests)]
pub(super) struct RequestRow {
    pub id: i64,
    pub payment_id: i64,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub by_policy: bool,
    pub reason: String,
    pub request_key: Option<String>,
    pub requested_by: String,
    pub requested_at: Timestamp,
    pub state: String,
    pub refunded_amount: Option<i64>,
    pub stripe_refund_id: Option<String>,
    pub outcome: Option<String>,
}

impl RequestRow {
    pub(super) fn request(self) -> RefundRequest {
        let ask = match self.amount {
            Some(amount) => Ask::Amount(amount),
            None if self.by_policy => Ask::ByPolicy,
            None => Ask::All,
        };
        let requested_at = self.requested_at.into();
        RefundRequest { id: RequestId(self.id), ask, currency: self.currency, requested_at }
    }

    pub(super) fn view(self) -> Result<RefundRequestView> {
        let state = word(format!("refund request {}", self.id), &self.state, RequestState::from_word)?;
        Ok(RefundRequestView {
            id: RequestId(self.id),
            payment: PaymentId(self.payment_id),
            amount: self.amount,
            currency: self.currency,
            by_policy: self.by_policy,
            reason: self.reason,
            request_key: self.request_key,
            requested_by: self.requested_by,
            requested_at: self.requested_at.into(),
            state,
            refunded: self.refunded_amount,
            refund: self.stripe_refund_id.map(RefundId::new),
            outcome: self.outcome,
        })
    }
}
