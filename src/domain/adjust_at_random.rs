//! After the transfer, at random: whatever happens, it comes to an end at the mentor's share.

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{ALL, count_refunds, dispute, minor, paid, policy, position, refund, settle};
    use super::super::*;
    use crate::domain::policy::SmallAmounts;

    #[derive(Debug, Clone)]
    enum Happening {
        Refund(i64),
        RefundFails(usize),
        Dispute(usize, &'static str),
        Flag(bool),
        ByHand(i64),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let status = prop::sample::select(vec!["warning_needs_response", "needs_response", "won", "lost", "mystery"]);
        prop_oneof![
            (1..6_000_i64).prop_map(Happening::Refund),
            (0..4_usize).prop_map(Happening::RefundFails),
            (0..2_usize, status).prop_map(|(which, status)| Happening::Dispute(which, status)),
            any::<bool>().prop_map(Happening::Flag),
            (1..3_000_i64).prop_map(Happening::ByHand),
        ]
    }

    fn happens(case: &mut Case, what: &Happening, n: usize) {
        match what {
            Happening::Refund(amount) => {
                let left = case.payment.amount.saturating_sub(case.payment.refunded).get();
                if left > 0 {
                    refund(case, &format!("re_{n}"), *amount.min(&left));
                }
            }
            Happening::RefundFails(which) => {
                if let Some(refund) = case.refunds.get_mut(*which) {
                    refund.failed = true;
                }
                count_refunds(case);
            }
            Happening::Dispute(which, status) => dispute(case, &format!("du_{which}"), 4_000, status),
            Happening::Flag(raised) => case.payment.flag = raised.then(|| "f".into()),
            Happening::ByHand(amount) => {
                if let Some(transfer) = position(case).transfers.first_mut() {
                    transfer.reversed = add(transfer.reversed, minor(*amount)).min(transfer.amount);
                }
            }
        }
    }

    fn taken_back(case: &mut Case) -> i64 {
        position(case).transfers.first().map_or(0, |transfer| transfer.reversed.get())
    }

    /// How the mentor's part left.
    #[derive(Debug, Clone, Copy)]
    enum Left {
        Sent,
        /// With so much of earlier payments.
        SentWith(i64),
        CarriedOver,
    }

    fn left() -> impl Strategy<Value = Left> {
        prop_oneof![Just(Left::Sent), (1..3_000_i64).prop_map(Left::SentWith), Just(Left::CarriedOver)]
    }

    fn of(share: i64, left: Left) -> Case {
        let mut case = paid();
        let at = position(&mut case);
        at.first.gross = minor(share);
        match left {
            Left::Sent => at.transfers[0].amount = minor(share),
            Left::SentWith(taken) => (at.transfers[0].amount, at.taken) = (minor(share + taken), minor(taken)),
            Left::CarriedOver => (at.transfers, at.carried) = (Vec::new(), minor(share)),
        }
        case
    }

    proptest! {
        /// Whatever happens, and whether or not Stripe gives the money back, it comes to an end; the mentor never holds more
        /// than the facts allow, and what is held less was taken by other hands.
        #[test]
        fn it_always_comes_to_rest_at_the_mentors_share(
            happenings in prop::collection::vec((happening(), any::<bool>()), 1..12),
            reverse in any::<bool>(),
            carries in any::<bool>(),
            share in 1..=10_000_i64,
            left in left(),
        ) {
            let action = if reverse { LateAction::Reverse } else { LateAction::Alert };
            let mut policy = policy(action, action);
            if carries {
                policy.sending.small_amounts = SmallAmounts::Carry;
                policy.minimums.insert(crate::domain::money::Currency::parse("usd").unwrap(), minor(2_000));
            }
            let mut case = of(share, left);
            let mut by_hand = 0;
            for (n, (what, covered)) in happenings.iter().enumerate() {
                let before = taken_back(&mut case);
                happens(&mut case, what, n);
                by_hand += taken_back(&mut case) - before;
                settle(&mut case, &policy, if *covered { ALL } else { 0 });
                let held = case.position.as_ref().unwrap().held();
                let target = target(&case, case.position.as_ref().unwrap(), &policy, None).get();
                prop_assert!(held <= target, "holds {held}, should hold {target}");
                if case.payment.flag.is_none() && case.disputes.iter().all(|d| standing(&d.status) == Standing::Cleared) {
                    prop_assert!(held + by_hand >= target, "holds {held} of {target}, {by_hand} by hand");
                }
            }
        }
    }
}
