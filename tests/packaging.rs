//! What the package ships beside the program agrees with the program: man pages, completions, maintainer scripts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const REFRESH: &str = "run packaging/refresh, look at the difference, and commit it";

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging")
}

fn payoutd(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_payoutd")).env_clear().args(args).output().expect("it starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// The files of a directory, by name.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
    let read = |path: PathBuf| {
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("UTF-8"))
    };
    entries.map(|entry| read(entry.expect("readable").path())).collect()
}

#[test]
fn the_shipped_man_pages_are_those_of_this_program() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = dir.path().join("new/man");
    payoutd(&["man", "--out", made.to_str().expect("UTF-8")]);
    let (made, shipped) = (files(&made), files(&packaging().join("man")));
    assert_eq!(made.keys().collect::<Vec<_>>(), shipped.keys().collect::<Vec<_>>(), "{REFRESH}");
    for (name, page) in made {
        assert!(page == shipped[&name], "packaging/man/{name} is old: {REFRESH}");
    }
}

#[test]
fn the_shipped_completions_are_those_of_this_program() {
    for (shell, name) in [("bash", "payoutd.bash"), ("zsh", "_payoutd"), ("fish", "payoutd.fish")] {
        let shipped = std::fs::read_to_string(packaging().join("completions").join(name)).expect("shipped");
        let made = text(payoutd(&["completions", shell]).stdout);
        assert!(made == shipped, "packaging/completions/{name} is old: {REFRESH}");
    }
}

/// What a roff page says, without its markup.
fn words(page: &str) -> String {
    page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")
}

#[test]
fn the_manual_of_the_program_is_printed_and_tells_codes_files_and_variables() {
    let page = text(payoutd(&["man"]).stdout);
    let shipped = std::fs::read_to_string(packaging().join("man/payoutd.1")).expect("shipped");
    assert!(page == shipped, "what `payoutd man` prints is not what is shipped: {REFRESH}");
    let page = words(&page);
    for section in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "\"EXIT STATUS\"", "FILES", "ENVIRONMENT"] {
        assert!(page.contains(&format!(".SH {section}\n")), "no {section}: {page}");
    }
    for file in ["/etc/payoutd/payoutd.toml", "/etc/payoutd/credentials/", "/var/lib/payoutd/"] {
        assert!(page.contains(file), "no {file}");
    }
    for code in 0..=8 {
        assert!(page.contains(&format!(".TP\n{code}\n")), "no exit code {code}");
    }
}

/// The variables that do not begin with PAYOUTD_ are those that the configuration's head lists.
#[test]
fn the_manual_names_every_variable_with_a_name_of_its_own() {
    let page = words(&text(payoutd(&["man"]).stdout));
    let shipped = include_str!("../config/payoutd.toml");
    let head = shipped.split("and PAYOUTD_").next().expect("a head");
    let is_variable = |word: &&str| word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let names: Vec<&str> = head.split_whitespace().filter(is_variable).collect();
    assert_eq!(names.len(), 8, "reads the wrong lines: {names:?}");
    for name in names {
        assert!(page.contains(&format!("\n{name}\n")), "no {name}");
    }
}

#[test]
fn each_command_has_a_page_that_leads_to_the_program() {
    let pages = files(&packaging().join("man"));
    assert!(pages.contains_key("payoutd-mentor-add.1"), "nested commands have pages, too");
    let hold = words(&pages["payoutd-hold.1"]);
    assert!(hold.contains(".SH EXAMPLES\n.nf\npayoutd hold 42"), "{hold}");
    for (name, page) in pages.iter().filter(|(name, _)| *name != "payoutd.1") {
        assert!(page.contains("payoutd(1)"), "{name} leads nowhere");
    }
}

#[test]
fn an_unwritable_place_for_man_pages_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_payoutd")).args(["man", "--out", "/dev/null/man"]).output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(output.stderr).contains("/dev/null/man cannot be made"));
}

#[test]
fn the_maintainer_scripts_are_shell() {
    for name in ["postinst", "prerm", "postrm"] {
        let path = packaging().join("debian").join(name);
        let script = std::fs::read_to_string(&path).expect("shipped");
        assert!(script.starts_with("#!/bin/sh\n") && script.contains("\nset -e\n"), "{name}");
        assert!(Command::new("sh").arg("-n").arg(&path).status().expect("sh is there").success(), "{name}");
    }
}
