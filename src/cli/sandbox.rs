//! `payoutd sandbox`: the Stripe sandbox alone, for the platform's developer to try things on.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Args;

use crate::app::SystemClock;
use crate::app::sandbox::{DEFAULT_SECRET_KEY, Sandbox, SandboxOptions};
use crate::ports::Clock;

#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Where to listen; loopback only
    #[arg(long, default_value = "127.0.0.1:12111", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where to send webhooks to
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// What to sign them with
    #[arg(long, default_value = "whsec_sandbox", value_name = "SECRET")]
    webhook_secret: String,
}

pub(super) async fn sandbox(args: SandboxArgs) -> Result<()> {
    let mut options = SandboxOptions::new(|| SystemClock.now().timestamp());
    options.listen = args.listen;
    if let Some(url) = &args.webhook {
        options = options.webhook(url, &args.webhook_secret);
    }
    let sandbox = Sandbox::start(options).await?;
    outln!("A Stripe that only pretends listens on {}", sandbox.base_url());
    outln!("\nFor payoutd:\n  STRIPE_API_BASE={}\n  STRIPE_SECRET_KEY={DEFAULT_SECRET_KEY}", sandbox.base_url());
    if args.webhook.is_some() {
        outln!("  STRIPE_WEBHOOK_SECRET={}", args.webhook_secret);
    }
    outln!("\nA customer pays:");
    outln!(
        "  curl -s {}/_sandbox/pay -H 'Content-Type: application/json' \\\n    -d '{{\"amount_minor\": 12500, \"currency\": \"usd\", \
         \"session_metadata\": {{\"mentorUserId\": \"ada\"}}}}'",
        sandbox.base_url()
    );
    outln!("\nCtrl-C ends it; it keeps nothing.");
    tokio::signal::ctrl_c().await.context("Ctrl-C cannot be watched")?;
    sandbox.shutdown().await;
    Ok(())
}
