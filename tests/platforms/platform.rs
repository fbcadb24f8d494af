//! A platform as its operator runs it: the real program in a process of its own, started on a preset as it is shipped,
//! with secrets from the environment; Stripe, mentors, customers and a mailbox around it. What happened days ago did so by
//! Stripe's clock: the daemon's own is the real one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use payoutd::app::SystemClock;
use payoutd::app::sandbox::{DEFAULT_SECRET_KEY, NewAccount, Paid, Pay, Sandbox, SandboxOptions, SourceLimit};
use payoutd::ports::Clock;
use serde_json::Value;
use tempfile::TempDir;

use crate::mailbox::{Email, Mailbox};
use crate::sql::Sql;
use crate::support::TestDb;
use crate::web::{Answer, Web};

const WEBHOOK_SECRET: &str = "whsec_of_the_platform";
const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef-of-the-platform";
const API_SECRET: &str = "fedcba9876543210fedcba9876543210-of-the-platform";
pub const ADMIN: &str = "admin@example.com";
/// What has not become true by then never will.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const HOUR: i64 = 3_600;

pub struct Platform {
    pub sandbox: Sandbox,
    pub sql: Sql,
    pub web: Web,
    mailbox: Mailbox,
    /// How far Stripe's clock is behind, in seconds.
    behind: Arc<AtomicI64>,
    daemon: Daemon,
    preset: PathBuf,
    env: Vec<(String, String)>,
    _dir: TempDir,
    /// Dropped last: the daemon may be at work in it until then.
    _db: TestDb,
}

/// What a command came to.
pub struct Said {
    pub code: Option<i32>,
    pub text: String,
}

impl Platform {
    /// Opens with the preset of this name. By Stripe's clock it is so many hours ago.
    pub async fn opens(db: TestDb, preset: &str, hours_ago: i64) -> Platform {
        let dir = tempfile::Builder::new().prefix("payoutd-platform-").tempdir().expect("a temporary directory");
        let behind = Arc::new(AtomicI64::new(hours_ago * HOUR));
        let clock = behind.clone();
        let now = move || SystemClock.now().timestamp() - clock.load(Ordering::SeqCst);
        let mut options = SandboxOptions::new(now).manual_delivery();
        // The stricter reading would hide an overpayment.
        options.settings.source_limit = SourceLimit::ChargeAmount;
        options.settings.settlement_delay_s = 0;
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let mail = dir.path().join("mail");
        let env: Vec<(String, String)> = [
            ("DATABASE_URL", db.url()),
            ("STRIPE_API_BASE", &sandbox.base_url()),
            ("STRIPE_SECRET_KEY", DEFAULT_SECRET_KEY),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("CRON_JWT_SECRET", JWT_SECRET),
            ("API_JWT_SECRET", API_SECRET),
            ("ADMIN_EMAIL", ADMIN),
            ("PAYOUTD_STATE_DIR", &dir.path().to_string_lossy()),
            ("PAYOUTD_MAIL_TRANSPORT", "file"),
            ("PAYOUTD_MAIL_FILE_DIR", &mail.to_string_lossy()),
            ("PAYOUTD_MAIL_MERGE_WINDOW", "50ms"),
            ("PAYOUTD_WEBHOOK_LISTEN", "127.0.0.1:0"),
            ("PAYOUTD_LOG_FORMAT", "json"),
            // The stories ask for their runs, at the cron endpoint, and do not wait for hours.
            ("PAYOUTD_RELEASE_SCHEDULE", "0 0 0 1 1 *"),
            ("PAYOUTD_CRON_REQUESTS_PER_MINUTE", "600"),
            ("PAYOUTD_RELEASE_FUNDS_RETRY", "100ms"),
            ("PAYOUTD_RETRY_BASE", "20ms"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let preset = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/examples/{preset}.toml"));
        let daemon = Daemon::start(&mut command(&preset, &env, &["serve"]));
        sandbox.add_webhook(&format!("http://{}/webhooks/stripe", daemon.address), WEBHOOK_SECRET);
        let (sql, web, mailbox) = (Sql::at(db.url()), Web::new(), Mailbox::at(&mail));
        Platform { sandbox, sql, web, mailbox, behind, daemon, preset, env, _dir: dir, _db: db }
    }

    // Given -----------------------------------------------------------------------------------------------------------

    /// By Stripe's clock it is so many hours ago by now.
    pub fn time_passes(&self, hours_ago: i64) {
        let before = self.behind.swap(hours_ago * HOUR, Ordering::SeqCst);
        assert!(hours_ago * HOUR <= before, "time does not go back");
    }

    /// A time so many minutes from now, as metadata says it.
    pub fn in_minutes(&self, minutes: i64) -> String {
        (SystemClock.now() + chrono::TimeDelta::minutes(minutes)).to_rfc3339()
    }

    /// A mentor whose account is in order, registered by the operator. Answers the account.
    pub fn mentor(&self, id: &str, country: &str, currency: &str) -> String {
        let (country, default_currency) = (country.into(), currency.into());
        let account = NewAccount { country, default_currency, ..NewAccount::default() };
        let account = self.sandbox.create_account(account).expect("a free id");
        let (name, email) = (format!("{}{} Mentor", id[..1].to_uppercase(), &id[1..]), format!("{id}@example.org"));
        self.cli(&["mentor", "add", id, "--account", &account, "--email", &email, "--name", &name]);
        account
    }

    pub fn pays(&self, pay: Pay) -> Paid {
        self.sandbox.pay(pay.by("Casey Customer", "casey@example.com")).expect("a valid payment")
    }

    // When ------------------------------------------------------------------------------------------------------------

    /// Brings every event that has not arrived yet, and waits until payoutd has read them all.
    pub async fn webhooks_arrive(&self) {
        for event in self.sandbox.undelivered() {
            self.webhook_arrives(&event.id).await;
        }
        self.until("events are read", async || self.sql.count("webhook_events WHERE state = 'pending'").await == 0)
            .await;
    }

    /// Brings one event, for the first time or again.
    pub async fn webhook_arrives(&self, event: &str) {
        assert_eq!(self.sandbox.deliver(event).await.expect("the listener is there"), [200], "{event}");
    }

    /// The cron service asks for a run, with a token of its own. Answers what it is told.
    pub async fn cron(&self) -> Value {
        let token = format!("Bearer {}", self.cli(&["token"]).trim());
        let url = format!("http://{}/cron/transfer-funds", self.daemon.address);
        let answer: Answer = self.web.post(&url, &[("Authorization", &token)], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The platform's site asks the API, as this subject.
    pub async fn api_get(&self, scope: &str, subject: &str, path: &str) -> Answer {
        let token = self.api_token(scope, subject);
        let url = format!("http://{}{path}", self.daemon.address);
        self.web.get_with(&url, &[("Authorization", &token)]).await
    }

    /// The platform's backend writes, under a key.
    pub async fn api_post(&self, path: &str, key: &str, body: Value) -> Answer {
        let token = self.api_token("admin:write", "backend");
        let url = format!("http://{}{path}", self.daemon.address);
        let json = ("Content-Type", "application/json");
        let headers = [("Authorization", token.as_str()), ("Idempotency-Key", key), json];
        self.web.post(&url, &headers, body.to_string()).await
    }

    fn api_token(&self, scope: &str, subject: &str) -> String {
        format!("Bearer {}", self.cli(&["token", "--scope", scope, "--sub", subject]).trim())
    }

    /// A command that ends well. Answers what it printed.
    pub fn cli(&self, args: &[&str]) -> String {
        let said = self.says(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.text);
        said.text
    }

    /// A command that ends well, as a program reads it.
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.cli(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{args:?}: {why}: {text}"))
    }

    pub fn says(&self, args: &[&str]) -> Said {
        // Stripe is played in this process: it must go on meanwhile.
        let output = tokio::task::block_in_place(|| command(&self.preset, &self.env, args).output()).expect("it runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let text = if output.status.success() { out.into_owned() } else { format!("{out}{err}") };
        for secret in [WEBHOOK_SECRET, JWT_SECRET, API_SECRET, DEFAULT_SECRET_KEY] {
            assert!(!text.contains(secret), "a secret is shown: {text}");
        }
        Said { code: output.status.code(), text }
    }

    // Then ------------------------------------------------------------------------------------------------------------

    /// Runs, and lets news arrive, until the payment has this status. Answers what `explain` says of it.
    pub async fn reaches(&self, booking: &str, status: &str) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.cron().await;
            self.webhooks_arrive().await;
            if self.status(booking).await == status {
                return self.json(&["explain", booking]);
            }
            if tokio::time::Instant::now() > deadline {
                panic!("{booking} is not {status}:\n{}", self.cli(&["explain", booking]));
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    pub async fn status(&self, booking: &str) -> String {
        self.sql.words("status", &format!("payments WHERE booking_id = '{booking}'")).await.concat()
    }

    /// One column of a payment, as text.
    pub async fn column(&self, booking: &str, column: &str) -> String {
        self.sql.words(column, &format!("payments WHERE booking_id = '{booking}'")).await.concat()
    }

    /// What Stripe holds as transferred from a charge, less what was taken back.
    pub fn left(&self, paid: &Paid) -> i64 {
        let books = self.sandbox.books();
        let of = books.transfers.iter().filter(|t| t.source_transaction.as_deref() == Some(paid.charge.as_str()));
        of.map(|t| t.amount_minor - t.reversed_minor).sum()
    }

    /// Runs until these payouts, and no others, have left a connected account.
    pub async fn withdrawals_are(&self, account: &str, amounts: &[i64]) {
        self.until("withdrawals are with Stripe", async || {
            self.cron().await;
            self.webhooks_arrive().await;
            let payouts =
                self.sandbox.books().payouts.into_iter().filter(|payout| payout.account.as_deref() == Some(account));
            let mut there: Vec<i64> = payouts.map(|payout| payout.amount_minor).collect();
            there.sort_unstable();
            there == amounts
        })
        .await;
    }

    /// Waits for an email to this address with these words.
    pub async fn email(&self, to: &str, words: &str) -> Email {
        self.until(words, async || !self.mailbox.find(to, words).is_empty()).await;
        self.mailbox.find(to, words).remove(0)
    }

    /// Nothing was paid twice, the audit finds nothing, and the daemon is well.
    pub async fn books_are_right(&self) {
        let ready = self.web.get(&format!("http://{}/readyz", self.daemon.address)).await;
        assert_eq!(ready.status, 200, "{ready:?}");
        self.webhooks_arrive().await;
        assert_eq!(self.sandbox.books().duplicates, 0);
        let said = self.says(&["audit"]);
        assert_eq!(said.code, Some(0), "{}", said.text);
    }

    pub async fn until(&self, what: &str, met: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !met().await {
            let late = tokio::time::Instant::now() > deadline;
            assert!(!late, "not within {PATIENCE:?}: {what}; {:#?}", self.mailbox.all());
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
}

/// The program on a preset, with this environment and no other.
fn command(preset: &Path, env: &[(String, String)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    command.arg("--config").arg(preset).args(args).env_clear();
    command.envs(env.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    command
}

/// The daemon's process; ended when this is dropped.
struct Daemon {
    child: Child,
    address: String,
}

impl Daemon {
    fn start(command: &mut Command) -> Daemon {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let log = BufReader::new(child.stderr.take().expect("piped"));
        let (told, lines) = channel::<String>();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                // After it is ready nobody listens, and the log is read on so that it never blocks.
                let _ = told.send(line);
            }
        });
        let mut daemon = Daemon { child, address: String::new() };
        let mut before = Vec::new();
        while daemon.address.is_empty() {
            let Ok(line) = lines.recv_timeout(PATIENCE) else { panic!("it is not ready: {before:#?}") };
            let json: Value = serde_json::from_str(&line).unwrap_or_default();
            if json["message"] == "payoutd is ready" {
                daemon.address = json["address"].as_str().expect("an address").to_owned();
            }
            before.push(line);
        }
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
