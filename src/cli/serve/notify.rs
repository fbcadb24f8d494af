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
    if let Some(limit) = sd_notify::watchdog_enabled() {
        let late = || observer.late().iter().map(|turning| turning.name).collect();
        feed(limit, late, stopping, tell).await;
    }
}

/// Half of what the manager allows between two: one may come late.
async fn feed(
    limit: Duration,
    late: impl Fn() -> Vec<&'static str>,
    stopping: CancellationToken,
    tell: impl Fn(&[NotifyState<'_>]),
) {
    let mut turns = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    let mut were_late = Vec::new();
    loop {
        turns.tick().await;
        let late = if stopping.is_cancelled() { Vec::new() } else { late() };
        if late.is_empty() {
            tell(&[NotifyState::Watchdog]);
        } else if late != were_late {
            let names = late.join(", ");
            tracing::error!(loops = names, "loops do not turn; the watchdog is not fed, and will end this daemon");
            tell(&[NotifyState::Status(&format!("these loops do not turn: {names}"))]);
        }
        were_late = late;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Given a loop that hangs for a while, when the watchdog is due, then it gets nothing but one line that names the
    /// loop; it is fed again once the loop turns, and whatever the loops do once the daemon is stopping.
    #[tokio::test(start_paused = true)]
    async fn the_watchdog_starves_while_a_loop_hangs() {
        let (hanging, told) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let stopping = CancellationToken::new();
        let late = {
            let hanging = hanging.clone();
            move || hanging.lock().unwrap().clone()
        };
        let tell = {
            let told = told.clone();
            move |states: &[NotifyState<'_>]| {
                told.lock().unwrap().extend(states.iter().map(ToString::to_string));
            }
        };
        tokio::spawn(feed(Duration::from_secs(60), late, stopping.clone(), tell));
        let heard = async |seconds| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            told.lock().unwrap().drain(..).map(|state: String| state.trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(heard(61).await, ["WATCHDOG=1"; 3], "at once, and every 30 s");
        *hanging.lock().unwrap() = vec!["mail", "record"];
        assert_eq!(heard(120).await, ["STATUS=these loops do not turn: mail, record"], "said once, and not fed");
        hanging.lock().unwrap().clear();
        assert_eq!(heard(60).await, ["WATCHDOG=1"; 2]);
        *hanging.lock().unwrap() = vec!["mail"];
        stopping.cancel();
        assert_eq!(heard(60).await, ["WATCHDOG=1"; 2], "a stopped loop does not turn, and that is well");
    }
}
