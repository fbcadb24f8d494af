//! The town that chaos comes to: daemons on a database, Stripe, mentors, and customers who pay. Whoever keeps it does what
//! systemd does (starts a daemon again that ended) and nothing else.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use payoutd::app::sandbox::{DEFAULT_SECRET_KEY, PaidThrough, Pay};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::mailbox::Mail;
use crate::process::Process;
use crate::sql::Sql;
use crate::stripe::Stripe;
use crate::web::Web;

const WEBHOOK_SECRET: &str = "whsec_of_the_chaos";
const MENTORS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What a customer paid, and so what a mentor is to get.
pub struct Owed {
    pub booking: String,
    pub charge: String,
    pub account: String,
    pub amount_minor: i64,
}

struct Mentor {
    id: String,
    account: String,
}

pub struct Town {
    pub chance: Chance,
    pub stripe: Stripe,
    pub mail: Mail,
    /// For the judge: a way to the rows that goes through nothing.
    pub sql: Sql,
    pub owed: Vec<Owed>,
    pub daemons: Vec<Daemon>,
    /// Times that a daemon ended by itself.
    pub gave_up: usize,
    pub web: Web,
    mentors: Vec<Mentor>,
    env: Vec<(String, String)>,
    /// Dropped last: the daemons may be at work in it until then.
    pub dir: TempDir,
}

pub struct Daemon {
    pub process: Process,
    port: u16,
}

impl Daemon {
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Where a town's things are, before it is founded.
pub struct Site {
    pub dir: TempDir,
    pub stripe: Stripe,
    chance: Chance,
    env: Vec<(String, String)>,
}

impl Site {
    pub async fn new(chance: Chance) -> Result<Site> {
        let dir = tempfile::Builder::new().prefix("payoutd-chaos-").tempdir().context("a temporary directory")?;
        let stripe = Stripe::start(dir.path()).await?;
        stripe.is_well().await?;
        let (state, mail) = (dir.path().join("state"), dir.path().join("mail"));
        let (state, mail) = (state.to_string_lossy(), mail.to_string_lossy());
        let settings = [
            ("STRIPE_API_BASE", stripe.base_url.as_str()),
            ("STRIPE_SECRET_KEY", DEFAULT_SECRET_KEY),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("ADMIN_EMAIL", "admin@example.com"),
            ("PAYOUTD_STATE_DIR", &state),
            ("PAYOUTD_MAIL_TRANSPORT", "file"),
            ("PAYOUTD_MAIL_FILE_DIR", &mail),
            ("PAYOUTD_MAIL_MERGE_WINDOW", "50ms"),
            ("PAYOUTD_MAIL_MAX_ATTEMPTS", "100"),
            ("PAYOUTD_MAIL_DIGEST", "off"),
            ("PAYOUTD_AUDIT_SCHEDULE", "off"),
            ("PAYOUTD_LOG_FORMAT", "json"),
            // Paid as soon as it is known.
            ("PAYOUTD_WINDOW_DISPUTE_WINDOW", "1ms"),
            ("PAYOUTD_RELEASE_SCHEDULE", "* * * * * *"),
            ("PAYOUTD_RELEASE_PREFLIGHT_RETRY", "500ms"),
            ("PAYOUTD_STRIPE_REQUESTS_PER_SECOND", "500"),
            ("PAYOUTD_STRIPE_CALL_TIMEOUT", "2s"),
            ("PAYOUTD_RETRY_BASE", "50ms"),
            ("PAYOUTD_RETRY_BUSY", "50ms"),
            // What a killed daemon had on the wire is taken up when its lease ends.
            ("PAYOUTD_RESCUE_LEASE", "17s"),
            ("PAYOUTD_RESCUE_INTERVAL", "500ms"),
            ("PAYOUTD_RESCUE_RETRY", "500ms"),
            ("PAYOUTD_RESCUE_ABSENCE_GRACE", "20s"),
            ("PAYOUTD_BREAKER_OPEN_FOR", "500ms"),
        ];
        let env = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Ok(Site { dir, stripe, chance, env })
    }

    /// Another setting, by its name in the environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(there, _)| there != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// An SQLite file in a directory of its own.
    pub fn sqlite(&self) -> String {
        format!("sqlite://{}", self.dir.path().join("state/payoutd.db").display())
    }

    /// Daemons work at `url`; the judge reads at `direct`. Mentors are there, nobody has paid yet.
    pub async fn found(mut self, url: &str, direct: &str, mail: Option<Mail>) -> Result<Town> {
        self.set("DATABASE_URL", url);
        let mail = mail.unwrap_or_else(|| Mail::Files(self.dir.path().join("mail")));
        let Site { dir, stripe, chance, env } = self;
        let mut town = Town {
            chance,
            stripe,
            mail,
            sql: Sql::at(direct),
            owed: Vec::new(),
            daemons: Vec::new(),
            gave_up: 0,
            web: Web::new(),
            mentors: Vec::new(),
            env,
            dir,
        };
        town.cli(&["migrate"]).await?;
        for number in 1..=MENTORS {
            let (id, account) = (format!("mentor{number}"), town.stripe.account().await?);
            let email = format!("{id}@example.org");
            town.cli(&["mentor", "add", &id, "--account", &account, "--email", &email, "--name", "Ada Mentor"]).await?;
            town.mentors.push(Mentor { id, account });
        }
        Ok(town)
    }
}

impl Town {
    /// Starts one more daemon and does not wait for it. The first one is where Stripe's webhooks go.
    pub async fn add_daemon(&mut self) -> Result<()> {
        // The system chooses; the daemon comes back to the same one, since Stripe's endpoint does not move.
        let port = TcpListener::bind("127.0.0.1:0").context("a port")?.local_addr()?.port();
        let daemon = self.start(port, self.daemons.len())?;
        if self.daemons.is_empty() {
            self.stripe.add_webhook(&daemon.url("/webhooks/stripe"), WEBHOOK_SECRET).await?;
        }
        self.daemons.push(daemon);
        Ok(())
    }

    fn start(&self, port: u16, number: usize) -> Result<Daemon> {
        let mut command = self.command(&["serve"]);
        command.env("PAYOUTD_WEBHOOK_LISTEN", format!("127.0.0.1:{port}"));
        let process = Process::start(&mut command, &self.log(number))?;
        Ok(Daemon { process, port })
    }

    fn log(&self, number: usize) -> PathBuf {
        self.dir.path().join(format!("daemon-{number}.log"))
    }

    /// Kills a daemon; it is not started again before [`Town::keep`].
    pub fn kill(&mut self, number: usize) -> Result<()> {
        self.daemons[number].process.kill()
    }

    /// Starts a daemon again that was killed.
    pub fn restart(&mut self, number: usize) -> Result<()> {
        self.daemons[number] = self.start(self.daemons[number].port, number)?;
        Ok(())
    }

    /// Starts daemons again that ended by themselves.
    pub fn keep(&mut self) -> Result<()> {
        for number in 0..self.daemons.len() {
            if self.daemons[number].process.ended()?.is_some() {
                self.gave_up += 1;
                self.restart(number)?;
            }
        }
        Ok(())
    }

    /// All daemons say that they can do their work.
    pub async fn ready(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        for number in 0..self.daemons.len() {
            loop {
                self.keep()?;
                let url = self.daemons[number].url("/readyz");
                if self.web.status(&url).await.ok() == Some(200) {
                    break;
                }
                if Instant::now() > deadline {
                    bail!("daemon {number} is not ready within {patience:?}; it said\n{}", self.complaints(number));
                }
                sleep(BETWEEN_LOOKS).await;
            }
        }
        Ok(())
    }

    /// Waits for something that is to come by itself.
    pub async fn until(&mut self, what: &str, met: impl AsyncFn(&Town) -> Result<bool>) -> Result<()> {
        self.until_for(Duration::from_secs(60), what, met).await
    }

    pub async fn until_for(
        &mut self,
        patience: Duration,
        what: &str,
        met: impl AsyncFn(&Town) -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !met(self).await? {
            ensure!(Instant::now() < deadline, "not within {patience:?}: {what}\n{}", self.complaints(0));
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    /// What a daemon last complained of.
    pub fn complaints(&self, number: usize) -> String {
        let said = self.daemons[number].process.said();
        let lines: Vec<&str> = said.lines().filter(|line| !line.contains("\"INFO\"")).collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// A customer pays some mentor some amount, in one of the ways there are.
    pub async fn customer_pays(&mut self) -> Result<()> {
        let through = self.chance.of(&[PaidThrough::Checkout, PaidThrough::PaymentIntent, PaidThrough::Charge]);
        self.customer_pays_through(through).await
    }

    pub async fn customer_pays_through(&mut self, through: PaidThrough) -> Result<()> {
        let mentor = &self.mentors[self.chance.index(self.mentors.len())];
        let amount = 1_000 + i64::try_from(self.chance.below(50_000))?;
        let booking = format!("B-{:06}", self.owed.len() + 1);
        let facts = [("mentorUserId", mentor.id.as_str()), ("bookingId", booking.as_str())];
        let mut pay = Pay::new(amount, "usd").by("Casey Customer", "casey@example.com").through(through);
        for (name, value) in facts {
            pay = match through {
                PaidThrough::Checkout => pay.session_metadata(name, value),
                PaidThrough::PaymentIntent => pay.intent_metadata(name, value),
                PaidThrough::Charge => pay.charge_metadata(name, value),
            };
        }
        let charge = self.stripe.pay(&pay).await?.charge;
        // The platform keeps 10 %, rounded half up.
        let amount_minor = amount - (amount + 5) / 10;
        self.owed.push(Owed { booking, charge, account: mentor.account.clone(), amount_minor });
        Ok(())
    }

    /// Customers pay now and then, for so long.
    pub async fn customers_pay_for(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.customer_pays().await?;
            let pause = Duration::from_millis(self.chance.below(400));
            sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }

    /// Some time from `least` to `most` milliseconds.
    pub fn moment(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.chance.below(most - least))
    }

    /// The program with this town's settings.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
        // No file: the settings are in the environment alone.
        command.args(args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.dir.path());
        command
    }

    /// A command that ends well. Answers what it printed.
    pub async fn cli(&self, args: &[&str]) -> Result<String> {
        let output = tokio::process::Command::from(self.command(args)).output().await.context("payoutd")?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "payoutd {}: {out}{err}", args.join(" "));
        Ok(out.into_owned())
    }
}
