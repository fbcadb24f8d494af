//! The endpoint of the real daemon: what is due is paid, a second caller joins, and a caller who leaves stops nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use payoutd::app::sandbox::{
    DEFAULT_SECRET_KEY, Fault, FaultMatch, FaultRule, NewAccount, Pay, Sandbox, SandboxOptions,
};
use payoutd::app::{Daemon, SystemClock, mint_token, open_database};
use payoutd::config::Config;
use payoutd::domain::ids::{AccountId, MentorId};
use payoutd::domain::payment::PaymentStatus;
use payoutd::ports::{Clock, MentorChange, Store, UsedTokens};
use serde_json::json;
use tempfile::TempDir;

use crate::issuer::{ED, SECRET};
use crate::support::{TestDb, on_both_databases};
use crate::web::{PATH, answer, bearer, begin, post, send};

const WEBHOOK_SECRET: &str = "whsec_cron";
const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    sandbox: Sandbox,
    daemon: Daemon,
    config: Config,
    dir: TempDir,
    _db: TestDb,
}

fn config(url: &str, stripe: &str, dir: &TempDir, cron: &str) -> Config {
    let state = dir.path();
    let text = format!(
        r#"state_dir = {state:?}
[database]
url = "{url}"
[stripe]
secret_key = "{DEFAULT_SECRET_KEY}"
webhook_secrets = ["{WEBHOOK_SECRET}"]
api_base = "{stripe}"
call_timeout = "10s"
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
digest = "off"
[cron]
{cron}
"#
    );
    Config::parse(&state.join("payoutd.toml"), &text, &BTreeMap::new()).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

impl Site {
    async fn open(db: TestDb) -> Site {
        Self::open_with(db, &format!("jwt_secret = {SECRET:?}\nrequests_per_minute = 100")).await
    }

    async fn open_with(db: TestDb, cron: &str) -> Site {
        let dir = tempfile::Builder::new().prefix("payoutd-cron-").tempdir().expect("a temporary directory");
        let options = SandboxOptions::new(|| SystemClock.now().timestamp()).manual_delivery();
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let config = config(db.url(), &sandbox.base_url(), &dir, cron);
        crate::support::logs::begin();
        let daemon = Daemon::start(&config).await.expect("a daemon");
        let address = daemon.listening().address;
        sandbox.add_webhook(&format!("http://{address}/webhooks/stripe"), WEBHOOK_SECRET);
        Site { sandbox, daemon, config, dir, _db: db }
    }

    fn at(&self) -> SocketAddr {
        self.daemon.listening().address
    }

    fn token(&self) -> String {
        let minted = mint_token(&self.config.cron, Duration::from_secs(60), None, &SystemClock);
        minted.expect("a secret is configured").token
    }

    fn store(&self) -> &payoutd::store::Database {
        &self.daemon.worker().database
    }

    /// A mentor, with a connected account or without one.
    async fn mentor(&self, id: &str, has_account: bool) {
        let account = || AccountId::new(self.sandbox.create_account(NewAccount::default()).expect("an account"));
        let change = MentorChange { account_id: has_account.then(account), ..MentorChange::default() };
        self.store().put_mentor(MentorId::new(id), change, "test".into(), SystemClock.now()).await.expect("recorded");
    }

    /// Payments of 100.00 USD for these mentors, known and due.
    async fn due(&self, mentors: &[&str]) {
        for mentor in mentors {
            let pay =
                Pay::new(10_000, "usd").by("Casey Customer", "casey@example.com").metadata("mentorUserId", mentor);
            self.sandbox.pay(pay).expect("a valid payment");
        }
        for event in self.sandbox.undelivered() {
            self.sandbox.deliver(&event.id).await.expect("the listener is there");
        }
        // All is read first: a payment that a later event is being read into is locked, and passed over by a run.
        let are_due = async || {
            let unread = self.store().oldest_unprojected().await.expect("readable");
            let due = self.store().preview_due(1_000, SystemClock.now()).await.expect("readable");
            unread.is_none() && due.len() == mentors.len()
        };
        self.until("they are due", are_due).await;
    }

    async fn transferred(&self) -> usize {
        self.store().payments(Some(PaymentStatus::Transferred), 100).await.expect("readable").len()
    }

    /// Stripe takes so long for a transfer.
    fn slow_transfers(&self, ms: u64) {
        self.sandbox.add_fault(FaultRule::always(FaultMatch::transfers(), Fault::Delay { ms }));
    }

    async fn until(&self, what: &str, met: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !met().await {
            assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn close(self) {
        assert!(self.daemon.stop().await, "it ends within its grace");
        assert_eq!(self.sandbox.books().duplicates, 0);
        self.sandbox.shutdown().await;
    }
}

on_both_databases! {
    /// Given two payments to pay and one to hold, when a cron service asks, then that is done, once, and counted.
    async fn what_is_due_is_paid_and_counted(db: TestDb) {
        let site = Site::open(db).await;
        site.mentor("ada", true).await;
        site.mentor("grace", false).await;
        site.due(&["ada", "ada", "grace"]).await;

        let first = site.token();
        let paid = post(site.at(), &first).await;
        let run = paid.body["run_id"].clone();
        let expected = json!({ "run_id": run, "processed": 2, "failed": 0, "held": 1, "total": 3 });
        assert_eq!((paid.status, &paid.body), (200, &expected));
        assert!(run.as_i64().is_some_and(|id| id > 0));
        assert_eq!((site.transferred().await, site.sandbox.books().transfers.len()), (2, 2));

        // GET, as hosted cron services send it; nothing is left to do.
        let again = send(site.at(), &format!("GET {PATH}"), &bearer(&site.token())).await;
        assert_eq!((again.status, &again.body["processed"], &again.body["total"]), (200, &json!(0), &json!(0)));
        assert_ne!(again.run_id(), paid.run_id());

        // The first token is spent, and the answer is the one that garbage gets.
        let replayed = post(site.at(), &first).await;
        let garbage = post(site.at(), "garbage").await;
        assert_eq!((replayed.status, replayed.said()), (401, garbage.said()));
        site.close().await;
    }

    /// Given a run that takes a while, when another is asked for, then it is the same run, and nobody is paid twice.
    async fn two_triggers_at_once_are_one_run(db: TestDb) {
        let site = Site::open(db).await;
        site.mentor("ada", true).await;
        site.due(&["ada", "ada"]).await;
        site.slow_transfers(1_000);
        let (one, two) = (site.token(), site.token());
        let (one, two) = tokio::join!(post(site.at(), &one), post(site.at(), &two));
        assert_eq!((one.status, &one.body["processed"]), (200, &json!(2)), "{one:?}");
        assert_eq!(one.body, two.body);
        assert_eq!(site.sandbox.books().transfers.len(), 2);
        site.close().await;
    }

    /// Given a run that takes longer than callers wait, when they ask, then they are told so, and it goes on.
    async fn a_long_run_is_answered_with_202_and_goes_on(db: TestDb) {
        let site = Site::open_with(db, &format!("jwt_secret = {SECRET:?}\nanswer_after = \"200ms\"")).await;
        site.mentor("ada", true).await;
        site.due(&["ada"]).await;
        site.slow_transfers(2_000);
        let first = post(site.at(), &site.token()).await;
        assert_eq!((first.status, &first.body["status"]), (202, &json!("running")), "{first:?}");
        let second = post(site.at(), &site.token()).await;
        assert_eq!((second.status, second.run_id()), (202, first.run_id()), "it joins");
        site.until("it is paid", async || site.transferred().await == 1).await;
        site.close().await;
    }

    /// Given a caller that hangs up in the middle, then the run goes on all the same.
    async fn a_caller_that_leaves_stops_nothing(db: TestDb) {
        let site = Site::open(db).await;
        site.mentor("ada", true).await;
        site.due(&["ada"]).await;
        site.slow_transfers(500);
        let stream = begin(site.at(), &format!("POST {PATH}"), &bearer(&site.token())).await;
        let begun = async || site.sandbox.faults().iter().any(|fault| fault.fired > 0);
        site.until("the transfer is on its way", begun).await;
        stream.set_zero_linger().expect("a socket");
        drop(stream);
        site.until("it is paid", async || site.transferred().await == 1).await;
        site.close().await;
    }

    /// Given a daemon that is told to stop during a run, then whoever waits for the run gets its answer.
    async fn a_stop_lets_the_run_in_flight_answer(db: TestDb) {
        let site = Site::open(db).await;
        site.mentor("ada", true).await;
        site.due(&["ada"]).await;
        site.slow_transfers(500);
        let stream = begin(site.at(), &format!("POST {PATH}"), &bearer(&site.token())).await;
        let begun = async || site.sandbox.faults().iter().any(|fault| fault.fired > 0);
        site.until("the transfer is on its way", begun).await;
        let Site { daemon, sandbox, dir, _db, .. } = site;
        let (ended, answered) = tokio::join!(daemon.stop(), answer(stream));
        assert!(ended);
        assert_eq!((answered.status, &answered.body["processed"]), (200, &json!(1)), "{answered:?}");
        sandbox.shutdown().await;
        drop((dir, _db));
    }

    /// Given a Stripe that refuses the key, when a run is asked for, then the answer says why nothing is paid.
    async fn a_stopped_world_is_503_with_the_reason(db: TestDb) {
        let site = Site::open(db).await;
        site.mentor("ada", true).await;
        site.due(&["ada"]).await;
        let message = "Invalid API Key provided".to_owned();
        let refusal = Fault::Refuse { status: 401, code: "api_key_invalid".into(), message };
        site.sandbox.add_fault(FaultRule::always(FaultMatch::default(), refusal));
        for _ in 0..2 {
            let answer = post(site.at(), &site.token()).await;
            assert_eq!((answer.status, answer.code()), (503, "transfers_stopped"), "{answer:?}");
            let message = answer.body["error"]["message"].as_str().expect("words");
            assert!(message.contains("Invalid API Key provided"), "{message}");
        }
        assert_eq!(site.transferred().await, 0);
        site.close().await;
    }

    /// Given more good tokens than the limit lets in, then the rest is told when to come again.
    async fn too_many_triggers_are_429(db: TestDb) {
        let site = Site::open_with(db, &format!("jwt_secret = {SECRET:?}\nrequests_per_minute = 3")).await;
        for _ in 0..3 {
            assert_eq!(post(site.at(), &site.token()).await.status, 200);
        }
        let answer = post(site.at(), &site.token()).await;
        assert_eq!((answer.status, answer.code()), (429, "rate_limited"));
        let retry_after_s: u32 = answer.header("retry-after").and_then(|s| s.parse().ok()).expect("seconds");
        assert!((1..=60).contains(&retry_after_s), "{retry_after_s}");
        site.close().await;
    }

    /// Given a public key in a file, when its owner signs a token, then that is accepted and `payoutd token` has none.
    async fn the_owner_of_a_public_key_may_ask(db: TestDb) {
        let keys = tempfile::tempdir().expect("a temporary directory");
        let path = keys.path().join("issuer.jwks");
        let set = json!({ "keys": [ED.jwk(Some("2026"))] });
        std::fs::write(&path, set.to_string()).expect("writable");
        let cron = format!("jwks_file = {path:?}\nissuer = \"https://issuer.example.com\"\naudience = \"payouts\"");
        let site = Site::open_with(db, &cron).await;
        let now = SystemClock.now().timestamp();
        let claims = json!({
            "iss": "https://issuer.example.com", "aud": ["payouts"], "iat": now, "exp": now + 300, "jti": "a",
            "scope": "payouts:run",
        });
        let token = ED.sign(json!({ "kid": "2026" }), &claims);
        assert_eq!(post(site.at(), &token).await.status, 200);
        assert_eq!(post(site.at(), &token).await.status, 401, "once");
        let error = mint_token(&site.config.cron, Duration::from_secs(60), None, &SystemClock).expect_err("no secret");
        assert!(error.to_string().contains("cron.jwks_file"), "{error}");
        site.close().await;
    }

    /// Given several daemons on a database, when all are shown one token at once, then one of them takes it.
    async fn a_token_is_used_once_by_all_daemons_together(db: TestDb) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = config(db.url(), "http://127.0.0.1:1", &dir, "");
        let first = open_database(&config).expect("a database");
        first.migrate().await.expect("migrated");
        let second = open_database(&config).expect("the same database");
        let now = SystemClock.now();
        let until = now + TimeDelta::minutes(5);
        let uses = (0..20).map(|n| {
            let database = if n % 2 == 0 { first.clone() } else { second.clone() };
            tokio::spawn(async move { database.use_once("a", until, now).await.expect("an answer") })
        });
        let mut taken = 0;
        for used in uses.collect::<Vec<_>>() {
            taken += usize::from(used.await.expect("no panic"));
        }
        assert_eq!(taken, 1);
        assert!(first.use_once("b", until, now).await.expect("an answer"), "another token is another matter");

        // It is remembered while any clock could take it for good, and forgotten when another is used after that.
        let later = until + TimeDelta::minutes(59);
        assert!(second.use_once("c", later + TimeDelta::hours(9), later).await.expect("an answer"));
        assert!(!second.use_once("a", until, later).await.expect("an answer"));
        let much_later = until + TimeDelta::minutes(61);
        assert!(second.use_once("d", much_later, much_later).await.expect("an answer"));
        assert!(second.use_once("a", until, much_later).await.expect("an answer"), "its row is gone");
        assert!(!second.use_once("c", until, much_later).await.expect("an answer"), "that one is still good");
    }
}
