//! The sandbox on a loopback port: HTTP/1.1, and the faults that only a network can have.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::control::Control;
use super::control_api;
use super::core::{Answer, Hold, Method, Outcome, Request, Ticket};
use super::delivery;
use super::options::SandboxOptions;

const BODY_LIMIT_BYTES: usize = 1 << 20;
/// How long an open connection may take to end when the sandbox stops.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It must not be reachable from elsewhere.
    #[error("the sandbox listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// It plays test mode.
    #[error("the sandbox takes a secret key that starts with sk_test_, and no other")]
    NotATestKey,
    /// The port cannot be had.
    #[error("the sandbox cannot listen on {address}: {error}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}

/// A running sandbox. Dropping it stops it; [`Sandbox::shutdown`] also waits for that.
#[derive(Debug)]
pub struct Sandbox {
    control: Control,
    address: SocketAddr,
}

impl Sandbox {
    /// Starts a sandbox.
    ///
    /// # Errors
    /// An address that is not loopback or not free, or a key that is not a test key.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let address = options.listen;
        if !address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(address));
        }
        if !options.settings.secret_key.starts_with("sk_test_") {
            return Err(SandboxError::NotATestKey);
        }
        let failed = |error| SandboxError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let control = Control::new(&options);
        control.0.tasks.spawn(accept(listener, control.clone()));
        control.0.tasks.spawn(delivery::dispatch(control.clone()));
        Ok(Self { control, address })
    }

    /// `http://127.0.0.1:…`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A handle that others may keep.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Stops listening, ends what is held back, and waits until everything has ended.
    pub async fn shutdown(self) {
        self.control.0.stop.cancel();
        self.control.0.tasks.close();
        self.control.0.tasks.wait().await;
    }
}

impl Deref for Sandbox {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.control.0.stop.cancel();
    }
}

async fn accept(listener: TcpListener, control: Control) {
    let stop = control.0.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _peer)) => {
                control.0.tasks.spawn(converse(stream, control.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "sandbox cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One connection, for as many requests as the client likes.
async fn converse(stream: TcpStream, control: Control) {
    // Answers are small and awaited: never wait to fill a packet.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "sandbox connection");
    }
    let stop = control.0.stop.clone();
    let service = service_fn(move |request| answer(control.clone(), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_WORDS, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "sandbox connection ended");
    }
}

/// The connection closes without an answer: hyper does that for a service that fails.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
struct Closed;

type Response = hyper::Response<Full<Bytes>>;

async fn answer(control: Control, request: hyper::Request<Incoming>) -> Result<Response, Closed> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT_BYTES).collect().await.map_err(|_| Closed)?.to_bytes();
    if let Some(path) = head.uri.path().strip_prefix("/_sandbox/") {
        let (status, json) = control_api::answer(&control, head.method.as_str(), path, &body).await;
        return respond(status, &[("Content-Type", "application/json".to_owned())], json.to_string());
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let outcome = control.request(Request {
        method: Method::from_name(head.method.as_str()),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        authorization: header("Authorization"),
        idempotency_key: header("Idempotency-Key"),
        stripe_account: header("Stripe-Account"),
    });
    let Answer { status, headers, body } = play(&control, outcome).await?;
    respond(status, &headers, body)
}

fn respond(status: u16, headers: &[(&str, String)], body: String) -> Result<Response, Closed> {
    let mut response = hyper::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Full::from(body)).map_err(|_| Closed)
}

/// Does what the state machine says.
async fn play(control: &Control, outcome: Outcome) -> Result<Answer, Closed> {
    match outcome {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Reset => Err(Closed),
        Outcome::HoldBack { answer, hold } => {
            wait(control, hold).await?;
            Ok(answer)
        }
        Outcome::Wait { ticket, hold: Hold::UntilClientLeaves } => {
            let _under_way = UnderWay { control, ticket: Some(ticket) };
            control.0.stop.cancelled().await;
            Err(Closed)
        }
        Outcome::Wait { ticket, hold } => {
            // In a task of its own: a server goes on with a request whose client has left.
            let task = control.0.tasks.spawn(finish_later(control.clone(), ticket, hold));
            match task.await {
                Ok(Outcome::Answer(answer)) => Ok(answer),
                _ => Err(Closed),
            }
        }
    }
}

async fn finish_later(control: Control, ticket: Ticket, hold: Hold) -> Outcome {
    match wait(&control, hold).await {
        Ok(()) => control.resume(ticket),
        Err(Closed) => {
            control.abandon(ticket);
            Outcome::Reset
        }
    }
}

/// Waits; ends early with an error when the sandbox stops.
async fn wait(control: &Control, hold: Hold) -> Result<(), Closed> {
    let over = async {
        match hold {
            Hold::Ms(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Hold::UntilClientLeaves => match std::future::pending::<Infallible>().await {},
        }
    };
    tokio::select! {
        () = over => Ok(()),
        () = control.0.stop.cancelled() => Err(Closed),
    }
}

/// Frees the idempotency key of a request whose client has left: hyper drops its future then.
struct UnderWay<'a> {
    control: &'a Control,
    ticket: Option<Ticket>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.control.abandon(ticket);
        }
    }
}
