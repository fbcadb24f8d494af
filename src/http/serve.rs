//! Accepts connections until it is told to stop, then lets those that are at work finish. It knows no route.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A connection that does not get its request's head over in this time, or is idle for so long, is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Stripe's heads have a few hundred bytes.
const MOST_HEAD_BYTES: usize = 64 * 1024;
/// Longer than any request can take by its own limits.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Serves until `shutdown`, then takes no new connection, lets the requests in flight finish, and returns. A request
/// that has not finished 30 seconds later is broken off: its sender was promised nothing.
///
/// At most `most_connections` are open at once. Those that come then wait, unaccepted, until one ends; none can stay
/// for longer than the limits of its head, its body and its answer, so that a webhook gets through even while
/// somebody opens as many connections as they can.
pub async fn serve(listener: TcpListener, router: Router, most_connections: usize, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let broken_off = CancellationToken::new();
    let mut places = Places::new(most_connections);
    while let Some(place) = places.take(&shutdown).await {
        let Some(stream) = accept(&listener, &shutdown).await else { break };
        let connection = connection(stream, router.clone(), shutdown.clone());
        connections.spawn(broken_off.clone().run_until_cancelled_owned(async move {
            connection.await;
            drop(place);
        }));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections did not finish in time and are broken off");
        broken_off.cancel();
        connections.wait().await;
    }
}

/// So many connections may be open.
struct Places {
    free: Arc<Semaphore>,
    most: usize,
    /// Said once, not for each connection that has to wait.
    said_full: bool,
}

impl Places {
    fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(most)), most, said_full: false }
    }

    /// A place for one more, as soon as there is one.
    async fn take(&mut self, shutdown: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            self.said_full = false;
            return Some(place);
        }
        if !std::mem::replace(&mut self.said_full, true) {
            tracing::warn!(open = self.most, "webhook.max_connections are open; new ones wait until one ends");
        }
        shutdown.run_until_cancelled(self.free.clone().acquire_owned()).await?.ok()
    }
}

async fn accept(listener: &TcpListener, shutdown: &CancellationToken) -> Option<TcpStream> {
    loop {
        let accepted = shutdown.run_until_cancelled(listener.accept()).await?;
        match accepted {
            Ok((stream, _)) => return Some(stream),
            Err(error) if is_the_senders(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                shutdown.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await?;
            }
        }
    }
}

fn is_the_senders(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}

async fn connection(stream: TcpStream, router: Router, shutdown: CancellationToken) {
    // Answers are small; without this some of them would wait for the sender's acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MOST_HEAD_BYTES).half_close(true);
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
