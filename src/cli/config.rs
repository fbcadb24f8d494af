//! `payoutd config show`: every setting as it was merged, with where it came from, and no secret.

use std::path::Path;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Output, show};
use crate::config::{Config, ConfigError, Gathered, Origin, Shown};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting, where it came from, and what is wrong
    #[command(after_help = "Examples:\n  payoutd config show\n  payoutd config show --set-only\n  \
        payoutd --config ./payoutd.toml config show --json")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Leave out what has its default
    #[arg(long)]
    set_only: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn config(path: Option<&Path>, command: ConfigCommand) -> Result<()> {
    let ConfigCommand::Show(args) = command;
    let gathered = super::gather(path);
    let rows = gathered.merged.as_ref().map(|config| rows(config, args.set_only)).unwrap_or_default();
    if args.output.json {
        as_json(&gathered, &rows)?;
    } else {
        print(&gathered, &rows);
    }
    Ok(gathered.problems?)
}

struct Row<'a> {
    key: &'a str,
    value: &'a Shown,
    origin: &'a Origin,
}

fn rows(config: &Config, set_only: bool) -> Vec<Row<'_>> {
    let wanted = |row: &Row<'_>| !set_only || *row.origin != Origin::Default;
    let row = |(key, value)| Some(Row { key, value, origin: config.origins().get(key)? });
    config.shown().iter().filter_map(|(key, value)| row((key.as_str(), value))).filter(wanted).collect()
}

fn print(gathered: &Gathered, rows: &[Row<'_>]) {
    if gathered.merged.is_none() {
        return;
    }
    match &gathered.file {
        Some(path) => outln!("From {} and the environment, which wins:\n", path.display()),
        None => outln!("From the environment alone; there is no file:\n"),
    }
    let value = |value: &Shown| match value {
        Shown::Value(value) => value.clone(),
        Shown::NotSet => "-".to_owned(),
        Shown::Wrong => "(not valid)".to_owned(),
    };
    let cells = rows.iter().map(|row| vec![row.key.to_owned(), value(row.value), row.origin.to_string()]);
    match rows {
        [] => outln!("Nothing is set: every value is its default."),
        _ => outln!("{}", show::table(&["key", "value", "from"], &[], cells)),
    }
}

fn as_json(gathered: &Gathered, rows: &[Row<'_>]) -> Result<()> {
    let secrets = Config::secret_keys();
    let settings = rows.iter().map(|row| {
        let value = match row.value {
            Shown::Value(value) => Some(value),
            Shown::NotSet | Shown::Wrong => None,
        };
        json!({
            "key": row.key,
            "value": value,
            "valid": *row.value != Shown::Wrong,
            "secret": secrets.contains(&row.key),
            "origin": row.origin.to_string(),
            "is_default": *row.origin == Origin::Default,
        })
    });
    let problems = gathered.problems.as_ref().err().map(ConfigError::problems).unwrap_or_default();
    show::json(&json!({
        "file": gathered.file,
        "settings": settings.collect::<Vec<_>>(),
        "problems": problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}
