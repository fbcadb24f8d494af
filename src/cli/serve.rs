//! `payoutd serve`: the daemon, until it is told to stop. SIGTERM and Ctrl-C end it; SIGHUP has it read its
//! configuration again.

mod notify;

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::Daemon;

pub(super) async fn serve(path: Option<&Path>) -> Result<()> {
    let config = super::load(path)?;
    super::log(&config)?;
    // Before the start: a signal that comes while the database is brought up to date must not kill.
    let mut signals = Signals::watch()?;
    let Some(started) = signals.unless_told_to_stop(Daemon::start(&config)).await else { return Ok(()) };
    let mut daemon = started?;
    let (observer, stopping) = (daemon.observer(), CancellationToken::new());
    let listening = daemon.listening();
    let metrics = listening.metrics.map_or("off".to_owned(), |address| address.to_string());
    tracing::info!(address = %listening.address, metrics, version = env!("CARGO_PKG_VERSION"), "payoutd is ready");
    notify::ready(&observer.summary().await);
    tokio::spawn(notify::feed_watchdog(observer.clone(), stopping.clone()));
    tokio::spawn(notify::keep_telling(observer.clone(), stopping.clone()));
    while let Told::Reload = signals.next().await {
        notify::reloading();
        reload(&mut daemon, path);
        notify::ready(&observer.summary().await);
    }
    tracing::info!("stopping: nothing new is begun, calls in flight end and are recorded");
    stopping.cancel();
    notify::stopping();
    if !daemon.stop().await {
        bail!("not all calls in flight ended within shutdown.grace; their outcomes are found out after the next start");
    }
    tracing::info!("stopped");
    Ok(())
}

/// A configuration that is wrong changes nothing.
fn reload(daemon: &mut Daemon, path: Option<&Path>) {
    let read = super::load(path).and_then(|config| Ok(daemon.reload(config)?));
    let outcome = if read.is_ok() { "ok" } else { "refused" };
    metrics::counter!("payoutd_reloads_total", "outcome" => outcome).increment(1);
    match read {
        Ok(reloaded) => {
            tracing::info!(changed = reloaded.changed.join(", "), "the configuration was read again");
            if !reloaded.needs_restart.is_empty() {
                let keys = reloaded.needs_restart.join(", ");
                tracing::warn!(keys, "these changed in the configuration, and need a restart to take effect");
            }
        }
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "the new configuration is refused; the old one stays in force"
            );
        }
    }
}

enum Told {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn watch() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?,
            interrupt: signal(SignalKind::interrupt()).context("Ctrl-C cannot be watched")?,
            hang_up: signal(SignalKind::hangup()).context("SIGHUP cannot be watched")?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    /// `None` when the start was broken off. A write that is under way ends by itself.
    async fn unless_told_to_stop<T>(&mut self, start: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            started = start => Some(started),
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
        }
    }
}
