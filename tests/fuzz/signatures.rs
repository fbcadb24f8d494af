//! Signature headers: believed only when an honest reading of the header believes them.

use chrono::DateTime;
use payoutd::ports::SignatureCheck;
use payoutd::sandbox::signature_header;
use payoutd::stripe::{DEFAULT_TOLERANCE, Signatures};
use proptest::prelude::*;

use crate::mutate::{hold, mutated, run};

const SECRET: &str = "whsec_fuzz";
const NOW: i64 = 1_800_000_000;
const BODY: &[u8] = br#"{"id":"evt_1"}"#;

fn believed(header: &str, body: &[u8]) -> bool {
    let signatures = Signatures::new(&[SECRET.to_owned().into()], DEFAULT_TOLERANCE).expect("a secret");
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    signatures.check(Some(header), body, now).is_ok()
}

/// Whether Stripe, which knows the secret, would have written this for `body` within the tolerance.
fn honest(header: &str, body: &[u8]) -> bool {
    let of = |name: &str| -> Vec<String> {
        let parts = header.split(',').map(str::trim);
        parts.filter_map(|part| part.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)).collect()
    };
    let times = of("t");
    let [time] = times.as_slice() else { return false };
    let Ok(at) = time.parse::<i64>() else { return false };
    // The text of the time is what is signed: only the plain number is what the sandbox signs.
    let wanted = signature_header(SECRET, at, body);
    let wanted = wanted.rsplit_once("v1=").expect("signed").1.to_ascii_lowercase();
    let plain = *time == at.to_string();
    plain && at.abs_diff(NOW) <= 300 && of("v1").iter().any(|given| given.to_ascii_lowercase() == wanted)
}

#[test]
fn headers_at_random() {
    let good = signature_header(SECRET, NOW, BODY);
    assert!(believed(&good, BODY));
    let seeds = [-301, -300, 0, 300, 301].map(|ahead| signature_header(SECRET, NOW + ahead, BODY).into_bytes());
    hold("signatures", seeds.to_vec(), |header| {
        let header = String::from_utf8_lossy(header);
        assert_eq!(believed(&header, BODY), honest(&header, BODY), "{header}");
    });
}

#[test]
fn bodies_that_were_changed_are_not_believed() {
    let good = signature_header(SECRET, NOW, BODY);
    run(&mutated(vec![BODY.to_vec()]), |body| assert_eq!(believed(&good, &body), body == BODY));
}

#[test]
fn what_stripe_signs_is_believed() {
    let signed = (proptest::collection::vec(any::<u8>(), 0..2_000), -300_i64..=300);
    run(&signed, |(body, ahead)| assert!(believed(&signature_header(SECRET, NOW + ahead, &body), &body)));
}
