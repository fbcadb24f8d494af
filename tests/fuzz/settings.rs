//! Configurations: read, or refused with a line or a key and without what is secret in it.

use std::collections::BTreeMap;
use std::path::Path;

use payoutd::config::{Config, parse_duration, show_duration};
use proptest::prelude::*;

use crate::mutate::{hold, run};

/// A part of every secret of the corpus.
const PLANTED: &str = "planted0corpus";

fn shipped() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/payoutd.toml");
    let text = std::fs::read_to_string(path).expect("shipped");
    let uncommented = text.lines().filter_map(|line| line.strip_prefix('#').filter(|key| !key.starts_with(' ')));
    let sections = text.lines().filter(|line| line.starts_with('['));
    sections.chain(uncommented).collect::<Vec<_>>().join("\n").into_bytes()
}

#[test]
fn files_at_random() {
    hold("config", vec![shipped()], |text| {
        let text = String::from_utf8_lossy(text);
        match Config::parse(Path::new("payoutd.toml"), &text, &BTreeMap::new()) {
            Ok(config) => {
                let shown = format!("{config:?} {:?} {:?}", config.shown(), config.origins());
                assert!(!shown.contains(PLANTED), "{shown}");
            }
            Err(error) => {
                let said = format!("{error} {error:?}");
                assert!(said.contains("payoutd.toml"), "{said}");
                // A name is told: a secret that stands where a key should be is one.
                let as_a_name = text.lines().any(|line| {
                    let name = line.split('=').next().unwrap_or_default();
                    name.contains(PLANTED) || line.trim_start().starts_with('[')
                });
                assert!(as_a_name || !said.contains(PLANTED), "{said}\n{text}");
            }
        }
    });
}

#[test]
fn variables_at_random() {
    let names: Vec<_> = Config::keys().into_iter().map(|key| (payoutd::config::env_name(&key), key)).collect();
    let values = prop_oneof![
        any::<String>(),
        "[a-z]{1,8}://[ -~]{0,12}planted0corpus[ -~]{0,12}",
        "sk_(test|live)_planted0corpus[ -~]{0,4}",
        "-?[0-9]{1,25}[a-z]{0,2}",
    ];
    run(&(proptest::sample::select(names), values), |((name, key), value)| {
        let env = BTreeMap::from([(name.clone(), value.clone())]);
        let secret = ["URL", "SECRET"].iter().any(|word| name.contains(word));
        let said = match Config::parse(Path::new("payoutd.toml"), "", &env) {
            Ok(config) => format!("{config:?} {:?}", config.shown()),
            Err(error) => {
                // Where two settings do not fit together, the other one is told, and this one by its key.
                let said = error.to_string();
                assert!(said.contains(&name) || said.contains(&key), "{name}={value}: {error}");
                format!("{error} {error:?}")
            }
        };
        assert!(
            !secret || !said.contains(PLANTED) || name.contains("RETURN_URL") || name.contains("REFRESH_URL"),
            "{name}: {said}"
        );
    });
}

#[test]
fn durations_read_back_as_they_are_shown() {
    run(&(0_u64..=u64::from(u32::MAX)), |ms| {
        let wait = std::time::Duration::from_millis(ms);
        assert_eq!(parse_duration(&show_duration(wait)).ok(), Some(wait), "{}", show_duration(wait));
    });
    run(&any::<String>(), |text| drop(parse_duration(&text)));
}
