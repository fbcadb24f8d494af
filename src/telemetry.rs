//! Logs to stderr, for people or as JSON, and what every log line has in common: the names of its
//! fields and addresses that are not spelled out. Read by main, cli and app only.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

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
    /// Something else in this process logs already.
    #[error("logging has been started before")]
    Started(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Log lines for people, coloured on a terminal.
///
/// # Errors
/// A filter that cannot be parsed, or logging that was started before.
pub fn init_text(filter: &str) -> Result<(), TelemetryError> {
    tracing_subscriber::fmt()
        .with_env_filter(parse(filter)?)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init()
        .map_err(TelemetryError::Started)
}

/// Log lines for programs: one JSON object a line, fields at its top.
///
/// # Errors
/// A filter that cannot be parsed, or logging that was started before.
pub fn init_json(filter: &str) -> Result<(), TelemetryError> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(parse(filter)?)
        .with_writer(io::stderr)
        .try_init()
        .map_err(TelemetryError::Started)
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
