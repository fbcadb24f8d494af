//! `payoutd status`: figures of what is not finished.

use anyhow::Result;

use super::{Output, show};
use crate::app;
use crate::config::Config;
use crate::ports::{Clock, StatusFigures, Store};

pub(super) async fn status(config: &Config, output: Output) -> Result<()> {
    let database = app::open_database(config)?;
    database.check().await?;
    let figures = database.status(app::SystemClock.now()).await?;
    if output.json {
        return show::json(&figures);
    }
    print(config, &figures);
    Ok(())
}

fn print(config: &Config, figures: &StatusFigures) {
    println!("Database   {}", config.database.url);
    match &figures.last_run {
        Some((at, what)) => println!("Last run   {}: {what}", show::time(*at)),
        None => println!("Last run   none yet"),
    }
    println!("Due now    {}", figures.due);
    section("Payments that are not paid", &figures.payments);
    section("Held, by reason (one payment may have several)", &figures.held);
    section("Operations under way", &figures.operations);
    section("Events that are not projected", &figures.events);
    section("Emails that are not sent", &figures.emails);
}

fn section(title: &str, figures: &[(String, i64)]) {
    println!("\n{title}");
    if figures.is_empty() {
        println!("  none");
    }
    let widest = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, count) in figures {
        println!("  {:<widest$}  {count:>8}", name.replace('_', " "));
    }
}
