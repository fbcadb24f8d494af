//! `payoutd check`: one line a check, with the fix where one is needed.

use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde_json::json;

use super::exit::Exit;
use super::{Output, show};
use crate::app::{self, CheckState, Finding};

pub(super) async fn check(path: Option<&Path>, output: Output) -> Result<ExitCode> {
    let findings = app::check(&super::gather(path)).await;
    let failed = count(&findings, CheckState::Fail);
    if output.json {
        show::json(&json!({ "ok": failed == 0, "checks": findings }))?;
    } else {
        print(&findings, failed);
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { Exit::Failure.into() })
}

fn count(findings: &[Finding], state: CheckState) -> usize {
    findings.iter().filter(|finding| finding.state == state).count()
}

fn print(findings: &[Finding], failed: usize) {
    let widest = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for finding in findings {
        let (word, style) = shown(finding.state);
        let fix = finding.fix.as_ref().map_or(String::new(), |fix| format!("; {fix}"));
        show::styled_line(&format!(
            "{:<widest$}  {style}{word:<7}{style:#}  {}{fix}",
            finding.check,
            one_line(&finding.found)
        ));
    }
    let warned = count(findings, CheckState::Warn);
    let sum = match (failed, warned) {
        (0, 0) => "All is well.".to_owned(),
        (0, warned) => format!("Nothing failed; {warned} to look at."),
        (failed, _) => format!("{failed} failed: payoutd would not work."),
    };
    outln!("\n{sum}");
}

fn shown(state: CheckState) -> (&'static str, Style) {
    let colour = |colour: AnsiColor| colour.on_default();
    match state {
        CheckState::Ok => ("ok", colour(AnsiColor::Green)),
        CheckState::Warn => ("warn", colour(AnsiColor::Yellow)),
        CheckState::Fail => ("FAIL", colour(AnsiColor::Red).bold()),
        CheckState::Skipped => ("skipped", Style::new().dimmed()),
    }
}

/// What others wrote may hold anything.
fn one_line(found: &str) -> String {
    found.split(|c: char| c.is_control()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
