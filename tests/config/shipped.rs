//! The shipped file tells the truth: it changes nothing, shows every default, and explains every key.

use payoutd::config::Config;

use crate::good;

const SHIPPED: &str = include_str!("../../config/payoutd.toml");

/// A setting, as `Debug` shows it, without where it came from.
fn values(config: &Config) -> String {
    let shown = format!("{config:#?}");
    shown.split("\n    origins: ").next().unwrap_or_default().to_owned()
}

#[test]
fn the_shipped_file_changes_nothing() {
    assert_eq!(values(&good(SHIPPED, &[])), values(&good("", &[])));
}

/// `#key = value` is a key at its default, `# text` is prose.
fn uncommented() -> String {
    let key_starts = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase());
    let lines = SHIPPED.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key_starts(key) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_shows_the_defaults() {
    assert_eq!(values(&good(&uncommented(), &[])), values(&good("", &[])));
}

#[test]
fn the_shipped_file_has_every_key_explained() {
    let mut section = String::new();
    let mut shown = std::collections::BTreeSet::new();
    let mut explained = false;
    for line in SHIPPED.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if line.starts_with("# ") {
            explained = true;
        } else if let Some((name, _)) = line.strip_prefix('#').and_then(|l| l.split_once(" = ")) {
            assert!(explained, "{section}{name} has no comment above it");
            shown.insert(format!("{section}{name}"));
        } else if line.is_empty() {
            explained = false;
        }
    }
    assert_eq!(shown, Config::keys());
}
