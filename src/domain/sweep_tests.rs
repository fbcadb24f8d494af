//! What a sweep answers for, fact by fact, and where the next one begins.

use super::super::adjust::RefundLine;
use super::super::ids::RefundId;
use super::super::money::{Currency, MinorUnits};
use super::super::payment::Payment;
use super::super::release::due;
use super::*;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + 60 * minute, 0).unwrap()
}

fn sweep() -> Sweep {
    Sweep { covers_from: at(0), began: at(100), good_until: at(101) }
}

/// Charged within the sweep, and read once.
fn covered() -> Case {
    let due = due();
    let payment = Payment { settlement_currency: Some(due.payment.currency), paid_at: Some(at(0)), ..due.payment };
    Case { payment, ..due }
}

#[test]
fn it_answers_for_what_was_charged_within_it_and_read_once() {
    assert!(sweep().answers_for(&covered(), at(100)));
}

#[test]
fn anything_unusual_is_read_by_itself() {
    let other = Currency::parse("eur").unwrap();
    let refund = RefundLine { id: RefundId::new("re_1"), amount: MinorUnits::new(1).unwrap(), failed: true };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Case));
    let cases: [Change<'_>; 8] = [
        ("charged before", &|case| case.payment.paid_at = Some(at(0) - TimeDelta::milliseconds(1))),
        ("authorised before", &|case| case.payment.authorized_at = Some(at(-1))),
        ("not known when", &|case| case.payment.paid_at = None),
        ("never read", &|case| case.payment.settlement_currency = None),
        ("settled in another currency", &|case| case.payment.settlement_currency = Some(other)),
        ("refunded in part", &|case| case.payment.refunded = MinorUnits::new(1).unwrap()),
        ("with a refund that failed", &|case| case.refunds = vec![refund.clone()]),
        ("once disputed", &|case| case.payment.charge_disputed = true),
    ];
    for (what, change) in cases {
        let mut case = covered();
        change(&mut case);
        assert!(!sweep().answers_for(&case, at(100)), "{what}");
    }
}

#[test]
fn it_is_good_for_a_while_and_not_for_a_clock_that_was_set_back() {
    for (now, good) in
        [(at(99), false), (at(100), true), (at(101) - TimeDelta::milliseconds(1), true), (at(101), false)]
    {
        assert_eq!(sweep().is_good(now), good, "{now}");
        assert_eq!(sweep().answers_for(&covered(), now), good, "{now}");
    }
}

#[test]
fn the_next_one_begins_where_the_last_one_ended() {
    let overlap = TimeDelta::minutes(10);
    let now = at(0) + TimeDelta::milliseconds(700);
    let anew = Swept { covers_from: at(-10), to: now, charges_to: at(-10) };
    assert_eq!(Swept::resume(None, overlap, now), anew, "the first one");
    let last = |to| Swept { covers_from: at(-90_000), to, charges_to: at(-60_000) };
    let month = TimeDelta::days(29) - overlap;
    for (to, resumes) in [
        (now - TimeDelta::minutes(1), true),
        (now - TimeDelta::days(7), true),
        (now - month, true),
        (now - month - TimeDelta::milliseconds(1), false),
        (now + SKEW, true),
        (now + SKEW + TimeDelta::milliseconds(1), false),
    ] {
        let expected = if resumes { last(to) } else { anew };
        assert_eq!(Swept::resume(Some(last(to)), overlap, now), expected, "{to}");
    }
}

#[test]
fn steps_add_up_and_a_new_beginning_forgets_what_was_before() {
    let here = Swept { covers_from: at(0), to: at(50), charges_to: at(40) };
    let behind = Swept { covers_from: at(0), to: at(30), charges_to: at(45) };
    assert_eq!(here.joined_with(behind), Swept { covers_from: at(0), to: at(50), charges_to: at(45) });
    // Also where the row says a time that has not come yet, by a clock that was wrong.
    let anew = Swept { covers_from: at(10), to: at(20), charges_to: at(10) };
    assert_eq!(here.joined_with(anew), anew);
    let older = Swept { covers_from: at(-5), to: at(60), charges_to: at(55) };
    assert_eq!(here.joined_with(older), Swept { covers_from: at(0), to: at(60), charges_to: at(55) });
}
