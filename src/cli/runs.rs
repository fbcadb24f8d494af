//! `payoutd runs`: what the release runs did.

use anyhow::Result;
use clap::Args;

use super::lists::{PageArgs, short};
use super::show;
use crate::app;
use crate::config::Config;
use crate::ports::{Desk, RunEntry};

#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Only runs that could not do everything
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn runs(config: &Config, args: RunsArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let runs = database.runs(args.failed, args.page.page()).await?;
    if args.output.json {
        return show::json(&runs);
    }
    if runs.is_empty() {
        outln!("{}", if args.failed { "No run failed." } else { "There was no run yet." });
        return Ok(());
    }
    let header = [
        "run",
        "began",
        "trigger",
        "took",
        "looked at",
        "transferred",
        "held",
        "waiting",
        "failed",
        "unfinished",
        "error",
    ];
    outln!("{}", show::table(&header, &[0, 3, 4, 5, 6, 7, 8, 9], runs.iter().map(row)));
    args.page.say_more(runs.len(), runs.last().map(|run| run.id));
    Ok(())
}

fn row(run: &RunEntry) -> Vec<String> {
    let counts = [run.looked_at, run.transferred, run.held, run.waiting, run.failed, run.unfinished];
    let named = [run.id.to_string(), show::time(run.started_at), run.trigger.clone(), took(run.duration_ms)];
    // Until a run ends its counts are not known.
    let counts = counts.map(|count| if run.finished_at.is_some() { count.to_string() } else { "-".to_owned() });
    named.into_iter().chain(counts).chain([short(run.error.as_deref())]).collect()
}

fn took(duration_ms: Option<i64>) -> String {
    match duration_ms {
        None => "not ended".to_owned(),
        Some(ms @ ..1_000) => format!("{ms} ms"),
        Some(ms) => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_are_told_in_the_unit_that_fits() {
        for (ms, told) in [(Some(0), "0 ms"), (Some(999), "999 ms"), (Some(1_250), "1.2 s"), (Some(61_000), "61.0 s")] {
            assert_eq!(super::took(ms), told);
        }
        assert_eq!(super::took(None), "not ended");
    }
}
