//! What the service manager is told: ready, reloading, stopping, a line about how things stand, and that the loops
//! turn. Without one (no `NOTIFY_SOCKET`) all of it comes to nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::app::Observer;

/// Between two lines about how things stand.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// The daemon takes webhooks in and its loops turn.
pub(super) fn ready(line: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(line)]);
}

/// The configuration is being read again; [`ready`] ends it, however it went.
pub(super) fn reloading() {
    let line = NotifyState::Status("reading the configuration again");
    // systemd takes the time for proof that this answers its own request, and not an older one.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now, line]),
        Err(error) => tracing::warn!(%error, "the monotonic clock cannot be read; systemd is not told of the reload"),
    }
}

/// Nothing new is begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: calls in flight end and are recorded")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// Feeds the watchdog as long as every loop turns; once stopping, until the end, which has a limit of its own.
pub(super) async fn feed_watchdog(observer: Observer, stopping: CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut turns = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    let mut were_late = Vec::new();
    loop {
        turns.tick().await;
        let late = if stopping.is_cancelled() { Vec::new() } else { observer.late() };
        let names: Vec<_> = late.iter().map(|turning| turning.name).collect();
        if names.is_empty() {
            tell(&[NotifyState::Watchdog]);
        } else if names != were_late {
            let names = names.join(", ");
            tracing::error!(loops = names, "loops do not turn; the watchdog is not fed, and will end this daemon");
            tell(&[NotifyState::Status(&format!("these loops do not turn: {names}"))]);
        }
        were_late = names;
    }
}

/// Says now and then how things stand, as `systemctl status` shows it.
pub(super) async fn keep_telling(observer: Observer, stopping: CancellationToken) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    while stopping.run_until_cancelled(tokio::time::sleep(BETWEEN_LINES)).await.is_some() {
        let line = observer.summary().await;
        if observer.late().is_empty() && !stopping.is_cancelled() {
            tell(&[NotifyState::Status(&line)]);
        }
    }
}
