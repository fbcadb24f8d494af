//! `/metrics` as Prometheus meets it: a parser of its format reads it, every name is there, and only where it belongs.

use std::collections::{BTreeMap, BTreeSet};

use payoutd::telemetry::metrics::{FIGURES, Kind};
use prometheus_parse::{Scrape, Value};

use crate::world::{SECRET, World, get, send_event};

fn scrape(text: &str) -> Scrape {
    Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("Prometheus' text format")
}

fn value(scrape: &Scrape, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let fits = |sample: &&prometheus_parse::Sample| {
        sample.metric == name && labels.iter().all(|(label, value)| sample.labels.get(label) == Some(value))
    };
    match scrape.samples.iter().find(fits)?.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => Some(value),
        _ => None,
    }
}

/// Given a daemon that took three webhooks, when it is scraped, then what it counted is there, with a meaning for each
/// name, and nothing of it on the public address.
#[test]
fn a_scrape_is_read_by_a_parser_of_its_format() {
    let world = World::new();
    let serving = world.serve();
    assert_eq!(send_event(serving.webhooks, SECRET, "evt_1"), 200);
    assert_eq!(send_event(serving.webhooks, SECRET, "evt_1"), 200);
    assert_eq!(send_event(serving.webhooks, "whsec_other", "evt_2"), 400);
    let (status, text) = get(serving.metrics, "/metrics");
    assert_eq!(status, 200);
    let scrape = scrape(&text);

    let webhooks = |outcome| value(&scrape, "payoutd_webhooks_total", &[("outcome", outcome)]);
    assert_eq!((webhooks("kept"), webhooks("again"), webhooks("refused")), (Some(1.0), Some(1.0), Some(1.0)), "{text}");
    for (name, labels, expected) in [
        ("payoutd_database_up", vec![], 1.0),
        ("payoutd_payments_due", vec![], 0.0),
        ("payoutd_payments_near_limit", vec![], 0.0),
        ("payoutd_payments_held", vec![("reason", "flagged")], 0.0),
        ("payoutd_operations", vec![("state", "unknown")], 0.0),
        ("payoutd_operations_oldest_unknown_seconds", vec![], 0.0),
        ("payoutd_emails", vec![("state", "queued")], 0.0),
        ("payoutd_breaker_open", vec![], 0.0),
        ("payoutd_loop_late", vec![("loop", "schedule")], 0.0),
        ("payoutd_build_info", vec![("version", env!("CARGO_PKG_VERSION"))], 1.0),
    ] {
        assert_eq!(value(&scrape, name, &labels), Some(expected), "{name}: {text}");
    }
    for name in scrape.samples.iter().map(|sample| sample.metric.as_str()) {
        let of_a_histogram = name.strip_suffix("_sum").or(name.strip_suffix("_count"));
        assert!(
            [Some(name), of_a_histogram].into_iter().flatten().any(|name| scrape.docs.contains_key(name)),
            "{name}: no HELP"
        );
    }
    let missing = FIGURES.iter().filter(|figure| figure.kind != Kind::Histogram);
    let missing = missing.filter(|figure| !scrape.samples.iter().any(|sample| sample.metric == figure.name));
    // Catching up begins with the daemon, and may have asked Stripe by now.
    let begins = ["payoutd_last_catch_up_seconds", "payoutd_stripe_requests_total"];
    let missing = missing.map(|figure| figure.name).filter(|name| !begins.contains(name));
    assert_eq!(missing.collect::<Vec<_>>(), ["payoutd_last_run_seconds", "payoutd_api_requests_total"]);
    assert_eq!(get(serving.webhooks, "/metrics").0, 404, "the world sees no figures");
    assert_eq!(get(serving.metrics, "/webhooks/stripe").0, 404);
}

/// The names that the code counts under, by the file they stand in.
fn counted(dir: &std::path::Path, into: &mut BTreeMap<String, (Kind, String)>) {
    for entry in std::fs::read_dir(dir).expect("the sources").map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            counted(&entry, into);
            continue;
        }
        let text = std::fs::read_to_string(&entry).expect("text");
        for (word, kind) in [("counter!(", Kind::Counter), ("gauge!(", Kind::Gauge), ("histogram!(", Kind::Histogram)] {
            let names =
                text.split(word).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
            into.extend(names.map(|name| (name.to_owned(), (kind, entry.display().to_string()))));
        }
    }
}

/// A name that is counted under but not listed has no meaning; one that is listed but never counted tells nothing.
#[test]
fn every_figure_is_listed_and_every_listed_one_is_told() {
    let mut found = BTreeMap::new();
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    counted(&sources, &mut found);
    for (name, (kind, file)) in &found {
        let listed = FIGURES.iter().find(|figure| figure.name == name);
        assert_eq!(listed.map(|figure| figure.kind), Some(*kind), "{file}: {name}");
    }
    // Those with a label each are told in a loop over their names.
    let looped =
        ["payoutd_payments", "payoutd_payments_held", "payoutd_operations", "payoutd_events", "payoutd_emails"];
    let told: BTreeSet<&str> = found.keys().map(String::as_str).chain(looped).collect();
    let listed: BTreeSet<&str> = FIGURES.iter().map(|figure| figure.name).collect();
    assert_eq!(told, listed);
}
