//! What becomes of the mentor's part of a payment once it is due: what is sent, what goes towards a debt, what is too small
//! to be sent alone and is carried over, and what was carried over before and goes out with it.

use super::money::MinorUnits;
use super::policy::{Policy, SmallAmounts};
use super::position::add;
use super::release::Case;

/// The amounts that this depends on, all in the currency that the mentor is paid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// What the mentor is due of the payment.
    pub due: MinorUnits,
    /// What they owe.
    pub debt: MinorUnits,
    /// What was carried over of earlier payments.
    pub credit: MinorUnits,
    /// The smallest transfer.
    pub least: MinorUnits,
    /// The most that may come out of the payment's charge.
    pub room: MinorUnits,
    /// Whether what is too small is carried over.
    pub carries: bool,
    /// Whether the platform's balance was short when this was last tried.
    pub funds_short: bool,
}

/// What becomes of it. `sent + netted + carried_over` is what is due and `taken`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Portion {
    /// What is sent; nothing where all of it goes elsewhere.
    pub sent: MinorUnits,
    /// What goes towards the debt.
    pub netted: MinorUnits,
    /// What is kept as the mentor's credit, for a later transfer.
    pub carried_over: MinorUnits,
    /// What of the credit is sent with it.
    pub taken: MinorUnits,
    /// Whether it comes out of the platform's balance, since the charge does not have as much.
    pub beyond_charge: bool,
}

impl Sums {
    /// The sums of a payment, by the facts.
    pub fn of(case: &Case, policy: &Policy) -> Self {
        let payment = &case.payment;
        let kept = payment.amount.saturating_sub(payment.refunded);
        let room = payment.conversion().map_or(kept, |conversion| conversion.payable(kept));
        let currency = payment.pay_currency();
        Self {
            due: payment.mentor_pay(),
            debt: case.debt,
            credit: case.credit,
            least: policy.minimum(currency),
            room: room.floor_to(currency.step()),
            carries: policy.sending.small_amounts == SmallAmounts::Carry,
            funds_short: payment.pause.is_some_and(|pause| pause.why == super::payment::WaitWhy::Funds),
        }
    }

    /// What becomes of it; `None` where it is too small, and waits for a person.
    pub fn portion(&self) -> Option<Portion> {
        if self.due == MinorUnits::ZERO {
            return None;
        }
        let netted = self.netted();
        let left = self.due.saturating_sub(netted);
        let together = add(left, self.credit);
        if left == MinorUnits::ZERO {
            Some(Portion { netted, ..Portion::default() })
        } else if left >= self.least {
            let (taken, beyond_charge) = self.sent_along(left);
            Some(Portion { sent: add(left, taken), netted, taken, beyond_charge, ..Portion::default() })
        } else if together >= self.least {
            let beyond_charge = together > self.room;
            Some(Portion { sent: together, netted, taken: self.credit, beyond_charge, ..Portion::default() })
        } else {
            self.carries.then_some(Portion { netted, carried_over: left, ..Portion::default() })
        }
    }

    /// What goes towards the debt: never more than is due, and, where nothing is carried over, never so much that too little
    /// is left to be sent.
    fn netted(&self) -> MinorUnits {
        let netted = self.debt.min(self.due);
        let left = self.due.saturating_sub(netted);
        let too_little = left > MinorUnits::ZERO && left < self.least && !self.carries;
        if too_little { self.due.saturating_sub(self.least) } else { netted }
    }

    /// How much of the credit is sent with a part that can be sent alone, and whether that is more than the charge has. The
    /// part itself must never wait for the credit: once the balance was short, only what the charge has goes along.
    fn sent_along(&self, left: MinorUnits) -> (MinorUnits, bool) {
        let room = self.room.saturating_sub(left);
        if room >= self.credit {
            (self.credit, false)
        } else if room > MinorUnits::ZERO || self.funds_short {
            (room, false)
        } else {
            (self.credit, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minor(n: i64) -> MinorUnits {
        MinorUnits::new(n).unwrap()
    }

    /// A charge of 1,000 with a minimum of 50.
    fn sums(due: i64, debt: i64, credit: i64, carries: bool) -> Sums {
        let [due, debt, credit, least, room] = [due, debt, credit, 50, 1_000].map(minor);
        Sums { due, debt, credit, least, room, carries, funds_short: false }
    }

    /// Sent, netted, carried over, taken; `~` where it is beyond the charge.
    fn shown(portion: Option<Portion>) -> String {
        let of = |p: Portion| {
            let beyond = if p.beyond_charge { " ~" } else { "" };
            format!("{} {} {} {}{beyond}", p.sent, p.netted, p.carried_over, p.taken)
        };
        portion.map_or("waits".into(), of)
    }

    #[test]
    fn where_the_part_of_a_payment_goes() {
        for (due, debt, credit, carries, becomes) in [
            (900, 0, 0, false, "900 0 0 0"),
            (900, 0, 0, true, "900 0 0 0"),
            // Too small.
            (49, 0, 0, false, "waits"),
            (49, 0, 0, true, "0 0 49 0"),
            (0, 0, 49, true, "waits"),
            // Together they pass, also where nothing more is carried over.
            (30, 0, 19, true, "0 0 30 0"),
            (30, 0, 20, true, "50 0 0 20"),
            (30, 0, 20, false, "50 0 0 20"),
            (900, 0, 49, true, "949 0 0 49"),
            (900, 0, 49, false, "949 0 0 49"),
            // Debts come first.
            (900, 400, 0, false, "500 400 0 0"),
            (900, 900, 0, true, "0 900 0 0"),
            (900, 870, 0, false, "50 850 0 0"),
            (900, 870, 0, true, "0 870 30 0"),
            (40, 100, 0, true, "0 40 0 0"),
            (40, 100, 0, false, "0 40 0 0"),
            (40, 30, 0, true, "0 30 10 0"),
            // No more than the charge has goes along with what can go alone.
            (990, 0, 49, true, "1000 0 0 10"),
            (1_000, 0, 49, true, "1049 0 0 49 ~"),
        ] {
            let found = shown(sums(due, debt, credit, carries).portion());
            assert_eq!(found, becomes, "due {due}, debt {debt}, credit {credit}, carries {carries}");
        }
        let short = Sums { funds_short: true, ..sums(1_000, 0, 49, true) };
        assert_eq!(shown(short.portion()), "1000 0 0 0");
        let small_charge = Sums { room: minor(33), ..sums(30, 0, 25, true) };
        assert_eq!(shown(small_charge.portion()), "55 0 0 25 ~");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_made(
            due in 0..2_000_i64, debt in 0..2_000_i64, credit in 0..200_i64, least in 1..100_i64, room in 0..2_000_i64,
            carries: bool, funds_short: bool,
        ) {
            let (debt, credit) = if debt > credit { (debt, 0) } else { (0, credit) };
            let [due, debt, credit, least, room] = [due, debt, credit, least, room.max(due)].map(minor);
            let sums = Sums { due, debt, credit, least, room, carries, funds_short };
            if let Some(p) = sums.portion() {
                prop_assert_eq!(p.sent.get() + p.netted.get() + p.carried_over.get(), due.get() + p.taken.get());
                prop_assert!(p.netted <= debt && p.taken <= credit);
                prop_assert!(p.sent == MinorUnits::ZERO || p.sent >= least, "too small to be sent: {:?}", p);
                prop_assert!(p.sent <= room || p.beyond_charge);
                prop_assert!(p.carried_over == MinorUnits::ZERO || carries && p.sent == MinorUnits::ZERO);
                // Who is owed nothing is sent something, or has all of it kept for them.
                prop_assert!(p.carried_over == MinorUnits::ZERO || p.netted == debt);
            } else {
                prop_assert!(due == MinorUnits::ZERO || !carries && due < least);
            }
        }
    }
}
