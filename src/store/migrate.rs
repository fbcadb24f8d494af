//! Migrations: embedded, run under a lock, and compared with what the database says it has.

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::db::{Db, TxError};
use crate::ports::StoreError;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How the database's schema stands to this payoutd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaState {
    /// Migrations of this payoutd that the database does not have yet.
    pub pending: Vec<String>,
    /// Migrations of the database that this payoutd does not know: a newer payoutd made them.
    pub unknown: Vec<String>,
}

impl SchemaState {
    /// Fails, with what to do, unless the schema is just right.
    pub fn require_current(&self) -> Result<(), StoreError> {
        self.refuse_newer()?;
        match self.pending.as_slice() {
            [] => Ok(()),
            pending => Err(StoreError::Schema(format!(
                "the database lacks {} migration(s), the first is {}: run `payoutd migrate`, or start the daemon with \
                 database.migrate = \"auto\", its default",
                pending.len(),
                pending[0]
            ))),
        }
    }

    /// Fails if a newer payoutd has been at the database.
    pub fn refuse_newer(&self) -> Result<(), StoreError> {
        match self.unknown.as_slice() {
            [] => Ok(()),
            unknown => Err(StoreError::Schema(format!(
                "the database was migrated by a newer payoutd (it has {}): install that version or a later one",
                unknown.join(", ")
            ))),
        }
    }
}

/// Compares without writing.
pub(super) async fn state(db: &Db) -> Result<SchemaState, StoreError> {
    let known = match db {
        Db::Postgres(_) => versions::<Pg>(&POSTGRES)?,
        Db::Sqlite { .. } => versions::<Sqlite>(&SQLITE)?,
    };
    let applied: Vec<String> = read!(db, "read its migrations", |conn| versions::applied(conn))?;
    Ok(SchemaState {
        pending: known.iter().filter(|v| !applied.contains(v)).cloned().collect(),
        unknown: applied.iter().filter(|v| !known.contains(v)).cloned().collect(),
    })
}

fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(refused)?;
    let mut versions: Vec<String> = migrations.iter().map(|m| m.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

fn refused(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused { doing: "migrate", why: error.to_string() }
}

/// Runs what is pending, one process at a time. Answers what was run.
pub(super) async fn run(db: &Db) -> Result<Vec<String>, StoreError> {
    match db {
        Db::Postgres(pool) => {
            let (mut guard, conn) = (get!(pool)?, get!(pool)?);
            // A transaction's lock, on a connection beside: a session's would be stranded by a pooler in transaction
            // mode, where the unlocking may reach another session.
            let run = guard.transaction::<_, TxError, _>(async |guard| {
                guard.batch_execute("SELECT pg_advisory_xact_lock(7019001)").await?;
                let mut harness = AsyncMigrationHarness::new(conn);
                Ok(names(harness.run_pending_migrations(POSTGRES).map_err(refused)?))
            });
            run.await.map_err(|error| error.into_store("migrate"))
        }
        Db::Sqlite { pool, writer, path } => {
            let _turn = writer.lock().await;
            let lock = lock_file(&path.with_added_extension("migrate-lock")).map_err(refused)?;
            lock.lock().map_err(refused)?;
            let mut harness = AsyncMigrationHarness::new(get!(pool)?);
            Ok(names(harness.run_pending_migrations(SQLITE).map_err(refused)?))
        }
    }
}

/// For its owner alone, whatever the mask is: who can lock it can keep the daemon from starting.
fn lock_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn names(versions: Vec<MigrationVersion<'_>>) -> Vec<String> {
    versions.iter().map(ToString::to_string).collect()
}
