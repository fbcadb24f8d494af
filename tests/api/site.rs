//! A daemon with the API, Stripe, mentors and customers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use payoutd::app::sandbox::{DEFAULT_SECRET_KEY, NewAccount, Paid, Pay, Sandbox, SandboxOptions};
use payoutd::app::{Daemon, Grant, SystemClock, mint_api_token};
use payoutd::config::Config;
use payoutd::domain::ids::{AccountId, MentorId};
use payoutd::domain::payment::PaymentStatus;
use payoutd::ports::{Clock, MentorChange, PaymentRef, PaymentView, Store, Trigger};
use payoutd::store::Database;
use serde_json::Value;
use tempfile::TempDir;

use crate::issuer::SECRET;
use crate::spec::Spec;
use crate::sql::Sql;
use crate::support::TestDb;
use crate::web::{Answer, send};

const WEBHOOK_SECRET: &str = "whsec_api";
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Site {
    pub sandbox: Sandbox,
    pub daemon: Daemon,
    pub config: Config,
    pub sql: Sql,
    pub spec: Spec,
    _dir: TempDir,
    _db: TestDb,
}

fn config(url: &str, stripe: &str, dir: &TempDir, api: &str) -> Config {
    let state = dir.path();
    let text = format!(
        r#"state_dir = {state:?}
[database]
url = "{url}"
[stripe]
secret_key = "{DEFAULT_SECRET_KEY}"
webhook_secrets = ["{WEBHOOK_SECRET}"]
api_base = "{stripe}"
[webhook]
listen = "127.0.0.1:0"
[window]
dispute_window = "10ms"
[release]
schedule = "0 0 0 1 1 *"
[mail]
transport = "file"
from = "payouts@example.com"
admin_email = "admin@example.com"
[api]
jwt_secret = "{SECRET}"
{api}
"#
    );
    Config::parse(&state.join("payoutd.toml"), &text, &BTreeMap::new()).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

impl Site {
    /// With two mentors, ada and grace.
    pub async fn open(db: TestDb) -> Site {
        let site = Self::open_with(db, "requests_per_minute = 6000").await;
        site.mentor("ada").await;
        site.mentor("grace").await;
        site
    }

    pub async fn open_with(db: TestDb, api: &str) -> Site {
        let url = db.url().to_owned();
        Self::open_at(&url, db, api).await
    }

    /// With the database at another address.
    pub async fn open_at(url: &str, db: TestDb, api: &str) -> Site {
        let dir = tempfile::Builder::new().prefix("payoutd-api-").tempdir().expect("a temporary directory");
        let options = SandboxOptions::new(|| SystemClock.now().timestamp()).manual_delivery();
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let config = config(url, &sandbox.base_url(), &dir, api);
        crate::support::logs::begin();
        let daemon = Daemon::start(&config).await.expect("a daemon");
        let address = daemon.listening().address;
        sandbox.add_webhook(&format!("http://{address}/webhooks/stripe"), WEBHOOK_SECRET);
        let spec = send(address, "GET /v1/openapi.json", &[], "").await;
        assert_eq!(spec.status, 200, "{spec:?}");
        let sql = Sql::at(db.url());
        Site { sandbox, daemon, config, sql, spec: Spec(spec.body), _dir: dir, _db: db }
    }

    pub fn at(&self) -> SocketAddr {
        self.daemon.listening().address
    }

    pub fn store(&self) -> &Database {
        &self.daemon.worker().database
    }

    pub async fn close(self) {
        assert!(self.daemon.stop().await, "it ends within its grace");
        assert_eq!(self.sandbox.books().duplicates, 0);
        self.sandbox.shutdown().await;
    }

    // Given -----------------------------------------------------------------------------------------------------------

    pub async fn mentor(&self, id: &str) {
        let account = self.sandbox.create_account(NewAccount::default()).expect("a free id");
        let change = MentorChange {
            name: Some(format!("{}{} Mentor", id[..1].to_uppercase(), &id[1..])),
            email: Some(format!("{id}@example.org")),
            account_id: Some(AccountId::new(account)),
        };
        self.store().put_mentor(MentorId::new(id), change, "test".into(), SystemClock.now()).await.expect("recorded");
    }

    /// A charge of 100.00 USD, 90.00 of it the mentor's, of which payoutd knows.
    pub async fn paid(&self, booking: &str, mentor: &str) -> Paid {
        let pay = Pay::new(10_000, "usd").by("Casey Customer", "casey@example.com");
        let pay = pay.metadata("mentorUserId", mentor).metadata("bookingId", booking).transfer_group(booking);
        let paid = self.sandbox.pay(pay).expect("a valid payment");
        self.deliver().await;
        paid
    }

    pub async fn deliver(&self) {
        for event in self.sandbox.undelivered() {
            assert_eq!(self.sandbox.deliver(&event.id).await.expect("the listener is there"), [200]);
        }
        self.until("events are read", async || self.sql.count("webhook_events WHERE state = 'pending'").await == 0)
            .await;
    }

    pub async fn run(&self) {
        self.daemon.worker().jobs.run(Trigger::Cli).await.expect("a run");
    }

    pub async fn payment(&self, booking: &str) -> PaymentView {
        let found = self.store().find_payment(PaymentRef::Text(booking.to_owned())).await.expect("readable");
        found.unwrap_or_else(|| panic!("no payment {booking}"))
    }

    pub async fn number(&self, booking: &str) -> i64 {
        self.payment(booking).await.case.payment.id.0
    }

    /// Runs until it is transferred, and Stripe has told of it.
    pub async fn transferred(&self, booking: &str) {
        let there = async || {
            self.run().await;
            self.payment(booking).await.case.payment.status == PaymentStatus::Transferred
        };
        self.until(&format!("{booking} is transferred"), there).await;
        self.deliver().await;
    }

    pub async fn until(&self, what: &str, met: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !met().await {
            assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    // When ------------------------------------------------------------------------------------------------------------

    pub fn token(&self, scope: &str, subject: &str) -> String {
        let grant = Grant { scope, subject: Some(subject) };
        let minted = mint_api_token(&self.config.api, grant, Duration::from_secs(600), None, &SystemClock);
        minted.expect("a secret is configured").token
    }

    /// Sends, and holds the answer against the document.
    pub async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = send(self.at(), line, headers, body).await;
        self.spec.check(line, &answer);
        answer
    }

    /// Reads as an admin.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_as(&self.token("admin:read", "console"), path).await
    }

    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[("Authorization", &format!("Bearer {token}"))], "").await
    }

    /// Writes as the platform's backend.
    pub async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        self.post_text("backend", path, key, &body.to_string()).await
    }

    pub async fn post_text(&self, subject: &str, path: &str, key: &str, body: &str) -> Answer {
        let token = format!("Bearer {}", self.token("admin:write", subject));
        let headers = [("Authorization", &*token), ("Idempotency-Key", key), ("Content-Type", "application/json")];
        self.send(&format!("POST {path}"), &headers, body).await
    }
}
