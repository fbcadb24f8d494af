//! Writes: each is done once for its key, however often and however many at once ask for it.

use futures_util::future::join_all;
use payoutd::domain::payment::PaymentStatus;
use serde_json::{Value, json};

use crate::site::Site;
use crate::support::on_both_databases;
use crate::web::Answer;

/// The same again, in one breath.
async fn at_once(site: &Site, path: &str, key: &str, body: &Value) -> Vec<Answer> {
    join_all((0..8).map(|_| site.post(path, key, body.clone()))).await
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}

on_both_databases! {
    /// Given a refund that is asked for by several at once under one key, then there is one, and it is made once.
    async fn a_refund_is_asked_for_once(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let path = "/v1/payments/b1/refunds";
        let body = json!({ "amount": 2_500, "reason": "came late" });
        let answers = at_once(&site, path, "key-1", &body).await;
        assert_eq!(statuses(&answers), [200, 200, 200, 200, 200, 200, 200, 201]);
        assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{answers:?}");
        assert_eq!(site.sql.count("refund_requests").await, 1);
        assert_eq!(answers[0].body["requested_by"], "api:backend");

        let done = async || {
            site.run().await;
            site.get(path).await.data()[0]["state"] == "done"
        };
        site.until("it is made", done).await;
        let again = site.post(path, "key-1", body).await;
        assert_eq!((again.status, &again.body["state"], &again.body["refunded"]), (200, &json!("done"), &json!(2_500)));
        assert_eq!(site.sandbox.events().iter().filter(|event| event.kind == "refund.created").count(), 1);

        // What is left, by another key; then nothing is.
        let rest = site.post(path, "key-2", json!({ "reason": "the rest" })).await;
        assert_eq!((rest.status, &rest.body["amount"]), (201, &Value::Null));
        site.deliver().await;
        site.close().await;
    }

    /// Given a key that was used, when something else is asked for under it, then nothing is done, and it is on record.
    async fn a_key_stands_for_one_content(db: TestDb) {
        let site = Site::open(db).await;
        for booking in ["b1", "b2"] {
            site.paid(booking, "ada").await;
        }
        let refunds = ("/v1/payments/b1/refunds", json!({ "amount": 2_500, "currency": "usd", "reason": "late" }));
        assert_eq!(site.post(refunds.0, "k", refunds.1.clone()).await.status, 201);
        for (path, body) in [
            (refunds.0, json!({ "amount": 2_501, "currency": "usd", "reason": "late" })),
            (refunds.0, json!({ "currency": "usd", "reason": "late" })),
            (refunds.0, json!({ "amount": 2_500, "reason": "late" })),
            (refunds.0, json!({ "by_policy": true, "reason": "late" })),
            (refunds.0, json!({ "amount": 2_500, "currency": "usd", "reason": "early" })),
            ("/v1/payments/b2/refunds", refunds.1.clone()),
        ] {
            let answer = site.post(path, "k", body.clone()).await;
            let said = (answer.status, answer.code(), answer.field());
            assert_eq!(said, (409, "idempotency_key_reused", "Idempotency-Key"), "{path} {body}");
        }
        // The same, in other words.
        let same = site.post_text("backend", refunds.0, "k", r#" {"reason": " late", "currency":"USD","amount":2500} "#).await;
        assert_eq!(same.status, 200);

        for (path, body, other) in [
            ("complete", json!({}), json!({ "completed_at": "2026-11-01T12:00:00Z" })),
            ("holds", json!({ "reason": "one" }), json!({ "reason": "other" })),
            ("holds/lift", json!({ "reason": "one" }), json!({ "reason": "other" })),
        ] {
            // A key is a key of its kind of write alone.
            let path = format!("/v1/payments/b1/{path}");
            let first = site.post(&path, "k", body.clone()).await;
            assert!([200, 201].contains(&first.status), "{first:?}");
            assert_eq!(site.post(&path, "k", other).await.code(), "idempotency_key_reused", "{path}");
            assert_eq!(site.post(&path.replace("b1", "b2"), "k", body.clone()).await.status, 409, "{path} of b2");
            let again = site.post(&path, "k", body).await;
            assert_eq!((again.status, &again.body), (200, &first.body), "{path}");
        }
        assert_eq!(site.sql.count("refund_requests").await, 1);
        assert_eq!(site.sql.count("holds").await, 1);
        assert_eq!(site.sql.count("audit_log WHERE action = 'refused' AND actor = 'api:backend'").await, 6 + 6);
        site.close().await;
    }

    /// Given two subjects that choose the same key, then each has a request of its own.
    async fn a_key_is_its_subjects(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let body = r#"{"amount": 100, "reason": "late"}"#;
        for (subject, key) in [("one", "k"), ("two", "k"), ("one:refund", "k"), ("one", "refund:k")] {
            let answer = site.post_text(subject, "/v1/payments/b1/refunds", key, body).await;
            assert_eq!(answer.status, 201, "{subject} {key}");
        }
        assert_eq!(site.sql.count("refund_requests").await, 4);
        for subject in ["one", "two"] {
            let answer = site.post_text(subject, "/v1/payments/b1/holds", "k", r#"{"reason": "x"}"#).await;
            assert_eq!(answer.status, 201, "{subject}");
        }
        assert_eq!(site.sql.count("holds WHERE actor IN ('api:one', 'api:two')").await, 2);
        site.close().await;
    }

    /// Given completions, holds and lifts that several ask for at once, then each is done once.
    async fn what_is_decided_is_decided_once(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let complete = json!({ "completed_at": "2026-11-01T12:00:00+01:00" });
        let answers = at_once(&site, "/v1/payments/b1/complete", "k", &complete).await;
        assert!(answers.iter().all(|answer| answer.body == answers[0].body && answer.status == 200), "{answers:?}");
        let number = site.number("b1").await;
        let at = "2026-11-01T11:00:00Z";
        assert_eq!(answers[0].body, json!({ "payment": number, "session_completed_at": at, "recorded": true }));
        let other = site.post("/v1/payments/b1/complete", "another", json!({})).await;
        assert_eq!(other.body, json!({ "payment": number, "session_completed_at": at, "recorded": false }));

        let hold = json!({ "reason": "a complaint" });
        let answers = at_once(&site, "/v1/payments/b1/holds", "k", &hold).await;
        assert_eq!(statuses(&answers), [200, 200, 200, 200, 200, 200, 200, 201]);
        assert_eq!(site.sql.count("holds WHERE lifted_at IS NULL").await, 1);
        // Under another key, it stands there already.
        let twice = site.post("/v1/payments/b1/holds", "another", hold).await;
        assert_eq!((twice.status, &twice.body["hold"]), (200, &Value::Null));
        site.run().await;
        assert_eq!(site.payment("b1").await.case.payment.status, PaymentStatus::Held);

        let lift = json!({ "reason": "sorted out" });
        let answers = at_once(&site, "/v1/payments/b1/holds/lift", "k", &lift).await;
        assert!(answers.iter().all(|answer| answer.body == answers[0].body && answer.status == 200), "{answers:?}");
        let lifted = &answers[0].body["lifted"][0];
        assert_eq!((&lifted["actor"], &lifted["reason"]), (&json!("api:backend"), &json!("a complaint")));
        assert_eq!(site.post("/v1/payments/b1/holds/lift", "another", lift).await.body["lifted"], json!([]));
        for (action, times) in [("complete", 1), ("hold", 1), ("lift", 1)] {
            assert_eq!(site.sql.count(&format!("audit_log WHERE action = '{action}'")).await, times, "{action}");
        }
        site.transferred("b1").await;
        let late = site.post("/v1/payments/b1/holds", "late", json!({ "reason": "too late" })).await;
        assert!(late.body["warning"].as_str().is_some_and(|words| words.contains("transferred already")), "{late:?}");
        site.close().await;
    }
}
