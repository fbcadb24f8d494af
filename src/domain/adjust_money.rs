//! After the transfer, in every kind of currency, converted or not, and for what was carried over: what is taken back, and
//! what of it is paid again.

#[cfg(test)]
mod tests {
    use super::super::tests::{ALL, count_refunds, dispute, minor, paid, policy, position, refund, settle};
    use super::super::*;
    use crate::domain::ids::RefundId;
    use crate::domain::money::Currency;
    use crate::domain::policy::SmallAmounts;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    /// A charge of so much, of which the mentor was sent so much in another currency or in the same.
    fn sent(charged: (i64, &str), sent: (i64, &str), settled: i64) -> Case {
        let mut case = paid();
        case.payment.currency = currency(charged.1);
        case.payment.amount = minor(charged.0);
        case.payment.settlement_currency = Some(currency(sent.1));
        case.payment.settlement_amount = Some(minor(settled));
        let at = position(&mut case);
        at.currency = currency(sent.1);
        (at.first.gross, at.first.kept) = (minor(sent.0), minor(charged.0));
        at.transfers[0].amount = minor(sent.0);
        case
    }

    fn alerts() -> Policy {
        policy(LateAction::Alert, LateAction::Alert)
    }

    fn amounts(case: &mut Case) -> Vec<i64> {
        settle(case, &alerts(), ALL).into_iter().map(|(_, _, _, amount)| amount).collect()
    }

    #[test]
    fn reversals_by_currency() {
        for (charged, given, settled, refunds, taken) in [
            ((10_000, "usd"), (9_000, "usd"), 10_000, [2_500, 7_500], [2_250, 6_750]),
            ((15_000, "jpy"), (13_500, "jpy"), 15_000, [4_999, 10_001], [4_499, 9_001]),
            ((12_340, "kwd"), (11_110, "kwd"), 12_340, [6_170, 6_170], [5_550, 5_560]),
            ((1_050_000, "isk"), (945_000, "isk"), 1_050_000, [350_000, 700_000], [315_000, 630_000]),
            ((3_900_000, "huf"), (3_510_000, "huf"), 3_900_000, [1_234_567, 2_665_433], [1_111_100, 2_398_900]),
            // Converted: by what was sent, whatever the rate is by then.
            ((10_000, "usd"), (8_280, "eur"), 9_200, [2_500, 7_500], [2_070, 6_210]),
            ((10_000, "usd"), (13_443, "jpy"), 14_937, [3_333, 6_667], [4_481, 8_962]),
            ((15_000, "jpy"), (8_883, "usd"), 9_871, [5_000, 10_000], [2_961, 5_922]),
            ((10_000, "usd"), (27_690, "kwd"), 30_775, [1, 9_999], [0, 27_690]),
            ((10_000, "eur"), (1_304_900, "isk"), 1_449_900, [5_000, 5_000], [652_400, 652_500]),
        ] {
            let mut case = sent(charged, given, settled);
            let mut found = Vec::new();
            for (n, amount) in refunds.iter().enumerate() {
                refund(&mut case, &format!("re_{n}"), *amount);
                found.push(amounts(&mut case).iter().sum::<i64>());
            }
            assert_eq!(found, taken, "{charged:?} sent as {given:?}");
            assert_eq!(taken.iter().sum::<i64>(), given.0, "all of it in the end");
        }
    }

    #[test]
    fn what_is_paid_again_is_in_the_currency_of_the_transfer() {
        let mut case = sent((10_000, "usd"), (8_280, "eur"), 9_200);
        refund(&mut case, "re_1", 5_000);
        assert_eq!(amounts(&mut case), [4_140]);
        case.refunds[0].failed = true;
        count_refunds(&mut case);
        let Some(Adjustment { action: Action::Order(Order::Restore(order)), .. }) = adjust(&case, &alerts()) else {
            panic!("{:?}", look(&case, &alerts()))
        };
        assert_eq!((order.amount, order.currency.code()), (minor(4_140), "eur"));
        assert!(order.source_transaction.is_some(), "the charge has room for it");
        // What came in is not known any more: out of the platform's balance.
        case.payment.settlement_amount = None;
        let Some(Adjustment { action: Action::Order(Order::Restore(order)), .. }) = adjust(&case, &alerts()) else {
            panic!("{:?}", look(&case, &alerts()))
        };
        assert_eq!((order.currency.code(), order.source_transaction), ("eur", None));
    }

    #[test]
    fn the_fee_of_a_dispute_is_borne_only_in_the_currency_that_it_was_taken_in() {
        let mut policy = alerts();
        policy.after.mentor_pays_dispute_fee = true;
        for (fee_currency, held) in [("eur", 4_140 - 1_500), ("usd", 4_140)] {
            let mut case = sent((10_000, "usd"), (8_280, "eur"), 9_200);
            dispute(&mut case, "du_1", 5_000, "lost");
            case.disputes[0].fee_currency = currency(fee_currency);
            settle(&mut case, &policy, ALL);
            assert_eq!(position(&mut case).held(), held, "{fee_currency}");
        }
        // What Stripe can move are multiples of ten.
        let mut case = sent((10_000, "kwd"), (9_000, "kwd"), 10_000);
        dispute(&mut case, "du_1", 5_000, "lost");
        (case.disputes[0].currency, case.disputes[0].fee_currency) = (currency("kwd"), currency("kwd"));
        case.disputes[0].fee = minor(1_234);
        settle(&mut case, &policy, ALL);
        assert_eq!(position(&mut case).held(), 4_500 - 1_230);
    }

    #[test]
    fn a_dispute_in_another_currency_moves_nothing() {
        let (mut case, policy) = (paid(), policy(LateAction::Reverse, LateAction::Alert));
        dispute(&mut case, "du_1", 10_000, "lost");
        case.disputes[0].currency = Currency::parse("jpy").unwrap();
        assert_eq!(look(&case, &policy), Finding::Settled);
    }

    #[test]
    fn the_fee_of_a_lost_dispute_is_borne_by_whom_the_operator_says() {
        let mut policy = policy(LateAction::Alert, LateAction::Alert);
        for (mentor_pays, taken) in [(false, 4_500), (true, 6_000)] {
            policy.after.mentor_pays_dispute_fee = mentor_pays;
            let mut case = paid();
            dispute(&mut case, "du_1", 5_000, "lost");
            settle(&mut case, &policy, ALL);
            assert_eq!(position(&mut case).held(), 9_000 - taken);
        }
    }

    fn carries() -> Policy {
        let mut policy = alerts();
        policy.sending.small_amounts = SmallAmounts::Carry;
        policy.minimums.insert(currency("usd"), minor(500));
        policy
    }

    /// 0.40 of a charge of 0.50, carried over.
    fn carried() -> Case {
        let mut case = paid();
        case.payment.amount = minor(50);
        let at = position(&mut case);
        (at.first.gross, at.first.kept) = (minor(40), minor(50));
        (at.transfers, at.carried) = (Vec::new(), minor(40));
        case
    }

    #[test]
    fn what_was_carried_over_is_owed_when_it_is_refunded_and_credited_again_when_that_fails() {
        let mut case = carried();
        assert_eq!(settle(&mut case, &carries(), ALL), []);
        refund(&mut case, "re_1", 25);
        assert_eq!(settle(&mut case, &carries(), ALL), [("re_1".into(), 1, "owe", 20)]);
        case.refunds[0].failed = true;
        count_refunds(&mut case);
        let again = [("re_1".into(), 2, "forgive", 20), ("re_1".into(), 3, "credit", 20)];
        assert_eq!(settle(&mut case, &carries(), ALL), again);
        assert_eq!(position(&mut case).held(), 40);
    }

    #[test]
    fn what_went_along_with_a_transfer_is_not_taken_back_with_it() {
        let mut case = paid();
        let at = position(&mut case);
        (at.transfers[0].amount, at.taken) = (minor(9_040), minor(40));
        refund(&mut case, "re_1", 10_000);
        assert_eq!(settle(&mut case, &carries(), ALL), [("re_1".into(), 1, "reverse", 9_000)]);
        assert_eq!(position(&mut case).left(), minor(40));
        // Nor is it what is left to be taken where Stripe refused before.
        let mut case = paid();
        let at = position(&mut case);
        (at.transfers[0].amount, at.taken, at.owed) = (minor(9_040), minor(40), minor(9_000));
        assert!(at.reversible().is_none());
    }

    #[test]
    fn what_is_too_small_to_be_paid_again_is_credited() {
        for (refunded, word) in [(500, "credit"), (5_000, "restore")] {
            let mut case = paid();
            refund(&mut case, "re_1", refunded);
            settle(&mut case, &carries(), ALL);
            case.refunds[0].failed = true;
            count_refunds(&mut case);
            let amount = refunded * 9 / 10;
            assert_eq!(settle(&mut case, &carries(), ALL), [(RefundId::new("re_1").to_string(), 2, word, amount)]);
        }
    }

    #[test]
    fn a_flag_that_is_lifted_gives_back_what_it_took_beside_a_refund() {
        for (refunded, left) in [(1, 8_999), (5_000, 4_500)] {
            let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Reverse));
            refund(&mut case, "re_1", refunded);
            case.payment.flag = Some("identity in doubt".into());
            settle(&mut case, &policy, ALL);
            assert_eq!(position(&mut case).held(), 0);
            case.payment.flag = None;
            settle(&mut case, &policy, ALL);
            assert_eq!(position(&mut case).held(), left, "{refunded} refunded");
        }
    }
}
