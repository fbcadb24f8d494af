//! What a town is founded with: the settings that its daemon is started from.

use std::collections::BTreeMap;

use payoutd::app::sandbox::{DEFAULT_SECRET_KEY, Sandbox, SandboxOptions, SourceLimit, StripeFees};
use payoutd::app::{SystemClock, open_database};
use payoutd::config::Config;
use payoutd::ports::Clock;
use tempfile::TempDir;

use super::{ADMIN, Town, WEBHOOK_SECRET, webhook_url};
use crate::house::House;
use crate::mailbox::Mailbox;
use crate::sql::Sql;
use crate::support::TestDb;
use crate::web::Web;

/// Settings of a town, before it is founded.
pub struct Plan {
    pub(super) settings: BTreeMap<String, String>,
    pub(super) database: Option<String>,
    pub(super) automatic_webhooks: bool,
    pub(super) prompt_settlement: bool,
    pub(super) fees: StripeFees,
    pub(super) key_lifetime_s: Option<i64>,
}

impl Plan {
    /// Sets one key, as TOML: `.with("retry.base", "\"50ms\"")`.
    pub fn with(mut self, key: &str, value: impl std::fmt::Display) -> Plan {
        self.settings.insert(key.to_owned(), value.to_string());
        self
    }

    /// Where the database is, when not where the test's database is.
    pub fn database_at(mut self, url: &str) -> Plan {
        self.database = Some(url.to_owned());
        self
    }

    /// Stripe delivers webhooks by itself, and again when refused.
    pub fn with_automatic_webhooks(mut self) -> Plan {
        self.automatic_webhooks = true;
        self
    }

    /// What customers pay is on the balance at once, and so is what is transferred of it.
    pub fn with_prompt_settlement(mut self) -> Plan {
        self.prompt_settlement = true;
        self
    }

    /// What Stripe keeps.
    pub fn with_stripe_fees(mut self, fees: StripeFees) -> Plan {
        self.fees = fees;
        self
    }

    /// Stripe forgets idempotency keys after this, not after a day.
    #[allow(dead_code, reason = "the regression tests use it")]
    pub fn with_key_lifetime_s(mut self, seconds: i64) -> Plan {
        self.key_lifetime_s = Some(seconds);
        self
    }

    pub async fn found(self, db: TestDb) -> Town {
        let dir = tempfile::Builder::new().prefix("payoutd-e2e-").tempdir().expect("a temporary directory");
        let mut options = SandboxOptions::new(|| SystemClock.now().timestamp());
        // The stricter reading would hide an overpayment.
        options.settings.source_limit = SourceLimit::ChargeAmount;
        options.settings.fees = self.fees;
        if self.prompt_settlement {
            options.settings.settlement_delay_s = 0;
        }
        options.settings.key_lifetime_s = self.key_lifetime_s.unwrap_or(options.settings.key_lifetime_s);
        options.retry.first_ms = 50;
        options.retry.longest_ms = 200;
        let options = if self.automatic_webhooks { options } else { options.manual_delivery() };
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let mut settings = self.settings;
        let url = self.database.unwrap_or_else(|| db.url().to_owned());
        settings.insert("database.url".into(), format!("{url:?}"));
        settings.insert("stripe.api_base".into(), format!("{:?}", sandbox.base_url()));
        settings.insert("mail.file_dir".into(), format!("{:?}", dir.path().join("mail")));
        let house = House::open(config(&settings, &dir)).await;
        // The same port after a restart: Stripe's endpoint does not move.
        settings.insert("webhook.listen".into(), format!("\"{}\"", house.daemon().listening().address));
        let mut direct = settings.clone();
        direct.insert("database.url".into(), format!("{:?}", db.url()));
        let store = open_database(&config(&direct, &dir)).expect("the same database");
        sandbox.add_webhook(&webhook_url(house.daemon()), WEBHOOK_SECRET);
        let mailbox = Mailbox::at(&dir.path().join("mail"));
        let (sql, web) = (Sql::at(db.url()), Web::new());
        let town = Town { sandbox, mailbox, sql, web, store, settings, house: Some(house), dir, _db: db };
        town.has_caught_up().await;
        town
    }
}

pub(super) fn defaults() -> BTreeMap<String, String> {
    let quoted = |value: &str| format!("{value:?}");
    [
        ("stripe.secret_key", quoted(DEFAULT_SECRET_KEY)),
        ("stripe.webhook_secrets", format!("[{WEBHOOK_SECRET:?}]")),
        ("stripe.call_timeout", quoted("1s")),
        ("stripe.requests_per_second", "500".into()),
        ("database.pool_size", "4".into()),
        ("webhook.listen", quoted("127.0.0.1:0")),
        ("window.dispute_window", quoted("1ms")),
        // Runs are kicked by the stories, unless they say otherwise.
        ("release.schedule", quoted("0 0 0 1 1 *")),
        ("release.preflight_retry", quoted("100ms")),
        ("release.funds_retry", quoted("100ms")),
        ("retry.base", quoted("20ms")),
        ("retry.busy", quoted("20ms")),
        ("rescue.lease", quoted("20s")),
        ("rescue.interval", quoted("100ms")),
        ("rescue.retry", quoted("100ms")),
        ("rescue.absence_grace", quoted("100ms")),
        ("breaker.failures_to_open", "100".into()),
        ("breaker.open_for", quoted("200ms")),
        ("mail.transport", quoted("file")),
        ("mail.from", quoted("Example Academy <payouts@example.com>")),
        ("mail.admin_email", quoted(ADMIN)),
        ("mail.platform_name", quoted("Example Academy")),
        ("mail.merge_window", quoted("50ms")),
        // What is done once a day is done where a story is about it, at whatever hour it is told.
        ("mail.digest", quoted("off")),
        ("audit.schedule", quoted("off")),
        ("reconcile.schedule", quoted("off")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

pub(super) fn config(settings: &BTreeMap<String, String>, dir: &TempDir) -> Config {
    let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, value) in settings {
        let (section, name) = key.split_once('.').expect("section.key");
        sections.entry(section).or_default().push(format!("{name} = {value}"));
    }
    let mut text = format!("state_dir = {:?}\n", dir.path());
    for (section, lines) in sections {
        text.push_str(&format!("[{section}]\n{}\n", lines.join("\n")));
    }
    Config::parse(&dir.path().join("payoutd.toml"), &text, &BTreeMap::new())
        .unwrap_or_else(|why| panic!("{why}\n{text}"))
}
