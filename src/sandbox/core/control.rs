//! What the world does to a Stripe account, as calls: customers pay and dispute, mentors onboard, banks fail.
//! Tests, the demo and the `/_sandbox/` endpoints use these; no API request can.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::account::{Access, Account, CapabilityStatus};
use super::dispute::{DisputeStatus, NewDispute};
use super::error::StripeError;
use super::events::{Cause, Event};
use super::faults::{FaultReport, FaultRule};
use super::ledger::{Movement, Owner};
use super::pay::{Paid, Pay};
use super::payout::PayoutState;
use super::refund::{RefundRequest, RefundState};
use super::{Core, money};

/// A control call that makes no sense, in the words in which Stripe would refuse it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ControlError(pub String);

impl From<StripeError> for ControlError {
    fn from(error: StripeError) -> Self {
        Self(error.message)
    }
}

/// A connected account to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// `acct_…`; made up where not given.
    pub id: Option<String>,
    /// ISO 3166, two capitals.
    pub country: String,
    /// ISO 4217, lower case.
    pub default_currency: String,
    /// Of its owner.
    pub email: Option<String>,
    /// Whether it can receive transfers.
    pub transfers: CapabilityStatus,
    /// Whether its bank takes instant payouts.
    pub instant_payouts: bool,
    /// The platform's notes.
    pub metadata: BTreeMap<String, String>,
}

impl Default for NewAccount {
    /// An onboarded account in the United States.
    fn default() -> Self {
        Self {
            id: None,
            country: "US".into(),
            default_currency: "usd".into(),
            email: None,
            transfers: CapabilityStatus::Active,
            instant_payouts: true,
            metadata: BTreeMap::new(),
        }
    }
}

/// A refund that a person makes in the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// `ch_…`
    pub charge: String,
    /// Minor units of the charge's currency; what is left of it where not given.
    #[serde(default)]
    pub amount_minor: Option<i64>,
    /// Whether the bank has not taken it yet.
    #[serde(default)]
    pub pending: bool,
}

/// How something that a bank decides ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It went through.
    Succeeds,
    /// It came back.
    Fails,
}

/// A change to a connected account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountChange {
    /// The `transfers` capability.
    Transfers {
        /// The new status.
        status: CapabilityStatus,
        /// `requirements.disabled_reason`; `requirements.past_due` where not given and needed.
        #[serde(default)]
        disabled_reason: Option<String>,
    },
    /// Closed by Stripe or its owner.
    Close,
    /// Disconnected from the platform by its owner.
    Deauthorize,
}

impl Core {
    /// A customer pays.
    ///
    /// # Errors
    /// An amount that is not positive, or an unknown currency.
    pub fn pay(&mut self, now: i64, pay: Pay) -> Result<Paid, ControlError> {
        self.act(now);
        Ok(self.start_payment(pay)?)
    }

    /// Ends a payment that was processing.
    ///
    /// # Errors
    /// A charge that does not exist or is not pending.
    pub fn end_async_payment(&mut self, now: i64, charge: &str, ending: Ending) -> Result<(), ControlError> {
        self.act(now);
        Ok(self.end_processing(charge, ending == Ending::Succeeds)?)
    }

    /// Makes a connected account and returns its id. No event: the platform made it.
    ///
    /// # Errors
    /// An id that is taken.
    pub fn add_account(&mut self, now: i64, new: NewAccount) -> Result<String, ControlError> {
        self.act(now);
        let id = new.id.unwrap_or_else(|| self.ids.short("acct_"));
        if self.accounts.get(&id).is_some() {
            return Err(ControlError(format!("Account {id} exists already.")));
        }
        let active = new.transfers == CapabilityStatus::Active;
        self.accounts.insert(Account {
            id: id.clone(),
            created: now,
            country: new.country,
            default_currency: new.default_currency,
            email: new.email,
            transfers: new.transfers,
            disabled_reason: (!active).then(|| "requirements.past_due".into()),
            access: Access::Open,
            instant_payouts: new.instant_payouts,
            payout_interval: "daily".into(),
            metadata: new.metadata,
        });
        Ok(id)
    }

    /// Changes a connected account.
    ///
    /// # Errors
    /// An account that does not exist or was deauthorised.
    pub fn change_account(&mut self, now: i64, id: &str, change: AccountChange) -> Result<(), ControlError> {
        self.act(now);
        match change {
            AccountChange::Transfers { status, disabled_reason } => {
                self.change_capability(id, status, disabled_reason)?
            }
            AccountChange::Close => self.change_access(id, Access::Closed)?,
            AccountChange::Deauthorize => self.change_access(id, Access::Deauthorized)?,
        }
        Ok(())
    }

    /// Refunds a charge and returns the refund's id.
    ///
    /// # Errors
    /// What Stripe refuses: too much, a charge that is charged back or does not exist.
    pub fn refund_in_dashboard(&mut self, now: i64, new: NewRefund) -> Result<String, ControlError> {
        self.act(now);
        let refund = self.refund_charge(RefundRequest {
            charge: new.charge,
            amount: new.amount_minor,
            reason: Some("requested_by_customer".into()),
            state: if new.pending { RefundState::Pending } else { RefundState::Succeeded },
            metadata: BTreeMap::new(),
        })?;
        Ok(refund["id"].as_str().unwrap_or_default().to_owned())
    }

    /// The bank takes a pending refund, or sends a refund back.
    ///
    /// # Errors
    /// A refund that does not exist or has ended.
    pub fn settle_refund(&mut self, now: i64, id: &str, ending: Ending) -> Result<(), ControlError> {
        self.act(now);
        let state = if ending == Ending::Succeeds { RefundState::Succeeded } else { RefundState::Failed };
        Ok(self.end_refund(id, state)?)
    }

    /// Opens a dispute or inquiry and returns its id.
    ///
    /// # Errors
    /// A charge that does not exist or was never captured.
    pub fn open_dispute(&mut self, now: i64, new: NewDispute) -> Result<String, ControlError> {
        self.act(now);
        Ok(self.start_dispute(new)?)
    }

    /// Moves a dispute to a status.
    ///
    /// # Errors
    /// A dispute that does not exist or is closed; a lost one can still be appealed.
    pub fn set_dispute_status(&mut self, now: i64, id: &str, status: DisputeStatus) -> Result<(), ControlError> {
        self.act(now);
        Ok(self.move_dispute(id, status)?)
    }

    /// The bank takes a payout, or sends it back, which it may do though it had taken it.
    ///
    /// # Errors
    /// A payout that does not exist or has ended.
    pub fn settle_payout(&mut self, now: i64, id: &str, ending: Ending) -> Result<(), ControlError> {
        self.act(now);
        let state = if ending == Ending::Succeeds { PayoutState::Paid } else { PayoutState::Failed };
        Ok(self.end_payout(id, state)?)
    }

    /// Makes the platform's available balance in a currency this much, with a top-up or a withdrawal.
    ///
    /// # Errors
    /// An unknown currency.
    pub fn set_available_balance(&mut self, now: i64, currency: &str, amount_minor: i64) -> Result<(), ControlError> {
        self.act(now);
        if !money::is_currency(currency) {
            return Err(ControlError(format!("Unknown currency: {currency}.")));
        }
        let amount = amount_minor - self.ledger.available(&Owner::Platform, currency);
        self.post(Movement {
            owner: Owner::Platform,
            kind: "adjustment",
            reporting_category: "other_adjustment",
            source: None,
            currency,
            amount,
            fee: 0,
            conversion: None,
            description: Some("Balance set by the sandbox's control".into()),
            available_on: now,
        });
        Ok(())
    }

    /// Adds a rule to the fault plan and returns its number.
    pub fn add_fault(&mut self, rule: FaultRule) -> u64 {
        self.faults.add(rule)
    }

    /// Every rule, with how often it fired.
    pub fn faults(&self) -> &[FaultReport] {
        self.faults.reports()
    }

    /// Ends the fault plan.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// How many endpoints there are, for `pending_webhooks`.
    pub fn set_webhook_endpoints(&mut self, endpoints: usize) {
        self.settings.webhook_endpoints = endpoints;
    }

    /// Forgets every idempotency key, as Stripe may after a day.
    pub fn forget_keys(&mut self) {
        self.keys.forget();
    }

    /// Every event, oldest first.
    pub fn events(&self) -> std::slice::Iter<'_, Event> {
        self.events.iter()
    }

    /// An event by its id.
    pub fn event(&self, id: &str) -> Option<&Event> {
        self.events.get(id)
    }

    /// Time moves on, and no API request is the cause of what follows.
    fn act(&mut self, now: i64) {
        self.advance(now);
        self.cause = Cause::default();
    }
}
