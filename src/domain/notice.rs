//! What people are told by email, as data. The words are the mail room's; who is told, and why, is decided here.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use super::brief::{MentorTask, PaymentBrief, brief, brief_in, mentor_task};
use super::conversion::Converted;
use super::digest::Digest;
use super::dispute_news::{Audience, DisputeBrief};
use super::holding::LimitBrief;
use super::ids::{MentorId, OperationId, RequestId};
use super::money::MinorUnits;
pub use super::outgoing::{Outgoing, Recipient};
pub use super::withdrawn::{WithdrawalBrief, WithdrawalNews};

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// To the mentor: the money is in the connected account.
    Paid {
        /// Which payment.
        payment: PaymentBrief,
        /// When Stripe confirmed it.
        at: DateTime<Utc>,
        /// What more was due, and went towards what the mentor owes.
        #[serde(default)]
        netted: MinorUnits,
        /// What of it was kept of earlier payments.
        #[serde(default)]
        carried: MinorUnits,
        /// How the mentor's part became this currency, where the customer paid in another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        converted: Option<Converted>,
        /// Whether it stays in the connected account until the mentor asks for it.
        #[serde(default)]
        stays: bool,
    },
    /// To the mentor: a payment is too small to be sent alone, and is kept for them.
    Carried {
        /// Which payment, with what is kept of it.
        payment: PaymentBrief,
        /// What is kept for them by now, all in all.
        together: MinorUnits,
    },
    /// To the mentor: less is kept for them, since something speaks against a payment that was.
    KeptLess {
        /// Which payment, with what is kept less.
        payment: PaymentBrief,
        /// Why, in words.
        why: String,
    },
    /// To the mentor: all of a payment went towards what they owe.
    Netted {
        /// Which payment, with what was due.
        payment: PaymentBrief,
    },
    /// To the mentor: the money waits for something that the mentor can do.
    OnHold {
        /// Which payment; `None` when it is the account as such.
        payment: Option<PaymentBrief>,
        /// What to do.
        task: MentorTask,
    },
    /// To the mentor: the transfer was refused, the platform has been told.
    NotPaid {
        /// Which payment.
        payment: PaymentBrief,
    },
    /// To the mentor: part of a payment, or all of it, was taken back.
    TakenBack {
        /// Which payment, with what was taken.
        payment: PaymentBrief,
        /// Why, in words.
        why: String,
    },
    /// To the mentor: what was taken back is paid again.
    PaidAgain {
        /// Which payment, with what was paid.
        payment: PaymentBrief,
    },
    /// To the mentor: what could not be taken back comes out of what they earn next.
    Owed {
        /// Which payment, with what is owed.
        payment: PaymentBrief,
        /// Why, in words.
        why: String,
    },
    /// To the admin: something about a payment that was paid needs a person.
    Unsettled {
        /// Which payment, with the amount that it is about.
        payment: PaymentBrief,
        /// What it is, in words.
        why: String,
    },
    /// To the admin: what could not be taken back is the mentor's debt.
    DebtRecorded {
        /// Which payment, with what is owed.
        payment: PaymentBrief,
        /// Why it was to be taken back, in words.
        why: String,
    },
    /// To the customer: they have their money back.
    Refunded {
        /// Which payment, with what was refunded.
        payment: PaymentBrief,
        /// What to call them.
        customer: Option<String>,
    },
    /// To the customer: what was reserved is free again, and nothing was charged.
    NotCharged {
        /// Which payment, with what was reserved.
        payment: PaymentBrief,
        /// What to call them.
        customer: Option<String>,
    },
    /// To the mentor: a customer was refunded before the mentor was paid.
    CustomerRefunded {
        /// Which payment, with what was refunded.
        payment: PaymentBrief,
        /// What is left for the mentor.
        left: MinorUnits,
    },
    /// To the admin: a refund that was asked for cannot be made.
    RefundFailed {
        /// Which payment, with what was to be refunded.
        payment: PaymentBrief,
        /// Which request.
        request: RequestId,
        /// Why, in words.
        why: String,
    },
    /// To the admin: an authorised payment could not be captured.
    CaptureFailed {
        /// Which payment, with what was to be captured.
        payment: PaymentBrief,
        /// Stripe's words.
        why: String,
    },
    /// To the admin: an authorisation is about to run out.
    AuthorizationExpiring {
        /// Which payment, with what is authorised.
        payment: PaymentBrief,
        /// When.
        at: DateTime<Utc>,
        /// Why it is not captured, in words.
        why: String,
    },
    /// To the admin: an authorisation was let go of, since it must not be captured.
    AuthorizationCanceled {
        /// Which payment, with what was authorised.
        payment: PaymentBrief,
        /// What spoke against capturing it, in words.
        why: String,
    },
    /// To the admin: Stripe refused a transfer for good.
    PaymentFailed {
        /// Which payment.
        payment: PaymentBrief,
        /// Stripe's words.
        why: String,
        /// Stripe's code.
        code: String,
        /// Counted attempts.
        attempts: u32,
    },
    /// To the admin: nobody knows whether a transfer happened, for too long.
    OutcomeUnknown {
        /// Which payment.
        payment: PaymentBrief,
        /// Which operation.
        operation_id: OperationId,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// To the admin: no transfer is tried until this is mended.
    BreakerOpened {
        /// What Stripe said or did.
        why: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// To the admin: a payment for which nobody is registered.
    Unassigned {
        /// Which payment.
        payment: PaymentBrief,
        /// What is missing, in words.
        why: String,
    },
    /// To the admin: a payment is held for something that only a person can settle.
    NeedsAttention {
        /// Which payment.
        payment: PaymentBrief,
        /// What speaks against paying, in words.
        why: String,
    },
    /// To the admin: everything of a mentor is held because of what Stripe said.
    MentorHeld {
        /// Which mentor.
        mentor_id: MentorId,
        /// What to call them.
        mentor: String,
        /// Stripe's words.
        why: String,
    },
    /// To the admin: the platform's Stripe balance was too short.
    FundsShort {
        /// The first payment that had to wait.
        payment: PaymentBrief,
    },
    /// To the admin: Stripe told something that could not be read, and that is kept until it can.
    EventUnreadable {
        /// The event's type, such as `charge.succeeded`.
        event: String,
        /// What is wrong with it.
        why: String,
    },
    /// To the admin: the books are not right.
    AuditDifference {
        /// How many differences there are.
        count: usize,
        /// The first of them, in words: what it is about, and what is wrong.
        first: Vec<(String, String)>,
    },
    /// To the admin: this database and Stripe do not say the same.
    Discrepancies {
        /// How many of them stand.
        count: i64,
        /// The first of them, in words: what it is about, and what differs.
        first: Vec<(String, String)>,
    },
    /// A dispute was opened, went on, or is over.
    Dispute(DisputeBrief),
    /// To the admin: a payment's money nears the end of its time on the platform.
    PlatformLimit(LimitBrief),
    /// To the admin: how the day went.
    Digest(Box<Digest>),
    /// About a withdrawal.
    Withdrawal {
        /// Which.
        withdrawal: WithdrawalBrief,
        /// To whom, and what.
        news: WithdrawalNews,
    },
    /// To the admin: something that payoutd was to do with a connected account was not done.
    AccountTrouble {
        /// Whose.
        mentor_id: MentorId,
        /// What to call them.
        mentor: String,
        /// What is wrong, in words.
        why: String,
    },
    /// To the admin: a transfer went out although something spoke against it by the time it was known.
    PaidDespite {
        /// Which payment.
        payment: PaymentBrief,
        /// What speaks against it, in words.
        why: String,
    },
}

impl Notice {
    /// A word for the kind, as stored in the outbox.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Paid { .. } => "paid",
            Self::Carried { .. } => "carried",
            Self::KeptLess { .. } => "kept_less",
            Self::Netted { .. } => "netted",
            Self::OnHold { .. } => "on_hold",
            Self::NotPaid { .. } => "not_paid",
            Self::TakenBack { .. } => "taken_back",
            Self::PaidAgain { .. } => "paid_again",
            Self::Owed { .. } => "owed",
            Self::DebtRecorded { .. } => "debt_recorded",
            Self::Unsettled { .. } => "unsettled",
            Self::Refunded { .. } => "refunded",
            Self::NotCharged { .. } => "not_charged",
            Self::CustomerRefunded { .. } => "customer_refunded",
            Self::RefundFailed { .. } => "refund_failed",
            Self::CaptureFailed { .. } => "capture_failed",
            Self::AuthorizationExpiring { .. } => "authorization_expiring",
            Self::AuthorizationCanceled { .. } => "authorization_canceled",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::BreakerOpened { .. } => "breaker_opened",
            Self::Unassigned { .. } => "unassigned",
            Self::NeedsAttention { .. } => "needs_attention",
            Self::MentorHeld { .. } => "mentor_held",
            Self::FundsShort { .. } => "funds_short",
            Self::EventUnreadable { .. } => "event_unreadable",
            Self::AuditDifference { .. } => "audit_difference",
            Self::Discrepancies { .. } => "discrepancies",
            Self::PaidDespite { .. } => "paid_despite",
            Self::Dispute(dispute) => dispute.kind(),
            Self::PlatformLimit(_) => "platform_limit",
            Self::Digest(_) => "digest",
            Self::Withdrawal { news, .. } => news.kind(),
            Self::AccountTrouble { .. } => "account_trouble",
        }
    }

    /// Whether a mentor or a customer is told, who may write back, and not an admin.
    pub fn may_be_answered(&self) -> bool {
        matches!(
            self,
            Self::Paid { .. }
                | Self::Carried { .. }
                | Self::KeptLess { .. }
                | Self::Netted { .. }
                | Self::OnHold { .. }
                | Self::NotPaid { .. }
                | Self::TakenBack { .. }
                | Self::PaidAgain { .. }
                | Self::Owed { .. }
                | Self::CustomerRefunded { .. }
                | Self::Refunded { .. }
                | Self::NotCharged { .. }
                | Self::Dispute(DisputeBrief { audience: Audience::Mentor | Audience::Customer, .. })
        ) || matches!(self, Self::Withdrawal { news, .. } if news.is_for_the_mentor())
    }

    /// The payment it speaks of.
    pub fn payment(&self) -> Option<&PaymentBrief> {
        match self {
            Self::Paid { payment, .. }
            | Self::NotPaid { payment }
            | Self::PaymentFailed { payment, .. }
            | Self::OutcomeUnknown { payment, .. }
            | Self::Unassigned { payment, .. }
            | Self::NeedsAttention { payment, .. }
            | Self::FundsShort { payment }
            | Self::PaidDespite { payment, .. }
            | Self::TakenBack { payment, .. }
            | Self::PaidAgain { payment }
            | Self::Carried { payment, .. }
            | Self::KeptLess { payment, .. }
            | Self::Netted { payment }
            | Self::Owed { payment, .. }
            | Self::DebtRecorded { payment, .. }
            | Self::Unsettled { payment, .. }
            | Self::Refunded { payment, .. }
            | Self::NotCharged { payment, .. }
            | Self::CustomerRefunded { payment, .. }
            | Self::RefundFailed { payment, .. }
            | Self::CaptureFailed { payment, .. }
            | Self::AuthorizationExpiring { payment, .. }
            | Self::AuthorizationCanceled { payment, .. } => Some(payment),
            Self::OnHold { payment, .. } => payment.as_ref(),
            Self::Dispute(DisputeBrief { payment, .. }) | Self::PlatformLimit(LimitBrief { payment, .. }) => {
                Some(payment)
            }
            Self::BreakerOpened { .. }
            | Self::MentorHeld { .. }
            | Self::EventUnreadable { .. }
            | Self::AuditDifference { .. }
            | Self::Discrepancies { .. }
            | Self::Withdrawal { .. }
            | Self::AccountTrouble { .. }
            | Self::Digest(_) => None,
        }
    }
}
