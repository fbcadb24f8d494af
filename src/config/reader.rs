//! Hands each section its values, environment over file over default, and remembers what was asked
//! for: so the keys that exist are the keys that are read, and any other key is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;

use toml::de::DeTable;

use super::credentials;
use super::fingerprint::Fingerprint;
use super::keys::{self, PREFIX, env_name, nearest};
use super::origin::{ConfigError, Origin, Problem};
use super::value::{FromRaw, Raw};

/// What can be shown of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The value; for a secret, that it is set.
    Value(String),
    /// There is none, and no default.
    NotSet,
    /// What is set is not valid. It is not shown: it may be a secret that stands under the wrong key.
    Wrong,
}

/// What is set, what was asked for, and what was wrong so far.
pub(super) struct Reader {
    file: BTreeMap<String, (Raw, Origin)>,
    env: BTreeMap<String, String>,
    known: BTreeSet<String>,
    known_env: BTreeSet<String>,
    /// Sections whose keys are free, such as `minimums`.
    open: Vec<&'static str>,
    pub(super) origins: BTreeMap<String, Origin>,
    pub(super) fingerprints: BTreeMap<String, Fingerprint>,
    pub(super) shown: BTreeMap<String, Shown>,
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    /// Parses the text of a configuration file. Nothing is typed yet.
    ///
    /// # Errors
    /// Every line that is not TOML.
    pub(super) fn new(path: &Path, text: &str, env: &BTreeMap<String, String>) -> Result<Reader, ConfigError> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let at = |offset: usize| Origin::File { path: path.to_owned(), line: line_of(text, offset) };
        ConfigError::unless_empty(errors.iter().map(|e| not_toml(e, &at)).collect())?;
        let mut file = BTreeMap::new();
        flatten(table.get_ref(), "", &at, &mut file);
        Ok(Reader {
            file,
            env: env.clone(),
            known: BTreeSet::new(),
            known_env: BTreeSet::new(),
            open: Vec::new(),
            origins: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
            shown: BTreeMap::new(),
            problems: Vec::new(),
        })
    }

    /// The value of `key`, or `default` where nobody set it or what is set is wrong (then the
    /// problem is noted and the load fails at the end).
    pub(super) fn take<T: FromRaw>(&mut self, key: &str, default: T) -> T {
        let value = self.take_optional(key);
        self.show_default(key, || default.shown());
        value.unwrap_or(default)
    }

    /// The value of `key`; an empty text counts as not set.
    pub(super) fn take_optional<T: FromRaw>(&mut self, key: &str) -> Option<T> {
        self.take_with(key, T::from_raw, T::shown)
    }

    /// A whole number; both ends belong to the range.
    pub(super) fn number(&mut self, key: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let in_range = |raw: &Raw| {
            let number = u32::try_from(i128::from_raw(raw)?).ok();
            number
                .filter(|n| range.contains(n))
                .ok_or_else(|| format!("is out of range: write a number from {} to {}", range.start(), range.end()))
        };
        let value = self.take_with(key, in_range, u32::to_string);
        self.show_default(key, || default.to_string());
        value.unwrap_or(default)
    }

    fn show_default(&mut self, key: &str, default: impl FnOnce() -> String) {
        if let Some(shown @ Shown::NotSet) = self.shown.get_mut(key) {
            *shown = Shown::Value(default());
        }
    }

    fn take_with<T>(
        &mut self,
        key: &str,
        typed: impl FnOnce(&Raw) -> Result<T, String>,
        show: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (raw, origin) = self.find(key);
        self.origins.insert(key.to_owned(), origin.clone());
        self.fingerprints.insert(key.to_owned(), Fingerprint::of(raw.as_ref()));
        let Some(raw) = raw else {
            self.shown.insert(key.to_owned(), Shown::NotSet);
            return None;
        };
        match typed(&raw) {
            Ok(value) => {
                self.shown.insert(key.to_owned(), Shown::Value(show(&value)));
                Some(value)
            }
            Err(message) => {
                self.shown.insert(key.to_owned(), Shown::Wrong);
                self.problems.push(Problem::new(origin, key, message));
                None
            }
        }
    }

    /// All of a section whose keys are not known beforehand.
    pub(super) fn take_open<T: FromRaw>(&mut self, section: &'static str) -> BTreeMap<String, T> {
        self.open.push(section);
        let in_file = self.file.keys().filter_map(|key| name_within(section, key));
        let prefix = format!("{}_", env_name(section));
        let in_env = self.env.keys().filter_map(|key| key.strip_prefix(&prefix));
        let names: BTreeSet<String> = in_file.map(str::to_owned).chain(in_env.map(str::to_lowercase)).collect();
        let mut values = BTreeMap::new();
        for name in names {
            if let Some(value) = self.take_optional(&format!("{section}.{name}")) {
                values.insert(name, value);
            }
        }
        values
    }

    /// Also marks the key as known.
    fn find(&mut self, key: &str) -> (Option<Raw>, Origin) {
        let name = env_name(key);
        self.known.insert(key.to_owned());
        self.known_env.insert(name.clone());
        let from_env = if keys::SECRETS.contains(&key) {
            let found = credentials::find(key, &self.env).unwrap_or_else(|problem| {
                self.problems.push(problem);
                None
            });
            found.map(|(secret, origin)| (Raw::Env(secret), origin))
        } else {
            self.env.get(&name).map(|text| (Raw::Env(text.clone()), Origin::Env { name }))
        };
        [from_env, self.file.get(key).cloned()]
            .into_iter()
            .flatten()
            .find(|(raw, _)| !raw.is_empty_text())
            .map_or((None, Origin::Default), |(raw, origin)| (Some(raw), origin))
    }

    /// Once every section has read its keys: notes the ones that nobody asked for.
    pub(super) fn refuse_unknown(&mut self) {
        let unknown_keys = self.file.iter().filter(|(key, _)| !self.is_known(key));
        let mut problems: Vec<Problem> = unknown_keys.map(|(key, (_, origin))| self.unknown_key(key, origin)).collect();
        let unknown_env = self.env.keys().filter(|name| {
            name.starts_with(PREFIX) && !self.known_env.contains(*name) && !keys::is_not_a_setting(name)
        });
        problems.extend(unknown_env.map(|name| self.unknown_env(name)));
        self.problems.append(&mut problems);
    }

    /// Known keys, in order; the shipped file is tested against them.
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    fn is_known(&self, key: &str) -> bool {
        // An empty `[release]` is flattened to `release`: that is fine.
        let empty_section = matches!(self.file.get(key), Some((Raw::Other("a table"), _)))
            && (self.keys_of(key).next().is_some() || self.open.contains(&key));
        self.known.contains(key) || empty_section
    }

    fn keys_of<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a str> {
        self.known.iter().filter_map(move |key| name_within(section, key))
    }

    fn sections(&self) -> impl Iterator<Item = &str> {
        self.known.iter().filter_map(|key| Some(key.split_once('.')?.0))
    }

    fn unknown_key(&self, key: &str, origin: &Origin) -> Problem {
        let section = key.split_once('.').map_or(key, |(section, _)| section);
        let message = if self.keys_of(key).next().is_some() {
            format!("`{key}` is a section: write its keys under [{key}]")
        } else if let Some(near) = nearest(key, self.known.iter().map(String::as_str)) {
            format!("unknown key `{key}`: did you mean `{near}`?")
        } else if self.keys_of(section).next().is_some() {
            let names: Vec<&str> = self.keys_of(section).collect();
            format!("unknown key `{key}`: [{section}] has {}", names.join(", "))
        } else if let Some(near) = nearest(section, self.sections()) {
            format!("unknown section `{section}`: did you mean `[{near}]`?")
        } else {
            format!("unknown key `{key}`: config/payoutd.toml shows every key there is")
        };
        Problem::new(origin.clone(), "", message)
    }

    fn unknown_env(&self, name: &str) -> Problem {
        let origin = Origin::Env { name: name.to_owned() };
        // `PAYOUTD_DATABASE_URL` is nobody's typing error: say that the name is `DATABASE_URL`.
        let renamed = self.known.iter().find(|key| keys::derived_env_name(key) == name).map(|key| env_name(key));
        let near = nearest(name, self.known_env.iter().map(String::as_str));
        let message = match renamed.or(near.map(str::to_owned)) {
            Some(near) => format!("unknown variable: did you mean `{near}`?"),
            None => format!("unknown variable: a setting is {PREFIX}<SECTION>_<KEY>"),
        };
        Problem::new(origin, "", message)
    }
}

fn name_within<'a>(section: &str, key: &'a str) -> Option<&'a str> {
    key.strip_prefix(section)?.strip_prefix('.')
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}

fn not_toml(error: &toml::de::Error, at: &dyn Fn(usize) -> Origin) -> Problem {
    let offset = error.span().map_or(0, |span| span.start);
    Problem::new(at(offset), "", format!("not valid TOML: {}", error.message()))
}

fn flatten(
    table: &DeTable<'_>,
    prefix: &str,
    at: &dyn Fn(usize) -> Origin,
    into: &mut BTreeMap<String, (Raw, Origin)>,
) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        match value.get_ref().as_table() {
            Some(inner) if !inner.is_empty() => flatten(inner, &format!("{key}."), at, into),
            _ => {
                let origin = at(name.span().start);
                into.insert(key, (Raw::from_toml(value.get_ref()), origin));
            }
        }
    }
}
