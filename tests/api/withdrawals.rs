//! Withdrawals over the API, with somebody in memory who records them: what the routes ask of the port, and answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use payoutd::app::{SystemClock, policy};
use payoutd::domain::ids::{MentorId, WithdrawalId};
use payoutd::domain::withdrawal::WithdrawalState;
use payoutd::http::{Api, ApiParts, Keys, Parties, Settings, State, TokenCheck, router, serve};
use payoutd::ports::{
    Clock, Health, Inbox, Kept, NewEvent, NewWithdrawal, Readiness, SignatureCheck, SignatureError, StoreError,
    Withdraw, WithdrawalView, Withdrawals,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::issuer::SECRET;
use crate::site::Site;
use crate::spec::Spec;
use crate::support::{TestDb, on_both_databases};
use crate::web::{Answer, send};

const AVAILABLE: i64 = 9_000;

/// Knows ada alone, who has 90.00 USD.
#[derive(Default)]
struct InMemory(Mutex<Vec<(NewWithdrawal, WithdrawalView)>>);

fn objection(new: &NewWithdrawal) -> Option<String> {
    match (new.amount, new.currency.as_deref()) {
        (_, Some(code)) if code != "usd" => Some(format!("there is nothing in {code}")),
        (Some(amount), _) if amount <= 0 => Some(format!("{amount} is no amount: it must be more than zero")),
        (Some(amount), _) if amount > AVAILABLE => Some("more than the 90.00 USD that are available".into()),
        _ => None,
    }
}

#[async_trait]
impl Withdrawals for InMemory {
    async fn ask_withdrawal(&self, new: NewWithdrawal, now: DateTime<Utc>) -> Result<Withdraw, StoreError> {
        let mut rows = self.0.lock().unwrap();
        if new.mentor_id.as_str() != "ada" {
            return Ok(Withdraw::NoSuchMentor);
        }
        if let Some((before, view)) = rows.iter().find(|(row, _)| row.request_key == new.request_key) {
            return Ok(if *before == new { Withdraw::Known(view.clone()) } else { Withdraw::KeyTaken(view.clone()) });
        }
        let outcome = objection(&new);
        let view = WithdrawalView {
            id: WithdrawalId(i64::try_from(rows.len()).expect("a few") + 1),
            mentor: new.mentor_id.clone(),
            amount: new.amount,
            currency: new.currency.clone(),
            speed: new.speed,
            request_key: new.request_key.clone(),
            requested_by: new.requested_by.clone(),
            requested_at: now,
            state: if outcome.is_some() { WithdrawalState::Refused } else { WithdrawalState::Open },
            paid_out: None,
            payout: None,
            arrives_at: None,
            outcome,
        };
        rows.push((new, view.clone()));
        Ok(Withdraw::Recorded(view))
    }

    async fn withdrawals(
        &self,
        mentor: MentorId,
        before: Option<WithdrawalId>,
        limit: i64,
    ) -> Result<Vec<WithdrawalView>, StoreError> {
        let rows = self.0.lock().unwrap();
        let views = rows.iter().rev().map(|(_, view)| view);
        let fitting = views.filter(|view| view.mentor == mentor && before.is_none_or(|before| view.id.0 < before.0));
        Ok(fitting.take(usize::try_from(limit).expect("a few")).cloned().collect())
    }
}

/// Nobody sends webhooks or asks for health here.
struct Nobody;

#[async_trait]
impl Inbox for Nobody {
    async fn keep(&self, _: NewEvent) -> Result<Kept, StoreError> {
        Ok(Kept::New)
    }
}

impl SignatureCheck for Nobody {
    fn check(&self, _: Option<&str>, _: &[u8], _: DateTime<Utc>) -> Result<(), SignatureError> {
        Ok(())
    }
}

#[async_trait]
impl Health for Nobody {
    async fn readiness(&self) -> Readiness {
        unreachable!("nobody asks")
    }
}

/// A listener's state on the site's database, with withdrawals.
pub fn bare_state(site: &Site) -> State {
    let store = Arc::new(site.store().clone());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = Keys::secret(&SECRET.into()).expect("long enough");
    let parties = Parties { issuer: "payoutd".into(), audience: "payoutd-api".into() };
    let api = Api::new(ApiParts {
        tokens: TokenCheck::new(keys, parties),
        requests_per_minute: 6_000,
        store: store.clone(),
        desk: store.clone(),
        books: store.clone(),
        asks: store.clone(),
        writes: store.clone(),
        histories: store,
        withdrawals: Some(Arc::new(InMemory::default())),
        policy: Arc::new(policy(&site.config).expect("a policy")),
        clock: clock.clone(),
    });
    State {
        inbox: Arc::new(Nobody),
        signatures: Arc::new(Nobody),
        health: Arc::new(Nobody),
        cron: None,
        api: Some(Arc::new(api)),
        clock,
        settings: Settings::default(),
    }
}

/// Until the test's runtime ends.
pub async fn listen(state: State) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let at = listener.local_addr().expect("bound");
    tokio::spawn(serve(listener, router(state), 16, CancellationToken::new()));
    at
}

struct Till<'a> {
    site: &'a Site,
    at: SocketAddr,
    pub spec: Spec,
}

impl Till<'_> {
    async fn open(site: &Site) -> Till<'_> {
        let at = listen(bare_state(site)).await;
        let spec = Spec(send(at, "GET /v1/openapi.json", &[], "").await.body);
        Till { site, at, spec }
    }

    async fn ask(&self, mentor: &str, key: &str, body: Value) -> Answer {
        let token = format!("Bearer {}", self.site.token("admin:write", "backend"));
        let line = format!("POST /v1/mentors/{mentor}/withdrawals");
        let headers = [("Authorization", &*token), ("Idempotency-Key", key), ("Content-Type", "application/json")];
        let answer = send(self.at, &line, &headers, &body.to_string()).await;
        self.spec.check(&line, &answer);
        answer
    }

    async fn list(&self, scope: &str, subject: &str, query: &str) -> Answer {
        let token = format!("Bearer {}", self.site.token(scope, subject));
        let line = format!("GET /v1/mentors/ada/withdrawals{query}");
        let answer = send(self.at, &line, &[("Authorization", &token)], "").await;
        self.spec.check(&line, &answer);
        answer
    }
}

on_both_databases! {
    /// Given a mentor with money, when withdrawals are asked for, then they are recorded once, refused in words, listed.
    async fn withdrawals_are_asked_for_and_listed(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        let till = Till::open(&site).await;
        let first = till.ask("ada", "k1", json!({ "amount": 5_000, "currency": "USD", "speed": "instant" })).await;
        assert_eq!((first.status, &first.body["state"], &first.body["speed"]), (201, &json!("open"), &json!("instant")));
        assert_eq!(first.body["requested_by"], "api:backend");
        let again = till.ask("ada", "k1", json!({ "amount": 5_000, "currency": "usd", "speed": "instant" })).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        let other = till.ask("ada", "k1", json!({ "amount": 5_001, "currency": "usd", "speed": "instant" })).await;
        assert_eq!((other.status, other.code()), (409, "idempotency_key_reused"));
        assert_eq!(site.sql.count("audit_log WHERE action = 'refused' AND subject_id = 'ada'").await, 1);
        assert_eq!(till.ask("ada", "k2", json!({})).await.body["amount"], Value::Null, "all of it");

        for (key, body, field) in [
            ("k3", json!({ "amount": AVAILABLE + 1 }), "amount"),
            ("k4", json!({ "amount": 0 }), "amount"),
            ("k5", json!({ "amount": -1 }), "amount"),
            ("k6", json!({ "amount": 100, "currency": "eur" }), "currency"),
        ] {
            for _ in 0..2 {
                let answer = till.ask("ada", key, body.clone()).await;
                assert_eq!((answer.status, answer.code(), answer.field()), (422, "withdrawal_refused", field), "{body}");
            }
        }
        for (body, code, field) in [
            (json!({ "amount": 1.5 }), "invalid_field", "amount"),
            (json!({ "amount": "100" }), "invalid_field", "amount"),
            (json!({ "speed": "fast" }), "invalid_field", "speed"),
            (json!({ "reason": "x" }), "unknown_field", "reason"),
        ] {
            let answer = till.ask("ada", "k7", body.clone()).await;
            assert_eq!((answer.status, answer.code(), answer.field()), (400, code, field), "{body}");
        }
        let nobody = till.ask("nobody", "k8", json!({})).await;
        assert_eq!((nobody.status, nobody.code()), (404, "mentor_not_found"));

        let page = till.list("mentor:read", "ada", "?limit=4").await;
        let ids = |page: &Answer| page.data().iter().map(|row| row["id"].as_i64().expect("a number")).collect::<Vec<_>>();
        assert_eq!(ids(&page), [6, 5, 4, 3]);
        till.ask("ada", "k9", json!({ "amount": 1 })).await;
        let cursor = page.body["next_cursor"].as_str().expect("there is more");
        let rest = till.list("admin:read", "console", &format!("?limit=4&cursor={cursor}")).await;
        assert_eq!((ids(&rest), &rest.body["next_cursor"]), (vec![2, 1], &Value::Null));
        assert_eq!(till.list("mentor:read", "grace", "").await.status, 403);
        assert_eq!(till.list("admin:write", "backend", "").await.status, 403);
        site.close().await;
    }
}

/// Given somebody who records withdrawals, then the document has their routes, and else it has not.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_the_routes_that_there_are() {
    let site = Site::open(TestDb::sqlite()).await;
    let till = Till::open(&site).await;
    for (spec, with) in
        [(&till.spec, true), (&site.spec, site.spec.paths().contains_key("/v1/mentors/{id}/withdrawals"))]
    {
        let mut mounted: Vec<&str> = payoutd::http::mounted(with).map(|route| route.path).collect();
        mounted.sort_unstable();
        mounted.dedup();
        assert_eq!(spec.paths().keys().map(String::as_str).collect::<Vec<_>>(), mounted);
    }
    site.close().await;
}
