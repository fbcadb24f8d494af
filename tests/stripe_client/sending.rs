//! A transfer is sent: once, in its turn, and each kind of trouble has its name.

use super::*;

/// One POST against one act.
async fn create_against(act: Act) -> (Called<TransferFact>, ScriptedServer) {
    let (server, client) = scripted([act]).await;
    (create(&client).await, server)
}

/// Given a lease that has run out while the call waited for its turn, or while the machine slept, then nothing is sent:
/// another worker may have found by now that it never was.
#[tokio::test]
async fn nothing_is_sent_once_the_lease_has_run_out() {
    let (server, client) = scripted([Act::json(200, transfer("tr_1", Some(OPERATION)))]).await;
    let now = payoutd::ports::Clock::now(&StandingClock);
    let called = create_transfer(&client, &key(), &order(), now).await;
    assert_not_sent(&called);
    assert!(server.seen().is_empty());
    let later = now + chrono::TimeDelta::milliseconds(1);
    assert!(create_transfer(&client, &key(), &order(), later).await.result.is_ok());
    assert_eq!(server.seen().len(), 1);
}

#[track_caller]
fn assert_no_answer<T: std::fmt::Debug>(called: &Called<T>) {
    assert!(matches!(failure(called), Failure::NoAnswer(_)), "{called:?}");
    assert_eq!(called.status, None);
}

#[track_caller]
fn assert_not_sent<T: std::fmt::Debug>(called: &Called<T>) {
    assert!(matches!(failure(called), Failure::NotSent(_)), "{called:?}");
    assert_eq!((called.status, &called.request_id), (None, &None));
}

#[tokio::test]
async fn a_transfer_is_sent_once_with_its_key_and_told_back() {
    let act = Act::json(200, transfer("tr_1", Some(OPERATION))).with("Stripe-Should-Retry", "false");
    let (called, server) = create_against(act).await;

    let fact = called.result.unwrap();
    assert_eq!((fact.id.as_str(), fact.operation_key.as_deref()), ("tr_1", Some(OPERATION)));
    assert_eq!((called.status, called.request_id.as_deref()), (Some(200), Some("req_test")));
    assert!(called.took > Duration::ZERO);

    let [post] = &server.seen()[..] else { panic!("not one request") };
    assert_eq!((&*post.method, &*post.target), ("POST", "/v1/transfers"));
    for (header, value) in [
        ("Idempotency-Key", OPERATION),
        ("Authorization", &*format!("Bearer {KEY}")),
        ("Stripe-Version", API_VERSION),
        ("User-Agent", concat!("payoutd/", env!("CARGO_PKG_VERSION"))),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ] {
        assert_eq!(post.header(header), [value], "{header}");
    }
}

#[tokio::test]
async fn a_read_carries_no_key_and_its_object_is_stamped_with_stripes_time() {
    let dated = Act::json(200, charge("ch_1")).with("Date", "Fri, 15 Jan 2027 07:00:05 GMT");
    let (server, client) = scripted([dated, Act::json(200, charge("ch_1"))]).await;

    let by_stripes_clock = client.charge(&ChargeId::new("ch_1")).await.result.unwrap();
    let by_ours = client.charge(&ChargeId::new("ch_1")).await.result.unwrap();

    assert_eq!(by_stripes_clock.stamp.told_at.to_rfc3339(), "2027-01-15T07:00:05+00:00");
    assert_eq!(by_ours.stamp.told_at.timestamp(), StandingClock::NOW);
    assert_eq!(by_ours.says.settlement_currency, Some(Currency::parse("eur").unwrap()));
    let get = &server.seen()[0];
    assert_eq!(get.method, "GET");
    let (path, query) = get.target.split_once('?').unwrap();
    assert_eq!(path, "/v1/charges/ch_1");
    let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(query, [("expand[0]".to_owned(), "balance_transaction".to_owned())]);
    assert_eq!((get.header("Idempotency-Key"), &*get.body), (vec![], ""));
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert_not_sent(&create(&client(settings(&base))).await);
}

#[tokio::test]
async fn what_breaks_before_tls_stands_is_not_sent() {
    for act in ["hangs", "talks plain HTTP", "closes"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("https://localhost:{}", listener.local_addr().unwrap().port())).unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if act == "talks plain HTTP" {
                stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            }
            if act != "closes" {
                std::future::pending::<()>().await;
            }
        });
        let call_timeout = Duration::from_millis(300);
        assert_not_sent(&create(&client(Settings { call_timeout, ..settings(&base) })).await);
        server.abort();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_no_answer() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"id\":\"tr_1\"".to_owned();
    for act in [Act::Close, Act::Reset, Act::Raw("HTTP/1.1 2".into()), Act::Raw(half), Act::Raw("SSH-2.0\r\n".into())] {
        let (called, server) = create_against(act.clone()).await;
        assert_no_answer(&called);
        assert_eq!(server.seen().len(), 1, "{act:?}: sent again behind our back");
    }
}

#[tokio::test]
async fn a_server_that_hangs_leaves_no_answer_when_the_call_timeout_is_over() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{".to_owned();
    for act in [Act::Hang, Act::RawThenHang(half)] {
        let server = ScriptedServer::start([act]).await;
        let client = impatient(&server).await;
        let begin = Instant::now();
        let called = create(&client).await;
        assert_no_answer(&called);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert!(called.took >= Duration::from_millis(250), "{:?}", called.took);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_transfer_is_unreadable() {
    for body in ["", "OK", "<html></html>", "{", "[]", "null", r#"{"id":"tr_1"}"#, r#"{"deleted":true}"#] {
        assert_unreadable(&create_against(Act::json(200, body)).await.0, 200);
    }
    let (called, _) = create_against(Act::json(200, "x".repeat(5 * 1024 * 1024))).await;
    assert_unreadable(&called, 200);
}

#[tokio::test]
async fn an_answer_about_another_transfer_is_unreadable() {
    let ours = transfer("tr_1", Some(OPERATION));
    for (field, value) in [
        ("amount", json!(9_001)),
        ("amount", json!(-9_000)),
        ("currency", json!("eur")),
        ("destination", json!("acct_2")),
        ("destination", Value::Null),
        ("source_transaction", json!("ch_2")),
        ("source_transaction", Value::Null),
    ] {
        let (called, _) = create_against(Act::json(200, changed(ours.clone(), field, value.clone()))).await;
        assert_unreadable(&called, 200);
        assert_eq!(called.request_id.as_deref(), Some("req_test"), "{field}: {value}");
    }
}

#[tokio::test]
async fn stripes_errors_are_taken_over_with_their_headers() {
    let body = json!({ "error": { "type": "invalid_request_error", "code": "rate_limit", "message": "Slow down." } });
    let act = Act::json(429, body).with("Retry-After", "7").with("Stripe-Should-Retry", "true");
    let (called, _) = create_against(act).await;
    let expected = Refusal {
        status: 429,
        kind: "invalid_request_error".into(),
        code: "rate_limit".into(),
        message: "Slow down.".into(),
        param: None,
        should_retry: Some(true),
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(*failure(&called), Failure::Refused(expected));
    assert_eq!((called.status, called.request_id.as_deref()), (Some(429), Some("req_test")));
}

#[tokio::test]
async fn a_500_is_refused_with_and_without_stripes_words() {
    for (body, kind) in [(r#"{"error":{"type":"api_error","message":"Oh."}}"#, "api_error"), ("<html>Bad</html>", "")] {
        let (called, _) = create_against(Act::json(500, body)).await;
        let Failure::Refused(refusal) = failure(&called) else { panic!("{called:?}") };
        assert_eq!((refusal.status, &*refusal.kind, &*refusal.code), (500, kind, ""));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = ScriptedServer::start([]).await;
    let act = Act::json(307, "").with("Location", elsewhere.base.as_str());
    let (called, server) = create_against(act).await;
    assert_unreadable(&called, 307);
    assert_eq!((server.seen().len(), elsewhere.connections()), (1, 0));
}

#[tokio::test]
async fn calls_share_one_connection() {
    let (server, client) = scripted((0..20).map(|_| Act::json(200, transfer("tr_1", None)))).await;
    for _ in 0..20 {
        create(&client).await.result.unwrap();
    }
    assert_eq!((server.seen().len(), server.connections()), (20, 1));
}

#[tokio::test]
async fn an_error_keeps_the_connection_too() {
    let (server, client) = scripted([Act::json(500, "{}"), Act::json(200, transfer("tr_1", None))]).await;
    create(&client).await.result.unwrap_err();
    create(&client).await.result.unwrap();
    assert_eq!(server.connections(), 1);
}

/// hyper would send a request again that no connection took up; this one was taken up.
#[tokio::test]
async fn a_reused_connection_that_breaks_after_the_request_leaves_no_answer_and_nothing_is_sent_again() {
    for act in [Act::Close, Act::Reset, Act::Raw("HTTP/1.1 2".into())] {
        let answer = || Act::json(200, transfer("tr_1", None));
        let (server, client) = scripted([answer(), act, answer()]).await;
        create(&client).await.result.unwrap();
        assert_no_answer(&create(&client).await);
        assert_eq!((server.seen().len(), server.connections()), (2, 1));
    }
}

/// The server closes each connection after its answer, at a moment when the client may be about to use it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooled_connection_that_was_closed_never_turns_a_sent_request_into_one_not_sent() {
    let body = transfer("tr_1", None).to_string();
    let (server, client) = scripted((0..400).map(|_| Act::AnswerThenClose(body.clone()))).await;
    let (server, client) = (Arc::new(server), Arc::new(client));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (server, client) = (server.clone(), client.clone());
            tokio::spawn(async move {
                for round in 0..100 {
                    create_and_count(&client, &server, &format!("key:{caller}:{round}")).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

async fn create_and_count(client: &Client, server: &ScriptedServer, key: &str) {
    let called = create_transfer(client, &IdempotencyKey::new(key), &order(), FAR).await;
    let arrived = server.seen().iter().filter(|seen| seen.header("Idempotency-Key") == [key]).count();
    match &called.result {
        Ok(_) => assert_eq!(arrived, 1, "{key}"),
        Err(Failure::NoAnswer(_)) => assert!(arrived <= 1, "{key}: {arrived}"),
        Err(other) => panic!("{key}: {other:?}, and {arrived} arrived"),
    }
}

#[tokio::test]
async fn calls_keep_the_pace_and_a_busy_answer_halves_it() {
    let busy = Act::json(429, json!({ "error": { "type": "invalid_request_error", "code": "rate_limit" } }));
    let ok = || Act::json(200, transfer("tr_1", None));
    let server = ScriptedServer::start([ok(), ok(), ok(), busy, ok(), ok(), ok()]).await;
    let client = client(Settings { requests_per_second: 50, ..settings(&server.base) });

    let begin = Instant::now();
    for _ in 0..3 {
        create(&client).await.result.unwrap();
    }
    assert!(begin.elapsed() >= Duration::from_millis(40), "{:?}", begin.elapsed());

    create(&client).await.result.unwrap_err();
    create(&client).await.result.unwrap();
    let begin = Instant::now();
    for _ in 0..2 {
        create(&client).await.result.unwrap();
    }
    // Twice 40 ms, less what of the first was over when the clock was read.
    assert!(begin.elapsed() >= Duration::from_millis(60), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_call_that_gets_no_turn_is_not_sent() {
    let server = ScriptedServer::start([Act::json(200, transfer("tr_1", None))]).await;
    let call_timeout = Duration::from_millis(300);
    let client = client(Settings { requests_per_second: 1, call_timeout, ..settings(&server.base) });
    create(&client).await.result.unwrap();
    let late = create(&client).await;
    assert_not_sent(&late);
    assert_eq!((server.seen().len(), late.took), (1, Duration::ZERO));
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_allowed() {
    let server = ScriptedServer::start([Act::Hang, Act::Hang, Act::Hang]).await;
    let limited = Arc::new(client(Settings { concurrency: 2, ..settings(&server.base) }));
    let mut calls: VecDeque<_> = (0..3)
        .map(|_| {
            let client = limited.clone();
            tokio::spawn(async move { create(&client).await })
        })
        .collect();
    server.sees(2).await;

    // While others make their round trips, the third call stays where it is.
    let (elsewhere, other) = scripted((0..5).map(|_| Act::json(200, transfer("tr_1", None)))).await;
    for _ in 0..5 {
        create(&other).await.result.unwrap();
    }
    assert_eq!((elsewhere.seen().len(), server.seen().len()), (5, 2));

    calls.pop_front().unwrap().abort();
    server.sees(3).await;
}

#[tokio::test]
async fn a_key_that_cannot_stand_in_a_header_is_not_sent() {
    let (server, client) = scripted([]).await;
    let called = create_transfer(&client, &IdempotencyKey::new("two\r\nlines"), &order(), FAR).await;
    assert_not_sent(&called);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn no_debug_output_shows_the_key() {
    let server = ScriptedServer::start([]).await;
    assert!(!format!("{:?}", client(settings(&server.base))).contains(KEY));
}
