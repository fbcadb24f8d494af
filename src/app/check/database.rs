//! The database: whether it can be reached and is up to date, and who is at work on it. It is neither made nor migrated.

use std::io::ErrorKind;
use std::path::Path;

use super::{CheckState, Finding, Looked, in_time, state_dir};
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
    let mut looked = match path.metadata() {
        Ok(file) if file.len() > 0 => match lock::writable(path) {
            Ok(()) => reach(config).await,
            Err(why) => found(Finding::failed(NAME, why.to_string())),
        },
        Err(why) if why.kind() != ErrorKind::NotFound => {
            let fix = "run payoutd as the user whom it belongs to, or correct database.url or state_dir";
            found(Finding::fail(NAME, format!("{}: {why}", path.display()), fix))
        }
        Ok(_) | Err(_) => found(none_yet(config, path)),
    };
    looked.findings.push(daemon(path));
    looked
}

/// There is no file, or nothing in it.
fn none_yet(config: &Config, path: &Path) -> Finding {
    let place = state_dir::writable(NAME, path.parent().unwrap_or(Path::new("")));
    if place.state == CheckState::Fail {
        return place;
    }
    let found = format!("there is none at {} yet", path.display());
    match config.database.migrate {
        Migrate::Auto => Finding::ok(NAME, format!("{found}: `payoutd serve` makes it")),
        Migrate::Manual => Finding::fail(NAME, found, "run `payoutd migrate`: database.migrate is \"manual\""),
    }
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
