//! What follows from an attempt at what was asked for: a refund, a capture, letting go of an authorisation.

use super::ids::{RefundId, RequestId};
use super::money::MinorUnits;
use super::notice::{Notice, Outgoing, brief};
use super::operation::{Done, IntentOrder, Order, RefundOrder};
use super::outcome::{Conclusion, Context, PaymentNext, error, span};
use super::payment::PaymentStatus;
use super::reason::Reason;
use super::refund;
use super::release::Case;
use super::triage::{Failure, Verdict};

/// What a request becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestNext {
    /// To be answered anew.
    Open,
    /// Done: so much went back, by this refund; none where nothing had been charged.
    Done(MinorUnits, Option<RefundId>),
    /// It cannot be done by itself, in these words. The payment is held for a person.
    Failed(String),
}

/// Stripe did it.
pub(super) fn done(ctx: &Context<'_>, done: &Done) -> Conclusion {
    let (request, notices) = match (&ctx.op.order, done) {
        (Order::Refund(order), Done::Refund(refund)) if refund::failed(&refund.status) => {
            let why = format!("Stripe made refund {}, and it {}", refund.id, refund.status);
            let told = failed(ctx.case, order.request_id, order.amount, &why);
            (Some((order.request_id, RequestNext::Failed(why))), vec![told])
        }
        (Order::Refund(order), Done::Refund(refund)) => {
            let next = RequestNext::Done(order.amount, Some(refund.id.clone()));
            (Some((order.request_id, next)), refunded(ctx, order, &refund.id))
        }
        (Order::Cancel(order), _) => {
            let next = order.request_id.map(|id| (id, RequestNext::Done(order.amount, None)));
            (next, let_go(ctx, order))
        }
        _ => (None, Vec::new()),
    };
    Conclusion {
        next: ctx.confirmed(done.id()),
        payment: Some(PaymentNext::Adjusted(ctx.now)),
        hold_mentor: None,
        owed: None,
        request,
        notices,
    }
}

/// Stripe refused, and nothing was done.
pub(super) fn refused(ctx: &Context<'_>, failure: &Failure, verdict: Verdict) -> Conclusion {
    match (&ctx.op.order, verdict) {
        (Order::Refund(order), Verdict::Reject | Verdict::HoldMentor) => {
            let why = failure.message().to_owned();
            let told = failed(ctx.case, order.request_id, order.amount, &why);
            let request = Some((order.request_id, RequestNext::Failed(why)));
            let ended = ctx.rejected(error(failure), PaymentNext::Adjusted(ctx.now), None);
            Conclusion { request, notices: vec![told], ..ended }
        }
        _ => later(ctx, failure),
    }
}

/// Tried as often as is counted, and never done.
pub(super) fn given_up(ctx: &Context<'_>, failure: &Failure, attempts: u32) -> Conclusion {
    let mut conclusion = later(ctx, failure);
    conclusion.next.attempts = attempts;
    conclusion
}

/// The same is decided anew after a while; an admin hears of it.
fn later(ctx: &Context<'_>, failure: &Failure) -> Conclusion {
    let (payment, why) = (ctx.brief(), failure.message().to_owned());
    let subject = format!("{}:{}", ctx.case.payment.id, ctx.op.cause);
    let sum = ctx.op.order.sum();
    let again = |what: &str| format!("{sum} could not be {what} yet, payoutd tries again: {why}");
    let (notice, kind) = match &ctx.op.order {
        Order::Capture(_) => (Notice::CaptureFailed { payment, why }, "capture_failed"),
        Order::Cancel(_) => (Notice::NeedsAttention { payment, why: again("let go of") }, "needs_attention"),
        _ => (Notice::NeedsAttention { payment, why: again("refunded") }, "needs_attention"),
    };
    let told = Outgoing::to_admin(notice, kind, subject, Some(ctx.case.payment.id));
    let at = PaymentNext::Adjusted(ctx.now + span(ctx.policy.retry.funds));
    Conclusion { notices: vec![told], ..ctx.rejected(error(failure), at, None) }
}

/// A request that a person has to see to. The same words whether it was refused, or failed at Stripe.
pub fn failed(case: &Case, request: RequestId, amount: MinorUnits, why: &str) -> Outgoing {
    let payment = brief(&case.payment, case.mentor.as_ref(), amount);
    let notice = Notice::RefundFailed { payment, request, why: why.to_owned() };
    Outgoing::to_admin(notice, "refund_failed", request, Some(case.payment.id))
}

fn refunded(ctx: &Context<'_>, order: &RefundOrder, refund: &RefundId) -> Vec<Outgoing> {
    let customer = &ctx.case.payment.customer;
    let notice = Notice::Refunded { payment: ctx.brief(), customer: customer.name.clone() };
    let to_customer = Outgoing::to_customer(customer, notice, format!("refunded:{}", ctx.op.id));
    // Stripe may have told of the refund before its answer came.
    let known = ctx.case.refunds.iter().any(|told| told.id == *refund);
    let more = if known { MinorUnits::ZERO } else { order.amount };
    to_customer.into_iter().chain(to_mentor(ctx, more)).collect()
}

/// A mentor who was paid hears of it when their part is taken back.
fn to_mentor(ctx: &Context<'_>, more: MinorUnits) -> Option<Outgoing> {
    let payment = &ctx.case.payment;
    if payment.status.is_paid() {
        return None;
    }
    let mut after = payment.clone();
    after.refunded = after.refunded.checked_add(more).unwrap_or(after.amount).min(after.amount);
    let left = if payment.status == PaymentStatus::Authorized { MinorUnits::ZERO } else { after.mentor_due() };
    let notice = Notice::CustomerRefunded { payment: ctx.brief(), left };
    Outgoing::to_mentor(ctx.case.mentor.as_ref(), notice, format!("customer_refunded:{}", ctx.op.id), false)
}

fn let_go(ctx: &Context<'_>, order: &IntentOrder) -> Vec<Outgoing> {
    let customer = &ctx.case.payment.customer;
    let notice = Notice::NotCharged { payment: ctx.brief(), customer: customer.name.clone() };
    let to_customer = Outgoing::to_customer(customer, notice, format!("not_charged:{}", ctx.op.id));
    let other = match order.request_id {
        Some(_) => to_mentor(ctx, order.amount),
        None => {
            let why = super::capture::objections(ctx.case, ctx.policy);
            let why = why.iter().map(Reason::sentence).collect::<Vec<_>>().join("; ");
            let notice = Notice::AuthorizationCanceled { payment: ctx.brief(), why };
            let id = ctx.case.payment.id;
            Some(Outgoing::to_admin(notice, "authorization_canceled", id, Some(id)))
        }
    };
    to_customer.into_iter().chain(other).collect()
}
