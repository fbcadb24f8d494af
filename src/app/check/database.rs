//! The database: whether it can be reached and is up to date, and who is at work on it. It is neither made nor migrated.

use std::path::Path;

use super::{Finding, Looked, in_time};
use crate::app::lock;
use crate::app::wiring::{AppError, open_database};
use crate::config::{Config, DatabaseUrl, Migrate};
use crate::ports::StoreError;
use crate::store::{Database, SchemaState};

const NAME: &str = "database";
const AWAY_FIX: &str =
    "start the server, and let database.url (DATABASE_URL) name it with the right user, password and database";

pub(super) async fn look(config: &Config) -> Looked<Database> {
    let DatabaseUrl::Sqlite { path } = &config.database.url else { return reach(config).await };
    let daemon = daemon(path);
    let mut looked = match path.metadata() {
        Ok(file) if file.len() > 0 => match lock::writable(path) {
            Ok(()) => reach(config).await,
            Err(why) => found(Finding::failed(NAME, why.to_string())),
        },
        _ if config.database.migrate == Migrate::Auto => {
            found(Finding::ok(NAME, format!("there is none at {} yet: `payoutd serve` makes it", path.display())))
        }
        _ => found(Finding::fail(NAME, format!("there is none at {} yet", path.display()), "run `payoutd migrate`")),
    };
    looked.findings.push(daemon);
    looked
}

fn found(finding: Finding) -> Looked<Database> {
    Looked { findings: vec![finding], usable: None }
}

async fn reach(config: &Config) -> Looked<Database> {
    let reached = in_time(async {
        let database = open_database(config)?;
        let state = database.schema_state().await?;
        Ok::<_, AppError>((database, state))
    });
    match reached.await {
        Err(silence) => found(Finding::fail(NAME, format!("{}: {silence}", config.database.url), AWAY_FIX)),
        Ok(Err(error)) => {
            let words = format!("{}: {error}", config.database.url);
            let is_away = matches!(error, AppError::Store(StoreError::Away(_)));
            found(if is_away { Finding::fail(NAME, words, AWAY_FIX) } else { Finding::failed(NAME, words) })
        }
        Ok(Ok((database, state))) => {
            let current = state.pending.is_empty() && state.unknown.is_empty();
            Looked { findings: vec![schema(config, &state)], usable: current.then_some(database) }
        }
    }
}

fn schema(config: &Config, state: &SchemaState) -> Finding {
    let url = &config.database.url;
    if let Err(newer) = state.refuse_newer() {
        return Finding::failed(NAME, format!("{url}: {newer}"));
    }
    let Some(first) = state.pending.first() else { return Finding::ok(NAME, format!("{url} is up to date")) };
    let found = format!("{url} lacks {} migration(s), the first is {first}", state.pending.len());
    match config.database.migrate {
        Migrate::Auto => {
            Finding::warn(NAME, found, "`payoutd serve` runs them at its start; `payoutd migrate` does now")
        }
        Migrate::Manual => Finding::fail(NAME, found, "run `payoutd migrate`: database.migrate is \"manual\""),
    }
}

/// Who works on the SQLite file. One daemon may.
fn daemon(database: &Path) -> Finding {
    let name = "daemon";
    match lock::holder(database) {
        lock::Holder::Nobody => Finding::ok(name, "none is running on this database"),
        lock::Holder::Daemon(Some(pid)) => {
            Finding::ok(name, format!("one is running on this database (process {pid})"))
        }
        lock::Holder::Daemon(None) => Finding::ok(name, "one is running on this database"),
        lock::Holder::Unknown(why) => Finding::skipped(name, format!("whether one is running cannot be told: {why}")),
    }
}
