//! Who is warned of money that stays on the platform, and when.

use super::super::adjust::paid;
use super::*;

fn at(days: i64) -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(days)
}

/// Paid by the customer on day 0, and held.
fn held() -> Case {
    let mut case = paid();
    case.payment.status = PaymentStatus::Held;
    case.payment.paid_at = Some(at(0));
    case.payment.flag = Some("identity in doubt".into());
    case.position = None;
    case.payment.transfer_id = None;
    case
}

fn key(case: &Case, day: i64) -> Option<String> {
    warning(case, &Policy::for_tests(), at(day)).map(|told| told.once_key)
}

#[test]
fn warned_on_day_75_and_once_more_on_day_85() {
    let case = held();
    assert_eq!(key(&case, 74), None);
    for (day, call) in [(75, "first"), (84, "first"), (85, "last"), (90, "last"), (200, "last")] {
        assert_eq!(key(&case, day), Some(format!("admin:platform_limit:42:{call}")), "day {day}");
    }
    let told = warning(&case, &Policy::for_tests(), at(75)).unwrap();
    let Notice::PlatformLimit(limit) = told.notice else { panic!("{:?}", told.notice) };
    assert_eq!((limit.paid_at, limit.limit_at), (at(0), at(90)));
    assert_eq!(limit.why, "flagged by an admin: identity in doubt");
}

#[test]
fn only_what_is_on_the_platform_counts() {
    type Change = fn(&mut Case);
    let gone: [Change; 7] = [
        |c| c.payment.status = PaymentStatus::Transferred,
        |c| c.payment.status = PaymentStatus::Netted,
        |c| c.payment.refunded = c.payment.amount,
        |c| c.payment.collection = Collection::Authorized,
        |c| c.payment.hold_reasons = "flagged,dispute_lost".into(),
        |c| c.payment.hold_reasons = "destination_charge".into(),
        |c| c.payment.paid_at = None,
    ];
    for change in gone {
        let mut case = held();
        change(&mut case);
        assert_eq!(key(&case, 80), None, "{:?}", case.payment);
    }
    let still: [Change; 4] = [
        |c| c.payment.status = PaymentStatus::Failed,
        |c| c.payment.status = PaymentStatus::Pending,
        |c| c.payment.status = PaymentStatus::Releasing,
        |c| c.payment.refunded = c.payment.amount.saturating_sub(c.payment.mentor_amount),
    ];
    for change in still {
        let mut case = held();
        change(&mut case);
        assert!(key(&case, 80).is_some(), "{:?}", case.payment);
    }
}

#[test]
fn the_limit_is_the_operators() {
    let mut policy = Policy::for_tests();
    policy.letters.platform_limit = Duration::from_secs(10 * 86_400);
    policy.letters.limit_warn_before = Duration::from_secs(3 * 86_400);
    let payment = held().payment;
    assert_eq!(holding(&payment, &policy, at(6)), None);
    let near = holding(&payment, &policy, at(7)).unwrap();
    assert_eq!((near.days, near.limit_at, near.last_call), (7, at(10), false));
    assert!(holding(&payment, &policy, at(9)).unwrap().last_call);
}
