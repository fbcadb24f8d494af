//! What to do with an operation that is not on the wire: send it (again), look whether it was done, or withdraw it.

use chrono::{DateTime, Utc};

use super::adjust::{Action, adjust};
use super::ask;
use super::operation::{Operation, Order, TransferOrder};
use super::outcome::key_expires_at;
use super::policy::Policy;
use super::reason::Reason;
use super::release::{Case, before, may_be_paid};

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send it under its key.
    Send,
    /// Ask Stripe whether it was done; send nothing.
    Look,
    /// Nothing was done, and nothing is to be: give the payment back to the decision.
    Withdraw(String),
}

/// Chooses. What may have been done is never withdrawn, and is sent again only under the same key, while Stripe
/// keeps the key, and while the facts would allow the very same transfer now: a repeat may be what makes it.
///
/// After the counted attempts it is looked for instead: Stripe replays a stored 500 under its key for a day, so that
/// sending it again would only keep the mentor waiting for what a look can tell.
pub fn next_step(op: &Operation, case: &Case, policy: &Policy, now: DateTime<Utc>) -> Step {
    choose(op, objection(op, case, policy, now), policy, now)
}

/// Chooses by what speaks against sending it now, whatever it is about.
pub(super) fn choose(op: &Operation, objection: Option<String>, policy: &Policy, now: DateTime<Utc>) -> Step {
    let key_expired = key_expires_at(op, &policy.retry).is_some_and(|at| at <= now);
    match (op.maybe_done, objection) {
        (false, None) if key_expired => Step::Withdraw("its idempotency key is too old to be sent again".into()),
        (false, None) => Step::Send,
        (false, Some(why)) => Step::Withdraw(why),
        (true, None) if !key_expired && op.attempts < policy.retry.max_attempts => Step::Send,
        (true, _) => Step::Look,
    }
}

fn objection(op: &Operation, case: &Case, policy: &Policy, now: DateTime<Utc>) -> Option<String> {
    const CHANGED: &str = "what is due has changed since";
    let order = match &op.order {
        Order::Transfer(order) => order,
        Order::Restore(_) | Order::Reversal(_) => {
            let due = after_all(op, case, policy);
            return (due.as_ref() != Some(&op.order)).then(|| CHANGED.into());
        }
        Order::Refund(_) | Order::Capture(_) | Order::Cancel(_) => {
            return (!ask::still(op, case, policy, now)).then(|| CHANGED.into());
        }
        // Not about a payment.
        Order::Payout(_) | Order::Account(_) | Order::Schedule(_) => return Some(CHANGED.into()),
    };
    // What it took stays its own until it ends.
    match may_be_paid(&before(case, order), policy) {
        Err(reasons) => Some(reasons.iter().map(Reason::sentence).collect::<Vec<_>>().join("; ")),
        Ok(plan) if !order.is_still(&TransferOrder::from_plan(&plan)) => Some(CHANGED.into()),
        Ok(_) => None,
    }
}

/// What the facts ask for after the transfer, this operation left aside.
fn after_all(op: &Operation, case: &Case, policy: &Policy) -> Option<Order> {
    let mut position = case.position.clone()?;
    position.under_way = false;
    // Its own answer does not count.
    position.answered.retain(|(cause, generation)| *cause != op.cause || *generation > 1);
    if let Some((_, generation)) = position.answered.iter_mut().find(|(cause, _)| *cause == op.cause) {
        *generation -= 1;
    }
    let without = Case { position: Some(position), ..case.clone() };
    match adjust(&without, policy)?.action {
        Action::Order(order) if order.kind() == op.order.kind() => Some(order),
        _ => None,
    }
}
