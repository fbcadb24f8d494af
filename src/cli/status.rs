//! `payoutd status`: figures of what is not finished.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Output, show};
use crate::app;
use crate::config::Config;
use crate::ports::{Clock, StatusFigures, Store, SweepFigures, counted};

pub(super) async fn status(config: &Config, output: Output) -> Result<()> {
    let database = app::existing_database(config).await?;
    let figures = database.status(app::SystemClock.now()).await?;
    if output.json {
        return show::json(&figures);
    }
    print(config, &figures);
    Ok(())
}

fn print(config: &Config, figures: &StatusFigures) {
    outln!("Database   {}", config.database.url);
    match &figures.last_run {
        Some(run) => outln!("Last run   {}: {run}", show::time(run.finished_at)),
        None => outln!("Last run   none yet"),
    }
    outln!("Caught up  {}", caught_up(figures));
    if let Some(sweep) = &figures.sweep {
        outln!("Swept      {}", swept(sweep));
    }
    if figures.discrepancies > 0 {
        outln!("Differs    {} (payoutd reconcile)", figures.discrepancies);
    }
    outln!("Due now    {}", counted(figures.due));
    if figures.near_limit > 0 {
        outln!("Near limit {} (payoutd payments --near-limit)", counted(figures.near_limit));
    }
    section("Payments that are not paid", &figures.payments, i64::to_string);
    section("Held, by reason (one payment may have several)", &figures.held, i64::to_string);
    section("Operations under way", &figures.operations, |count| counted(*count));
    section("Events that are not projected", &figures.events, |count| counted(*count));
    section("Emails that are not sent", &figures.emails, |count| counted(*count));
}

fn caught_up(figures: &StatusFigures) -> String {
    let Some((continuity, at)) = figures.continuity.and_then(|known| Some((known, known.caught_up_at?))) else {
        return "with Stripe's events: never yet".to_owned();
    };
    let found = continuity.caught_up_found;
    let events = if found == 1 { "event" } else { "events" };
    format!("{}: {found} {events} that no webhook had brought", show::time(at))
}

fn swept(sweep: &SweepFigures) -> String {
    let last = sweep.swept_at.map_or("Stripe's lists: never to their end".to_owned(), show::time);
    let failing = sweep.failing_since.map(|since| format!("; failing since {}", show::time(since)));
    last + &failing.unwrap_or_default()
}

fn section(title: &str, figures: &BTreeMap<String, i64>, written: fn(&i64) -> String) {
    outln!("\n{title}");
    if figures.is_empty() {
        outln!("  none");
    }
    let widest = figures.keys().map(String::len).max().unwrap_or(0);
    for (name, count) in figures {
        outln!("  {name:<widest$}  {:>8}", written(count));
    }
}
