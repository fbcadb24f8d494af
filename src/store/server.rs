//! The way to a PostgreSQL server: hosts, TLS, and how long it may be silent. What is asked of it stands elsewhere.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::db::GET_TIMEOUT;

/// For so long a server may not even acknowledge what was sent to it.
const SILENCE: Duration = Duration::from_secs(30);

/// What the driver takes where the URL says nothing: two hours.
const DRIVERS_KEEPALIVE: Duration = Duration::from_secs(2 * 60 * 60);

/// What runs on each new connection. Everything is meant to be found through an index. A table that was nearly empty when it was
/// last analysed would be read as a whole, above all for each foreign key of each row, by plans that stay until it is analysed
/// again. And no plan is worth compiling.
const SETUP: &str = "SET enable_seqscan = off; SET jit = off";

/// Connects as the URL says: to the first of its hosts that will do, where it names several.
pub(super) async fn connect(url: String) -> ConnectionResult<AsyncPgConnection> {
    let mut conn = connect_as_told(url).await?;
    conn.batch_execute(SETUP).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

async fn connect_as_told(url: String) -> ConnectionResult<AsyncPgConnection> {
    let bad = |e: &dyn std::fmt::Display| ConnectionError::BadConnection(e.to_string());
    let mut config: tokio_postgres::Config =
        url.parse().map_err(|e: tokio_postgres::Error| ConnectionError::InvalidConnectionUrl(e.to_string()))?;
    config.application_name("payoutd").connect_timeout(GET_TIMEOUT);
    notice_silence(&mut config);
    if config.get_ssl_mode() == SslMode::Disable || config.get_hosts().iter().all(|h| matches!(h, Host::Unix(_))) {
        let (client, connection) = config.connect(NoTls).await.map_err(|e| bad(&explain(&e)))?;
        return AsyncPgConnection::try_from_client_and_connection(client, connection).await;
    }
    let (client, connection) = config.connect(tls()).await.map_err(|e| bad(&explain(&e)))?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// A server whose machine is gone says nothing, not even that. Without this a query that waits for it would wait for a
/// quarter of an hour, or for two where nothing was on its way. What the URL says wins.
fn notice_silence(config: &mut tokio_postgres::Config) {
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    if config.get_keepalives_idle() == DRIVERS_KEEPALIVE {
        config.keepalives_idle(SILENCE / 2);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(SILENCE / 6);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
}

/// tokio-postgres hides what went wrong behind its source.
fn explain(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Certificates are checked against the system's roots, or those of `SSL_CERT_FILE`.
fn tls() -> MakeRustlsConnect {
    static TLS: std::sync::OnceLock<MakeRustlsConnect> = std::sync::OnceLock::new();
    let without_roots = || {
        let roots = rustls::RootCertStore::empty();
        MakeRustlsConnect::new(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    };
    TLS.get_or_init(|| MakeRustlsConnect::with_native_certs().map_or_else(|_| without_roots(), |found| found.0)).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_is_noticed_and_the_url_has_the_last_word() {
        for (query, user_timeout_s, idle_s) in
            [("", 30, 15), ("?tcp_user_timeout=7", 7, 15), ("?keepalives_idle=60", 30, 60)]
        {
            let mut config: tokio_postgres::Config = format!("postgres://a@b/c{query}").parse().expect("a URL");
            notice_silence(&mut config);
            let told = (config.get_tcp_user_timeout().map(Duration::as_secs), config.get_keepalives_idle().as_secs());
            assert_eq!(told, (Some(user_timeout_s), idle_s), "{query}");
        }
    }
}
