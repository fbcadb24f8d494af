//! The decision, fact by fact: every single fact that speaks against paying is enough to hold.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::hold::{HoldSource, Subject};
use super::super::ids::{DisputeId, IntentId};
use super::super::policy::SmallAmounts;
use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn minor(n: i64) -> MinorUnits {
    MinorUnits::new(n).unwrap()
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

fn payment() -> Payment {
    Payment {
        id: PaymentId(42),
        livemode: false,
        status: PaymentStatus::Pending,
        collection: Collection::Paid,
        intent_id: Some(IntentId::new("pi_1")),
        charge_id: Some(ChargeId::new("ch_1")),
        mentor_id: Some(MentorId::new("ada")),
        booking_id: None,
        currency: usd(),
        settlement_currency: None,
        settlement_amount: None,
        amount: minor(10_000),
        mentor_amount: minor(9_000),
        refunded: MinorUnits::ZERO,
        fee_conflict: None,
        authorized_at: None,
        paid_at: None,
        session: Default::default(),
        customer: Default::default(),
        window_ends: Some(now()),
        flag: None,
        flag_lifted: 0,
        charge_disputed: false,
        destination_charge: false,
        transfer_group: None,
        pause: None,
        transfer_id: None,
        hold_reasons: String::new(),
    }
}

/// A payment that nothing speaks against.
pub(in crate::domain) fn due() -> Case {
    Case {
        payment: payment(),
        holds: vec![],
        disputes: vec![],
        mentor: Some(Mentor {
            id: MentorId::new("ada"),
            name: None,
            email: None,
            account_id: Some(AccountId::new("acct_1")),
        }),
        account: Some(Account {
            id: AccountId::new("acct_1"),
            transfers: Capability::Active,
            details_submitted: true,
            payouts_enabled: true,
            charges_enabled: false,
            requirements: Vec::new(),
            payout_interval: None,
            disabled_reason: None,
            deauthorized_at: None,
        }),
        foreign_transfer: None,
        refunds: vec![],
        debt: MinorUnits::ZERO,
        credit: MinorUnits::ZERO,
        position: None,
        asked: Default::default(),
    }
}

fn hold(subject: Subject, lifted: bool) -> Hold {
    let lifted_at = lifted.then(now);
    Hold {
        id: 1,
        subject,
        source: HoldSource::Admin,
        actor: "ops".into(),
        reason: "r".into(),
        placed_at: now(),
        lifted_at,
    }
}

fn dispute(status: &str) -> Dispute {
    Dispute {
        id: DisputeId::new("du_1"),
        charge_id: ChargeId::new("ch_1"),
        amount: minor(10_000),
        fee: MinorUnits::ZERO,
        fee_currency: usd(),
        currency: usd(),
        status: status.into(),
        reason: "fraudulent".into(),
    }
}

type Change = fn(&mut Case);

/// Every fact that alone must hold a payment, with the code that it is shown under.
const AGAINST: &[(&str, Change)] = &[
    ("not_paid", |c| c.payment.collection = Collection::Awaiting),
    ("not_paid", |c| c.payment.window_ends = None),
    ("charge_unknown", |c| c.payment.charge_id = None),
    ("other_mode", |c| c.payment.livemode = true),
    ("destination_charge", |c| c.payment.destination_charge = true),
    ("flagged", |c| c.payment.flag = Some("customer called".into())),
    ("payment_hold", |c| c.holds.push(hold(Subject::Payment(PaymentId(42)), false))),
    ("mentor_hold", |c| c.holds.push(hold(Subject::Mentor(MentorId::new("ada")), false))),
    ("dispute_open", |c| c.disputes.push(dispute("needs_response"))),
    ("dispute_open", |c| c.disputes.push(dispute("warning_under_review"))),
    ("dispute_unclear", |c| c.disputes.push(dispute("a_new_word"))),
    ("dispute_lost", |c| c.disputes.push(dispute("lost"))),
    ("dispute_unread", |c| c.payment.charge_disputed = true),
    ("refunded", |c| c.payment.refunded = minor(10_000)),
    ("transferred_elsewhere", |c| c.foreign_transfer = Some(TransferId::new("tr_x"))),
    ("mentor_unnamed", |c| c.payment.mentor_id = None),
    ("mentor_unknown", |c| c.mentor = None),
    ("no_account", |c| c.mentor.iter_mut().for_each(|m| m.account_id = None)),
    ("account_unread", |c| c.account = None),
    ("account_not_found", |c| c.account.iter_mut().for_each(|a| a.disabled_reason = Some(NOT_FOUND.into()))),
    ("account_disconnected", |c| c.account.iter_mut().for_each(|a| a.deauthorized_at = Some(now()))),
    ("transfers_inactive", |c| c.account.iter_mut().for_each(|a| a.transfers = Capability::Inactive)),
    ("transfers_inactive", |c| c.account.iter_mut().for_each(|a| a.transfers = Capability::Pending)),
    ("fee_conflict", |c| c.payment.fee_conflict = Some("does not add up".into())),
    ("below_minimum", |c| c.payment.mentor_amount = MinorUnits::ZERO),
    ("other_settlement_currency", |c| c.payment.settlement_currency = Some(Currency::parse("eur").unwrap())),
    ("carried", |c| c.payment.status = PaymentStatus::Carried),
    ("in_flight", |c| c.payment.status = PaymentStatus::Releasing),
    ("transferred", |c| c.payment.status = PaymentStatus::Transferred),
    ("failed", |c| c.payment.status = PaymentStatus::Failed),
];

/// Facts that look bad and are not.
const HARMLESS: &[Change] = &[
    |c| c.holds.push(hold(Subject::Payment(PaymentId(42)), true)),
    |c| c.disputes.push(dispute("won")),
    |c| c.disputes.push(dispute("warning_closed")),
    |c| {
        c.payment.charge_disputed = true;
        c.disputes.push(dispute("won"));
    },
    |c| c.payment.settlement_currency = Some(usd()),
    |c| c.payment.status = PaymentStatus::Held,
    |c| c.payment.status = PaymentStatus::Refunded,
    |c| c.payment.pause = Some(Pause { until: now(), why: WaitWhy::Funds }),
];

fn reasons(decision: Decision) -> Vec<&'static str> {
    match decision {
        Decision::Hold(reasons) => reasons.iter().map(Reason::code).collect(),
        other => panic!("expected a hold, got {other:?}"),
    }
}

#[test]
fn a_payment_past_its_window_is_released_in_full() {
    let Decision::Release(plan) = decide(&due(), &Policy::for_tests(), now()) else { panic!("not released") };
    assert_eq!((plan.amount, plan.destination.as_str(), plan.charge_id.as_str()), (minor(9_000), "acct_1", "ch_1"));
}

#[test]
fn every_single_fact_against_it_holds_it() {
    for (code, change) in AGAINST {
        let mut case = due();
        change(&mut case);
        assert_eq!(reasons(decide(&case, &Policy::for_tests(), now())), vec![*code]);
    }
}

#[test]
fn harmless_facts_do_not() {
    for (i, change) in HARMLESS.iter().enumerate() {
        let mut case = due();
        change(&mut case);
        assert!(matches!(decide(&case, &Policy::for_tests(), now()), Decision::Release(_)), "row {i}");
    }
}

#[test]
fn what_settled_elsewhere_is_sent_there_where_the_operator_says_so() {
    let eur = Currency::parse("eur").unwrap();
    let mut case = due();
    case.payment.settlement_currency = Some(eur);
    case.payment.settlement_amount = Some(minor(9_200));
    case.payment.refunded = minor(5_000);
    assert_eq!(reasons(decide(&case, &Policy::for_tests(), now())), ["other_settlement_currency"]);
    let mut policy = Policy::for_tests();
    policy.sending.other_settlement = OtherSettlement::Convert;
    let Decision::Release(plan) = decide(&case, &policy, now()) else { panic!("not released") };
    let converted = plan.converted.expect("converted");
    assert_eq!((plan.amount, plan.currency, converted.due), (minor(4_140), eur, minor(4_500)));
    assert_eq!((converted.by.charged, converted.by.settled), (minor(10_000), minor(9_200)));
    // Minimums and debts are those of the currency that is sent.
    policy.minimums.insert(eur, minor(4_141));
    assert_eq!(reasons(decide(&case, &policy, now())), ["below_minimum"]);
    policy.minimums.insert(eur, minor(4_140));
    case.debt = minor(100);
    let Decision::Release(plan) = decide(&case, &policy, now()) else { panic!("not released") };
    assert_eq!((plan.amount, plan.netted), (minor(4_140), MinorUnits::ZERO), "never less than can be sent");
}

#[test]
fn what_is_too_small_is_carried_over_where_the_operator_says_so() {
    let mut policy = Policy::for_tests();
    policy.minimums.insert(usd(), minor(10_000));
    assert_eq!(reasons(decide(&due(), &policy, now())), ["below_minimum"]);
    policy.sending.small_amounts = SmallAmounts::Carry;
    let Decision::Release(plan) = decide(&due(), &policy, now()) else { panic!("not released") };
    assert_eq!((plan.amount, plan.carried_over), (MinorUnits::ZERO, minor(9_000)));
    let case = Case { credit: minor(1_000), ..due() };
    let Decision::Release(plan) = decide(&case, &policy, now()) else { panic!("not released") };
    let order = TransferOrder::from_plan(&plan);
    assert_eq!((order.amount, order.carried, order.gross()), (minor(10_000), minor(1_000), minor(9_000)));
    assert!(order.source_transaction.is_some(), "the charge has as much");
    // Nothing is kept of what nobody may be paid.
    let held = Case { account: None, ..due() };
    assert_eq!(reasons(decide(&held, &policy, now())), ["account_unread"]);
}

#[test]
fn it_waits_for_the_later_of_window_and_pause() {
    let hour = TimeDelta::hours(1);
    let mut case = due();
    case.payment.window_ends = Some(now() + hour);
    let window = Pause { until: now() + hour, why: WaitWhy::Window };
    assert_eq!(decide(&case, &Policy::for_tests(), now()), Decision::Wait(window));

    let funds = Pause { until: now() + hour * 2, why: WaitWhy::Funds };
    case.payment.pause = Some(funds);
    assert_eq!(decide(&case, &Policy::for_tests(), now()), Decision::Wait(funds));

    assert!(matches!(decide(&case, &Policy::for_tests(), now() + hour * 2), Decision::Release(_)));
}

#[test]
fn a_partial_refund_shrinks_the_mentors_share_in_proportion() {
    for (amount, mentor, refunded, currency, paid) in [
        (10_000, 9_000, 2_500, "usd", 6_750),
        (9_999, 8_999, 1, "usd", 8_998),
        (10_000, 9_000, 9_999, "usd", 1),
        (5_000, 4_500, 1_000, "jpy", 3_600),
        (10_000, 9_000, 3_300, "isk", 6_000),
    ] {
        let mut case = due();
        case.payment.amount = minor(amount);
        case.payment.mentor_amount = minor(mentor);
        case.payment.refunded = minor(refunded);
        case.payment.currency = Currency::parse(currency).unwrap();
        let Decision::Release(plan) = decide(&case, &Policy::for_tests(), now()) else { panic!("not released") };
        assert_eq!(plan.amount, minor(paid), "{amount} {currency} less {refunded}");
    }
}

proptest! {
    #[test]
    fn any_set_of_facts_is_held_by_each_of_its_reasons(
        picks in proptest::collection::vec(0..AGAINST.len(), 1..4),
        harmless in proptest::collection::vec(0..HARMLESS.len(), 0..3),
    ) {
        let mut case = due();
        // A charge that was disputed is harmless once its dispute is known and over.
        prop_assume!(!picks.iter().any(|i| AGAINST[*i].0 == "dispute_unread"));
        harmless.iter().for_each(|i| HARMLESS[*i](&mut case));
        picks.iter().for_each(|i| AGAINST[*i].1(&mut case));
        prop_assert!(!matches!(decide(&case, &Policy::for_tests(), now()), Decision::Release(_)));
    }

    #[test]
    fn what_is_released_never_exceeds_what_is_left(amount in 1..1_000_000_i64, mentor in 0..1_000_000_i64, refunded in 0..1_000_000_i64) {
        let mut case = due();
        case.payment.amount = minor(amount);
        case.payment.mentor_amount = minor(mentor.min(amount));
        case.payment.refunded = minor(refunded.min(amount));
        if let Decision::Release(plan) = decide(&case, &Policy::for_tests(), now()) {
            prop_assert!(plan.amount <= case.payment.amount.saturating_sub(case.payment.refunded));
            prop_assert!(plan.amount > MinorUnits::ZERO);
        }
    }
}
