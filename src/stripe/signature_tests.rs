//! The signature check, by table. The known vector was computed with another implementation (Python's `hmac`).

use proptest::prelude::*;

use super::*;

const BODY: &[u8] = br#"{"id":"evt_1"}"#;
const SECRET: &str = "whsec_example";
const SIGNED_AT: i64 = 1_700_000_000;
const KNOWN: &str = "2f6f24854ba5c8d505c37e6fc0a06fc74456f1a4042208e7acdd4bd0bdbd599e";

fn checker(secrets: &[&str]) -> Signatures {
    let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).to_owned().into()).collect();
    Signatures::new(&secrets, DEFAULT_TOLERANCE).unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn sign(secret: &str, time: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[time.as_bytes(), b".", body].concat());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(header: &str) -> Result<(), SignatureError> {
    checker(&[SECRET]).check(Some(header), BODY, at(SIGNED_AT))
}

#[test]
fn a_known_vector_is_believed() {
    assert_eq!(sign(SECRET, "1700000000", BODY), KNOWN);
    assert_eq!(check(&format!("t=1700000000,v1={KNOWN}")), Ok(()));
}

#[test]
fn headers_that_are_believed() {
    let wrong = "0".repeat(64);
    for header in [
        format!("t=1700000000,v1={wrong},v1={KNOWN}"),
        format!("v1={KNOWN},t=1700000000"),
        format!("t=1700000000, v1={KNOWN}"),
        format!("t=1700000000,v1={},v0={wrong}", KNOWN.to_uppercase()),
        format!("t=1700000000,v1=short,v1={KNOWN},v2=later,scheme,="),
    ] {
        assert_eq!(check(&header), Ok(()), "{header}");
    }
}

#[test]
fn headers_that_fit_nothing() {
    let other_body = sign(SECRET, "1700000000", b"{}");
    let other_time = sign(SECRET, "1700000001", BODY);
    let other_secret = sign("whsec_other", "1700000000", BODY);
    let without_prefix = sign("example", "1700000000", BODY);
    let one_off = format!("3{}", &KNOWN[1..]);
    for v1 in [other_body, other_time, other_secret, without_prefix, one_off] {
        assert_eq!(check(&format!("t=1700000000,v1={v1}")), Err(SignatureError::NoMatch), "{v1}");
    }
}

#[test]
fn a_tampered_body_fits_nothing() {
    let header = format!("t=1700000000,v1={KNOWN}");
    for body in [b"".as_slice(), br#"{"id":"evt_2"}"#, br#"{"id":"evt_1"} "#, b"\xff\xfe"] {
        assert_eq!(checker(&[SECRET]).check(Some(&header), body, at(SIGNED_AT)), Err(SignatureError::NoMatch));
    }
}

#[test]
fn headers_that_cannot_be_read_say_why() {
    for (header, why) in [
        (String::new(), "no `t=`"),
        ("garbage".into(), "no `t=`"),
        (format!("v1={KNOWN}"), "no `t=`"),
        (format!("t=,v1={KNOWN}"), "not a time"),
        (format!("t=yesterday,v1={KNOWN}"), "not a time"),
        (format!("t=99999999999999999999,v1={KNOWN}"), "not a time"),
        (format!("t=1700000000,t=1700000000,v1={KNOWN}"), "two `t=`"),
        ("t=1700000000".into(), "no `v1=`"),
        (format!("t=1700000000,v0={KNOWN}"), "no `v1=`"),
        (format!("t=1700000000,v1={}", &KNOWN[..63]), "no `v1=`"),
        (format!("t=1700000000,v1=zz{}", &KNOWN[2..]), "no `v1=`"),
        (format!("t=1700000000,v1={}", "ü".repeat(32)), "no `v1=`"),
    ] {
        let error = check(&header).unwrap_err();
        assert!(matches!(error, SignatureError::Malformed(_)), "{header}: {error:?}");
        assert!(error.to_string().contains(why), "{header}: {error}");
    }
    assert_eq!(checker(&[SECRET]).check(None, BODY, at(SIGNED_AT)), Err(SignatureError::Missing));
}

#[test]
fn the_tolerance_holds_both_ways_and_its_edge_is_inside() {
    let header = format!("t=1700000000,v1={KNOWN}");
    let checker = checker(&[SECRET]);
    for (now, verdict) in [
        (SIGNED_AT + 300, Ok(())),
        (SIGNED_AT + 301, Err(SignatureError::TooOld { age_s: 301, tolerance_s: 300 })),
        (SIGNED_AT - 300, Ok(())),
        (SIGNED_AT - 301, Err(SignatureError::InFuture { ahead_s: 301, tolerance_s: 300 })),
    ] {
        assert_eq!(checker.check(Some(&header), BODY, at(now)), verdict, "{now}");
    }
}

#[test]
fn times_at_the_ends_of_the_range_are_judged_not_overflowed() {
    for time in [i64::MIN.to_string(), i64::MAX.to_string()] {
        let header = format!("t={time},v1={}", sign(SECRET, &time, BODY));
        let error = check(&header).unwrap_err();
        assert!(matches!(error, SignatureError::TooOld { .. } | SignatureError::InFuture { .. }), "{error:?}");
    }
}

#[test]
fn while_a_secret_is_rotated_both_are_believed() {
    let rotating = checker(&["whsec_new", SECRET]);
    for secret in ["whsec_new", SECRET] {
        let header = format!("t=1700000000,v1={}", sign(secret, "1700000000", BODY));
        assert_eq!(rotating.check(Some(&header), BODY, at(SIGNED_AT)), Ok(()));
    }
    let old = format!("t=1700000000,v1={KNOWN}");
    assert_eq!(checker(&["whsec_new"]).check(Some(&old), BODY, at(SIGNED_AT)), Err(SignatureError::NoMatch));
}

#[test]
fn no_secret_or_an_empty_one_is_refused() {
    for secrets in [vec![], vec![""], vec![SECRET, " "]] {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).to_owned().into()).collect();
        let error = Signatures::new(&secrets, DEFAULT_TOLERANCE).unwrap_err();
        assert!(error.to_string().contains("STRIPE_WEBHOOK_SECRET"), "{error}");
    }
}

#[test]
fn debug_output_has_no_secret() {
    assert_eq!(format!("{:?}", checker(&[SECRET])), "Signatures(1 secrets, tolerance 300 s)");
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_believe(header in ".*", body in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(checker(&[SECRET]).check(Some(&header), &body, at(SIGNED_AT)).is_err());
    }

    #[test]
    fn nearly_right_headers_neither(time in any::<i64>(), hex in "[0-9a-fA-Fg]{60,66}", tail in "[,=tv01 ]{0,8}") {
        let header = format!("t={time},v1={hex}{tail}");
        prop_assert!(check(&header).is_err());
    }

    #[test]
    fn what_the_secret_signed_is_believed(body in prop::collection::vec(any::<u8>(), 0..256), secret in "[!-~]{1,64}") {
        let header = format!("t=1700000000,v1={}", sign(&secret, "1700000000", &body));
        prop_assert_eq!(checker(&[&secret]).check(Some(&header), &body, at(SIGNED_AT)), Ok(()));
    }
}
