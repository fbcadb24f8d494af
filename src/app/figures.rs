//! The figures of a scrape: what stands in the database is asked for at that moment, the rest was counted where it
//! happened.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::jobs::{Pulse, SharedBreaker};
use crate::ports::{Clock, Figures, StatusFigures, Store};

/// A scraper gives up after ten seconds; figures without the database's are worth more than none.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Gathers them when asked.
pub(super) struct Gauges {
    pub store: Arc<dyn Store>,
    pub breaker: Arc<SharedBreaker>,
    pub pulse: Arc<Pulse>,
    pub clock: Arc<dyn Clock>,
    pub registry: PrometheusHandle,
    /// Labels that had a value before; each has to become zero when it is gone. One scrape at a time.
    pub seen: Mutex<Vec<(&'static str, &'static str, String)>>,
}

#[async_trait]
impl Figures for Gauges {
    async fn text(&self) -> String {
        let mut seen = self.seen.lock().await;
        match timeout(LOOK_TIMEOUT, self.store.status(self.clock.now())).await {
            Ok(Ok(figures)) => {
                gauge!("payoutd_database_up").set(1);
                of_the_database(&figures, self.clock.now(), &mut seen);
            }
            failed => {
                let why = failed.map_or("it took too long".to_owned(), |answer| match answer {
                    Ok(_) => String::new(),
                    Err(error) => error.to_string(),
                });
                tracing::warn!(error = why, "the database's figures cannot be read");
                gauge!("payoutd_database_up").set(0);
                metrics::counter!("payoutd_figures_failed_total", "why" => "database").increment(1);
            }
        }
        gauge!("payoutd_breaker_open").set(u32::from(self.breaker.trouble().is_some()));
        for turning in self.pulse.look() {
            let age = turning.age.as_secs_f64(); // float: not money
            gauge!("payoutd_loop_age_seconds", "loop" => turning.name).set(age);
            gauge!("payoutd_loop_late", "loop" => turning.name).set(u32::from(turning.late));
        }
        self.registry.run_upkeep();
        self.registry.render()
    }
}

fn of_the_database(figures: &StatusFigures, now: DateTime<Utc>, seen: &mut Vec<(&'static str, &'static str, String)>) {
    gauge!("payoutd_payments_due").set(counted(figures.due));
    let since = |at: Option<DateTime<Utc>>| at.map_or(0, |at| (now - at).num_seconds().max(0));
    gauge!("payoutd_payments_oldest_due_seconds").set(counted(since(figures.oldest_due_at)));
    gauge!("payoutd_payments_near_limit").set(counted(figures.near_limit));
    gauge!("payoutd_operations_oldest_unknown_seconds").set(counted(since(figures.oldest_unknown_at)));
    gauge!("payoutd_events_oldest_seconds").set(counted(since(figures.oldest_event_at)));
    gauge!("payoutd_discrepancies").set(counted(figures.discrepancies));
    if let Some(at) = figures.continuity.and_then(|known| known.caught_up_at) {
        gauge!("payoutd_last_catch_up_seconds").set(counted(since(Some(at))));
    }
    if let Some(run) = &figures.last_run {
        gauge!("payoutd_last_run_seconds").set(counted(since(Some(run.finished_at))));
    }
    for (name, label, value) in seen.iter() {
        gauge!(*name, *label => value.clone()).set(0);
    }
    for (name, label, counts) in [
        ("payoutd_payments", "status", &figures.payments),
        ("payoutd_payments_held", "reason", &figures.held),
        ("payoutd_operations", "state", &figures.operations),
        ("payoutd_events", "state", &figures.events),
        ("payoutd_emails", "state", &figures.emails),
    ] {
        for (value, count) in counts {
            gauge!(name, label => value.clone()).set(counted(*count));
            let entry = (name, label, value.clone());
            if !seen.contains(&entry) {
                seen.push(entry);
            }
        }
    }
}

/// A gauge takes no 64-bit integers; no count comes near the limit.
fn counted(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

/// The common reasons; a rare one is shown from its first payment on.
const HELD_FOR: [&str; 8] = [
    "flagged",
    "dispute_open",
    "payment_hold",
    "mentor_hold",
    "mentor_unnamed",
    "mentor_unknown",
    "no_account",
    "transfers_inactive",
];

/// Labels that are always shown, with zero where there is nothing: an alert cannot be written on what is not there.
pub(super) fn always_shown() -> Vec<(&'static str, &'static str, String)> {
    let of =
        |name, label, values: &[&str]| -> Vec<_> { values.iter().map(|v| (name, label, (*v).to_owned())).collect() };
    [
        of("payoutd_payments", "status", &["pending", "held", "releasing", "failed", "unpaid", "refunded"]),
        of("payoutd_payments_held", "reason", &HELD_FOR),
        of("payoutd_operations", "state", &["planned", "submitting", "unknown"]),
        of("payoutd_events", "state", &["pending", "failed"]),
        of("payoutd_emails", "state", &["queued", "failed"]),
    ]
    .concat()
}
