//! The addresses to listen on: free, or held by a payoutd that answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Finding, in_time};
use crate::config::Config;

/// Whoever listens on this machine takes a connection at once.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// More of an answer than is needed to know whose it is.
const MOST_BYTES: u64 = 64 * 1024;

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let webhooks = one("listener", "webhook.listen", config.webhook.listen, "/healthz", "{\"status\":\"ok\"}");
    let Some(address) = config.metrics.listen else { return vec![webhooks.await] };
    let (webhooks, metrics) = tokio::join!(webhooks, one("metrics", "metrics.listen", address, "/metrics", "payoutd_"));
    vec![webhooks, metrics]
}

async fn one(check: &'static str, key: &str, address: SocketAddr, path: &str, ours: &str) -> Finding {
    if address.port() == 0 {
        return Finding::ok(check, format!("{address}: any free port"));
    }
    // Not by binding, where somebody is there: that could take the port from a daemon that is just starting.
    match timeout(CONNECT_LIMIT, TcpStream::connect(reachable(address))).await {
        Ok(Ok(stream)) => match in_time(ask(stream, address, path)).await {
            Ok(Ok(answer)) if answer.contains(ours) => Finding::ok(check, format!("{address}: payoutd answers there")),
            _ => Finding::fail(
                check,
                format!("{address} is in use, and not by payoutd"),
                format!("free the port (`ss -ltnp` shows who has it), or set {key} to another"),
            ),
        },
        _ => match TcpListener::bind(address).await {
            Ok(_) => Finding::ok(check, format!("{address} is free")),
            Err(why) => Finding::fail(
                check,
                format!("{address} cannot be listened on: {why}"),
                format!("set {key} to an address of this machine and a port above 1023 that is free"),
            ),
        },
    }
}

/// Where a listener on every address can be asked.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

async fn ask(mut stream: TcpStream, address: SocketAddr, path: &str) -> std::io::Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
