//! The import rule: main → cli → app → {http, jobs, store, stripe, mail} → ports → domain. The rooms in
//! braces do not know each other, config and telemetry are read from above, and the sandbox, which
//! plays Stripe, shares nothing with us.

use crate::source::Source;

const ABOVE: [&str; 3] = ["main", "cli", "app"];
const BRACES: [&str; 5] = ["http", "jobs", "store", "stripe", "mail"];

/// Whether code in `from` may name what is in `to`.
fn may_import(from: &str, to: &str) -> bool {
    let rank = |room: &str| ABOVE.iter().position(|above| *above == room);
    match (from, to) {
        _ if from == to || from == "lib" => true,
        (_, "config" | "telemetry" | "sandbox") if from != "main" => matches!(from, "cli" | "app"),
        (_, "config" | "telemetry") => true,
        ("sandbox" | "telemetry" | "domain", _) => false,
        ("config" | "ports", "domain") => true,
        ("config" | "ports", _) => false,
        _ if BRACES.contains(&from) => matches!(to, "ports" | "domain"),
        _ => match (rank(from), rank(to)) {
            (Some(from), Some(to)) => from < to,
            (Some(_), None) => to == "ports" || to == "domain" || BRACES.contains(&to),
            (None, _) => false,
        },
    }
}

/// `src/store/rows.rs` → `["store", "rows"]`; `src/store/rows_tests.rs` → `["store", "rows", "tests"]`;
/// `src/lib.rs` and `src/main.rs` are the root.
fn module_path(path: &str) -> Vec<&str> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let (inner, tests) = match inner.strip_suffix("_tests") {
        Some(tested) => (tested, Some("tests")),
        None => (inner, None),
    };
    match inner {
        "lib" | "main" => tests.into_iter().collect(),
        _ => inner.split('/').chain(tests).collect(),
    }
}

/// The room a file belongs to.
fn room_of(path: &str) -> &str {
    let inner = path.trim_start_matches("src/");
    inner.split(['/', '.']).next().unwrap_or(inner)
}

pub fn rule(source: &Source) -> Vec<String> {
    let from = room_of(&source.path);
    let known = ["lib", "config", "telemetry", "sandbox", "ports", "domain"];
    if !ABOVE.contains(&from) && !BRACES.contains(&from) && !known.contains(&from) {
        return vec![format!("{}: is in no room: {from} is not in the map of src/lib.rs", source.path)];
    }
    let named = rooms_named(source);
    let wrong = named.iter().filter(|(_, to)| !may_import(from, to));
    wrong
        .map(|(token, to)| match to.as_str() {
            "*" => source.complain(*token, "imports the whole crate: name what is needed"),
            to => source.complain(*token, &format!("{from} imports {to}: see the import rule in src/lib.rs")),
        })
        .collect()
}

/// Each room named by a path that begins at the crate's root, however it is written; `*` where the
/// root itself is.
fn rooms_named(source: &Source) -> Vec<(usize, String)> {
    let depth = module_path(&source.path).len();
    let mut braces: Vec<bool> = Vec::new();
    let mut named = Vec::new();
    for at in 0..source.tokens.len() {
        let before = |n: usize| at.checked_sub(n).map_or("", |token| source.text_at(token));
        match source.text_at(at) {
            "{" => braces.push(before(2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" | "payoutd" if before(1) != "::" => named.extend(heads(source, at + 1)),
            "super" if before(1) != "::" => {
                let inline = braces.iter().filter(|is_module| **is_module).count();
                let mut end = at + 1;
                let mut supers = 1;
                while source.text_at(end) == "::" && source.text_at(end + 1) == "super" {
                    (end, supers) = (end + 2, supers + 1);
                }
                if supers >= depth + inline && depth > 0 {
                    named.extend(heads(source, end));
                }
            }
            _ => {}
        }
    }
    named
}

/// The first names behind a root: `::a::b` → a; `::{a::b, c}` → a, c; `as x` → the root itself.
fn heads(source: &Source, at: usize) -> Vec<(usize, String)> {
    match (source.text_at(at), source.text_at(at + 1)) {
        ("as", _) => vec![(at, "*".to_owned())],
        ("::", "{") => heads_in_braces(source, at + 2),
        ("::", "self") => vec![(at, "*".to_owned())],
        ("::", name) => vec![(at + 1, name.to_owned())],
        _ => Vec::new(),
    }
}

/// `start` is behind the brace.
fn heads_in_braces(source: &Source, start: usize) -> Vec<(usize, String)> {
    let mut depth = 1;
    let mut heads = Vec::new();
    for at in start..source.tokens.len() {
        let begins_an_item = depth == 1 && (at == start || source.text_at(at - 1) == ",");
        match source.text_at(at) {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "self" if begins_an_item => heads.push((at, "*".to_owned())),
            name if begins_an_item => heads.push((at, name.to_owned())),
            _ => {}
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, complaints: &[&str]) {
        assert_eq!(rule(&Source::new(path, text)), complaints, "{path}: {text}");
    }

    #[test]
    fn a_wrong_import_is_caught_however_it_is_written() {
        let wrong = ["src/store/rows.rs:1: store imports mail: see the import rule in src/lib.rs"];
        for text in [
            "use crate::mail::Mailer;",
            "use crate::{domain::Payment, mail::{self, Mailer}};",
            "fn f() { crate::mail::send() }",
            "fn f() { send(crate::mail::Text) }",
            "use super::super::mail::Mailer;",
            "mod inner { use super::super::super::mail; }",
            "type M = Box<dyn crate::mail::Mailer>;",
            "#[cfg(test)] mod tests { use crate::mail::Mailer; }",
        ] {
            check("src/store/rows.rs", text, &wrong);
        }
        check(
            "src/store.rs",
            "use super::mail;",
            &["src/store.rs:1: store imports mail: see the import rule in src/lib.rs"],
        );
        check("src/store.rs", "use crate as all;", &["src/store.rs:1: imports the whole crate: name what is needed"]);
        check("src/store.rs", "use super::*;", &["src/store.rs:1: imports the whole crate: name what is needed"]);
        check("src/utils2.rs", "", &["src/utils2.rs: is in no room: utils2 is not in the map of src/lib.rs"]);
    }

    #[test]
    fn right_imports_pass() {
        for (path, text) in [
            (
                "src/store/rows.rs",
                "use crate::{domain::{a, mail}, ports::Store}; use super::pool; use crate::store::x;",
            ),
            ("src/store.rs", "// use crate::mail\nconst T: &str = \"crate::mail\"; mod t { use super::x; }"),
            ("src/store/a/b.rs", "pub(crate) fn g() {} pub(in crate::store) fn f() {} use super::super::pool;"),
            ("src/domain/release_tests.rs", "use super::*; use super::super::hold::Hold;"),
            ("src/main.rs", "use payoutd::{cli, config}; use payoutd::telemetry;"),
            ("src/app.rs", "use crate::{http, jobs, sandbox, config, domain};"),
            ("src/lib.rs", "pub mod domain; pub use crate::domain::x;"),
            ("src/domain/release.rs", "use super::money; mod tests { use super::*; }"),
        ] {
            check(path, text, &[]);
        }
    }

    #[test]
    fn every_direction() {
        let allowed = "main>cli main>app main>config cli>app cli>config cli>telemetry cli>sandbox app>http app>domain \
            app>ports app>sandbox app>config jobs>ports jobs>domain store>domain ports>domain config>domain store>store";
        let forbidden = "domain>ports ports>store store>jobs jobs>store http>jobs stripe>store mail>config jobs>telemetry \
            sandbox>domain sandbox>stripe stripe>sandbox http>sandbox main>sandbox app>cli cli>main telemetry>config config>telemetry \
            config>ports jobs>app ports>config domain>config";
        for (pairs, expected) in [(allowed, true), (forbidden, false)] {
            for pair in pairs.split_whitespace() {
                let (from, to) = pair.split_once('>').expect("a pair");
                assert_eq!(may_import(from, to), expected, "{pair}");
            }
        }
    }
}
