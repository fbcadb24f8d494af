//! Many connections, slow ones, and bodies without an end: memory and health stay, and Stripe gets through meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::fort::{Fort, event, good_signature, memory_kib, open_files, raw, real, request};
use crate::world::{PATIENCE, get};

/// Somebody who sends a byte now and then, and begins anew when cut off.
fn dribble(at: SocketAddr, slow_body: bool, over: &AtomicBool) {
    let begin = if slow_body {
        &b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{"[..]
    } else {
        &b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nX-A"[..]
    };
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(at) else { continue };
        let _ = stream.write_all(begin);
        stream.set_read_timeout(Some(Duration::from_millis(400))).expect("a timeout");
        while !over.load(Ordering::Relaxed) {
            // Nothing to read yet is what keeps a slow sender going; an answer or an end is not.
            let waits = stream.read(&mut [0; 64]).is_err_and(|why| why.kind() == std::io::ErrorKind::WouldBlock);
            if !waits || stream.write_all(b"a").is_err() {
                break;
            }
        }
    }
}

/// Given more slow senders than there are places, half of heads and half of bodies, who come back when they are cut off, then
/// real webhooks wait for a turn and get through, and the figures can be read at any time.
#[test]
fn slow_senders_keep_no_webhook_out() {
    let fort = Fort::with(&[("PAYOUTD_WEBHOOK_MAX_CONNECTIONS", "32")]);
    let (at, over) = (fort.at(), AtomicBool::new(false));
    let slowest = thread::scope(|scope| {
        for attacker in 0..48 {
            let over = &over;
            scope.spawn(move || dribble(at, attacker % 2 == 0, over));
        }
        // All places are theirs by then.
        let full = Instant::now();
        while open_files(fort.serving.pid()) < 32 && full.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(get(fort.serving.metrics, "/metrics").0, 200, "not on the same listener");
        let webhooks: Vec<_> = (0..4).map(|number| scope.spawn(move || real(at, &format!("evt_{number}")))).collect();
        let slowest = webhooks.into_iter().map(|webhook| webhook.join()).collect::<Vec<_>>();
        over.store(true, Ordering::Relaxed);
        slowest
    });
    for took in slowest {
        assert!(took.expect("it got through") < PATIENCE);
    }
    fort.holds(4);
}

/// Given thousands of connections, most of them dropped at once, and hundreds that only stand there, then no more are taken
/// than there are places, and when they are gone everything is as before.
#[test]
fn a_flood_of_connections_passes() {
    let fort = Fort::with(&[]);
    let (at, calm) = (fort.at(), open_files(fort.serving.pid()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                for number in 0..400 {
                    let Ok(mut stream) = TcpStream::connect(at) else { continue };
                    if number % 3 > 0 {
                        let _ = stream.write_all(&b"GET /healthz HTTP/1.1\r\n\0\xff\r\n"[..number % 28]);
                    }
                }
            });
        }
    });
    let idle: Vec<_> = (0..400).filter_map(|_| TcpStream::connect(fort.at()).ok()).collect();
    assert!(idle.len() > 300);
    assert!(open_files(fort.serving.pid()) <= calm + 256, "no more than max_connections");
    assert_eq!(get(fort.serving.metrics, "/healthz").0, 200);
    drop(idle);
    assert!(fort.real("evt_after") < PATIENCE);
    fort.holds(1);
    let begun = Instant::now();
    while open_files(fort.serving.pid()) > calm + 8 {
        assert!(begun.elapsed() < PATIENCE, "{} files stay open", open_files(fort.serving.pid()));
        thread::sleep(Duration::from_millis(50));
    }
}

fn chunked(headers: &str, chunks: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
    );
    [head.as_bytes(), chunks].concat()
}

/// Given bodies that are longer than any event, announced or in chunks, and framing that no honest sender has, then each is
/// refused or cut off, nothing is stored, and nothing of it stays in memory.
#[test]
fn bodies_without_an_end_are_refused() {
    let fort = Fort::with(&[]);
    let at = fort.at();
    let chunk = [b"40000\r\n".to_vec(), vec![b'x'; 0x40000], b"\r\n".to_vec()].concat();
    let announced =
        |length: &str| format!("POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{{}}");
    let line = "POST /webhooks/stripe HTTP/1.1";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("ten gigabytes, announced", announced("10000000000").into()),
        ("more than there is", announced("18446744073709551615").into()),
        ("beyond numbers", announced("99999999999999999999999").into()),
        ("less than nothing", announced("-1").into()),
        ("no number", announced("0x10").into()),
        ("a sign", announced("+2").into()),
        ("two lengths", announced("2\r\nContent-Length: 3").into()),
        ("sixteen megabytes", request(line, "", &vec![b'x'; 16 << 20])),
        ("sixteen megabytes in chunks", chunked("", &chunk.repeat(64))),
        ("a chunk of more than there is", chunked("", b"FFFFFFFFFFFFFFFF\r\n{}")),
        ("a chunk beyond numbers", chunked("", b"FFFFFFFFFFFFFFFFFF\r\n{}")),
        ("a chunk of less than nothing", chunked("", b"-1\r\n{}")),
        ("a chunk's endless extension", chunked("", &[b"2;".to_vec(), vec![b'a'; 1 << 20]].concat())),
        ("many chunks of a byte", chunked("", &b"1\r\nx\r\n".repeat(400_000))),
        (
            "endless trailers",
            chunked("", &[b"0\r\n".to_vec(), b"X-Trailer: aaaaaaaaaaaaaaaa\r\n".repeat(50_000)].concat()),
        ),
        ("a length and chunks", chunked("Content-Length: 2\r\n", b"0\r\n\r\n")),
        ("an encoding that is none", request(line, "Transfer-Encoding: xchunked\r\n", b"{}")),
        ("an endless head", request(line, &format!("X-A: {}\r\n", "a".repeat(1 << 20)), b"{}")),
        ("ten thousand headers", request(line, &"X-A: a\r\n".repeat(10_000), b"{}")),
    ];
    thread::scope(|scope| {
        for _ in 0..4 {
            let cases = &cases;
            scope.spawn(move || {
                for (what, bytes) in cases {
                    let answer = raw(at, bytes);
                    assert!(
                        answer.as_ref().is_none_or(|(status, _)| (400..500).contains(status)),
                        "{what}: {answer:?}"
                    );
                }
            });
        }
        assert!(real(at, "evt_meanwhile") < PATIENCE);
    });
    fort.holds(1);
}

/// Given a request that hides another in what looks like its body, then only the first is read, or none.
#[test]
fn no_request_is_smuggled_in_another() {
    let fort = Fort::with(&[]);
    let body = event("evt_smuggled");
    let hidden =
        request("POST /webhooks/stripe HTTP/1.1", &format!("Stripe-Signature: {}\r\n", good_signature(&body)), &body);
    let front = "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n";
    for headers in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5 + hidden.len()),
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Content-Length: 0\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Content-Length: 0\r\nContent-Length: 7\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(),
    ] {
        let before = fort.stored();
        let answer = raw(fort.at(), &[front.as_bytes(), headers.as_bytes(), &hidden].concat());
        let statuses = answer.as_ref().map_or(0, |(_, text)| text.matches("HTTP/1.1 ").count());
        // What follows a request that is over is another of the same sender: it was signed, and may be answered. What must
        // not be is one sender's body read as another's request: where both lengths stand, the connection ends.
        let ambiguous = headers.contains("Content-Length") && headers.contains("Transfer-Encoding:");
        let two_lengths = headers.matches("Content-Length").count() > 1;
        if ambiguous || two_lengths {
            assert!(statuses <= 1, "{headers:?}: {answer:?}");
            assert_eq!(fort.stored(), before, "{headers:?}");
        }
    }
    assert!(memory_kib(fort.serving.pid()) > 0);
}
