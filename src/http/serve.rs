//! Accepts connections until it is told to stop, then lets those that are at work finish. It knows no route.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
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
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let broken_off = CancellationToken::new();
    while let Some(stream) = accept(&listener, &shutdown).await {
        let connection = connection(stream, router.clone(), shutdown.clone());
        connections.spawn(broken_off.clone().run_until_cancelled_owned(connection));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections did not finish in time and are broken off");
        broken_off.cancel();
        connections.wait().await;
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
