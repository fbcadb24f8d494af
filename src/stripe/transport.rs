//! One HTTP exchange, and how it may break. Its one promise: `NotSent` is said only when no byte of the request can
//! have left, since everything else may have moved money.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::SetupError;
use crate::domain::triage::Failure;

/// A page of 100 transfers is under half a megabyte.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than servers keep idle connections, so that we are the ones who close them.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// One HTTP exchange, however it is made: over the network, or in a simulation.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// Sends the request and reads the answer; all of it ends by the deadline. [`Failure::NotSent`] is said only when no
    /// byte of the request can have left.
    async fn exchange(&self, request: Request<Full<Bytes>>, deadline: Instant) -> Result<Received, Failure>;
}

/// Exchanges over the network.
pub(super) struct Transport {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer's head, with its body or what broke it.
pub struct Received {
    /// The HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Result<Bytes, Failure>,
}

impl Transport {
    /// `plain` allows http, for a sandbox; `idle` is how many connections are kept for reuse.
    pub(super) fn new(plain: bool, idle: usize) -> Result<Self, SetupError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|e| SetupError::Tls(e.to_string()))?;
        let schemes = if plain { tls.https_or_http() } else { tls.https_only() };
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(idle)
            // hyper hands a request back only when the connection's task never took it up, which is to say that none
            // of its bytes was written; only then it is sent again, on a new connection. It is what makes a pooled
            // connection that the server has just closed harmless. A request that was taken up is never repeated here.
            .retry_canceled_requests(true)
            .build(schemes.enable_http1().wrap_connector(tcp));
        Ok(Self { http })
    }
}

#[async_trait]
impl Exchange for Transport {
    /// Redirects are answers like any other.
    async fn exchange(&self, mut request: Request<Full<Bytes>>, deadline: Instant) -> Result<Received, Failure> {
        // Set just before the request is handed to a connection. When the deadline passes and it is not set, the
        // request was still waiting to be connected, and died with the future.
        let connection = capture_connection(&mut request);
        let answer = timeout_at(deadline, self.http.request(request)).await;
        match answer {
            Ok(Ok(response)) => Ok(receive(response, deadline).await),
            Ok(Err(error)) if error.is_connect() => Err(Failure::NotSent(in_words(&error))),
            Ok(Err(error)) => Err(Failure::NoAnswer(in_words(&error))),
            Err(_) if connection.connection_metadata().is_none() => {
                Err(Failure::NotSent("no connection within the call timeout".into()))
            }
            Err(_) => Err(Failure::NoAnswer("no answer within the call timeout".into())),
        }
    }
}

async fn receive(response: Response<Incoming>, deadline: Instant) -> Received {
    let (head, body) = response.into_parts();
    let body = match timeout_at(deadline, Limited::new(body, MOST_BYTES).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Failure::Unreadable { status: head.status.as_u16(), why: format!("longer than {MOST_BYTES} bytes") })
        }
        Ok(Err(error)) => Err(Failure::NoAnswer(format!("the answer broke off: {}", in_words(&*error)))),
        Err(_) => Err(Failure::NoAnswer("the answer did not end within the call timeout".into())),
    };
    Received { status: head.status, headers: head.headers, body }
}

/// An error with its causes; hyper's own words stop at "client error (Connect)".
fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}
