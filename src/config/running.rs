//! How the daemon behaves while it runs: `[webhook]`, `[retry]`, `[rescue]`, `[breaker]`,
//! `[log]`, `[metrics]` and `[shutdown]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::checker::Checker;
use super::reader::Reader;
use super::value::words;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Stripe forgets a key after 24 hours at the earliest; an hour is left for slow clocks and queues.
/// <https://docs.stripe.com/api/idempotent_requests>
const LONGEST_KEY_AGE: Duration = seconds(23 * 3_600);

/// The webhook listener.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections open at once; more have to wait.
    pub max_connections: u32,
    /// A larger body is refused unread.
    pub body_limit_bytes: u32,
    /// How far a signature's time may be from ours, either way.
    pub tolerance: Duration,
}

impl Webhook {
    pub(super) fn read(r: &mut Reader) -> Self {
        Webhook {
            listen: r.take("webhook.listen", (Ipv4Addr::LOCALHOST, 8080).into()),
            max_connections: r.number("webhook.max_connections", 256, 8..=10_000),
            body_limit_bytes: r.number("webhook.body_limit_bytes", 256 * 1024, 1_024..=16 * 1024 * 1024),
            tolerance: r.take("webhook.tolerance", seconds(300)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        c.positive("webhook.tolerance", self.tolerance);
    }
}

/// How counted attempts at one operation are spaced.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Attempts that count before a person is asked.
    pub max_attempts: u32,
    /// Wait after the first; doubles each time, with jitter.
    pub base: Duration,
    /// The longest wait between two.
    pub max: Duration,
    /// Wait when Stripe was only busy: a rate limit, a lock. Such an attempt does not count.
    pub busy: Duration,
}

impl Retry {
    pub(super) fn read(r: &mut Reader) -> Self {
        Retry {
            max_attempts: r.number("retry.max_attempts", 3, 1..=20),
            base: r.take("retry.base", seconds(1)),
            max: r.take("retry.max", seconds(60)),
            busy: r.take("retry.busy", seconds(1)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        c.positive("retry.base", self.base);
        c.positive("retry.busy", self.busy);
        c.require(self.max >= self.base, "retry.max", || {
            "is shorter than retry.base: it is the longest wait, so write at least as much".to_owned()
        });
    }
}

/// What happens to an operation whose outcome is not known.
#[derive(Debug, Clone)]
pub struct Rescue {
    /// How long a worker may hold an operation before the rescuer takes it.
    pub lease: Duration,
    /// Between two looks for operations to rescue.
    pub interval: Duration,
    /// Between two attempts to rescue the same operation.
    pub retry: Duration,
    /// Up to this age a key is sent again; after it we only look.
    pub key_max_age: Duration,
    /// How long Stripe must go on saying that there is no transfer before we believe it.
    pub absence_grace: Duration,
    /// An outcome unknown for so long is told to the admin.
    pub unknown_alert_after: Duration,
}

impl Rescue {
    pub(super) fn read(r: &mut Reader) -> Self {
        Rescue {
            lease: r.take("rescue.lease", seconds(120)),
            interval: r.take("rescue.interval", seconds(15)),
            retry: r.take("rescue.retry", seconds(300)),
            key_max_age: r.take("rescue.key_max_age", LONGEST_KEY_AGE),
            absence_grace: r.take("rescue.absence_grace", seconds(900)),
            unknown_alert_after: r.take("rescue.unknown_alert_after", seconds(3_600)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        for (key, value) in [
            ("rescue.interval", self.interval),
            ("rescue.retry", self.retry),
            ("rescue.key_max_age", self.key_max_age),
            ("rescue.absence_grace", self.absence_grace),
            ("rescue.unknown_alert_after", self.unknown_alert_after),
        ] {
            c.positive(key, value);
        }
        let why = "Stripe forgets an idempotency key after 24h, and then pays again";
        c.at_most("rescue.key_max_age", self.key_max_age, LONGEST_KEY_AGE, why);
    }
}

/// When calls to Stripe are stopped altogether.
#[derive(Debug, Clone)]
pub struct Breaker {
    /// Failures in a row.
    pub failures_to_open: u32,
    /// Until one call is tried again.
    pub open_for: Duration,
}

impl Breaker {
    pub(super) fn read(r: &mut Reader) -> Self {
        Breaker {
            failures_to_open: r.number("breaker.failures_to_open", 5, 1..=1_000),
            open_for: r.take("breaker.open_for", seconds(30)),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        c.positive("breaker.open_for", self.open_for);
    }
}

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// As `tracing` reads it: `info`, `payoutd=debug,info`.
    pub filter: String,
}

/// For whom log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// People.
    Text,
    /// Programs: one JSON object a line.
    Json,
    /// systemd's journal, each field searchable by its name.
    Journald,
}
words!(LogFormat { "text" => LogFormat::Text, "json" => LogFormat::Json, "journald" => LogFormat::Journald });

impl Log {
    pub(super) fn read(r: &mut Reader) -> Self {
        Log {
            format: r.take("log.format", LogFormat::Text),
            filter: r.take("log.filter", "info,tokio_cron_scheduler=warn".to_owned()),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let parsed = tracing_subscriber::EnvFilter::builder().parse(&self.filter);
        c.require(parsed.is_ok(), "log.filter", || {
            format!(
                "\"{}\" is not a filter: write a level (error, warn, info, debug, trace) or \
                 \"payoutd=debug,info\"",
                self.filter
            )
        });
    }
}

/// The figures for Prometheus.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// A listener of their own, so that they are never on the address that the world sends webhooks to.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(r: &mut Reader) -> Self {
        Metrics { listen: r.take_optional("metrics.listen") }
    }

    pub(super) fn check(&self, webhook: &Webhook, c: &mut Checker<'_>) {
        let clash = |listen: SocketAddr| {
            let same_ip = listen.ip() == webhook.listen.ip()
                || listen.ip().is_unspecified()
                || webhook.listen.ip().is_unspecified();
            listen.port() != 0 && same_ip && listen.port() == webhook.listen.port()
        };
        c.require(!self.listen.is_some_and(clash), "metrics.listen", || {
            "is the address of webhook.listen, which the world can reach: give the figures a port of their own"
                .to_owned()
        });
    }
}

/// The end.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// For calls in flight to finish and be recorded.
    pub grace: Duration,
}

impl Shutdown {
    pub(super) fn read(r: &mut Reader) -> Self {
        Shutdown { grace: r.take("shutdown.grace", seconds(30)) }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        c.positive("shutdown.grace", self.grace);
    }
}
