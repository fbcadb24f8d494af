//! What each kind of answer is sorted as, by table.

use hyper::header::{HeaderName, HeaderValue};

use super::*;
use crate::domain::triage::{Verdict, triage};

const STRIPE_SAYS_NO: &str =
    r#"{"error":{"type":"invalid_request_error","code":"balance_insufficient","message":"m","param":"p"}}"#;

fn sort(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Result<Answer, Failure> {
    let headers = headers.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
    let body = Ok(Bytes::copy_from_slice(body.as_bytes()));
    Answer::sort(Received { status: StatusCode::from_u16(status).unwrap(), headers, body })
}

#[test]
fn an_error_object_is_taken_over_with_its_headers() {
    let headers = [("stripe-should-retry", "false"), ("retry-after", "7")];
    let expected = Refusal {
        status: 400,
        kind: "invalid_request_error".into(),
        code: "balance_insufficient".into(),
        message: "m".into(),
        param: Some("p".into()),
        should_retry: Some(false),
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(sort(400, &headers, STRIPE_SAYS_NO).unwrap_err(), Failure::Refused(expected));
}

#[test]
fn headers_with_nonsense_are_as_good_as_none() {
    for (name, value) in [("stripe-should-retry", "maybe"), ("retry-after", "-1"), ("retry-after", "Wed, 21 Oct")] {
        let Failure::Refused(refusal) = sort(503, &[(name, value)], "").unwrap_err() else { panic!("not refused") };
        assert_eq!((refusal.should_retry, refusal.retry_after), (None, None), "{name}: {value}");
    }
    let failure = sort(429, &[("retry-after", "99999999999")], "").unwrap_err();
    assert_eq!(failure.retry_after(), Some(LONGEST_RETRY_AFTER));
}

#[test]
fn an_error_page_that_is_not_stripes_never_ends_an_operation() {
    for body in ["", "<html>Bad Gateway</html>", "{}", r#"{"error":"invalid_grant"}"#, r#"{"error":{}}"#, "null"] {
        for status in (300..=599).filter(|status| StatusCode::from_u16(*status).is_ok()) {
            let failure = sort(status, &[], body).unwrap_err();
            let verdict = triage(&failure);
            assert!(!matches!(verdict, Verdict::Reject | Verdict::HoldMentor), "{status} {body}: {verdict:?}");
            assert_eq!(failure.status(), Some(status));
        }
    }
}

#[test]
fn statuses_that_speak_for_themselves_need_no_words() {
    for (status, verdict) in [
        (401, Verdict::StopTheWorld),
        (403, Verdict::StopTheWorld),
        (409, Verdict::AskAgain),
        (429, Verdict::RetrySoon),
        (500, Verdict::Unknown),
        (502, Verdict::Unknown),
    ] {
        let failure = sort(status, &[], "<html>").unwrap_err();
        assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
        assert_eq!(triage(&failure), verdict, "{status}");
    }
}

#[test]
fn redirects_are_unreadable() {
    let failure = sort(302, &[("location", "https://example.com/")], "").unwrap_err();
    assert!(matches!(failure, Failure::Unreadable { status: 302, .. }), "{failure:?}");
}

#[test]
fn a_success_carries_stripes_time() {
    let answer = sort(200, &[("date", "Wed, 21 Oct 2026 07:28:00 GMT")], "{}").unwrap();
    assert_eq!(answer.date.unwrap().to_rfc3339(), "2026-10-21T07:28:00+00:00");
    for headers in [&[("date", "today")][..], &[]] {
        assert_eq!(sort(200, headers, "{}").unwrap().date, None);
    }
}

#[test]
fn a_success_that_is_not_the_json_that_was_asked_for_is_unreadable() {
    for body in ["", "ok", "{", r#"{"data":[]}"#, r#"{"data":{},"has_more":false}"#, r#"{"has_more":false}"#] {
        let answer = sort(200, &[], body).unwrap();
        let failure = answer.json::<Page<'_>>().map(|_| ()).unwrap_err();
        assert!(matches!(failure, Failure::Unreadable { status: 200, .. }), "{body}: {failure:?}");
    }
}
