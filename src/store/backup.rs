//! A copy of an SQLite database while others work with it. The copy says of itself that it is one: payoutd, started on it,
//! takes nothing of before for known.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};

use super::db::Db;
use super::{Database, Result};
use crate::ports::StoreError;

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

impl Database {
    /// Copies the database to a new file, readable by its owner only, and checks the copy. Answers its size in bytes.
    ///
    /// # Errors
    /// When the file is there already, cannot be written, or is not whole; a broken copy is removed.
    pub async fn backup(&self, to: &Path) -> Result<u64> {
        let Db::Sqlite { path, .. } = &self.db else {
            return Err(refused("PostgreSQL has its own tools: use pg_dump"));
        };
        let (from, to) = (path.clone(), to.to_owned());
        let copying = tokio::task::spawn_blocking(move || copy(&from, &to));
        copying.await.unwrap_or_else(|panic| Err(refused(panic)))
    }
}

fn refused(why: impl std::fmt::Display) -> StoreError {
    StoreError::Refused { doing: "back up", why: why.to_string() }
}

fn copy(from: &Path, to: &Path) -> Result<u64> {
    let not = |what: &str, e: std::io::Error| refused(format!("{}: {what}: {e}", to.display()));
    // Made first, empty and private: SQLite writes into an empty file, and nobody else can have it open.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    made.map_err(|e| not("a new file cannot be made there", e))?;
    let copied = vacuum_into(from, to).and_then(|()| mark_and_check(to));
    if let Err(error) = copied {
        // The error is what matters; the half of a copy must not be taken for one.
        let _ = std::fs::remove_file(to);
        return Err(error);
    }
    let file = File::open(to).map_err(|e| not("the copy cannot be opened", e))?;
    file.sync_all().map_err(|e| not("the copy cannot be brought to the disk", e))?;
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    let dir = File::open(dir).and_then(|dir| dir.sync_all());
    dir.map_err(|e| not("its directory cannot be brought to the disk", e))?;
    Ok(file.metadata().map_err(|e| not("its size cannot be read", e))?.len())
}

fn connect(path: &Path) -> Result<SqliteConnection> {
    let path_text = path.to_str().ok_or_else(|| refused("a path must be UTF-8"))?;
    SqliteConnection::establish(path_text).map_err(|e| refused(format!("{}: {e}", path.display())))
}

/// All of one moment, while others read and write.
fn vacuum_into(from: &Path, to: &Path) -> Result<()> {
    let mut conn = connect(from)?;
    let to = to.to_str().ok_or_else(|| refused("a path must be UTF-8"))?;
    let run = |conn: &mut SqliteConnection, sql: &str| diesel::sql_query(sql).execute(conn).map_err(refused);
    run(&mut conn, "PRAGMA busy_timeout = 30000")?;
    diesel::sql_query("VACUUM INTO $1").bind::<Text, _>(to).execute(&mut conn).map_err(refused)?;
    Ok(())
}

fn mark_and_check(copy: &Path) -> Result<()> {
    let mut conn = connect(copy)?;
    // Whoever works with it next begins anew: however soon that is, something may have been sent in between.
    diesel::sql_query("UPDATE continuity SET beat_at = NULL").execute(&mut conn).map_err(refused)?;
    let found: Vec<Verdict> = diesel::sql_query("PRAGMA integrity_check").load(&mut conn).map_err(refused)?;
    match found.first().map(|verdict| verdict.integrity_check.as_str()) {
        Some("ok") => Ok(()),
        other => Err(refused(format!("the copy is not whole: {}", other.unwrap_or("no answer")))),
    }
}
