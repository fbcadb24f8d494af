//! What the program is built of: from one registry, with checksums, and without what deny.toml rules out. `cargo deny` says
//! more; this needs nothing but the lock file.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn read(name: &str) -> Table {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("there");
    text.parse().expect("TOML")
}

fn packages() -> Vec<Value> {
    read("Cargo.lock")["package"].as_array().expect("a list").clone()
}

fn text<'a>(package: &'a Value, field: &str) -> Option<&'a str> {
    package.get(field).and_then(Value::as_str)
}

#[test]
fn every_crate_comes_from_the_registry_with_its_checksum() {
    for package in packages().iter().filter(|package| text(package, "name") != Some("payoutd")) {
        assert_eq!(text(package, "source"), Some(REGISTRY), "{package}");
        assert!(text(package, "checksum").is_some_and(|sum| sum.len() == 64), "{package}");
    }
}

#[test]
fn no_direct_dependency_is_any_version_or_from_elsewhere() {
    let manifest = read("Cargo.toml");
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, wanted) in manifest.get(section).and_then(Value::as_table).into_iter().flatten() {
            let version = wanted.as_str().or_else(|| text(wanted, "version")).unwrap_or("*");
            assert!(!version.contains('*') && !version.is_empty(), "{name}: {version}");
            assert!(wanted.get("git").is_none() && wanted.get("path").is_none(), "{name}");
        }
    }
    assert!(manifest.get("patch").is_none() && manifest.get("replace").is_none());
}

/// The packages that the program is built from, as cargo resolves them for Linux; those of the tests aside.
fn resolved() -> Vec<serde_json::Value> {
    let arguments =
        ["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"];
    let told =
        std::process::Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let told = told.expect("cargo runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let mut ids = vec![metadata["resolve"]["root"].clone()];
    let mut at = 0;
    while at < ids.len() {
        let node = nodes.iter().find(|node| node["id"] == ids[at]).expect("resolved");
        for dependency in list(&node["deps"]) {
            let wanted = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            if wanted && !ids.contains(&dependency["pkg"]) {
                ids.push(dependency["pkg"].clone());
            }
        }
        at += 1;
    }
    let packages: Vec<_> =
        list(&metadata["packages"]).into_iter().filter(|package| ids.contains(&package["id"])).collect();
    assert!(packages.len() > 200, "{}", packages.len());
    packages
}

/// Who brings a crate into what is built for this machine, tests included; nothing where nobody does.
fn who_brings(name: &str) -> String {
    let arguments = ["tree", "--offline", "--locked", "--prefix", "none", "--invert", name];
    let told =
        std::process::Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    String::from_utf8(told.expect("cargo runs").stdout).expect("UTF-8")
}

#[test]
fn what_is_ruled_out_is_not_there_and_what_is_excused_is() {
    assert!(who_brings("rustls").contains("payoutd"), "it answers");
    let deny = read("deny.toml");
    let ruled_out = deny["bans"]["deny"].as_array().expect("a list");
    assert!(ruled_out.len() >= 4);
    for rule in ruled_out {
        let name = text(rule, "crate").expect("a name");
        let reason = text(rule, "reason").expect("a reason");
        assert_eq!(who_brings(name), "", "{name}: {reason}");
    }
    for advisory in deny["advisories"]["ignore"].as_array().expect("a list") {
        let reason = text(advisory, "reason").expect("a reason");
        let name = reason.split_whitespace().next().expect("a name");
        assert!(who_brings(name).contains("payoutd"), "{name} is excused and no longer there");
    }
}

/// An SPDX expression of names, `OR`, `AND` and brackets, by which names are allowed.
struct Licence<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    allowed: &'a BTreeSet<String>,
}

impl Licence<'_> {
    fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
        // Crates from before SPDX expressions write a slash for `OR`.
        let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        Licence { words: words.into_iter().peekable(), allowed }.any_of()
    }

    fn any_of(&mut self) -> bool {
        let mut holds = self.all_of();
        while self.words.next_if_eq(&"OR").is_some() {
            holds |= self.all_of();
        }
        holds
    }

    fn all_of(&mut self) -> bool {
        let mut holds = self.one();
        while self.words.next_if_eq(&"AND").is_some() {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        let name = self.words.next().unwrap_or_default();
        if name == "(" {
            let holds = self.any_of();
            self.words.next();
            return holds;
        }
        // An exception only adds to what is permitted.
        if self.words.next_if_eq(&"WITH").is_some() {
            self.words.next();
        }
        self.allowed.contains(name)
    }
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = ["MIT", "ISC"].map(str::to_owned).into();
    for (expression, is_allowed) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(ISC OR MIT) AND GPL-3.0", false),
        ("MIT OR GPL-3.0 AND X", true),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("", false),
    ] {
        assert_eq!(Licence::is_allowed(expression, &allowed), is_allowed, "{expression}");
    }
}

/// Given what the program is built from, tests aside, then every licence is one that deny.toml allows, and it allows none that
/// nothing needs.
#[test]
fn every_licence_is_allowed_and_needed() {
    let built = resolved();
    let deny = read("deny.toml");
    let allow = deny["licenses"]["allow"].as_array().expect("a list").iter();
    let allowed: BTreeSet<String> = allow.map(|name| name.as_str().expect("a name").to_owned()).collect();
    let licence = |package: &serde_json::Value| package["license"].as_str().unwrap_or_default().to_owned();
    for package in &built {
        assert!(Licence::is_allowed(&licence(package), &allowed), "{} is {}", package["name"], licence(package));
    }
    for name in &allowed {
        let needed = |package: &&serde_json::Value| {
            licence(package).replace(['(', ')', '/'], " ").split_whitespace().any(|word| word == name)
        };
        assert!(built.iter().any(|package| needed(&package)), "nothing is under {name}");
    }
}
