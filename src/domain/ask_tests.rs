//! What is asked of a payment comes to exactly what the facts allow, and never to more than the customer paid.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::dispute::Dispute;
use super::super::hold::{Hold, HoldSource, Subject};
use super::super::ids::{ChargeId, DisputeId, PaymentId};
use super::super::money::{Currency, MinorUnits};
use super::super::payment::{Collection, Payment};
use super::super::release::{Decision, decide, due};
use super::super::request::Ask;
use super::super::session::Session;
use super::*;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn minor(n: i64) -> MinorUnits {
    MinorUnits::new(n).unwrap()
}

fn case(amount: i64, code: &str) -> Case {
    let due = due();
    Case {
        payment: Payment {
            currency: Currency::parse(code).unwrap(),
            amount: minor(amount),
            mentor_amount: minor(amount),
            paid_at: Some(at(0)),
            session: Session { starts_at: Some(at(3_000)), ..Session::default() },
            window_ends: Some(at(0)),
            ..due.payment
        },
        mentor: None,
        account: None,
        ..due
    }
}

fn asking(mut case: Case, ask: Ask) -> Case {
    let request = RefundRequest { id: RequestId(7), ask, currency: None, requested_at: at(0) };
    case.asked.requests.push(request);
    case
}

/// `refund 5000`, `cancel 10000`, `capture 10000`, `no: why`, or `-`.
fn comes_to(case: &Case, now: DateTime<Utc>) -> String {
    match next(case, &Policy::for_tests(), now) {
        None => "-".into(),
        Some(Task::Refuse(_, why)) => format!("no: {why}"),
        Some(Task::Order { order, .. }) => format!("{} {}", order.kind(), order.amount()),
    }
}

#[test]
fn amounts_that_are_asked_for() {
    for (amount, code, refunded, ask, expected) in [
        (10_000, "usd", 0, Ask::All, "refund 10000"),
        (10_000, "usd", 2_500, Ask::All, "refund 7500"),
        (10_000, "usd", 0, Ask::Amount(2_500), "refund 2500"),
        (10_000, "usd", 7_500, Ask::Amount(2_500), "refund 2500"),
        (
            10_000,
            "usd",
            7_501,
            Ask::Amount(2_500),
            "no: 25.00 USD is more than the 24.99 USD that are left of the payment",
        ),
        (10_000, "usd", 0, Ask::Amount(0), "no: 0 is no amount to refund: it must be more than zero"),
        (10_000, "usd", 0, Ask::Amount(-1), "no: -1 is no amount to refund: it must be more than zero"),
        (10_000, "usd", 10_000, Ask::All, "no: it was refunded in full already"),
        (1_000, "jpy", 0, Ask::Amount(1), "refund 1"),
        (1_000, "jpy", 0, Ask::Amount(1_001), "no: 1,001 JPY is more than the 1,000 JPY that are left of the payment"),
        (10_000, "kwd", 0, Ask::Amount(5_010), "refund 5010"),
        (10_000, "kwd", 0, Ask::Amount(5_005), "no: 5.005 KWD cannot be refunded: the smallest step is 0.010 KWD"),
        (10_000, "isk", 0, Ask::Amount(150), "no: 1.50 ISK cannot be refunded: the smallest step is 1 ISK"),
    ] {
        let mut case = asking(case(amount, code), ask);
        case.payment.refunded = minor(refunded);
        assert_eq!(comes_to(&case, at(0)), expected, "{amount} {code}, {refunded} refunded, {ask:?}");
    }
}

#[test]
fn the_policy_goes_by_when_it_was_asked_for() {
    for (starts_in_minutes, refunded, expected) in [
        (24 * 60, 0, "refund 10000"),
        (24 * 60, 3_000, "refund 7000"),
        (24 * 60 - 1, 0, "refund 5000"),
        (4 * 60, 2_000, "refund 3000"),
        (4 * 60, 5_000, "no: the cancellation policy gives 50.00 USD, and that much was refunded already"),
        (4 * 60 - 1, 0, "no: the cancellation policy gives nothing back so late"),
    ] {
        let mut case = asking(case(10_000, "usd"), Ask::ByPolicy);
        case.payment.session.starts_at = Some(at(starts_in_minutes));
        case.payment.refunded = minor(refunded);
        // Answered much later: that makes no difference.
        assert_eq!(comes_to(&case, at(10_000)), expected, "{starts_in_minutes} minutes before");
    }
    let mut unknown = asking(case(10_000, "usd"), Ask::ByPolicy);
    unknown.payment.session.starts_at = None;
    assert!(comes_to(&unknown, at(0)).starts_with("no: nobody said when the session begins"));
}

#[test]
fn what_cannot_be_refunded() {
    type Change = fn(&mut Case);
    let cases: [(Change, &str); 9] = [
        (|c| c.payment.collection = Collection::Awaiting, "no: the customer has not paid"),
        (|c| c.payment.collection = Collection::Failed, "no: the customer has not paid"),
        (|c| c.payment.collection = Collection::Canceled, "no: the payment was canceled"),
        (|c| c.payment.livemode = true, "no: test and live mode are mixed"),
        (|c| c.payment.destination_charge = true, "no: a destination charge"),
        (
            |c| c.asked.requests[0].currency = Some("eur".into()),
            "no: asked for in eur, but the payment was made in usd",
        ),
        (|c| c.disputes = vec![dispute("needs_response")], "no: it is disputed"),
        (|c| c.disputes = vec![dispute("lost")], "no: it is disputed"),
        (|c| c.payment.charge_id = None, "no: Stripe has not named the charge yet"),
    ];
    for (change, expected) in cases {
        let mut case = asking(case(10_000, "usd"), Ask::All);
        change(&mut case);
        let came = comes_to(&case, at(0));
        assert!(came.starts_with(expected), "{expected}: {came}");
    }
    for status in ["warning_needs_response", "won"] {
        let mut case = asking(case(10_000, "usd"), Ask::All);
        case.disputes = vec![dispute(status)];
        assert_eq!(comes_to(&case, at(0)), "refund 10000", "{status}");
    }
}

fn dispute(status: &str) -> Dispute {
    Dispute {
        id: DisputeId::new("du_1"),
        charge_id: ChargeId::new("ch_1"),
        amount: minor(10_000),
        fee: MinorUnits::ZERO,
        fee_currency: Currency::parse("usd").unwrap(),
        currency: Currency::parse("usd").unwrap(),
        status: status.into(),
        reason: String::new(),
    }
}

#[test]
fn one_thing_at_a_time() {
    let mut case = asking(case(10_000, "usd"), Ask::All);
    case.payment.status = PaymentStatus::Releasing;
    assert_eq!(comes_to(&case, at(0)), "-", "its transfer is under way");
    case.payment.status = PaymentStatus::Transferred;
    assert_eq!(comes_to(&case, at(0)), "refund 10000");
    let reversal = PastOperation { kind: OperationKind::Reversal, cause: "re_1".into(), generation: 1, is_live: true };
    case.asked.operations.push(reversal);
    assert_eq!(comes_to(&case, at(0)), "-", "a reversal is under way");
    case.asked.operations[0].is_live = false;
    let failed =
        PastOperation { kind: OperationKind::Refund, cause: cause(RequestId(7)), generation: 2, is_live: false };
    case.asked.operations.push(failed);
    let Some(Task::Order { generation, .. }) = next(&case, &Policy::for_tests(), at(0)) else { panic!("a task") };
    assert_eq!(generation, 3, "a new key follows only what ended");
}

fn authorized() -> Case {
    let mut case = case(10_000, "usd");
    case.payment.collection = Collection::Authorized;
    case.payment.status = PaymentStatus::Authorized;
    case.payment.authorized_at = Some(at(0));
    case.payment.paid_at = None;
    case.payment.window_ends = None;
    case
}

const HOUR: i64 = 60;
const END: i64 = 7 * 24 * HOUR;

#[test]
fn an_authorisation_is_captured_when_the_session_is_over() {
    let mut case = authorized();
    assert_eq!(comes_to(&case, at(END - 1)), "-", "nobody said that it was completed");
    case.payment.session.completed_at = Some(at(100));
    assert_eq!(comes_to(&case, at(129)), "-");
    assert_eq!(comes_to(&case, at(130)), "capture 10000");
    assert_eq!(comes_to(&case, at(END)), "-", "it has run out");
    case.payment.session = Session { ends_at: Some(at(200)), ..Session::default() };
    assert_eq!(comes_to(&case, at(229)), "-");
    assert_eq!(comes_to(&case, at(230)), "capture 10000");
    let policy = Policy::for_tests();
    assert_eq!(super::capture::next_look(&case, &policy, at(0)), Some(at(230)));
    assert_eq!(super::capture::next_look(&case, &policy, at(230)), Some(at(END - 24 * HOUR)));
    assert_eq!(super::capture::next_look(&case, &policy, at(END)), None);
}

#[test]
fn what_must_not_be_captured_is_let_go_of_at_the_end() {
    type Change = fn(&mut Case);
    let objections: [Change; 2] = [|c| c.payment.flag = Some("in doubt".into()), |c| c.holds.push(hold())];
    for object in objections {
        let mut case = authorized();
        case.payment.session.completed_at = Some(at(100));
        object(&mut case);
        assert_eq!(comes_to(&case, at(END - HOUR - 1)), "-");
        assert_eq!(comes_to(&case, at(END - HOUR)), "cancel 10000");
        let warned = super::capture::warning(&case, &Policy::for_tests(), at(END - 24 * HOUR));
        assert!(warned.is_some(), "an admin can still decide otherwise");
        assert_eq!(super::capture::warning(&case, &Policy::for_tests(), at(END - 24 * HOUR - 1)), None);
    }
}

fn hold() -> Hold {
    Hold {
        id: 1,
        subject: Subject::Payment(PaymentId(42)),
        source: HoldSource::Admin,
        actor: "grace".into(),
        reason: "wait".into(),
        placed_at: at(0),
        lifted_at: None,
    }
}

#[test]
fn refunds_of_what_is_not_captured_yet() {
    assert_eq!(comes_to(&asking(authorized(), Ask::All), at(0)), "cancel 10000");
    assert_eq!(comes_to(&asking(authorized(), Ask::Amount(10_000)), at(0)), "cancel 10000");
    assert_eq!(comes_to(&asking(authorized(), Ask::Amount(4_000)), at(0)), "-", "a part waits for the capture");
    let mut by_policy = asking(authorized(), Ask::ByPolicy);
    assert_eq!(comes_to(&by_policy, at(0)), "cancel 10000");
    by_policy.payment.session.starts_at = Some(at(5 * HOUR));
    assert_eq!(comes_to(&by_policy, at(0)), "capture 10000", "half is kept, and no session will be completed");
    by_policy.payment.collection = Collection::Paid;
    assert_eq!(comes_to(&by_policy, at(0)), "refund 5000");
}

#[test]
fn the_completion_gate_counts_the_window_from_the_session() {
    let policy = Policy { require_completion: true, ..Policy::for_tests() };
    let mut case = case(10_000, "usd");
    case.payment.window_ends = Some(at(60));
    let decided = |case: &Case, now| match decide(case, &policy, now) {
        Decision::Hold(reasons) => reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>().join(","),
        Decision::Wait(pause) => format!("until {}", (pause.until - at(0)).num_minutes()),
        Decision::Release(_) => "released".into(),
    };
    assert!(decided(&case, at(61)).contains("not_completed"));
    case.payment.session.completed_at = Some(at(1_000));
    assert!(!decided(&case, at(61)).contains("not_completed"));
    let until = |case: &Case| super::super::release::waits_until(&case.payment, &policy).map(|pause| pause.until);
    assert_eq!(until(&case), Some(at(1_060)), "as long as after the charge, from the session on");
    case.payment.session.completed_at = Some(at(-500));
    assert_eq!(until(&case), Some(at(60)), "paid after the session");
    assert_eq!(super::super::release::waits_until(&case.payment, &Policy::for_tests()).map(|p| p.until), Some(at(60)));
}

proptest! {
    /// Whatever is asked for, one after the other, the customer never gets back more than they paid.
    #[test]
    fn never_more_than_was_paid(
        amount in 1..=100_000_i64,
        asks in prop::collection::vec((0..3_u8, -10..=120_000_i64, -2_000..=2_000_i64), 1..12),
    ) {
        let mut case = case(amount, "usd");
        for (kind, asked, starts_in) in asks {
            let ask = match kind { 0 => Ask::All, 1 => Ask::ByPolicy, _ => Ask::Amount(asked) };
            case.payment.session.starts_at = Some(at(starts_in));
            case.asked.requests = vec![RefundRequest { id: RequestId(1), ask, currency: None, requested_at: at(0) }];
            match next(&case, &Policy::for_tests(), at(0)) {
                Some(Task::Order { order: Order::Refund(order), .. }) => {
                    prop_assert!(order.amount > MinorUnits::ZERO);
                    case.payment.refunded = case.payment.refunded.checked_add(order.amount).unwrap();
                    prop_assert!(case.payment.refunded <= case.payment.amount);
                }
                Some(Task::Refuse(..)) => {}
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
