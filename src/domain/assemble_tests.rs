//! The same tellings in any order, repeated or not, make the same payment.

use proptest::prelude::*;

use super::super::event;
use super::super::facts::Fact;
use super::*;

fn charge(extra: &str) -> String {
    format!(
        r#"{{"id":"ch_1","object":"charge","livemode":false,"amount":10000,"amount_captured":10000,"created":100,
        "currency":"usd","captured":true,"paid":true,"status":"succeeded","payment_intent":"pi_1",
        "billing_details":{{"name":"Card Name","email":null}},"metadata":{{"bookingId":"B-charge"}}{extra}}}"#
    )
}

fn intent(status: &str) -> String {
    format!(
        r#"{{"id":"pi_1","object":"payment_intent","livemode":false,"amount":10000,"amount_received":10000,
        "currency":"usd","status":"{status}","latest_charge":"ch_1","metadata":{{"mentorUserId":"ada"}}}}"#
    )
}

fn session(status: &str) -> String {
    format!(
        r#"{{"id":"cs_1","object":"checkout.session","livemode":false,"payment_intent":"pi_1","payment_status":"{status}",
        "amount_total":10000,"currency":"usd","customer_details":{{"name":"Buyer","email":"buyer@example.com"}},
        "metadata":{{"bookingId":"B-session","mentorUserId":"somebody else"}}}}"#
    )
}

fn telling(id: &str, kind: &str, created: i64, object: &str) -> Source {
    let body =
        format!(r#"{{"id":"{id}","type":"{kind}","created":{created},"livemode":false,"data":{{"object":{object}}}}}"#);
    match event::facts(body.as_bytes()).unwrap().1 {
        Fact::Payment(source) => source,
        other => panic!("{kind} is {other:?}"),
    }
}

/// Keeps of each object its latest telling, as the store does.
fn keep(tellings: &[Source]) -> Vec<Source> {
    let mut kept: BTreeMap<String, Source> = BTreeMap::new();
    for telling in tellings {
        let newer = kept.get(&telling.object_id).is_none_or(|old| telling.stamp > old.stamp);
        if newer {
            kept.insert(telling.object_id.clone(), telling.clone());
        }
    }
    kept.into_values().collect()
}

fn everything() -> Vec<Source> {
    vec![
        telling("evt_1", "checkout.session.completed", 99, &session("unpaid")),
        telling("evt_2", "payment_intent.payment_failed", 98, &intent("requires_payment_method")),
        telling("evt_3", "charge.succeeded", 101, &charge("")),
        telling("evt_4", "payment_intent.succeeded", 101, &intent("succeeded")),
        telling("evt_5", "checkout.session.async_payment_succeeded", 102, &session("paid")),
        telling("evt_6", "charge.refunded", 101, &charge(r#","amount_refunded":2500"#)),
        telling("evt_7", "charge.updated", 101, &charge(r#","disputed":true,"amount_refunded":2500"#)),
    ]
}

#[test]
fn the_charge_is_believed_over_the_intent_over_the_session() {
    let payment = assemble(&keep(&everything()), &[], 1_000, &Policy::for_tests()).unwrap();
    assert_eq!(payment.collection, Collection::Paid);
    assert_eq!(payment.paid_at, DateTime::from_timestamp(100, 0));
    assert_eq!(payment.window_ends, DateTime::from_timestamp(100 + 72 * 3600, 0));
    assert_eq!(payment.mentor_id, Some(MentorId::new("ada")));
    assert_eq!(payment.booking_id.as_deref(), Some("B-charge"));
    assert_eq!(payment.customer_name.as_deref(), Some("Buyer"));
    assert_eq!(payment.refunded, MinorUnits::new(2_500).unwrap());
    assert_eq!(payment.split.mentor_amount, MinorUnits::new(9_000).unwrap());
    assert!(payment.charge_disputed);
}

#[test]
fn an_unpaid_session_is_not_a_paid_one() {
    let unpaid = telling("evt_1", "checkout.session.completed", 99, &session("unpaid"));
    let payment = assemble(&[unpaid], &[], 1_000, &Policy::for_tests()).unwrap();
    assert_eq!((payment.collection, payment.paid_at, payment.window_ends), (Collection::Awaiting, None, None));
}

#[test]
fn what_a_person_changed_stays_changed() {
    let policy = Policy::for_tests();
    let assembled = assemble(&keep(&everything()), &[], 1_000, &policy).unwrap();
    let untouched = Standing {
        mentor_id: assembled.mentor_id.clone(),
        amount: assembled.amount,
        split: assembled.split.clone(),
        session_starts_at: None,
        session_ends_at: None,
        authorized_at: None,
        metadata: assembled.metadata.clone(),
    };
    assert_eq!(assembled.clone().respecting(&untouched, 1_000, &policy), assembled);

    let minor = |n| MinorUnits::new(n).unwrap();
    let split = Split { platform_fee: minor(6_000), mentor_amount: minor(4_000), conflict: None };
    let edited = Standing { mentor_id: Some(MentorId::new("eve")), split: split.clone(), ..untouched.clone() };
    let kept = assembled.clone().respecting(&edited, 1_000, &policy);
    assert_eq!((kept.mentor_id, kept.split), (edited.mentor_id.clone(), split.clone()));

    let smaller = Standing { amount: minor(9_000), split: Split { mentor_amount: minor(3_000), ..split }, ..untouched };
    let conflict = assembled.respecting(&smaller, 1_000, &policy).split.conflict.unwrap();
    assert!(conflict.contains("from 9000 to 10000"), "{conflict}");
}

#[test]
fn what_cannot_be_is_named_by_field() {
    for (object, words) in [
        (charge("").replace("10000,\"amount_captured\":10000", "0,\"amount_captured\":0"), "`amount_captured` is `0`"),
        (charge("").replace("10000,\"amount_captured\":10000", "-5"), "must not be negative"),
        (charge("").replace("10000,\"amount_captured\":10000", "92233720368547758080"), "cannot be read"),
        (charge("").replace("usd", "zzz"), "`currency` is `zzz`"),
        (charge("").replace("\"created\":100", "\"created\":9223372036854775807"), "`created`"),
        ("[]".into(), "cannot be read"),
    ] {
        let body = format!(r#"{{"id":"evt_1","type":"charge.succeeded","created":1,"data":{{"object":{object}}}}}"#);
        let error = event::facts(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for body in ["", "{}", "null", "{\"id\":\"evt_1\"", "\u{0}", "{\"id\":\"\",\"type\":\"x\",\"created\":1}"] {
        assert!(matches!(event::head(body.as_bytes()), Err(event::EventError::NotAnEvent(_))), "{body}");
    }
}

proptest! {
    #[test]
    fn any_order_and_any_repeats_make_the_same_payment(
        order in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
        repeats in proptest::collection::vec(0..7_usize, 0..7),
    ) {
        let all = everything();
        let expected = assemble(&keep(&all), &[], 1_000, &Policy::for_tests());
        let mixed: Vec<Source> = order.iter().chain(&repeats).map(|i| all[*i].clone()).collect();
        let mut kept = keep(&mixed);
        kept.reverse();
        prop_assert_eq!(assemble(&kept, &[], 1_000, &Policy::for_tests()), expected);
    }

    #[test]
    fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = event::facts(&body);
    }
}
