//! Webhooks that are not Stripe's, one of each kind and then ten thousand different ones, and Stripe's own, many times over.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use payoutd::app::sandbox::signature_header;

use crate::fort::{Fort, event, good_signature, now, raw, real, request};
use crate::world::{PATIENCE, SECRET};

const LINE: &str = "POST /webhooks/stripe HTTP/1.1";
const JUNK: usize = 10_000;
const SENDERS: usize = 10;

fn deliver(at: SocketAddr, signature: &str, body: &[u8]) -> u16 {
    raw(at, &request(LINE, &format!("Stripe-Signature: {signature}\r\n"), body)).expect("an answer").0
}

/// Given webhooks that somebody tampered with, made up or kept for later, then none is believed; given several secrets and
/// signatures of which one is right, then the webhook is.
#[test]
fn each_kind_of_forgery_is_refused() {
    let fort = Fort::with(&[("STRIPE_WEBHOOK_SECRET", "whsec_planted,whsec_planted_next")]);
    let body = event("evt_1");
    let good = good_signature(&body);
    let digest = good.rsplit_once("v1=").expect("signed").1;
    let signed = |secret: &str, at: i64| signature_header(secret, at, &body);
    let zeros = "0".repeat(64);
    let many = |last: &str| format!("t={},{}v1={last}", now(), format!("v1={zeros},").repeat(300));
    for (what, signature) in [
        ("an old one", signed(SECRET, now() - 301)),
        ("one from the future", signed(SECRET, now() + 330)),
        ("another secret", signed("whsec_other", now())),
        ("an empty secret", signed("", now())),
        ("the secret without its prefix", signed("planted", now())),
        ("v0 alone", good.replace("v1=", "v0=")),
        ("v2 alone", good.replace("v1=", "v2=")),
        ("an old time over a new signature", good.replacen("t=", "t=0", 1)),
        ("two times", format!("t={},{good}", now() - 1)),
        ("many that are wrong", many(&zeros)),
        ("half a signature", good[..good.len() - 32].to_owned()),
        ("a signature with more behind it", format!("{good}00")),
        ("no time", format!("v1={digest}")),
        ("none", String::new()),
    ] {
        assert_eq!(deliver(fort.at(), &signature, &body), 400, "{what}");
    }
    for tampered in [&event("evt_2")[..], &body[..body.len() - 1], &[&body[..], b" "].concat(), b""] {
        assert_eq!(deliver(fort.at(), &good, tampered), 400, "{}", String::from_utf8_lossy(tampered));
    }
    fort.holds(0);
    let next = event("evt_next");
    let of_both = format!("{},v1={zeros},v0={zeros}", signature_header("whsec_planted_next", now(), &next));
    assert_eq!(deliver(fort.at(), &of_both, &next), 200, "the next secret, among others");
    assert_eq!(deliver(fort.at(), &many(digest), &body), 200, "the last of many is right, if it is of this second");
    fort.holds(2);
}

/// Given one authentic webhook that is sent again and again, from many sides at once, then each is answered 200, and it is
/// stored once.
#[test]
fn a_replayed_webhook_is_stored_once() {
    let fort = Fort::with(&[]);
    let (at, body) = (fort.at(), event("evt_replayed"));
    let signature = good_signature(&body);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(deliver(at, &signature, &body), 200)));
        }
    });
    fort.holds(1);
}

/// One that is like no other.
fn junk(number: usize) -> Vec<u8> {
    let filler = |length: usize| vec![b'a' + u8::try_from(number % 26).expect("a letter"); length];
    let body = match number % 4 {
        0 => event(&format!("evt_junk_{number}")),
        1 => [format!("{{\"id\":\"evt_{number}\",").into_bytes(), filler(number % 60_000)].concat(),
        2 => number.to_be_bytes().repeat(number % 100),
        _ => filler(number % 200),
    };
    let signature = match number % 9 {
        0 => signature_header(&format!("whsec_{number}"), now(), &body),
        1 => signature_header(SECRET, now() - 1_000 - i64::try_from(number).expect("small"), &body),
        2 => signature_header(SECRET, now() + 1_000 + i64::try_from(number).expect("small"), &body),
        3 => signature_header(SECRET, now(), &body).replace("v1=", "v0="),
        4 => format!("t={},v1={number:064x}", now()),
        5 => format!("t={},{}", now(), format!("v1={number:064x},").repeat(200)),
        6 => String::from_utf8_lossy(&filler(number % 20_000)).into_owned(),
        7 => format!("t={number},v1=,v1={}", "zz".repeat(32)),
        _ => return post("", &body),
    };
    post(&format!("Stripe-Signature: {signature}\r\n"), &body)
}

/// On a connection that stays open.
fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("{LINE}\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn status_of(from: &mut BufReader<TcpStream>) -> u16 {
    let mut line = String::new();
    from.read_line(&mut line).expect("an answer");
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut length = 0;
    loop {
        let mut header = String::new();
        from.read_line(&mut header).expect("a header");
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        length = header.strip_prefix("content-length: ").map_or(length, |bytes| bytes.parse().expect("a number"));
    }
    from.read_exact(&mut vec![0; length]).expect("a body");
    status
}

fn send_junk(at: SocketAddr, sender: usize) {
    let stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut from = BufReader::new(stream.try_clone().expect("the same"));
    let mut to = stream;
    for number in (sender..JUNK).step_by(SENDERS) {
        to.write_all(&junk(number)).expect("it reads");
        assert_eq!(status_of(&mut from), 400, "{number}");
    }
}

/// Given ten thousand posts of which no two are alike and none is Stripe's, when real webhooks come between them, then those
/// are stored, nothing else is, memory and health stay, and the log is not filled.
#[test]
fn ten_thousand_different_forgeries_change_nothing() {
    let fort = Fort::with(&[]);
    let at = fort.at();
    let slowest = thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || send_junk(at, sender));
        }
        (0..50).map(|number| real(at, &format!("evt_real_{number}"))).max()
    });
    assert!(slowest < Some(PATIENCE / 3), "{slowest:?}");
    fort.holds(50);
    let scrape = crate::world::get(fort.serving.metrics, "/metrics").1;
    let refused = scrape.lines().find(|line| line.starts_with("payoutd_webhooks_total{outcome=\"refused\"}"));
    assert!(refused.is_some_and(|line| line.ends_with(&format!(" {JUNK}"))), "each is counted: {refused:?}");
    fort.serving.signal("TERM");
    let logged = fort.serving.lines_until_the_end();
    let believed = logged.iter().filter(|line| line.contains("a webhook is not believed")).count();
    // So many in any minute; it took a few at most.
    assert!((1..=100).contains(&believed), "{believed} lines");
}
