//! `payoutd backup`: a copy of an SQLite database, made while the daemon works with it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::app;
use crate::config::{Config, DatabaseUrl};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Where the copy goes; a file that is there is never written over
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn backup(config: &Config, args: BackupArgs) -> Result<()> {
    if matches!(config.database.url, DatabaseUrl::Postgres { .. }) {
        anyhow::bail!(
            "the database is PostgreSQL: back it up with `pg_dump -Fc`, or with its own continuous archiving; what was done \
             since is found at Stripe after a restore, see README, \"Backup and restore\""
        );
    }
    let bytes = app::existing_database(config).await?.backup(&args.file).await?;
    outln!("{} ({bytes} bytes): a whole database, checked; mode 0600.", args.file.display());
    Ok(())
}
