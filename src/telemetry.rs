//! Logs for people, as JSON or to the journal, and what every log line has in common: the names of its
//! fields and addresses that are not spelled out. Read by main, cli and app only.

pub mod metrics;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// Names of log fields, the same everywhere, so that one search finds a payment's whole story.
/// `tracing` wants them written out where they are used; this is the list to write them from.
pub mod field {
    /// Our id of a payment.
    pub const PAYMENT_ID: &str = "payment.id";
    /// The platform's id of a mentor.
    pub const MENTOR_ID: &str = "mentor.id";
    /// Our id of an operation.
    pub const OPERATION_ID: &str = "operation.id";
    /// Stripe's id of a transfer.
    pub const TRANSFER_ID: &str = "transfer.id";
    /// Stripe's id of a webhook event.
    pub const EVENT_ID: &str = "event.id";
    /// Our id of a release run.
    pub const RUN_ID: &str = "run.id";
    /// Stripe's id of one request, which its support asks for.
    pub const STRIPE_REQUEST_ID: &str = "stripe.request_id";
    /// All of them.
    pub const ALL: [&str; 7] = [PAYMENT_ID, MENTOR_ID, OPERATION_ID, TRANSFER_ID, EVENT_ID, RUN_ID, STRIPE_REQUEST_ID];
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("log.filter \"{filter}\" is not a filter")]
    Filter {
        /// As it was given.
        filter: String,
        /// What the parser says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// There is no journal.
    #[error(
        "log.format \"journald\": the journal cannot be reached: {0}; write \"text\" or \"json\" where systemd does not run"
    )]
    Journal(#[source] io::Error),
    /// Something else in this process logs already.
    #[error("logging has been started before")]
    Started(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// For whom log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// People: text on stderr, coloured on a terminal.
    Text,
    /// Programs: one JSON object a line on stderr, fields at its top.
    Json,
    /// systemd's journal, each field under its own name: `journalctl PAYOUTD_PAYMENT_ID=42`.
    Journald,
}

/// What the filter is changed through while the daemon runs.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Begins to log.
///
/// # Errors
/// A filter that cannot be parsed, no journal to log to, or logging that was started before.
pub fn init(format: Format, filter: &str) -> Result<(), TelemetryError> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = fmt::layer().with_writer(io::stderr);
    let layer = match format {
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Journald => journal()?.boxed(),
    };
    let subscriber = Registry::default().with(filter).with(layer);
    subscriber.try_init().map_err(|why| TelemetryError::Started(why.into()))?;
    // Set once: `try_init` lets nobody through a second time.
    let _ = FILTER.set(handle);
    Ok(())
}

fn journal() -> Result<tracing_journald::Layer, TelemetryError> {
    let layer = tracing_journald::layer().map_err(TelemetryError::Journal)?;
    Ok(layer.with_field_prefix(Some("PAYOUTD".to_owned())).with_syslog_identifier("payoutd".to_owned()))
}

/// Changes the filter from now on. Without [`init`] there is nothing to change.
///
/// # Errors
/// A filter that cannot be parsed; the old one goes on.
pub fn set_filter(filter: &str) -> Result<(), TelemetryError> {
    let parsed = parse(filter)?;
    match FILTER.get() {
        Some(handle) => handle.reload(parsed).map_err(|why| TelemetryError::Started(why.into())),
        None => Ok(()),
    }
}

fn parse(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder().parse(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })
}

/// An email address for a log line: `a***@example.com`. Enough to tell two mentors apart, too
/// little to write to one.
pub fn redact_email(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((user, host)) => {
            let first = user.chars().next().map_or(String::new(), String::from);
            format!("{first}***@{host}")
        }
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_whole() {
        for (address, shown) in [
            ("ada@example.com", "a***@example.com"),
            ("é@example.com", "é***@example.com"),
            ("@example.com", "***@example.com"),
            ("a@b@example.com", "a***@example.com"),
            ("nobody", "***"),
            ("", "***"),
        ] {
            assert_eq!(redact_email(address), shown);
        }
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = parse("payoutd=loud").expect_err("no such level");
        assert_eq!(error.to_string(), "log.filter \"payoutd=loud\" is not a filter");
    }
}
