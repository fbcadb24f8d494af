//! After the transfer: what of it is to be taken back, or given again, since the facts have changed. It looks at how much
//! the mentor should hold by now and how much they do, so that the same facts in any order end in the same amounts.

use super::dispute::{Dispute, Standing, is_appeal, standing};
use super::ids::PaymentId;
use super::money::MinorUnits;
use super::operation::{Order, ReversalOrder, TransferOrder};
use super::payment::Payment;
use super::policy::{Policy, SmallAmounts};
use super::position::add;
pub use super::position::{AfterPolicy, FirstOrder, LateAction, Position, RefundLine, TransferStanding};
use super::reason::Reason;
use super::release::{Case, may_be_paid};

/// What to do about a payment that was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// What brought it about: a refund's or dispute's id, or `flag`.
    pub cause: String,
    /// Goes up with each operation of the cause.
    pub generation: i32,
    /// What to do.
    pub action: Action,
}

/// The ways to put it right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// An operation at Stripe.
    Order(Order),
    /// Nothing is left at Stripe that could be taken back: the mentor owes it.
    Owe(MinorUnits),
    /// The cause is gone: the mentor owes this much less.
    Forgive(MinorUnits),
    /// The cause is gone, and this is too small to be sent alone: it is the mentor's credit.
    Credit(MinorUnits),
}

/// The cause of an admin's flag.
pub const FLAG: &str = "flag";

/// What a look at a paid payment finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// All is as it should be, or something is under way.
    Settled,
    /// This is to be done.
    Due(Adjustment),
    /// So much more was sent than is due, and nothing known explains it: Stripe may know, and else a person must.
    Unexplained(MinorUnits),
    /// So much is to be paid again, and this speaks against it for now.
    Blocked(MinorUnits, String),
}

/// What is to be done now, if anything. One step at a time: the next is asked for when this one has ended.
pub fn adjust(case: &Case, policy: &Policy) -> Option<Adjustment> {
    match look(case, policy) {
        Finding::Due(adjustment) => Some(adjustment),
        _ => None,
    }
}

/// Looks at a paid payment.
pub fn look(case: &Case, policy: &Policy) -> Finding {
    let Some(position) = case.position.as_ref().filter(|position| !position.under_way) else {
        return Finding::Settled;
    };
    let over = position.held() - target(case, position, policy, None).get();
    match (MinorUnits::new(over), MinorUnits::new(-over)) {
        (_, Some(under)) => give_back(case, position, policy, under),
        (Some(over), None) => take_back(case, position, policy, over),
        (None, None) => Finding::Settled,
    }
}

/// How much of the payment the mentor should hold, with one cause left out on request.
fn target(case: &Case, position: &Position, policy: &Policy, without: Option<&str>) -> MinorUnits {
    let counts = |cause: &str| without != Some(cause);
    if flag_counts(&case.payment, policy) && counts(FLAG) {
        return MinorUnits::ZERO;
    }
    let left_out = without.and_then(|id| case.refunds.iter().find(|r| r.id.as_str() == id && !r.failed));
    let refunded = case.payment.refunded.saturating_sub(left_out.map_or(MinorUnits::ZERO, |refund| refund.amount));
    let disputes = case.disputes.iter().filter(|d| dispute_counts(d, case, policy) && counts(d.id.as_str()));
    let (mut gone, mut fees) = (refunded, MinorUnits::ZERO);
    for dispute in disputes {
        gone = add(gone, dispute.amount);
        let bears_fee = policy.after.mentor_pays_dispute_fee && standing(&dispute.status) == Standing::Lost;
        let bears_fee = bears_fee && dispute.fee_currency == position.currency;
        fees = add(fees, if bears_fee { dispute.fee } else { MinorUnits::ZERO });
    }
    let first = &position.first;
    let kept = case.payment.amount.saturating_sub(gone).min(first.kept);
    let share = if first.kept == MinorUnits::ZERO {
        MinorUnits::ZERO
    } else {
        first.gross.share(kept, first.kept, position.currency.payout_step())
    };
    // What is sent and taken back are amounts that Stripe can move, whatever the fee is.
    share.saturating_sub(fees.floor_to(position.currency.step()))
}

fn flag_counts(payment: &Payment, policy: &Policy) -> bool {
    payment.flag.is_some() && policy.after.late_flag == LateAction::Reverse
}

fn dispute_counts(dispute: &Dispute, case: &Case, policy: &Policy) -> bool {
    if dispute.currency != case.payment.currency {
        // Nobody knows what of the payment that is: a person is told, and no money moves.
        return false;
    }
    match standing(&dispute.status) {
        Standing::Lost => true,
        // It was lost, and the bank has the money until the appeal is won.
        Standing::Open if is_appeal(&dispute.status) => true,
        Standing::Open => policy.after.open_dispute == LateAction::Reverse,
        // Nobody knows what it means: a person is told, and no money moves.
        Standing::Unknown | Standing::Cleared => false,
    }
}

fn take_back(case: &Case, position: &Position, policy: &Policy, over: MinorUnits) -> Finding {
    let causes = causes(case, position, policy);
    let now = target(case, position, policy, None);
    let share = |cause: &String| target(case, position, policy, Some(cause)).saturating_sub(now);
    let unanswered = |cause: &&String| position.generation(cause) == 1;
    // A cause that takes nothing beside the others, such as a refund of what is flagged, must not answer for them: when
    // they go, what they took is paid again.
    let weighty = causes.iter().filter(unanswered).find(|cause| share(cause) > MinorUnits::ZERO);
    // What a known cause has already answered for can still be short by a rounding or by a later change of it.
    let cause = weighty.or_else(|| causes.iter().find(unanswered)).or(causes.last());
    let Some(cause) = cause else { return Finding::Unexplained(over) };
    let of_cause = share(cause);
    let several = causes.iter().filter(|cause| position.generation(cause) == 1).count() > 1;
    let amount = if several && of_cause > MinorUnits::ZERO { of_cause.min(over) } else { over };
    let action = match position.reversible() {
        Some(transfer) => Action::Order(Order::Reversal(ReversalOrder {
            amount: amount.min(transfer.left()),
            currency: position.currency,
            transfer_id: transfer.id.clone(),
            payment_id: case.payment.id,
        })),
        None => Action::Owe(amount),
    };
    Finding::Due(adjustment(case, position, cause, action))
}

/// Whatever takes from the mentor's share and came after the transfer.
fn causes(case: &Case, position: &Position, policy: &Policy) -> Vec<String> {
    let refunds = case.refunds.iter().filter(|r| !r.failed && !position.first.refunds.contains(&r.id));
    let disputes = case.disputes.iter().filter(|d| dispute_counts(d, case, policy));
    let mut causes: Vec<String> = refunds.map(|r| r.id.as_str().to_owned()).collect();
    causes.extend(disputes.map(|d| d.id.as_str().to_owned()));
    causes.extend(flag_counts(&case.payment, policy).then(|| FLAG.to_owned()));
    causes
}

/// Gives again only what payoutd itself took: a reversal by other hands stays. What they took of what is owed is owed no
/// more.
fn give_back(case: &Case, position: &Position, policy: &Policy, under: MinorUnits) -> Finding {
    if under == MinorUnits::ZERO {
        return Finding::Settled;
    }
    let gone = gone_cause(case, position, policy);
    let restorable = restorable(case, position, policy);
    // What they paid off in vain is paid to them before more is forgiven: that could come out as paid off in vain, too.
    let repays = position.repayable > MinorUnits::ZERO && restorable > MinorUnits::ZERO && gone.is_some();
    if position.owed > MinorUnits::ZERO && !repays {
        let cause = gone.or_else(|| position.answered.last().map(|(cause, _)| cause.clone())).unwrap_or_default();
        return Finding::Due(adjustment(case, position, &cause, Action::Forgive(under.min(position.owed))));
    }
    let amount = under.min(restorable);
    let Some(cause) = gone.filter(|_| amount > MinorUnits::ZERO) else { return Finding::Settled };
    match restore_order(case, position, policy, amount) {
        Ok(_) if is_carried(amount, position, policy) => {
            Finding::Due(adjustment(case, position, &cause, Action::Credit(amount)))
        }
        Ok(order) => Finding::Due(adjustment(case, position, &cause, Action::Order(Order::Restore(order)))),
        Err(why) => Finding::Blocked(amount, why),
    }
}

fn is_carried(amount: MinorUnits, position: &Position, policy: &Policy) -> bool {
    policy.sending.small_amounts == SmallAmounts::Carry && amount < policy.minimum(position.currency)
}

/// What we took, and have not given again, of what nothing that still stands justifies.
fn restorable(case: &Case, position: &Position, policy: &Policy) -> MinorUnits {
    let justified = position.first.gross.saturating_sub(target(case, position, policy, None));
    // What is still owed is taken already, and not by us from their account.
    let justified = justified.saturating_sub(position.owed);
    let taken = add(position.reversed_by_us, position.repayable);
    taken.saturating_sub(position.restored).saturating_sub(justified)
}

/// A cause that was answered for and that stands no more.
fn gone_cause(case: &Case, position: &Position, policy: &Policy) -> Option<String> {
    let standing = causes(case, position, policy);
    position.answered.iter().rev().map(|(cause, _)| cause).find(|cause| !standing.contains(cause)).cloned()
}

/// The transfer that pays again, or what speaks against paying the mentor. It comes out of the charge as long as Stripe
/// lets that much come out of it, and else out of the platform's balance.
fn restore_order(
    case: &Case,
    position: &Position,
    policy: &Policy,
    amount: MinorUnits,
) -> Result<TransferOrder, String> {
    let payment = &case.payment;
    if payment.mentor_id.as_ref() != Some(&position.mentor_id) {
        return Err(format!("mentor `{}` was paid, and the payment names another by now", position.mentor_id));
    }
    may_be_restored(case, policy)?;
    let account = case.mentor.as_ref().and_then(|mentor| mentor.account_id.clone());
    let destination = account.ok_or("the mentor has no Stripe account")?;
    let charge_id = payment.charge_id.clone().ok_or("its charge is not known")?;
    let transfer_group = super::release::transfer_group(payment, &charge_id);
    let room = if position.currency == payment.currency { Some(payment.amount) } else { settled_in(case, position) };
    let fits = room.is_some_and(|room| add(position.left(), amount) <= room);
    Ok(TransferOrder {
        amount,
        currency: position.currency,
        destination,
        source_transaction: fits.then_some(charge_id),
        transfer_group,
        payment_id: payment.id,
        netted: MinorUnits::ZERO,
        kept: MinorUnits::ZERO,
        refunds: Vec::new(),
        carried: MinorUnits::ZERO,
        converted: None,
    })
}

/// What of the currency that the mentor was paid in came in for the charge.
fn settled_in(case: &Case, position: &Position) -> Option<MinorUnits> {
    case.payment.conversion().filter(|conversion| conversion.into == position.currency).map(|by| by.settled)
}

/// Whether nothing but the amount, or a lost dispute that the amount knows of, speaks against paying.
fn may_be_restored(case: &Case, policy: &Policy) -> Result<(), String> {
    let known = |reason: &Reason| {
        // In what it was sent is what it is sent in again.
        matches!(
            reason,
            Reason::BelowMinimum(..) | Reason::OtherSettlement(..) | Reason::DisputeLost(..) | Reason::RefundedInFull
        )
    };
    let reasons = may_be_paid(case, policy).err().unwrap_or_default();
    let against: Vec<String> = reasons.iter().filter(|r| !known(r)).map(Reason::sentence).collect();
    if against.is_empty() { Ok(()) } else { Err(against.join("; ")) }
}

fn adjustment(case: &Case, position: &Position, cause: &str, action: Action) -> Adjustment {
    let generation = position.generation(cause);
    Adjustment { payment_id: case.payment.id, cause: cause.to_owned(), generation, action }
}

#[cfg(test)]
#[path = "adjust_tests.rs"]
mod tests;
#[cfg(test)]
pub(in crate::domain) use tests::{minor, paid};

#[cfg(test)]
#[path = "adjust_at_random.rs"]
mod at_random;

#[cfg(test)]
#[path = "adjust_money.rs"]
mod money;
