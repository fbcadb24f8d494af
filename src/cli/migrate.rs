//! `payoutd migrate`: brings the database up to date, or says how it stands.

use anyhow::Result;
use clap::Args;

use crate::app;
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// Only say what would be run
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn migrate(config: &Config, args: MigrateArgs) -> Result<()> {
    let database = app::open_database(config)?;
    if args.dry_run {
        let state = database.schema_state().await?;
        state.refuse_newer()?;
        return say("would run", &state.pending);
    }
    say("ran", &database.migrate().await?)
}

fn say(verb: &str, migrations: &[String]) -> Result<()> {
    for migration in migrations {
        outln!("{verb} {migration}");
    }
    if migrations.is_empty() {
        outln!("The database is up to date.");
    }
    Ok(())
}
