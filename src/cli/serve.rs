//! `payoutd serve`: the daemon, until it is told to stop.

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::Daemon;
use crate::config::Config;

pub(super) async fn serve(config: &Config) -> Result<()> {
    super::log(config)?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    let daemon = Daemon::start(config).await?;
    let address = daemon.listening().address;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "payoutd is ready");
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("Ctrl-C cannot be watched")?,
    }
    tracing::info!("stopping: nothing new is begun, calls in flight end and are recorded");
    if !daemon.stop().await {
        bail!("not all calls in flight ended within shutdown.grace; their outcomes are found out after the next start");
    }
    tracing::info!("stopped");
    Ok(())
}
