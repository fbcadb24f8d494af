//! What becomes of an event: kept before it is acknowledged, or refused with the reason.

use super::*;

#[tokio::test]
async fn an_authentic_event_is_kept_as_it_came() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let answer = listener.deliver(EVENT.as_bytes()).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "received": true })));
    let expected = NewEvent {
        event_id: "evt_1".into(),
        kind: "charge.succeeded".into(),
        created_at: DateTime::from_timestamp(1_799_999_990, 0).unwrap(),
        livemode: true,
        account: None,
        body: EVENT.into(),
        received_at: StandingClock.now(),
        unreadable: None,
    };
    assert_eq!(desk.kept(), [expected]);
}

#[tokio::test]
async fn an_event_that_comes_again_is_acknowledged_again() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    for _ in 0..3 {
        assert_eq!(listener.deliver(EVENT.as_bytes()).await.status, 200);
    }
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn what_is_not_believed_is_refused_with_the_reason_and_leaves_nothing() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let body = EVENT.as_bytes();
    let good = signature(NOW, SECRET, body);
    for (code, request) in [
        ("signature_missing", post("", body)),
        ("signature_malformed", with_signature("", body)),
        ("signature_malformed", with_signature("garbage", body)),
        ("signature_malformed", with_signature(&format!("{good},t=1"), body)),
        ("signature_malformed", with_signature(&good.replace("v1=", "v0="), body)),
        ("signature_malformed", with_signature("t=\u{fffd}\u{ff11},v1=", body)),
        ("signature_malformed", post(&format!("Stripe-Signature: {good}\r\nStripe-Signature: {good}\r\n"), body)),
        ("signature_mismatch", with_signature(&signature(NOW, "whsec_other", body), body)),
        ("signature_mismatch", with_signature(&good, event("evt_2").as_bytes())),
        ("signature_mismatch", with_signature(&good, b"")),
        ("timestamp_too_old", with_signature(&signature(NOW - 301, SECRET, body), body)),
        ("timestamp_in_future", with_signature(&signature(NOW + 301, SECRET, body), body)),
    ] {
        let answer = listener.send(&request).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{}", String::from_utf8_lossy(&request));
    }
    assert_eq!(desk.kept(), []);
}

#[tokio::test]
async fn what_is_authentic_but_no_event_is_kept_for_a_person() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 10] = [
        b"",
        b"null",
        b"not json",
        &EVENT.as_bytes()[..40],
        b"\xff\xfe{}",
        b"{\"id\":\"evt_1\0\"}",
        br#"{"id":"","type":"x","created":1}"#,
        br#"{"id":"evt_\u0000","type":"x","created":1}"#,
        br#"{"id":"evt_1","type":"x","created":1,"account":"a\u0000"}"#,
        deep.as_bytes(),
    ];
    for body in bodies {
        for _ in 0..2 {
            assert_eq!(listener.deliver(body).await.status, 200, "{}", String::from_utf8_lossy(body));
        }
    }
    let kept = desk.kept();
    assert_eq!(kept.iter().map(|event| &event.body[..]).collect::<Vec<_>>(), bodies);
    for event in &kept {
        let hash = event.event_id.strip_prefix("unreadable:").unwrap();
        assert!(hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
        assert!(event.unreadable.as_deref().unwrap().contains("not a Stripe event"), "{event:?}");
    }
    let of_nothing = "unreadable:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!((&*kept[0].event_id, &*kept[0].kind), (of_nothing, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_up_to_the_limit_is_taken_and_a_longer_one_is_not() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let fits = format!("{}{EVENT}", " ".repeat(262_144 - EVENT.len()));
    assert_eq!(listener.deliver(fits.as_bytes()).await.status, 200);

    let too_long = format!(" {fits}");
    let chunked = {
        let head =
            "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{too_long}\r\n0\r\n\r\n", too_long.len())
    };
    let announced = "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".to_owned();
    let beyond = "x".repeat(3 * 1024 * 1024);
    for request in [signed(too_long.as_bytes()), chunked.into(), announced.into(), signed(beyond.as_bytes())] {
        let answer = listener.send(&request).await;
        assert_eq!((answer.status, answer.code()), (413, "body_too_large"));
        assert!(answer.body["error"]["message"].as_str().unwrap().contains("262144 bytes"), "{answer:?}");
    }
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    let whole = signed(EVENT.as_bytes());
    let answer = listener.send(&whole[..whole.len() - 10]).await;
    assert_eq!((answer.status, answer.code()), (400, "body_incomplete"));
    assert_eq!(desk.kept(), []);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let settings = Settings { read_timeout: Duration::from_millis(50), ..Settings::default() };
    let listener = start_with(Desk::open(), true, settings).await;
    let mut stream = listener.connect().await;
    let whole = signed(EVENT.as_bytes());
    stream.write_all(&whole[..whole.len() - 10]).await.unwrap();
    let answer = read(&mut stream).await;
    assert_eq!((answer.status, answer.code()), (408, "body_too_slow"));
}

#[tokio::test]
async fn when_the_database_is_away_the_event_is_not_acknowledged_and_comes_again() {
    let desk = Desk::open();
    let listener = start(desk.clone()).await;
    desk.fail_with(Some(|| StoreError::Away("postgres://user:secret@db is down".into())));
    let answer = listener.deliver(EVENT.as_bytes()).await;
    assert_eq!((answer.status, answer.code()), (503, "store_unavailable"));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert!(!answer.body.to_string().contains("secret"), "{answer:?}");

    desk.fail_with(None);
    assert_eq!(listener.deliver(EVENT.as_bytes()).await.status, 200);
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn an_inbox_that_hangs_or_panics_is_as_good_as_away() {
    let settings = Settings { keep_timeout: Duration::from_millis(50), ..Settings::default() };
    let desk = Desk::held();
    let stuck = start_with(desk.clone(), true, settings).await;
    let answer = stuck.deliver(EVENT.as_bytes()).await;
    assert_eq!((answer.status, answer.code()), (503, "store_unavailable"));
    // The write was not broken off with the wait for it.
    desk.may_commit.add_permits(1);
    desk.commits().await;

    let desk = Desk::open();
    desk.fail_with(Some(|| panic!("on purpose, to see what the listener says")));
    let panicking = start(desk.clone()).await;
    assert_eq!(panicking.deliver(EVENT.as_bytes()).await.status, 503);
    assert_eq!(panicking.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_committed() {
    let desk = Desk::held();
    let listener = start(desk.clone()).await;
    let mut stream = listener.connect().await;
    stream.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();

    // Another request, begun later, is answered in full; the held one has not a byte.
    assert_eq!(listener.get("/healthz").await.status, 200);
    let early = stream.try_read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(early, Err(std::io::ErrorKind::WouldBlock));
    assert_eq!(desk.kept(), []);

    desk.may_commit.add_permits(1);
    assert_eq!(read(&mut stream).await.status, 200);
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_break_off_the_write() {
    let desk = Desk::held();
    let listener = start(desk.clone()).await;
    let mut stream = listener.connect().await;
    stream.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();
    stream.set_zero_linger().unwrap();
    drop(stream);
    // Whoever is answered now was accepted after the reset.
    assert_eq!(listener.get("/healthz").await.status, 200);
    desk.may_commit.add_permits(1);
    desk.commits().await;
    assert_eq!(desk.kept().len(), 1);
}
