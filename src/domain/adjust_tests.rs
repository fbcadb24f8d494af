//! After the transfer: whatever happens in whatever order, the mentor ends with the share of what the customer's charge
//! is worth by then, and never has more taken than was sent.

use super::super::ids::{AccountId, ChargeId, DisputeId, MentorId, RefundId, TransferId};
use super::super::money::Currency;
use super::super::payment::PaymentStatus;
use super::super::release::due;
use super::*;

pub(in crate::domain) fn minor(n: i64) -> MinorUnits {
    MinorUnits::new(n).unwrap()
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

/// 100.00 charged, 90.00 transferred.
pub(in crate::domain) fn paid() -> Case {
    let due = due();
    Case {
        payment: Payment {
            status: PaymentStatus::Transferred,
            window_ends: chrono::DateTime::from_timestamp(0, 0),
            transfer_id: Some(TransferId::new("tr_1")),
            ..due.payment
        },
        position: Some(Position {
            mentor_id: MentorId::new("ada"),
            currency: usd(),
            first: FirstOrder { gross: minor(9_000), netted: MinorUnits::ZERO, kept: minor(10_000), refunds: vec![] },
            transfers: vec![TransferStanding {
                id: TransferId::new("tr_1"),
                destination: AccountId::new("acct_1"),
                amount: minor(9_000),
                reversed: MinorUnits::ZERO,
            }],
            reversed_by_us: MinorUnits::ZERO,
            carried: MinorUnits::ZERO,
            taken: MinorUnits::ZERO,
            restored: MinorUnits::ZERO,
            owed: MinorUnits::ZERO,
            repayable: MinorUnits::ZERO,
            answered: vec![],
            under_way: false,
        }),
        ..due
    }
}

pub(super) fn policy(open_dispute: LateAction, late_flag: LateAction) -> Policy {
    let after = AfterPolicy { open_dispute, late_flag, mentor_pays_dispute_fee: false };
    Policy { after, ..Policy::for_tests() }
}

pub(super) fn refund(case: &mut Case, id: &str, amount: i64) {
    case.refunds.push(RefundLine { id: RefundId::new(id), amount: minor(amount), failed: false });
    count_refunds(case);
}

pub(super) fn count_refunds(case: &mut Case) {
    let live = case.refunds.iter().filter(|r| !r.failed).map(|r| r.amount.get()).sum::<i64>();
    case.payment.refunded = minor(live.min(case.payment.amount.get()));
}

pub(super) fn dispute(case: &mut Case, id: &str, amount: i64, status: &str) {
    case.disputes.retain(|d| d.id.as_str() != id);
    case.disputes.push(Dispute {
        id: DisputeId::new(id),
        charge_id: ChargeId::new("ch_1"),
        amount: minor(amount),
        currency: usd(),
        fee: minor(1_500),
        fee_currency: usd(),
        status: status.into(),
        reason: "general".into(),
    });
}

pub(super) fn position(case: &mut Case) -> &mut Position {
    case.position.as_mut().unwrap()
}

/// Does what is asked for as Stripe and the store would, until nothing more is. `covered` is what Stripe gives back.
pub(super) fn settle(case: &mut Case, policy: &Policy, mut covered: i64) -> Vec<(String, i32, &'static str, i64)> {
    let mut steps = Vec::new();
    while let Some(adjustment) = adjust(case, policy) {
        assert!(steps.len() < 50, "it does not come to an end: {steps:?}");
        let at = position(case);
        at.answered.retain(|(cause, _)| *cause != adjustment.cause);
        at.answered.push((adjustment.cause.clone(), adjustment.generation));
        let (word, amount) = match &adjustment.action {
            Action::Order(Order::Reversal(order)) if order.amount.get() <= covered => {
                covered -= order.amount.get();
                let transfer = at.transfers.iter_mut().find(|t| t.id == order.transfer_id).unwrap();
                transfer.reversed = add(transfer.reversed, order.amount);
                assert!(transfer.reversed <= transfer.amount, "more was taken back than was sent");
                at.reversed_by_us = add(at.reversed_by_us, order.amount);
                ("reverse", order.amount)
            }
            Action::Order(Order::Reversal(order)) => {
                at.owed = add(at.owed, order.amount);
                ("refused", order.amount)
            }
            Action::Order(Order::Restore(order)) => {
                let id = TransferId::new(format!("tr_{}", at.transfers.len() + 1));
                let destination = order.destination.clone();
                at.transfers.push(TransferStanding {
                    id,
                    destination,
                    amount: order.amount,
                    reversed: MinorUnits::ZERO,
                });
                at.restored = add(at.restored, order.amount);
                ("restore", order.amount)
            }
            Action::Order(other) => panic!("no adjustment: {other:?}"),
            Action::Owe(amount) => {
                at.owed = add(at.owed, *amount);
                ("owe", *amount)
            }
            Action::Forgive(amount) => {
                at.owed = at.owed.saturating_sub(*amount);
                // What was carried over paid off what was owed for it.
                if at.transfers.is_empty() {
                    at.repayable = add(at.repayable, *amount);
                }
                ("forgive", *amount)
            }
            Action::Credit(amount) => {
                at.carried = add(at.carried, *amount);
                at.restored = add(at.restored, *amount);
                ("credit", *amount)
            }
        };
        assert!(amount > MinorUnits::ZERO, "nothing was asked for: {adjustment:?}");
        steps.push((adjustment.cause, adjustment.generation, word, amount.get()));
    }
    steps
}

pub(super) const ALL: i64 = i64::MAX;

#[test]
fn a_refund_takes_the_mentors_share_once() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    assert_eq!(settle(&mut case, &policy, ALL), []);
    refund(&mut case, "re_1", 2_500);
    assert_eq!(settle(&mut case, &policy, ALL), [("re_1".into(), 1, "reverse", 2_250)]);
    refund(&mut case, "re_2", 7_500);
    assert_eq!(settle(&mut case, &policy, ALL), [("re_2".into(), 1, "reverse", 6_750)]);
    assert_eq!(position(&mut case).held(), 0);
}

#[test]
fn several_refunds_at_once_are_answered_each_by_its_own() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    refund(&mut case, "re_1", 1_000);
    refund(&mut case, "re_2", 2_000);
    let steps = settle(&mut case, &policy, ALL);
    assert_eq!(steps, [("re_1".into(), 1, "reverse", 900), ("re_2".into(), 1, "reverse", 1_800)]);
}

#[test]
fn a_refund_known_before_the_transfer_is_not_taken_again() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    refund(&mut case, "re_1", 5_000);
    let first = FirstOrder {
        gross: minor(4_500),
        netted: MinorUnits::ZERO,
        kept: minor(5_000),
        refunds: vec![RefundId::new("re_1")],
    };
    position(&mut case).first = first;
    position(&mut case).transfers[0].amount = minor(4_500);
    assert_eq!(settle(&mut case, &policy, ALL), []);
    refund(&mut case, "re_2", 2_500);
    assert_eq!(settle(&mut case, &policy, ALL), [("re_2".into(), 1, "reverse", 2_250)]);
}

#[test]
fn a_refund_that_failed_after_all_is_paid_again() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    refund(&mut case, "re_1", 2_500);
    settle(&mut case, &policy, ALL);
    case.refunds[0].failed = true;
    count_refunds(&mut case);
    assert_eq!(settle(&mut case, &policy, ALL), [("re_1".into(), 2, "restore", 2_250)]);
    assert_eq!(position(&mut case).held(), 9_000);
}

#[test]
fn disputes_by_status() {
    let reverses = policy(LateAction::Reverse, LateAction::Alert);
    let alerts = policy(LateAction::Alert, LateAction::Alert);
    let cases: [(&Policy, &str, i64); 11] = [
        (&alerts, "warning_needs_response", 0),
        (&alerts, "needs_response", 0),
        (&alerts, "lost", 9_000),
        (&alerts, "appeal_under_review", 9_000),
        (&alerts, "won", 0),
        (&alerts, "a_new_word", 0),
        (&reverses, "warning_needs_response", 9_000),
        (&reverses, "under_review", 9_000),
        (&reverses, "lost", 9_000),
        (&reverses, "won", 0),
        (&reverses, "a_new_word", 0),
    ];
    for (policy, status, taken) in cases {
        let mut case = paid();
        dispute(&mut case, "du_1", 10_000, status);
        settle(&mut case, policy, ALL);
        assert_eq!(position(&mut case).held(), 9_000 - taken, "{status}");
    }
}

#[test]
fn a_dispute_that_was_won_is_paid_again_once() {
    let (mut case, policy) = (paid(), policy(LateAction::Reverse, LateAction::Alert));
    dispute(&mut case, "du_1", 10_000, "needs_response");
    assert_eq!(settle(&mut case, &policy, ALL), [("du_1".into(), 1, "reverse", 9_000)]);
    dispute(&mut case, "du_1", 10_000, "won");
    assert_eq!(settle(&mut case, &policy, ALL), [("du_1".into(), 2, "restore", 9_000)]);
    assert_eq!(settle(&mut case, &policy, ALL), []);
    dispute(&mut case, "du_1", 10_000, "lost");
    assert_eq!(settle(&mut case, &policy, ALL), [("du_1".into(), 3, "reverse", 9_000)]);
}

#[test]
fn what_stripe_will_not_give_back_is_owed_and_forgiven_with_its_cause() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    dispute(&mut case, "du_1", 10_000, "lost");
    assert_eq!(settle(&mut case, &policy, 0), [("du_1".into(), 1, "refused", 9_000)]);
    assert_eq!(position(&mut case).owed, minor(9_000));
    dispute(&mut case, "du_1", 10_000, "won");
    assert_eq!(settle(&mut case, &policy, 0), [("du_1".into(), 2, "forgive", 9_000)]);
    assert_eq!(position(&mut case).held(), 9_000);
}

#[test]
fn a_reversal_by_other_hands_counts_and_is_not_paid_again() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    position(&mut case).transfers[0].reversed = minor(1_000);
    assert_eq!(settle(&mut case, &policy, ALL), []);
    refund(&mut case, "re_1", 5_000);
    assert_eq!(settle(&mut case, &policy, ALL), [("re_1".into(), 1, "reverse", 3_500)]);
    case.refunds[0].failed = true;
    count_refunds(&mut case);
    assert_eq!(settle(&mut case, &policy, ALL), [("re_1".into(), 2, "restore", 3_500)]);
}

#[test]
fn a_late_flag_takes_back_only_where_the_operator_says_so() {
    for (late_flag, held) in [(LateAction::Alert, 9_000), (LateAction::Reverse, 0)] {
        let (mut case, policy) = (paid(), policy(LateAction::Alert, late_flag));
        case.payment.flag = Some("identity in doubt".into());
        settle(&mut case, &policy, ALL);
        assert_eq!(position(&mut case).held(), held);
        case.payment.flag = None;
        settle(&mut case, &policy, ALL);
        assert_eq!(position(&mut case).held(), 9_000);
    }
}

#[test]
fn what_was_paid_off_of_a_debt_in_vain_is_paid_out_of_the_platforms_balance() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    dispute(&mut case, "du_1", 10_000, "lost");
    settle(&mut case, &policy, 0);
    dispute(&mut case, "du_1", 10_000, "won");
    // The whole debt was netted with later payments: the store enters what is to be repaid.
    position(&mut case).owed = MinorUnits::ZERO;
    position(&mut case).repayable = minor(9_000);
    let Some(Adjustment { action: Action::Order(Order::Restore(order)), .. }) = adjust(&case, &policy) else {
        panic!("{:?}", look(&case, &policy))
    };
    assert_eq!((order.amount, order.source_transaction), (minor(9_000), None), "the charge has no room for it");
    settle(&mut case, &policy, ALL);
    assert_eq!(position(&mut case).held(), 9_000);
    assert_eq!(look(&case, &policy), Finding::Settled);
}

#[test]
fn a_reversal_by_hand_is_not_undone_by_a_cause_that_went_before() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    refund(&mut case, "re_1", 5_000);
    refund(&mut case, "re_2", 2_500);
    settle(&mut case, &policy, ALL);
    case.refunds[0].failed = true;
    count_refunds(&mut case);
    assert_eq!(settle(&mut case, &policy, ALL), [("re_1".into(), 2, "restore", 4_500)]);
    let transfer = &mut position(&mut case).transfers[1];
    transfer.reversed = minor(1_000);
    assert_eq!(settle(&mut case, &policy, ALL), []);
    case.refunds[1].failed = true;
    count_refunds(&mut case);
    let restored: Vec<i64> = settle(&mut case, &policy, ALL).into_iter().map(|(_, _, _, amount)| amount).collect();
    assert_eq!(restored, [2_250]);
}

#[test]
fn a_partly_lost_dispute_does_not_keep_a_failed_refund_from_being_paid_again() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    dispute(&mut case, "du_1", 4_000, "lost");
    settle(&mut case, &policy, ALL);
    refund(&mut case, "re_1", 6_000);
    settle(&mut case, &policy, ALL);
    assert_eq!(position(&mut case).held(), 0);
    case.refunds[0].failed = true;
    count_refunds(&mut case);
    settle(&mut case, &policy, ALL);
    assert_eq!(position(&mut case).held(), 5_400);
}

#[test]
fn what_nothing_explains_is_left_and_told() {
    let (mut case, policy) = (paid(), policy(LateAction::Alert, LateAction::Alert));
    case.payment.refunded = minor(5_000);
    assert_eq!(look(&case, &policy), Finding::Unexplained(minor(4_500)));
    refund(&mut case, "re_1", 5_000);
    assert!(matches!(look(&case, &policy), Finding::Due(_)));
}

#[test]
fn the_debt_is_that_of_whom_was_paid() {
    let (mut case, policy) = (paid(), policy(LateAction::Reverse, LateAction::Alert));
    dispute(&mut case, "du_1", 10_000, "needs_response");
    case.payment.mentor_id = Some(MentorId::new("bo"));
    assert_eq!(settle(&mut case, &policy, ALL), [("du_1".into(), 1, "reverse", 9_000)]);
    dispute(&mut case, "du_1", 10_000, "won");
    assert!(matches!(look(&case, &policy), Finding::Blocked(amount, _) if amount == minor(9_000)));
}

#[test]
fn nothing_is_begun_while_something_is_under_way_and_nothing_is_restored_to_who_may_not_be_paid() {
    let (mut case, policy) = (paid(), policy(LateAction::Reverse, LateAction::Alert));
    dispute(&mut case, "du_1", 10_000, "needs_response");
    position(&mut case).under_way = true;
    assert_eq!(adjust(&case, &policy), None);
    position(&mut case).under_way = false;
    settle(&mut case, &policy, ALL);
    dispute(&mut case, "du_1", 10_000, "won");
    case.payment.flag = Some("wait".into());
    assert!(matches!(look(&case, &policy), Finding::Blocked(..)));
    case.payment.flag = None;
    assert!(adjust(&case, &policy).is_some());
}
