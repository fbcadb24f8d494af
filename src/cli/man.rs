//! `payoutd man`: the manual pages, made from the command line's own definition, so that they cannot tell of an option
//! that is not there.

mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, show};

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write payoutd.1 and a page for each command into this directory
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
}

pub(super) fn man(args: ManArgs) -> Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    match args.out {
        None => {
            show::line(page(&command, Kind::Program)?.trim_end());
            Ok(())
        }
        Some(dir) => {
            std::fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
            let pages = write(&command, Kind::Program, &dir)?;
            outln!("{pages} pages are in {}", dir.display());
            Ok(())
        }
    }
}

/// Whose page it is: the program's tells what holds for every command, the others refer to it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Program,
    Command,
}

/// Writes the page of a command and those below it, and answers how many they are.
fn write(command: &Command, kind: Kind, dir: &Path) -> Result<usize> {
    let path = dir.join(format!("{}.1", name(command)));
    std::fs::write(&path, page(command, kind)?).with_context(|| format!("{} cannot be written", path.display()))?;
    let mut pages = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages += write(below, Kind::Command, dir)?;
    }
    Ok(pages)
}

/// `payoutd-mentor-add`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, kind: Kind) -> Result<String> {
    let source = concat!("payoutd ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual("payoutd");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    let mut more = Roff::default();
    if let Some(text) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        examples(&mut more, &text.to_string());
    }
    match kind {
        Kind::Program => words::of_the_program(&mut more),
        Kind::Command => words::of_a_command(&mut more),
    }
    more.to_writer(&mut page)?;
    String::from_utf8(page).with_context(|| format!("the page of {} is no text", name(command)))
}

/// What `--help` shows below the options. What is indented there stands as it is; the rest is prose.
fn examples(page: &mut Roff, text: &str) {
    let body = ["Examples:", "Example:"].iter().find_map(|heading| text.strip_prefix(heading));
    page.control("SH", [if body.is_some() { "EXAMPLES" } else { "NOTES" }]);
    let mut as_it_is = false;
    for line in body.unwrap_or(text).trim_start_matches('\n').lines() {
        let indented = line.starts_with(' ');
        if indented != as_it_is {
            page.control(if indented { "nf" } else { "fi" }, []);
            as_it_is = indented;
        }
        match line.trim() {
            "" => page.control("PP", []),
            words => page.text([roman(words)]),
        };
    }
    if as_it_is {
        page.control("fi", []);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples_of(text: &str) -> String {
        let mut page = Roff::default();
        examples(&mut page, text);
        page.to_roff()
    }

    #[test]
    fn examples_keep_their_lines_and_prose_flows() {
        let page = examples_of("Examples:\n  payoutd hold 42\n  payoutd lift 42\nBoth are on record.");
        assert_eq!(page, ".SH EXAMPLES\n.nf\npayoutd hold 42\npayoutd lift 42\n.fi\nBoth are on record.\n");
    }

    #[test]
    fn what_is_no_example_is_a_note() {
        assert_eq!(examples_of("It keeps nothing."), ".SH NOTES\nIt keeps nothing.\n");
    }

    #[test]
    fn a_block_at_the_end_is_closed() {
        assert_eq!(examples_of("Example:\n  payoutd demo"), ".SH EXAMPLES\n.nf\npayoutd demo\n.fi\n");
    }
}
