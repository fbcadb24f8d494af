//! Bad input: each a clear answer that names what is wrong and the fix; what is a request is on record; nothing moves.

use serde_json::json;

use crate::site::Site;
use crate::support::proxy::Proxy;
use crate::support::{TestDb, on_both_databases};

on_both_databases! {
    /// Given bodies that are not what a route takes, then the field is named, and nothing is recorded.
    async fn what_cannot_be_read_is_named(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let refunds = "/v1/payments/b1/refunds";
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(1_001));
        for (path, body, code, field) in [
            (refunds, r#"{"amount":12.5,"reason":"x"}"#, "invalid_field", "amount"),
            (refunds, r#"{"amount":12.0,"reason":"x"}"#, "invalid_field", "amount"),
            (refunds, r#"{"amount":"1250","reason":"x"}"#, "invalid_field", "amount"),
            (refunds, r#"{"amount":9223372036854775808,"reason":"x"}"#, "invalid_field", "amount"),
            (refunds, r#"{"amount":1e99,"reason":"x"}"#, "invalid_field", "amount"),
            (refunds, r#"{"amount":true,"reason":"x"}"#, "invalid_field", "amount"),
            (refunds, r#"{"amount":100,"by_policy":true,"reason":"x"}"#, "invalid_field", "by_policy"),
            (refunds, r#"{"by_policy":"yes","reason":"x"}"#, "invalid_field", "by_policy"),
            (refunds, r#"{"currency":5,"reason":"x"}"#, "invalid_field", "currency"),
            (refunds, r#"{"reason":5}"#, "invalid_field", "reason"),
            (refunds, r#"{"reason":"a\u0000b"}"#, "invalid_field", "reason"),
            (refunds, &long, "invalid_field", "reason"),
            (refunds, r#"{"amount":100}"#, "missing_field", "reason"),
            (refunds, r#"{"amount":100,"reason":"  "}"#, "missing_field", "reason"),
            (refunds, r#"{"amount":100,"reason":null}"#, "missing_field", "reason"),
            (refunds, "", "missing_field", "reason"),
            (refunds, r#"{"amount_minor":100,"reason":"x"}"#, "unknown_field", "amount_minor"),
            (refunds, r#"{"amount":100,"amount":200,"reason":"x"}"#, "invalid_json", ""),
            (refunds, r#"{"amount":100,"#, "invalid_json", ""),
            (refunds, "[]", "invalid_json", ""),
            (refunds, "null", "invalid_json", ""),
            ("/v1/payments/b1/complete", r#"{"completed_at":"noon"}"#, "invalid_field", "completed_at"),
            ("/v1/payments/b1/complete", r#"{"completed_at":1800000000}"#, "invalid_field", "completed_at"),
            ("/v1/payments/b1/complete", r#"{"at":"2026-11-01T12:00:00Z"}"#, "unknown_field", "at"),
            ("/v1/payments/b1/holds", "{}", "missing_field", "reason"),
            ("/v1/payments/b1/holds/lift", r#"{"why":"x"}"#, "unknown_field", "why"),
            ("/v1/payments/b1/holds?force=true", r#"{"reason":"x"}"#, "unknown_field", "force"),
        ] {
            let answer = site.post_text("backend", path, "k", body).await;
            assert_eq!((answer.status, answer.code(), answer.field()), (400, code, field), "{body}: {answer:?}");
        }
        let nowhere = site.post("/v1/payments/b9/refunds", "k", json!({ "reason": "x" })).await;
        assert_eq!((nowhere.status, nowhere.code()), (404, "payment_not_found"));
        for table in ["refund_requests", "holds", "api_writes", "audit_log WHERE actor LIKE 'api:%'"] {
            assert_eq!(site.sql.count(table).await, 0, "{table}");
        }
        site.close().await;
    }

    /// Given refunds that cannot be, then each is a 422 with the reason, stays refused under its key, and is on record.
    async fn a_refund_that_cannot_be_is_refused_on_its_row(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let path = "/v1/payments/b1/refunds";
        let rows = [
            (json!({ "amount": 10_001, "reason": "x" }), "amount", "more than the 100.00 USD that are left"),
            (json!({ "amount": i64::MAX, "reason": "x" }), "amount", "more than the 100.00 USD"),
            (json!({ "amount": 0, "reason": "x" }), "amount", "must be more than zero"),
            (json!({ "amount": -5, "reason": "x" }), "amount", "must be more than zero"),
            (json!({ "amount": 100, "currency": "EUR", "reason": "x" }), "currency", "asked for in eur"),
            (json!({ "currency": "nonsense", "reason": "x" }), "currency", "asked for in nonsense"),
            (json!({ "by_policy": true, "reason": "x" }), "by_policy", "nobody said when the session begins"),
        ];
        for (n, (body, field, words)) in rows.iter().enumerate() {
            let key = format!("key-{n}");
            for _ in 0..2 {
                let answer = site.post(path, &key, body.clone()).await;
                assert_eq!((answer.status, answer.code(), answer.field()), (422, "refund_refused", *field), "{body}");
                assert!(answer.message().contains(words), "{answer:?}");
            }
        }
        let recorded = site.get(path).await;
        assert_eq!(recorded.data().len(), rows.len());
        assert!(recorded.data().iter().all(|request| request["state"] == "refused"));
        site.transferred("b1").await;
        assert!(!site.sandbox.events().iter().any(|event| event.kind.starts_with("refund")), "nothing was moved");
        site.close().await;
    }

    /// Given writes without a proper key or body, then what is wrong is said before anything is looked at.
    async fn every_write_needs_a_key_and_json(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let token = format!("Bearer {}", site.token("admin:write", "backend"));
        let (auth, json) = (("Authorization", token.as_str()), ("Content-Type", "application/json"));
        let long = "k".repeat(129);
        let key = |key| ("Idempotency-Key", key);
        for (headers, status, code, field) in [
            (vec![auth, json], 400, "idempotency_key_missing", "Idempotency-Key"),
            (vec![auth, json, key("")], 400, "invalid_idempotency_key", "Idempotency-Key"),
            (vec![auth, json, key("two words")], 400, "invalid_idempotency_key", "Idempotency-Key"),
            (vec![auth, json, key("é")], 400, "invalid_idempotency_key", "Idempotency-Key"),
            (vec![auth, json, key(&long)], 400, "invalid_idempotency_key", "Idempotency-Key"),
            (vec![auth, json, key("a"), key("b")], 400, "invalid_idempotency_key", "Idempotency-Key"),
            (vec![auth, key("k")], 415, "unsupported_media_type", "Content-Type"),
            (vec![auth, key("k"), ("Content-Type", "text/plain")], 415, "unsupported_media_type", "Content-Type"),
            (vec![json, key("k")], 401, "unauthorized", ""),
        ] {
            let answer = site.send("POST /v1/payments/b1/holds", &headers, r#"{"reason":"x"}"#).await;
            assert_eq!((answer.status, answer.code(), answer.field()), (status, code, field), "{headers:?}");
        }
        let json = ("Content-Type", "Application/JSON; charset=utf-8");
        let large = format!(r#"{{"reason":"{}"}}"#, "x".repeat(300 * 1024));
        let answer = site.send("POST /v1/payments/b1/holds", &[auth, json, key("k")], &large).await;
        assert_eq!((answer.status, answer.code()), (413, "body_too_large"));
        assert_eq!(site.sql.count("holds").await, 0);
        let answer = site.send("POST /v1/payments/b1/holds", &[auth, json, key("k")], r#"{"reason":"x"}"#).await;
        assert_eq!(answer.status, 201);
        // A body is not needed where nothing must be said.
        let answer = site.send("POST /v1/payments/b1/complete", &[auth, key("k")], "").await;
        assert_eq!(answer.status, 200);
        site.close().await;
    }
}

/// Given a database that is gone, then whoever asks hears so in time, and nothing of where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_503() {
    let db = TestDb::postgres().await;
    let proxy = Proxy::before(db.url()).await;
    let site = Site::open_at(proxy.url(), db, "").await;
    site.mentor("ada").await;
    let token = site.token("admin:read", "console");
    proxy.cut();
    for path in ["/v1/mentors/ada/balance", "/v1/payments", "/v1/payments/1"] {
        let answer = site.get_as(&token, path).await;
        assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{path}");
        assert_eq!(answer.header("retry-after"), Some("30"));
        assert!(!answer.message().contains("127.0.0.1"), "{answer:?}");
    }
    proxy.restore();
    site.until("it is back", async || site.get_as(&token, "/v1/mentors/ada/balance").await.status == 200).await;
    site.close().await;
}
