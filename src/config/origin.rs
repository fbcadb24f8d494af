//! Where a value came from, and what is wrong with it: the words of every configuration error.

use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;

/// Where a setting's value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A line of the configuration file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A variable of the environment.
    Env {
        /// The variable's name.
        name: String,
    },
    /// A file that holds the secret alone.
    Secret {
        /// The variable that led there: `STRIPE_SECRET_KEY_FILE`, or `CREDENTIALS_DIRECTORY` for one of systemd's.
        named_by: String,
        /// The file.
        path: PathBuf,
    },
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Env { name } => write!(f, "environment {name}"),
            Origin::Secret { named_by, path } => write!(f, "file {} ({named_by})", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong, with the place to go to and the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the bad value stands; `Default` for a value that is missing.
    pub origin: Origin,
    /// The key, as `section.name`; empty when the problem is not about one key.
    pub key: String,
    /// What is wrong and how to put it right. Never contains a secret.
    pub message: String,
}

impl Problem {
    pub(super) fn new(origin: Origin, key: &str, message: impl Into<String>) -> Self {
        Problem { origin, key: key.to_owned(), message: message.into() }
    }

    /// File first and in the order of its lines, then the environment, then what is missing.
    fn reading_order(&self, other: &Self) -> Ordering {
        (&self.origin, &self.key, &self.message).cmp(&(&other.origin, &other.key, &other.message))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a configuration, all of it at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// What is wrong, in the order of the file's lines.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// `Ok` when there is nothing to complain about.
    pub(super) fn unless_empty(mut problems: Vec<Problem>) -> Result<(), ConfigError> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by(Problem::reading_order);
        Err(ConfigError { problems })
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        ConfigError { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [one] => write!(f, "{one}"),
            many => {
                write!(f, "the configuration has {} problems:", many.len())?;
                many.iter().try_for_each(|p| write!(f, "\n  {p}"))
            }
        }
    }
}
