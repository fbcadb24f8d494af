//! Everything else that a connection may ask or do, and how the listener ends.

use super::*;

#[tokio::test]
async fn wrong_methods_and_paths_are_answered_in_the_same_shape() {
    let listener = start(Desk::open()).await;
    for (line, status, code) in [
        ("GET /webhooks/stripe", 405, "method_not_allowed"),
        ("DELETE /webhooks/stripe", 405, "method_not_allowed"),
        ("POST /healthz", 405, "method_not_allowed"),
        ("GET /", 404, "not_found"),
        ("POST /webhooks/stripe/", 404, "not_found"),
        ("GET /../etc/passwd", 404, "not_found"),
        ("GET /%ff%00", 404, "not_found"),
    ] {
        let answer = listener.send(format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{line}");
    }
    let answer = listener.get("/webhooks/stripe").await;
    assert_eq!(answer.header("allow"), Some("post"), "{answer:?}");
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let listener = start(Desk::open()).await;
    let answers = [
        listener.deliver(EVENT.as_bytes()).await,
        listener.send(post("", b"")).await,
        listener.get("/healthz").await,
        listener.get("/nowhere").await,
        listener.get("/webhooks/stripe").await,
    ];
    let ids: HashSet<_> = answers.iter().map(|answer| answer.header("x-request-id").unwrap()).collect();
    assert_eq!(ids.len(), answers.len(), "{ids:?}");
}

#[tokio::test]
async fn health_and_readiness_are_told_apart() {
    let well = start(Desk::open()).await;
    let ill = start_with(Desk::open(), false, Settings::default()).await;
    for listener in [&well, &ill] {
        assert_eq!(listener.get("/healthz").await.status, 200);
    }
    let answer = well.get("/readyz").await;
    assert_eq!((answer.status, &answer.body["ready"]), (200, &json!(true)));
    let answer = ill.get("/readyz").await;
    let expected = json!({
        "ready": false, "database": "cannot be reached", "migrations": "ok", "breaker": "closed",
        "oldest_unprojected_event_s": 3,
    });
    assert_eq!((answer.status, answer.body), (503, expected));
}

#[tokio::test]
async fn shutdown_lets_requests_in_flight_finish_and_takes_no_more() {
    let desk = Desk::held();
    let mut listener = start(desk.clone()).await;
    let mut idle = listener.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 512]).await.unwrap() > 0);
    let mut stream = listener.connect().await;
    stream.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();

    listener.stop.cancel();
    // The idle connection is closed at once; by then no new one is taken.
    let closed = tokio::time::timeout(Duration::from_secs(5), idle.read(&mut [0; 512])).await;
    assert_eq!(closed.expect("waits for the idle connection").unwrap(), 0);
    assert!(!listener.server.is_finished());

    desk.may_commit.add_permits(1);
    assert_eq!(read(&mut stream).await.status, 200);
    (&mut listener.server).await.unwrap();
    assert_eq!(desk.kept().len(), 1);
    assert!(TcpStream::connect(listener.addr).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_sends_its_request_is_closed() {
    let listener = start(Desk::open()).await;
    let mut silent = listener.connect().await;
    let mut slow = listener.connect().await;
    slow.write_all(b"POST /webhooks/stripe HTTP/1.1\r\nHo").await.unwrap();
    let begin = tokio::time::Instant::now();
    for stream in [&mut silent, &mut slow] {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        assert!(!said.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&said));
    }
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_neither_for_a_silent_sender_nor_for_ever() {
    let settings = Settings { keep_timeout: Duration::from_secs(3600), ..Settings::default() };
    let desk = Desk::held();
    let listener = start_with(desk.clone(), true, settings).await;
    let _silent = listener.connect().await;
    let mut stuck = listener.connect().await;
    stuck.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();

    let begin = tokio::time::Instant::now();
    listener.stop.cancel();
    listener.server.await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    assert_eq!(stuck.read(&mut [0; 1]).await.unwrap_or(0), 0, "acknowledged, though it was not kept");
}

#[tokio::test(start_paused = true)]
async fn silent_connections_up_to_the_limit_keep_no_webhook_out_for_long() {
    let desk = Desk::open();
    let listener = start_limited(desk.clone(), true, Settings::default(), 2).await;
    let begin = tokio::time::Instant::now();
    // Given as many silent connections as may be open, and as many again that wait behind them.
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(listener.connect().await);
    }
    // Then a webhook waits for its turn, and is kept.
    assert_eq!(listener.deliver(EVENT.as_bytes()).await.status, 200);
    let waited = begin.elapsed();
    assert!(waited >= Duration::from_secs(10) && waited < Duration::from_secs(25), "{waited:?}");
    assert_eq!(desk.kept().len(), 1);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_another_ends() {
    let desk = Desk::held();
    let listener = start_limited(desk.clone(), true, Settings::default(), 1).await;
    let mut first = listener.connect().await;
    first.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();
    let mut second = listener.connect().await;
    second.write_all(&signed(event("evt_2").as_bytes())).await.unwrap();

    // The second is not even looked at while the first is at work.
    let looked = tokio::time::timeout(Duration::from_millis(200), desk.entered.acquire()).await;
    assert!(looked.is_err());
    desk.may_commit.add_permits(2);
    assert_eq!(read(&mut first).await.status, 200);
    assert_eq!(read(&mut second).await.status, 200);
    assert_eq!(desk.kept().len(), 2);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_place() {
    let desk = Desk::held();
    let listener = start_limited(desk.clone(), true, Settings::default(), 1).await;
    let mut first = listener.connect().await;
    first.write_all(&signed(EVENT.as_bytes())).await.unwrap();
    desk.entered.acquire().await.unwrap().forget();
    listener.stop.cancel();
    desk.may_commit.add_permits(1);
    assert_eq!(read(&mut first).await.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(5), listener.server).await;
    ended.expect("it waits for a place").unwrap();
}
