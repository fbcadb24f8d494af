//! What follows from an attempt at an operation that follows a transfer: a reversal, or paying again what was reversed.

use super::late;
use super::money::MinorUnits;
use super::notice::{Notice, Outgoing};
use super::operation::{Done, Order};
use super::outcome::{Conclusion, Context, PaymentNext, error, span};
use super::triage::{Failure, Verdict};

/// Stripe did it.
pub(super) fn done(ctx: &Context<'_>, done: &Done) -> Conclusion {
    let op = ctx.op;
    let mentor = ctx.case.mentor.as_ref();
    let notice = match &op.order {
        Order::Reversal(_) => Notice::TakenBack { payment: ctx.brief(), why: why(&op.cause) },
        _ => Notice::PaidAgain { payment: ctx.brief() },
    };
    let once = format!("{}:{}", notice.kind(), op.id);
    Conclusion {
        next: ctx.confirmed(done.id()),
        payment: Some(PaymentNext::Adjusted(ctx.now)),
        hold_mentor: None,
        owed: None,
        request: None,
        notices: Outgoing::to_mentor(mentor, notice, once, false).into_iter().collect(),
    }
}

/// Stripe refused, and nothing was done.
pub(super) fn refused(ctx: &Context<'_>, failure: &Failure, verdict: Verdict) -> Conclusion {
    match (&ctx.op.order, verdict) {
        // The account has not got it: it comes out of what the mentor earns next.
        (Order::Reversal(order), Verdict::WaitForFunds) => owed(ctx, failure, order.amount),
        // It may have been measured by what was out of date; what the transfer has left is read again first.
        (Order::Reversal(_), _) if ctx.op.generation == 1 => later(ctx, failure),
        (Order::Reversal(order), _) => owed(ctx, failure, order.amount),
        (_, Verdict::HoldMentor) => {
            Conclusion { hold_mentor: Some(failure.message().to_owned()), ..later(ctx, failure) }
        }
        (_, Verdict::WaitForFunds) => later(ctx, failure),
        _ => alert(ctx, failure, later(ctx, failure)),
    }
}

/// Tried as often as is counted, and never done.
pub(super) fn given_up(ctx: &Context<'_>, failure: &Failure, attempts: u32) -> Conclusion {
    let mut conclusion = alert(ctx, failure, later(ctx, failure));
    conclusion.next.attempts = attempts;
    conclusion
}

/// The more often it was refused, the longer it waits.
fn later(ctx: &Context<'_>, failure: &Failure) -> Conclusion {
    let doubled = u32::try_from(ctx.op.generation - 1).unwrap_or(0).min(6);
    let again = PaymentNext::Adjusted(ctx.now + span(ctx.policy.retry.funds * 2_u32.pow(doubled)));
    ctx.rejected(error(failure), again, None)
}

fn alert(ctx: &Context<'_>, failure: &Failure, conclusion: Conclusion) -> Conclusion {
    let what = match ctx.op.order {
        Order::Reversal(_) => "could not be taken back",
        _ => "could not be paid again",
    };
    let why = format!("{} {what}: {}", ctx.op.order.sum(), failure.message());
    let notice = Notice::Unsettled { payment: ctx.brief(), why };
    let subject = format!("{}:{}:{}", ctx.case.payment.id, ctx.op.order.kind(), ctx.op.cause);
    let told = Outgoing::to_admin(notice, "unsettled", subject, Some(ctx.case.payment.id));
    Conclusion { notices: vec![told], ..conclusion }
}

/// What Stripe will not give back is the mentor's debt.
fn owed(ctx: &Context<'_>, failure: &Failure, amount: MinorUnits) -> Conclusion {
    Conclusion {
        owed: Some(amount),
        notices: late::owed(ctx.case, &format!("{}:{}", ctx.op.cause, ctx.op.generation), amount),
        ..ctx.rejected(error(failure), PaymentNext::Adjusted(ctx.now), None)
    }
}

/// A cause in words, for the mentor.
pub(super) fn why(cause: &str) -> String {
    match cause.split('_').next() {
        Some("re" | "pyr") => "the customer was refunded",
        Some("dp" | "du") => "the customer disputed the payment with their bank",
        _ => "the platform objected to the payment",
    }
    .to_owned()
}
