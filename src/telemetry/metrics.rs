//! The figures for Prometheus: every name there is, what it means, and the registry that gathers them. Whoever has
//! something to count does so through the `metrics` macros, where it happens; this file sets no value but the first.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// What Prometheus does with the values of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up only.
    Counter,
    /// Is what it is at the moment.
    Gauge,
    /// How often values fell under each bound.
    Histogram,
}

/// A name with its meaning.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// As Prometheus knows it; units last.
    pub name: &'static str,
    /// What is done with its values.
    pub kind: Kind,
    /// What it means, in a line.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Figure {
    Figure { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Figure {
    Figure { name, kind: Kind::Gauge, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Figure {
    Figure { name, kind: Kind::Histogram, help }
}

/// Every figure there is.
pub const FIGURES: [Figure; 34] = [
    gauge("payoutd_build_info", "Always 1; the version that runs is its label"),
    gauge(
        "payoutd_database_up",
        "1 when the database answered this scrape, else 0, and the figures from it are missing",
    ),
    gauge("payoutd_payments", "Payments that are not transferred, by status"),
    gauge(
        "payoutd_payments_due",
        "Payments that are to be looked at now; counted up to 10000, and 10001 is more than that",
    ),
    gauge(
        "payoutd_payments_near_limit",
        "Payments that near the limit of how long money may stay on the platform; 10001 is more than 10000",
    ),
    gauge("payoutd_payments_oldest_due_seconds", "How long the oldest due payment has waited; 0 when none is due"),
    gauge("payoutd_payments_held", "Held payments by reason; one with two reasons counts under both"),
    gauge("payoutd_operations", "Operations that are not at their end, by state; 10001 is more than 10000"),
    gauge("payoutd_operations_oldest_unknown_seconds", "How long the oldest unknown outcome has been unknown"),
    gauge("payoutd_events", "Webhook events that are not projected, by state; 10001 is more than 10000"),
    gauge("payoutd_events_oldest_seconds", "How long the oldest event has waited to be projected"),
    gauge("payoutd_emails", "Emails that are not sent, by state; 10001 is more than 10000"),
    gauge("payoutd_last_run_seconds", "Since the last run ended"),
    gauge("payoutd_last_catch_up_seconds", "Since payoutd last caught up with Stripe's events"),
    gauge("payoutd_discrepancies", "Differences from Stripe that stand, as last compared"),
    gauge("payoutd_breaker_open", "1 while calls to Stripe are stopped, else 0"),
    gauge("payoutd_loop_age_seconds", "Since each loop last turned"),
    gauge("payoutd_loop_late", "1 for a loop that should have turned by now, else 0"),
    counter("payoutd_runs_total", "Runs, by what asked for them and how they ended"),
    histogram("payoutd_run_seconds", "How long runs took"),
    counter(
        "payoutd_transfer_outcomes_total",
        "What attempts at a transfer came to, by the operation's state after it",
    ),
    counter("payoutd_stripe_requests_total", "Requests to Stripe, by resource and outcome"),
    histogram("payoutd_stripe_request_seconds", "How long requests to Stripe took, by resource"),
    counter("payoutd_webhooks_total", "Webhooks that came in, by what became of them"),
    counter("payoutd_api_requests_total", "Requests of the API, by route, method and status"),
    histogram("payoutd_webhook_lag_seconds", "From a webhook's arrival to its projection"),
    counter("payoutd_email_attempts_total", "Attempts to send an email, by outcome"),
    counter("payoutd_daily_chores_total", "What is done once a day and this daemon did"),
    counter("payoutd_removed_total", "Rows that were removed, since they had been kept long enough, by what they were"),
    counter("payoutd_sweeps_total", "Lists of what changed at Stripe that were gone through before paying, by outcome"),
    counter("payoutd_catch_ups_total", "How often this daemon caught up with Stripe's events"),
    counter("payoutd_events_caught_up_total", "Events that catching up found and no webhook had brought"),
    counter("payoutd_reloads_total", "Readings of the configuration after SIGHUP, by outcome"),
    counter("payoutd_figures_failed_total", "Scrapes for which the database could not be asked"),
];

/// Counters that are there from the first scrape on, since an alert on a rate needs the zero before the one.
const BEGUN_AT_ZERO: [(&str, &str, &[&str]); 8] = [
    (
        "payoutd_transfer_outcomes_total",
        "outcome",
        &["confirmed", "rejected", "unknown", "planned", "lease_lost", "not_written"],
    ),
    ("payoutd_webhooks_total", "outcome", &["kept", "again", "unreadable", "refused", "not_kept"]),
    ("payoutd_email_attempts_total", "outcome", &["sent", "later", "given_up"]),
    ("payoutd_daily_chores_total", "chore", &["platform_limit", "digest", "audit", "reconcile", "retention"]),
    ("payoutd_removed_total", "what", &["events", "attempts", "emails", "api_writes", "runs"]),
    ("payoutd_sweeps_total", "outcome", &["good", "failed"]),
    ("payoutd_reloads_total", "outcome", &["ok", "refused"]),
    ("payoutd_figures_failed_total", "why", &["database"]),
];

/// Bounds in seconds: from what a call takes at best to beyond every timeout.
const BOUNDS_S: [f64; 12] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]; // float: not money

/// The registry of this process, made at the first call.
///
/// # Errors
/// When something else in this process gathers figures already.
pub fn registry() -> Result<PrometheusHandle, BuildError> {
    static REGISTRY: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = REGISTRY.get() {
        return Ok(handle.clone());
    }
    let mut builder = PrometheusBuilder::new();
    for figure in FIGURES.iter().filter(|figure| figure.kind == Kind::Histogram) {
        builder = builder.set_buckets_for_metric(Matcher::Full(figure.name.to_owned()), &BOUNDS_S)?;
    }
    match builder.install_recorder() {
        Ok(handle) => {
            describe();
            begin();
            Ok(REGISTRY.get_or_init(|| handle).clone())
        }
        // Two daemons of one process that started at the same moment: the other one made it.
        Err(error) => REGISTRY.get().cloned().ok_or(error),
    }
}

fn describe() {
    for Figure { name, kind, help } in FIGURES {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, help),
            Kind::Gauge => metrics::describe_gauge!(name, help),
            Kind::Histogram => metrics::describe_histogram!(name, help),
        }
    }
}

fn begin() {
    metrics::gauge!("payoutd_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    for (name, label, values) in BEGUN_AT_ZERO {
        for value in values {
            metrics::counter!(name, label => *value).absolute(0);
        }
    }
    metrics::counter!("payoutd_runs_total", "trigger" => "schedule", "outcome" => "ok").absolute(0);
    metrics::counter!("payoutd_catch_ups_total").absolute(0);
    metrics::counter!("payoutd_events_caught_up_total").absolute(0);
}
