//! `payoutd demo`: the real daemon, a sandbox for Stripe, and a dozen payments to which everything happens.

mod report;
mod scenario;

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use crate::app::sandbox::{DEFAULT_SECRET_KEY, Sandbox, SandboxOptions};
use crate::app::{Daemon, SystemClock};
use crate::config::Config;
use crate::ports::{Clock, Store};

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// End by itself once everything has happened
    #[arg(long)]
    once: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Show the daemon's log, too
    #[arg(long)]
    log: bool,
}

const WEBHOOK_SECRET: &str = "whsec_demo";
/// Everything has happened well before this, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

pub(super) async fn demo(args: DemoArgs) -> Result<ExitCode> {
    if args.log {
        crate::telemetry::init(crate::telemetry::Format::Text, "info")?;
    }
    let say = |line: &str| {
        if !args.json {
            outln!("{line}");
        }
    };
    let sandbox = start_sandbox().await?;
    let dir = make_directory()?;
    let config = write_config(&dir, &sandbox.base_url())?;
    let daemon = Daemon::start(&config).await?;
    let webhook = format!("http://{}/webhooks/stripe", daemon.listening().address);
    sandbox.add_webhook(&webhook, WEBHOOK_SECRET);
    say("payoutd demo: the real daemon on SQLite, a Stripe that only pretends, emails as files.\n");
    say("  1. Mentors sign up, customers pay; signed webhooks come in over HTTP, some twice, some out of order.");
    let story = scenario::prepare(&sandbox, &daemon).await?;
    scenario::deliver(&sandbox, &story).await?;
    say("  2. One payment is disputed, two are refunded, and an admin flags one with plain SQL.");
    scenario::meanwhile(&sandbox, &daemon, &dir, &story).await?;
    say("  3. The dispute window (here 4 s) runs out; the due payments become transfers, and not all calls go well.");
    wait_for_the_end(&sandbox, &daemon).await?;
    let report = report::gather(&config, &sandbox, &daemon, &dir).await?;
    if args.json {
        super::show::json(&report)?;
    } else {
        let address = daemon.listening().address;
        report::print(&report, &dir, address);
        report::print_cron(&config, &dir, address)?;
    }
    let all_well = report.stripe.duplicates == 0;
    if !args.once {
        say("\nThe daemon stays up until Ctrl-C.");
        keep_up(&sandbox).await?;
    }
    daemon.stop().await;
    sandbox.shutdown().await;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn start_sandbox() -> Result<Sandbox> {
    let options = SandboxOptions::new(|| SystemClock.now().timestamp()).manual_delivery();
    Ok(Sandbox::start(options).await?)
}

fn make_directory() -> Result<PathBuf> {
    let now = SystemClock.now().format("%Y%m%d-%H%M%S");
    let dir = std::env::temp_dir().join(format!("payoutd-demo-{now}-{}", std::process::id()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&dir);
    made.with_context(|| format!("the directory {} cannot be made", dir.display()))?;
    Ok(dir)
}

/// Written to a file, so that other commands can be tried on the demo's database. The environment is left out: a demo
/// must not touch what the shell is set up for.
fn write_config(dir: &Path, stripe: &str) -> Result<Config> {
    let path = dir.join("payoutd.toml");
    let text = format!(
        r#"# Written by `payoutd demo`.
state_dir = {dir:?}
[stripe]
secret_key = "{DEFAULT_SECRET_KEY}"
webhook_secrets = ["{WEBHOOK_SECRET}"]
api_base = "{stripe}"
call_timeout = "1500ms"
[webhook]
listen = "127.0.0.1:0"
[window]
dispute_window = "4s"
[release]
schedule = "* * * * * *"
[retry]
base = "300ms"
[rescue]
lease = "20s"
interval = "500ms"
[cron]
jwt_secret = "{cron_secret}"
[api]
jwt_secret = "{api_secret}"
[mail]
transport = "file"
file_dir = {mail:?}
from = "Example Academy <payouts@example.com>"
admin_email = "admin@example.com"
platform_name = "Example Academy"
merge_window = "1s"
digest = "off"
"#,
        mail = dir.join("mail"),
        cron_secret = random_secret()?,
        api_secret = random_secret()?,
    );
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(Config::parse(&path, &text, &Default::default())?)
}

fn random_secret() -> Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("no random bytes can be had for a secret of the demo"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Until nothing waits any more: no payment on its way, no event unread, no email unsent.
async fn wait_for_the_end(sandbox: &Sandbox, daemon: &Daemon) -> Result<()> {
    let database = &daemon.worker().database;
    let deadline = SystemClock.now() + PATIENCE;
    loop {
        deliver_news(sandbox).await;
        let figures = database.status(SystemClock.now()).await?;
        let moving = ["pending", "releasing"].iter().any(|status| figures.payments.contains_key(*status));
        let queued = figures.emails.contains_key("queued");
        if !moving && !queued && figures.events.is_empty() && sandbox.undelivered().is_empty() {
            return Ok(());
        }
        if SystemClock.now() > deadline {
            bail!("the demo did not come to its end within {} s: {figures:?}", PATIENCE.as_secs());
        }
        SystemClock.sleep(BETWEEN_LOOKS).await;
    }
}

/// What the sandbox has done since, such as `transfer.created`.
async fn deliver_news(sandbox: &Sandbox) {
    for event in sandbox.undelivered() {
        // Not taken now is taken at the next look.
        let _ = sandbox.deliver(&event.id).await;
    }
}

async fn keep_up(sandbox: &Sandbox) -> Result<()> {
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            ended = &mut interrupted => return ended.context("Ctrl-C cannot be watched"),
            () = SystemClock.sleep(BETWEEN_LOOKS) => deliver_news(sandbox).await,
        }
    }
}
