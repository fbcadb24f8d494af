//! What follows from an attempt at an operation about a payment: the operation's next state, the payment's, and whom to
//! tell.

use chrono::{DateTime, Utc};

use super::adjusted;
use super::asked::{self, RequestNext};
use super::facts::TransferFact;
use super::ids::{RequestId, TransferId};
use super::late;
use super::mentor::Account;
use super::money::MinorUnits;
use super::notice::{Notice, Outgoing, PaymentBrief, brief_in};
use super::operation::{Done, Operation, OperationState, Order, TransferOrder};
use super::payment::{Pause, PaymentStatus, TransferStatus, WaitWhy};
use super::policy::{Policy, RetryPolicy};
use super::reason::Reason;
use super::release::{Case, before, may_be_paid};
use super::rescue::{Step, next_step};
use super::triage::{Failure, Verdict};
use super::turn::{Turn, turn};
pub(super) use super::turn::{error, span};

/// What an attempt brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// It exists: Stripe answered so, or a look-up found it.
    Done(Done),
    /// The request failed.
    Failed(Failure),
    /// A look-up found no such thing.
    NotFound,
    /// A look-up, or the reading of the charge beforehand, failed; no request for a transfer left.
    NotAsked(Failure),
    /// Its worker stopped before its turn came: nothing was asked of Stripe.
    NotBegun,
    /// Not sent, because of what speaks against it by now, or because the amount due has changed.
    Withdrawn(String),
}

/// What an operation becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Its state.
    pub state: OperationState,
    /// Its counted attempts.
    pub attempts: u32,
    /// When it is due again; `None` when it is at its end.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Since when its outcome is unknown.
    pub unknown_since: Option<DateTime<Utc>>,
    /// Stripe's id of what was made, once it exists.
    pub done_as: Option<String>,
    /// The code and words of what went wrong.
    pub error: Option<(String, String)>,
}

/// What a payment becomes, where the operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentNext {
    /// Its transfer exists; to be looked at again where the facts have changed in the meantime.
    Transferred(TransferId, TransferStatus, bool),
    /// It stays as it is: what was done about it is at its end. To be looked at again, not before the time.
    Adjusted(DateTime<Utc>),
    /// To be decided anew, not before the pause.
    Again(Option<Pause>),
    /// Refused for good.
    Failed,
}

/// All that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// For the operation.
    pub next: Next,
    /// For the payment; `None` while the operation goes on.
    pub payment: Option<PaymentNext>,
    /// A hold to place on the mentor, with Stripe's words.
    pub hold_mentor: Option<String>,
    /// What could not be taken back, and is the mentor's debt from now on.
    pub owed: Option<MinorUnits>,
    /// What the request becomes that it was to answer.
    pub request: Option<(RequestId, RequestNext)>,
    /// Whom to tell.
    pub notices: Vec<Outgoing>,
}

impl PaymentNext {
    /// The status that it stands for; `None` where it stays what it is.
    pub fn status(&self) -> Option<PaymentStatus> {
        match self {
            Self::Transferred(..) => Some(PaymentStatus::Transferred),
            Self::Adjusted(_) => None,
            Self::Again(_) => Some(PaymentStatus::Pending),
            Self::Failed => Some(PaymentStatus::Failed),
        }
    }
}

/// Concludes an attempt. `case` holds the facts as they are now, under the payment's lock.
pub fn conclude(op: &Operation, attempted: &Attempted, case: &Case, policy: &Policy, now: DateTime<Utc>) -> Conclusion {
    let ctx = Context { op, case, policy, now };
    let would_send = || next_step(op, case, policy, now) == Step::Send;
    match (turn(op, attempted, would_send, &policy.retry, now), &op.order) {
        (Turn::Done(Done::Transfer(transfer)), Order::Transfer(order)) => ctx.done(transfer, order),
        (Turn::Done(done), order) if order.follows_a_transfer() => adjusted::done(&ctx, done),
        (Turn::Done(done), _) => asked::done(&ctx, done),
        (Turn::On(next), _) => ctx.goes_on(next),
        (Turn::Refused(failure, verdict), _) => ctx.refused(failure, verdict),
        (Turn::GivenUp(failure, attempts), _) => ctx.given_up(failure, attempts),
        (Turn::Undone(code, why), _) => ctx.rejected((code.into(), why), ctx.undone(), None),
    }
}

/// What a conclusion is drawn from.
pub(super) struct Context<'a> {
    pub op: &'a Operation,
    pub case: &'a Case,
    pub policy: &'a Policy,
    pub now: DateTime<Utc>,
}

impl Context<'_> {
    fn done(&self, transfer: &TransferFact, order: &TransferOrder) -> Conclusion {
        let brief = self.brief();
        let (netted, carried, converted) = (order.netted, order.carried, order.converted);
        let stays = self.case.account.as_ref().is_some_and(Account::pays_out_on_request);
        let paid = Notice::Paid { payment: brief, at: self.now, netted, carried, converted, stays };
        let to_mentor = Outgoing::to_mentor(self.case.mentor.as_ref(), paid, format!("paid:{}", self.op.id), false);
        let by_now = may_be_paid(&before(self.case, order), self.policy);
        let payment = &self.case.payment;
        let kept = payment.amount.saturating_sub(payment.refunded);
        let changed = payment.flag.is_some()
            || !self.case.disputes.is_empty()
            || !self.case.asked.requests.is_empty()
            || kept != order.kept;
        let despite = by_now.err().unwrap_or_default();
        let despite = despite.iter().map(|reason| late::objection(self.case, &self.objection_key(reason), reason));
        Conclusion {
            next: self.confirmed(transfer.id.as_str()),
            payment: Some(PaymentNext::Transferred(transfer.id.clone(), transfer_status(transfer), changed)),
            hold_mentor: None,
            owed: None,
            request: None,
            notices: to_mentor.into_iter().chain(despite).collect(),
        }
    }

    /// The same for the same objection, whether it is seen with the outcome or later.
    fn objection_key(&self, reason: &Reason) -> String {
        match reason {
            Reason::Flagged(_) => late::flag_key(&self.case.payment),
            Reason::DisputeOpen(id, _) => id.to_string(),
            reason => reason.code().to_owned(),
        }
    }

    /// The operation's end: Stripe did it.
    pub(super) fn confirmed(&self, done_as: &str) -> Next {
        Next::confirmed(self.op, done_as)
    }

    fn goes_on(&self, next: Next) -> Conclusion {
        let notices = self.unknown_for_long(&next).into_iter().collect();
        Conclusion { next, payment: None, hold_mentor: None, owed: None, request: None, notices }
    }

    fn refused(&self, failure: &Failure, verdict: Verdict) -> Conclusion {
        match verdict {
            _ if self.op.order.follows_a_transfer() => adjusted::refused(self, failure, verdict),
            _ if !self.pays_first() => asked::refused(self, failure, verdict),
            Verdict::WaitForFunds => self.wait_for_funds(failure),
            Verdict::HoldMentor => self.hold_mentor(failure),
            _ => self.failed_for_good(failure, self.op.attempts + 1),
        }
    }

    fn given_up(&self, failure: &Failure, attempts: u32) -> Conclusion {
        if self.op.order.follows_a_transfer() {
            adjusted::given_up(self, failure, attempts)
        } else if !self.pays_first() {
            asked::given_up(self, failure, attempts)
        } else {
            self.failed_for_good(failure, attempts)
        }
    }

    fn pays_first(&self) -> bool {
        matches!(self.op.order, Order::Transfer(_))
    }

    /// What becomes of the payment when the operation ended without anything done, and nothing more is known.
    fn undone(&self) -> PaymentNext {
        if self.pays_first() { PaymentNext::Again(None) } else { PaymentNext::Adjusted(self.now) }
    }

    fn wait_for_funds(&self, failure: &Failure) -> Conclusion {
        let pause = Pause { until: self.now + span(self.policy.retry.funds), why: WaitWhy::Funds };
        let notice = Notice::FundsShort { payment: self.brief() };
        let day = format!("{}:{}", self.now.format("%Y-%m-%d"), self.brief().currency);
        let told = Outgoing::to_admin(notice, "funds_short", day, Some(self.case.payment.id));
        Conclusion { notices: vec![told], ..self.rejected(error(failure), PaymentNext::Again(Some(pause)), None) }
    }

    fn hold_mentor(&self, failure: &Failure) -> Conclusion {
        let why = failure.message().to_owned();
        let mentor_id = self.op.mentor_id.clone();
        let name = self.case.mentor.as_ref().and_then(|m| m.name.clone());
        let notice =
            Notice::MentorHeld { mentor: name.unwrap_or_else(|| mentor_id.to_string()), mentor_id, why: why.clone() };
        let to_admin = Outgoing::to_admin(notice, "mentor_held", self.op.key.as_str(), Some(self.case.payment.id));
        let task = super::notice::MentorTask::ResolveRestriction;
        let on_hold = Notice::OnHold { payment: Some(self.brief()), task };
        let key = format!("on_hold:{}", self.op.key);
        let to_mentor = Outgoing::to_mentor(self.case.mentor.as_ref(), on_hold, key, true);
        let rejected = self.rejected(error(failure), PaymentNext::Again(None), Some(why));
        Conclusion { notices: std::iter::once(to_admin).chain(to_mentor).collect(), ..rejected }
    }

    fn failed_for_good(&self, failure: &Failure, attempts: u32) -> Conclusion {
        let (code, why) = error(failure);
        let to_admin = Outgoing::to_admin(
            Notice::PaymentFailed { payment: self.brief(), why: why.clone(), code: code.clone(), attempts },
            "payment_failed",
            self.op.key.as_str(),
            Some(self.case.payment.id),
        );
        let not_paid = Notice::NotPaid { payment: self.brief() };
        let key = format!("not_paid:{}", self.op.key);
        let to_mentor = Outgoing::to_mentor(self.case.mentor.as_ref(), not_paid, key, false);
        let mut conclusion = self.rejected((code, why), PaymentNext::Failed, None);
        conclusion.next.attempts = attempts;
        conclusion.notices = std::iter::once(to_admin).chain(to_mentor).collect();
        conclusion
    }

    /// The operation's end: nothing was done.
    pub(super) fn rejected(
        &self,
        error: (String, String),
        payment: PaymentNext,
        hold_mentor: Option<String>,
    ) -> Conclusion {
        let next = Next::rejected(self.op, error);
        let request = self.op.order.request_id().map(|id| (id, RequestNext::Open));
        Conclusion { next, payment: Some(payment), hold_mentor, owed: None, request, notices: Vec::new() }
    }

    fn unknown_for_long(&self, next: &Next) -> Option<Outgoing> {
        let since = next.unknown_for_long(&self.policy.retry, self.now)?;
        let notice = Notice::OutcomeUnknown { payment: self.brief(), operation_id: self.op.id, since };
        Some(Outgoing::to_admin(notice, "outcome_unknown", self.op.id, Some(self.case.payment.id)))
    }

    /// The payment as emails speak of it, with the operation's amount.
    pub(super) fn brief(&self) -> PaymentBrief {
        let order = &self.op.order;
        let (amount, currency) = order.money().unwrap_or((MinorUnits::ZERO, self.case.payment.currency));
        brief_in(currency, &self.case.payment, self.case.mentor.as_ref(), amount)
    }
}

/// What a transfer's reversals make of it.
pub fn transfer_status(transfer: &TransferFact) -> TransferStatus {
    what_stands(transfer.amount.get(), transfer.amount.get() - transfer.reversed.get())
}

/// What has become of a transfer of so much, where so much of what was sent is left, restores included.
pub fn what_stands(sent_minor: i64, left_minor: i64) -> TransferStatus {
    match left_minor {
        left if left >= sent_minor => TransferStatus::Paid,
        left if left <= 0 => TransferStatus::Reversed,
        _ => TransferStatus::PartlyReversed,
    }
}

/// The longest that an operation's outcome may stay unknown before the key is not sent again.
pub fn key_expires_at(op: &Operation, retry: &RetryPolicy) -> Option<DateTime<Utc>> {
    op.first_sent_at.map(|sent| sent + span(retry.key_max_age))
}
