//! What `--help` says, of the program and of each command.

use crate::program::{bare, said};

fn help(args: &[&str]) -> String {
    let output = bare().args(args).arg("--help").env("COLUMNS", "100").output();
    let said = said(output.expect("the program runs"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    said.out
}

#[test]
fn of_the_program() {
    insta::assert_snapshot!("help", help(&[]));
}

#[test]
fn of_every_command() {
    let commands: &[&[&str]] = &[
        &["serve"],
        &["check"],
        &["config"],
        &["config", "show"],
        &["demo"],
        &["run"],
        &["status"],
        &["payments"],
        &["runs"],
        &["explain"],
        &["hold"],
        &["lift"],
        &["retry"],
        &["mentor"],
        &["mentor", "add"],
        &["mentor", "list"],
        &["mentor", "show"],
        &["webhooks", "list"],
        &["webhooks", "show"],
        &["webhooks", "replay"],
        &["webhooks", "ignore"],
        &["emails", "list"],
        &["emails", "retry"],
        &["operations", "list"],
        &["operations", "show"],
        &["operations", "resolve"],
        &["migrate"],
        &["token"],
        &["sandbox"],
        &["completions"],
        &["man"],
    ];
    let all: Vec<String> =
        commands.iter().map(|args| format!("$ payoutd {} --help\n{}", args.join(" "), help(args))).collect();
    insta::assert_snapshot!("help_of_commands", all.join("\n"));
}

#[test]
fn without_a_command_it_shows_its_help_and_fails() {
    let said = said(bare().output().expect("the program runs"));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("Usage: payoutd"), "{said:?}");
}

#[test]
fn it_says_its_version() {
    let said = said(bare().arg("--version").output().expect("the program runs"));
    assert_eq!((said.code, said.out), (Some(0), format!("payoutd {}\n", env!("CARGO_PKG_VERSION"))));
}
