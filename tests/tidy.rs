//! Reads the sources and fails where they break the rules of the house: which room may import which,
//! one clock, no floats, no unexplained panic, short files that say what they are for.

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::path::{Path, PathBuf};

use source::Source;

type Rule = fn(&Source) -> Vec<String>;

const RULES: [Rule; 9] = [
    imports::rule,
    rules::pure_domain,
    rules::one_clock,
    rules::no_floats,
    rules::no_unexplained_panic,
    rules::short,
    rules::introduced,
    rules::nothing_left_open,
    rules::telling_name,
];

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let files = paths.into_iter().flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn the_sources_keep_the_rules_of_the_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = rust_files(&root.join("src"));
    assert!(files.iter().any(|file| file.ends_with("src/lib.rs")), "reads the wrong directory");
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("UTF-8");
        let path = file.strip_prefix(root).expect("under the root");
        Source::new(path.to_str().expect("UTF-8"), &text)
    };
    let sources: Vec<Source> = files.iter().map(read).collect();
    let mut complaints: Vec<String> = sources.iter().flat_map(|s| RULES.iter().flat_map(|rule| rule(s))).collect();
    complaints.extend(rules::tests_are_tests(&sources));
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
