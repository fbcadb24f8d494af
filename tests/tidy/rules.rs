//! The rules that look at one file at a time, each with what it catches and what it lets pass.

use crate::source::{Source, is_test_file};

/// The only file that may ask the machine what time it is.
const CLOCK: &str = "src/app/clock.rs";
const LONGEST_LINES: usize = 400;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["utils", "util", "helper", "helpers", "common", "manager", "managers", "misc", "shared"];

/// The domain decides and nothing else: it waits for nothing and knows no database, no Stripe, no
/// environment and no clock.
pub fn pure_domain(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/domain") {
        return Vec::new();
    }
    let foreign = |word: &str| {
        ["async", "await", "tokio", "diesel", "hyper", "axum", "lettre", "reqwest"].contains(&word)
            || ["diesel_", "tokio_", "stripe_", "async_"].iter().any(|prefix| word.starts_with(prefix))
    };
    let words = source.tokens.iter().enumerate().filter(|(_, token)| foreign(&token.text));
    let mut complaints: Vec<String> =
        words.map(|(at, token)| source.complain(at, &format!("the domain knows no {}", token.text))).collect();
    for outside in ["env", "fs", "net", "process", "thread"] {
        let found = source.find(&["std", "::"]).into_iter().filter(|at| names(source, at + 2, outside));
        complaints.extend(found.map(|at| source.complain(at, &format!("the domain knows no std::{outside}"))));
    }
    complaints
}

/// Whether a path goes on with `name`, also inside braces: `std::{env, fmt}`.
fn names(source: &Source, at: usize, name: &str) -> bool {
    if source.text_at(at) != "{" {
        return source.text_at(at) == name;
    }
    (at..source.tokens.len())
        .take_while(|at| source.text_at(*at) != ";")
        .any(|at| source.text_at(at) == name && matches!(source.text_at(at - 1), "{" | ","))
}

/// Time is injected: a test moves it, and a decision can be made again. Tokio's own clock, which a test can move too,
/// is for deadlines of calls.
pub fn one_clock(source: &Source) -> Vec<String> {
    if source.path == CLOCK {
        return Vec::new();
    }
    let tokios = source.find(&["tokio", "::", "time", "::"]).into_iter().any(|at| names(source, at + 4, "Instant"));
    let clocks = ["Utc", "Local", "SystemTime", "Instant"];
    let calls = clocks.into_iter().filter(|clock| !(tokios && *clock == "Instant")).flat_map(|clock| {
        let found = source.find(&[clock, "::", "now"]);
        found.into_iter().map(move |at| (at, clock))
    });
    calls
        .map(|(at, clock)| source.complain(at, &format!("{clock}::now outside {CLOCK}: take the time as an argument")))
        .collect()
}

/// No amount is a float, not even on its way to a log line.
pub fn no_floats(source: &Source) -> Vec<String> {
    let is_float = |word: &str| word.ends_with("f64") || word.ends_with("f32");
    let found = source.tokens.iter().enumerate().filter(|(_, token)| is_float(&token.text));
    let unexplained = found.filter(|(_, token)| !source.is_remarked(token.line, "// float: not money"));
    unexplained
        .map(|(at, token)| source.complain(at, &format!("{} without `// float: not money`", token.text)))
        .collect()
}

/// What must not happen is said, or handled.
pub fn no_unexplained_panic(source: &Source) -> Vec<String> {
    let calls = ["unwrap", "expect", "unwrap_err", "expect_err"].into_iter().flat_map(|call| {
        let found = source.find(&[".", call, "("]);
        found.into_iter().map(move |at| (at, call))
    });
    // `self.expect(…)` is a method of our own: what may panic is called on a value.
    let is_own = |at: usize| at > 0 && source.text_at(at - 1) == "self";
    let outside_tests = calls.filter(|(at, _)| !source.is_test(*at) && !is_own(*at));
    let unexplained = outside_tests.filter(|(at, _)| {
        let line = source.tokens[*at].line;
        !source.is_remarked(line, "cannot fail:")
    });
    unexplained.map(|(at, call)| source.complain(at, &format!("{call}() without `// cannot fail: why`"))).collect()
}

/// A file of tests, which some rules pass over, must not be in the program: it stands behind
/// `#[cfg(test)]`, as `#[path = "…_tests.rs"] mod tests;` of the file that it tests.
pub fn tests_are_tests(all: &[Source]) -> Vec<String> {
    let files = all.iter().filter(|source| is_test_file(&source.path));
    let stray = files.filter(|tests| {
        let tested = tests.path.replace("_tests.rs", ".rs");
        let name = tests.path.rsplit('/').next().unwrap_or_default();
        let declared = ["#[cfg(test)]".to_owned(), format!("#[path = \"{name}\"]"), "mod tests;".to_owned()];
        !all.iter().any(|source| source.path == tested && source.lines.windows(3).any(|lines| lines == declared))
    });
    let complaint =
        |tests: &Source| format!("{}: is not the `#[cfg(test)] mod tests` of the file it tests", tests.path);
    stray.map(complaint).collect()
}

/// One idea a file.
pub fn short(source: &Source) -> Vec<String> {
    let lines = source.lines.len();
    let message = format!("{}: has {lines} lines, more than {LONGEST_LINES}: split it", source.path);
    (lines > LONGEST_LINES).then_some(message).into_iter().collect()
}

/// A file says what it is for.
pub fn introduced(source: &Source) -> Vec<String> {
    let good = source.lines.first().is_some_and(|line| line.starts_with("//! ") && line.len() > 10);
    let message = format!("{}: does not begin with `//!` and what it is for", source.path);
    (!good).then_some(message).into_iter().collect()
}

/// What is not done is an issue, not a comment.
pub fn nothing_left_open(source: &Source) -> Vec<String> {
    let marks = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        words.find(|word| ["TODO", "FIXME", "XXX", "HACK"].contains(word)).map(str::to_owned)
    };
    let comments = source.comments.iter().filter_map(|(line, text)| Some((*line, marks(text)?)));
    let mut complaints: Vec<String> =
        comments.map(|(line, mark)| format!("{}:{line}: {mark}: do it, or open an issue", source.path)).collect();
    for name in ["todo", "unimplemented"] {
        let found = source.find(&[name, "!"]);
        complaints
            .extend(found.into_iter().map(|at| source.complain(at, &format!("{name}!: do it, or open an issue"))));
    }
    complaints
}

/// A thing is found by its name.
pub fn telling_name(source: &Source) -> Vec<String> {
    let parts = source.path.trim_end_matches(".rs").split('/');
    let empty = parts.filter(|part| EMPTY_NAMES.contains(part));
    empty.map(|name| format!("{}: {name} says nothing: name what is inside", source.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&Source) -> Vec<String>;

    #[track_caller]
    fn catches(rule: Rule, path: &str, text: &str, complaint: &str) {
        assert_eq!(rule(&Source::new(path, text)), [complaint], "{path}: {text}");
    }

    #[track_caller]
    fn passes(rule: Rule, path: &str, text: &str) {
        assert_eq!(rule(&Source::new(path, text)), [""; 0], "{path}: {text}");
    }

    #[test]
    fn an_impure_domain() {
        let path = "src/domain/release.rs";
        for (text, word) in [
            ("async fn f() {}", "async"),
            ("use diesel::prelude::Queryable;", "diesel"),
            ("use stripe_shared::Charge;", "stripe_shared"),
            ("use tokio::time;", "tokio"),
            ("fn f() { std::env::var(\"A\"); }", "std::env"),
            ("use std::{env, fmt};", "std::env"),
            ("use std::fs::File;", "std::fs"),
        ] {
            catches(pure_domain, path, text, &format!("{path}:1: the domain knows no {word}"));
        }
        passes(pure_domain, path, "//! No async, no diesel.\nuse std::{fmt, net_of};\nfn f() { \"tokio\"; }");
        passes(pure_domain, "src/store/rows.rs", "async fn f() { diesel::sql_query(\"\") }");
    }

    #[test]
    fn a_second_clock() {
        let path = "src/jobs/release.rs";
        for clock in ["Utc", "SystemTime", "Instant", "Local"] {
            let complaint = format!("{path}:2: {clock}::now outside src/app/clock.rs: take the time as an argument");
            catches(one_clock, path, &format!("\nlet now = chrono::{clock}::now();"), &complaint);
        }
        passes(one_clock, path, "let now = self.clock.now(); // not Utc::now()");
        passes(one_clock, "src/app/clock.rs", "Utc::now()");
        passes(one_clock, path, "use tokio::time::{Instant, timeout_at};\nlet end = Instant::now() + wait;");
    }

    #[test]
    fn a_float() {
        let path = "src/domain/fees.rs";
        catches(no_floats, path, "let fee: f64 = x;", "src/domain/fees.rs:1: f64 without `// float: not money`");
        catches(no_floats, path, "let fee = 0.1_f32;", "src/domain/fees.rs:1: 1_f32 without `// float: not money`");
        catches(no_floats, path, "d.as_secs_f64()", "src/domain/fees.rs:1: as_secs_f64 without `// float: not money`");
        passes(no_floats, path, "d.as_secs_f64() // float: not money, a metric in seconds");
        passes(no_floats, path, "// float: not money\nlet seconds: f64 = 1.0;\n\"f64\"");
    }

    #[test]
    fn an_unexplained_panic() {
        let path = "src/http/webhook.rs";
        for call in ["unwrap", "expect", "expect_err"] {
            let complaint = format!("{path}:2: {call}() without `// cannot fail: why`");
            catches(no_unexplained_panic, path, &format!("\nlet x = y.{call}(\"z\");"), &complaint);
        }
        catches(
            no_unexplained_panic,
            path,
            "\nx\n    .unwrap()",
            "src/http/webhook.rs:3: unwrap() without `// cannot fail: why`",
        );
        catches(
            no_unexplained_panic,
            path,
            "x.unwrap() // fine",
            "src/http/webhook.rs:1: unwrap() without `// cannot fail: why`",
        );
        passes(
            no_unexplained_panic,
            path,
            "x.unwrap() // cannot fail: a constant\n\n// cannot fail: same\nx.expect(\"y\")",
        );
        passes(no_unexplained_panic, path, "self.expect(&reply, 250)?;");
        passes(no_unexplained_panic, path, "x.unwrap_or(1); unwrap();\n#[cfg(test)]\nmod t { fn f() { x.unwrap() } }");
    }

    #[test]
    fn a_file_of_tests_in_the_program() {
        let tests = || Source::new("src/domain/fees_tests.rs", "//! Tests of fees.\nfn f() { x.unwrap() }");
        assert_eq!(no_unexplained_panic(&tests()), [""; 0]);
        let declared = "//! Fees.\n\n#[cfg(test)]\n#[path = \"fees_tests.rs\"]\nmod tests;\n";
        let right = Source::new("src/domain/fees.rs", declared);
        assert_eq!(tests_are_tests(&[tests(), right]), [""; 0]);
        let wrong = Source::new("src/domain/fees.rs", &declared.replace("#[cfg(test)]\n", ""));
        let complaint = "src/domain/fees_tests.rs: is not the `#[cfg(test)] mod tests` of the file it tests";
        assert_eq!(tests_are_tests(&[tests(), wrong]), [complaint]);
    }

    #[test]
    fn a_long_file() {
        let path = "src/app.rs";
        catches(short, path, &"\n".repeat(401), "src/app.rs: has 401 lines, more than 400: split it");
        passes(short, path, &"\n".repeat(400));
    }

    #[test]
    fn a_file_without_introduction() {
        let complaint = "src/app.rs: does not begin with `//!` and what it is for";
        for text in ["", "use x;", "\n//! Late.", "//! App.", "// Only a comment, not the file's own."] {
            catches(introduced, "src/app.rs", text, complaint);
        }
        passes(introduced, "src/app.rs", "//! Where the rooms are wired together.");
    }

    #[test]
    fn something_left_open() {
        let path = "src/app.rs";
        for mark in ["TODO", "FIXME", "XXX"] {
            catches(
                nothing_left_open,
                path,
                &format!("x\n// {mark}: later"),
                &format!("{path}:2: {mark}: do it, or open an issue"),
            );
        }
        catches(nothing_left_open, path, "todo!()", "src/app.rs:1: todo!: do it, or open an issue");
        catches(
            nothing_left_open,
            path,
            "unimplemented!(\"x\")",
            "src/app.rs:1: unimplemented!: do it, or open an issue",
        );
        passes(nothing_left_open, path, "const NO_CURRENCY: &str = \"XXX\"; // the todo of a mentor");
    }

    #[test]
    fn a_name_that_says_nothing() {
        catches(telling_name, "src/store/utils.rs", "", "src/store/utils.rs: utils says nothing: name what is inside");
        catches(telling_name, "src/common/a.rs", "", "src/common/a.rs: common says nothing: name what is inside");
        passes(telling_name, "src/store/utility_bills.rs", "");
    }
}
