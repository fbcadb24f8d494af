//! Where the mentor's part of a payment is once it was paid, and what the operator decided about taking it back. What
//! follows from it is `adjust`'s business.

use serde::{Deserialize, Serialize};

use super::ids::{AccountId, MentorId, RefundId, TransferId};
use super::money::{Currency, MinorUnits};
use super::payment::words;

words!(
    /// What to do about an objection that comes after the transfer.
    LateAction {
        /// Tell an admin, and leave the money where it is.
        Alert = "alert",
        /// Take the transfer back.
        Reverse = "reverse",
    }
);

/// What the operator decided about money that has left already.
#[derive(Debug, Clone)]
pub struct AfterPolicy {
    /// When a dispute is open after the transfer.
    pub open_dispute: LateAction,
    /// When an admin flags after the transfer.
    pub late_flag: LateAction,
    /// Whether the mentor bears Stripe's fee for a lost dispute.
    pub mentor_pays_dispute_fee: bool,
}

impl Default for AfterPolicy {
    fn default() -> Self {
        Self { open_dispute: LateAction::Alert, late_flag: LateAction::Alert, mentor_pays_dispute_fee: false }
    }
}

/// A refund, as far as the mentor's share goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundLine {
    /// Stripe's id.
    pub id: RefundId,
    /// How much.
    pub amount: MinorUnits,
    /// Whether the money stayed after all.
    pub failed: bool,
}

/// One of our transfers of a payment, as it stands at Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferStanding {
    /// Stripe's id.
    pub id: TransferId,
    /// Where it went.
    pub destination: AccountId,
    /// How much.
    pub amount: MinorUnits,
    /// What of it was taken back, by us or by other hands.
    pub reversed: MinorUnits,
}

impl TransferStanding {
    pub(super) fn left(&self) -> MinorUnits {
        self.amount.saturating_sub(self.reversed)
    }
}

/// Where the mentor's part of a payment is, once it has been paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Who was paid, whoever the payment names by now.
    pub mentor_id: MentorId,
    /// In what they were paid; every amount here is in it, but for what the first order says of the charge.
    pub currency: Currency,
    /// What the first transfer was ordered as; what went towards a debt stands in it.
    pub first: FirstOrder,
    /// All our transfers of it, the oldest first.
    pub transfers: Vec<TransferStanding>,
    /// What we have taken back.
    pub reversed_by_us: MinorUnits,
    /// What of it is or was the mentor's credit, to be sent with a later transfer.
    pub carried: MinorUnits,
    /// What of earlier payments was sent with its transfer, and is not of it.
    pub taken: MinorUnits,
    /// What we have paid again of that, or made their credit.
    pub restored: MinorUnits,
    /// What could not be taken back, and is the mentor's debt.
    pub owed: MinorUnits,
    /// What they paid off of a debt whose cause is gone: to be paid to them.
    pub repayable: MinorUnits,
    /// Causes that an operation or a debt has answered already, with the highest generation.
    pub answered: Vec<(String, i32)>,
    /// Whether an operation that follows the transfer is under way.
    pub under_way: bool,
}

/// What the first transfer was measured by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstOrder {
    /// The mentor's part then.
    pub gross: MinorUnits,
    /// What of that went towards a debt.
    pub netted: MinorUnits,
    /// What of the charge had not been refunded then, in the charge's currency.
    pub kept: MinorUnits,
    /// The refunds that were known then.
    pub refunds: Vec<RefundId>,
}

impl Position {
    /// What the mentor holds of the payment; what paid off a debt or is their credit counts, and what they owe, or paid off
    /// in vain, does not. Less than nothing where other hands took back what is owed.
    pub fn held(&self) -> i64 {
        let theirs = self.left().get() + self.first.netted.get() + self.carried.get();
        theirs - self.taken.get() - self.owed.get() - self.repayable.get()
    }

    /// What is left of the transfers.
    pub(super) fn left(&self) -> MinorUnits {
        self.transfers.iter().map(TransferStanding::left).fold(MinorUnits::ZERO, add)
    }

    /// The transfer of which most is left; none where Stripe has refused to take back what is left already.
    pub(super) fn reversible(&self) -> Option<&TransferStanding> {
        let most = self.transfers.iter().max_by_key(|transfer| transfer.left());
        most.filter(|transfer| transfer.left() > MinorUnits::ZERO && self.left().saturating_sub(self.taken) > self.owed)
    }

    pub(super) fn generation(&self, cause: &str) -> i32 {
        self.answered.iter().find(|(answered, _)| answered == cause).map_or(0, |(_, generation)| *generation) + 1
    }
}

/// `a + b`; `a` where that is beyond what can be counted.
pub(super) fn add(a: MinorUnits, b: MinorUnits) -> MinorUnits {
    a.checked_add(b).unwrap_or(a)
}
