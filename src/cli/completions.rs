//! `payoutd completions`: what a shell needs to complete payoutd's commands and options, made from the command line's
//! own definition.

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::{Generator, Shell};

use super::{Cli, show};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Whose completions to print
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(args: CompletionsArgs) -> Result<()> {
    let mut command = Cli::command();
    command.set_bin_name("payoutd");
    command.build();
    let mut script = Vec::new();
    // `clap_complete::generate` panics where this answers.
    let made = args.shell.try_generate(&command, &mut script);
    made.with_context(|| format!("the completions for {} cannot be made", args.shell))?;
    let script =
        String::from_utf8(script).with_context(|| format!("the completions for {} are no text", args.shell))?;
    show::line(script.trim_end());
    Ok(())
}
