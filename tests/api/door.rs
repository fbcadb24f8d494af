//! Who is let in: tokens good and bad, scopes, the mentor's own, the limit, and what a refusal does not say.

use chrono::Utc;
use payoutd::app::SystemClock;
use payoutd::ports::Clock;
use serde_json::{Value, json};

use crate::issuer::{SECRET, hmac};
use crate::site::Site;
use crate::support::{TestDb, on_both_databases};
use crate::web::Answer;

fn now() -> chrono::DateTime<Utc> {
    SystemClock.now()
}

/// Good claims, but for these; `null` leaves one out.
fn claims(changes: Value) -> Value {
    let now = now().timestamp();
    let mut all = json!({
        "iss": "payoutd", "aud": "payoutd-api", "iat": now - 10, "exp": now + 290, "sub": "ada", "scope": "mentor:read",
    });
    for (name, value) in changes.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    all
}

fn signed(changes: Value) -> String {
    hmac(SECRET.as_bytes(), &claims(changes))
}

/// What a refusal says, but for the request's own name.
fn said(answer: &Answer) -> Value {
    let mut error = answer.body["error"].clone();
    error.as_object_mut().expect("an error").remove("request_id");
    error
}

on_both_databases! {
    /// Given tokens of all kinds, when they are shown to routes, then each opens what it names and nothing else.
    async fn a_token_opens_what_it_names(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let at = now().timestamp();
        let (own, others) = ("GET /v1/mentors/ada/balance", "GET /v1/mentors/grace/balance");
        let mentor = json!({});
        let admin = json!({ "sub": "console", "scope": "admin:read" });
        let writer = json!({ "sub": "backend", "scope": "admin:write" });
        let all = json!({ "sub": "ada", "scope": "mentor:read admin:read admin:write" });
        let rows = [
            ("a mentor's own", own, mentor.clone(), 200),
            ("again", own, mentor.clone(), 200),
            ("claims that say more", own, json!({ "jti": "one", "email": "ada@example.org" }), 200),
            ("our audience among others", own, json!({ "aud": ["other", "payoutd-api"] }), 200),
            ("another mentor's", others, mentor.clone(), 403),
            ("a mentor who is not there", "GET /v1/mentors/nobody/balance", mentor.clone(), 403),
            ("capitals are another mentor", own, json!({ "sub": "Ada" }), 403),
            ("a name that begins alike", own, json!({ "sub": "ada2" }), 403),
            ("the path's other spelling", "GET /v1/mentors/%61da/balance", mentor.clone(), 200),
            ("a mentor's own history", "GET /v1/mentors/ada/history", mentor.clone(), 200),
            ("another's history", "GET /v1/mentors/grace/history", mentor.clone(), 403),
            ("a commission", "GET /v1/commission?amount=100&currency=usd", mentor.clone(), 200),
            ("one's own commission", "GET /v1/commission?amount=100&currency=usd&mentor=ada", mentor.clone(), 200),
            ("another's commission", "GET /v1/commission?amount=100&currency=usd&mentor=grace", mentor.clone(), 403),
            ("payments, as a mentor", "GET /v1/payments", mentor.clone(), 403),
            ("a payment, as a mentor", "GET /v1/payments/b1", mentor.clone(), 403),
            ("one that is not there, as a mentor", "GET /v1/payments/b9", mentor.clone(), 403),
            ("the report, as a mentor", "GET /v1/report", mentor.clone(), 403),
            ("a hold, as a mentor", "POST /v1/payments/b1/holds", mentor, 403),
            ("an admin reads any mentor", others, admin.clone(), 200),
            ("and hears who is not there", "GET /v1/mentors/nobody/balance", admin.clone(), 404),
            ("an admin reads payments", "GET /v1/payments", admin.clone(), 200),
            ("an admin who reads writes nothing", "POST /v1/payments/b1/holds", admin, 403),
            ("a writer reads nothing", "GET /v1/payments/b1", writer.clone(), 403),
            ("a writer without a key", "POST /v1/payments/b1/holds", writer, 400),
            ("several scopes, each for its own", "GET /v1/payments/b1", all, 200),
            ("a scope in capitals", "GET /v1/payments", json!({ "scope": "ADMIN:READ" }), 403),
            ("scopes with commas", "GET /v1/payments", json!({ "scope": "admin:read,admin:write" }), 403),
            ("a scope that begins like one", "GET /v1/payments", json!({ "scope": "admin:reader" }), 403),
            ("the cron endpoint's scope", "GET /v1/payments", json!({ "scope": "payouts:run" }), 403),
            ("no scope", "GET /v1/payments", json!({ "scope": "" }), 403),
            ("no claim for it", "GET /v1/payments", json!({ "scope": null }), 401),
            ("no subject", own, json!({ "sub": null }), 401),
            ("an empty subject", own, json!({ "sub": "" }), 401),
            ("a subject that no database takes", own, json!({ "sub": "a\u{0}b" }), 401),
            ("a long subject", own, json!({ "sub": "x".repeat(129) }), 401),
            ("the cron endpoint's audience", own, json!({ "aud": "payoutd" }), 401),
            ("no audience", own, json!({ "aud": null }), 401),
            ("another's issuer", own, json!({ "iss": "somebody" }), 401),
            ("expired", own, json!({ "iat": at - 600, "exp": at - 60 }), 401),
            ("not yet", own, json!({ "nbf": at + 60 }), 401),
            ("from the future", own, json!({ "iat": at + 60, "exp": at + 120 }), 401),
            ("for a day", own, json!({ "iat": at, "exp": at + 86_400 }), 401),
        ];
        for (what, line, changes, status) in rows {
            let bearer = format!("Bearer {}", signed(changes));
            let answer = site.send(line, &[("Authorization", &bearer)], "").await;
            assert_eq!(answer.status, status, "{what}: {answer:?}");
        }
        site.close().await;
    }

    /// Given what is no token of ours, then it hears the same, whatever was wrong.
    async fn a_refusal_does_not_say_why(db: TestDb) {
        let site = Site::open(db).await;
        let good = signed(json!({}));
        let (message, _) = good.rsplit_once('.').expect("three parts");
        let none = hmac(b"a secret of somebody else, also 32 bytes long", &claims(json!({})));
        let line = "GET /v1/mentors/ada/balance";
        let headers: Vec<Vec<(&str, String)>> = vec![
            vec![],
            vec![("Authorization", "Bearer garbage".into())],
            vec![("Authorization", format!("Bearer {none}"))],
            vec![("Authorization", format!("Bearer {message}."))],
            vec![("Authorization", format!("Basic {good}"))],
            vec![("Authorization", good.clone())],
            vec![("Authorization", format!("Bearer {good}")), ("Authorization", format!("Bearer {good}"))],
            vec![("Authorization", format!("Bearer {}", signed(json!({ "exp": 5, "iat": 1 }))))],
        ];
        let first = site.send(line, &[], "").await;
        for headers in headers {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = site.send(line, &headers, "").await;
            assert_eq!((answer.status, said(&answer)), (401, said(&first)), "{headers:?}");
            assert_eq!(answer.header("www-authenticate"), Some("bearer"));
        }
        // A token in the address would stand in every proxy's log.
        assert_eq!(site.send(&format!("{line}?access_token={good}"), &[], "").await.status, 401);
        site.close().await;
    }

    /// Given a mentor's token, then another mentor's routes answer the same whether there is such a mentor or not.
    async fn who_else_is_there_is_not_told(db: TestDb) {
        let site = Site::open(db).await;
        let bearer = format!("Bearer {}", signed(json!({})));
        let headers = [("Authorization", bearer.as_str())];
        for what in ["balance", "history"] {
            let there = site.send(&format!("GET /v1/mentors/grace/{what}"), &headers, "").await;
            let nowhere = site.send(&format!("GET /v1/mentors/nobody/{what}"), &headers, "").await;
            assert_eq!((there.status, said(&there)), (nowhere.status, said(&nowhere)));
            assert!(there.message().contains("admin:read"), "the scope is named: {there:?}");
        }
        site.close().await;
    }

    /// Given a limit for each subject, when one asks too often, then it is told when to come again, and no other is.
    async fn each_subject_has_a_limit_of_its_own(db: TestDb) {
        let site = Site::open_with(db, "requests_per_minute = 3").await;
        site.mentor("ada").await;
        let (ada, console) = (site.token("mentor:read", "ada"), site.token("admin:read", "console"));
        for _ in 0..3 {
            assert_eq!(site.get_as(&ada, "/v1/mentors/ada/balance").await.status, 200);
        }
        // Another token of the same subject is the same subject; who shows none does not count.
        let again = site.token("mentor:read", "ada");
        let limited = site.get_as(&again, "/v1/mentors/ada/balance").await;
        assert_eq!((limited.status, limited.code()), (429, "rate_limited"));
        let wait_s: u32 = limited.header("retry-after").and_then(|s| s.parse().ok()).expect("seconds");
        assert!((1..=60).contains(&wait_s));
        for _ in 0..5 {
            assert_eq!(site.get_as("garbage", "/v1/mentors/ada/balance").await.status, 401);
        }
        assert_eq!(site.get_as(&console, "/v1/mentors/ada/balance").await.status, 200);
        site.close().await;
    }

    /// Given paths and methods that are none, then the answer has the shape of every error.
    async fn what_is_not_there_has_the_same_shape(db: TestDb) {
        let site = Site::open(db).await;
        for (line, status, code) in [
            ("GET /v1", 404, "not_found"),
            ("GET /v1/", 404, "not_found"),
            ("GET /v1/nothing", 404, "not_found"),
            ("GET /v1/mentors", 404, "not_found"),
            ("GET /v1/mentors/ada", 404, "not_found"),
            ("GET /v1/mentors/ada/balance/", 404, "not_found"),
            ("GET /v2/payments", 404, "not_found"),
            ("DELETE /v1/payments/1", 405, "method_not_allowed"),
            ("POST /v1/payments", 405, "method_not_allowed"),
            ("PUT /v1/payments/1/refunds", 405, "method_not_allowed"),
            ("GET /v1/payments/1/holds", 405, "method_not_allowed"),
            ("POST /v1/openapi.json", 405, "method_not_allowed"),
            ("GET /v1/payments/%ff", 400, "invalid_path"),
            ("GET /v1/payments/a%00b", 400, "invalid_path"),
        ] {
            let answer = site.send(line, &[], "").await;
            assert_eq!((answer.status, answer.code()), (status, code), "{line}");
        }
        site.close().await;
    }
}

/// Given no key in the settings, then there is no API, and what would be needed is said.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_there_is_none() {
    let site = Site::open_with(TestDb::sqlite(), "requests_per_minute = 5").await;
    let state = payoutd::http::State { api: None, ..crate::withdrawals::bare_state(&site) };
    let at = crate::withdrawals::listen(state).await;
    for path in ["/v1/openapi.json", "/v1/payments", "/v1/nothing"] {
        let answer = crate::web::send(at, &format!("GET {path}"), &[], "").await;
        assert_eq!((answer.status, answer.code()), (404, "api_not_configured"), "{path}");
        assert!(answer.message().contains("API_JWT_SECRET"));
    }
    site.close().await;
}
