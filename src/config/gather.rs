//! Reads the file and the environment, merges them and checks the whole: to use it, or to see what is wrong with it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::origin::{ConfigError, Origin, Problem};
use super::reader::Reader;
use super::{Config, DEFAULT_PATH, keys};

/// A configuration as far as it could be read.
#[derive(Debug)]
pub struct Gathered {
    /// The file that was read or could not be; `None` where there is only the environment.
    pub file: Option<PathBuf>,
    /// What was merged, with a default wherever a value is wrong; `None` when the file is not even TOML.
    pub merged: Option<Config>,
    /// What is wrong.
    pub problems: Result<(), ConfigError>,
}

impl Gathered {
    fn checked(self) -> Result<Config, ConfigError> {
        self.problems?;
        // cannot fail: what cannot be merged is a problem
        Ok(self.merged.expect("a problem explains what is missing"))
    }
}

impl Config {
    /// Reads the file at `path` (else the one that `PAYOUTD_CONFIG` names, else [`DEFAULT_PATH`] if
    /// it exists) and the environment over it, and checks everything.
    ///
    /// # Errors
    /// All problems at once, each with its place and its fix.
    pub fn load(path: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::gather(path, env).checked()
    }

    /// As [`Config::load`], from the text of a file; `path` is only named in errors.
    ///
    /// # Errors
    /// All problems at once.
    pub fn parse(path: &Path, text: &str, env: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
        Config::merge(path, text, None, env).checked()
    }

    /// What [`Config::load`] reads, also where something is wrong with it.
    pub fn gather(path: Option<&Path>, env: &BTreeMap<String, String>) -> Gathered {
        let named = path.map(Path::to_owned).or_else(|| {
            let from_env = env.get(keys::CONFIG_PATH).filter(|path| !path.is_empty());
            from_env.map(PathBuf::from)
        });
        let default = || Some(PathBuf::from(DEFAULT_PATH)).filter(|path| path.exists());
        let Some(path) = named.or_else(default) else {
            return Config::merge(Path::new(DEFAULT_PATH), "", None, env);
        };
        let gathered = match read_file(&path) {
            Ok((text, mode)) => Config::merge(&path, &text, Some(mode), env),
            Err(why) => Gathered { file: None, merged: None, problems: Err(why) },
        };
        Gathered { file: Some(path), ..gathered }
    }

    fn merge(path: &Path, text: &str, mode: Option<u32>, env: &BTreeMap<String, String>) -> Gathered {
        let mut reader = match Reader::new(path, text, env) {
            Ok(reader) => reader,
            Err(why) => return Gathered { file: None, merged: None, problems: Err(why) },
        };
        let mut config = Config::read(&mut reader, env);
        reader.refuse_unknown();
        config.origins = reader.origins;
        config.fingerprints = reader.fingerprints;
        config.shown = reader.shown;
        let mut problems = reader.problems;
        let mut broken_rules = config.check();
        // A value that could not be read has its default now: what the rules say of it is noise.
        broken_rules.retain(|rule| problems.iter().all(|p| p.key != rule.key));
        problems.append(&mut broken_rules);
        if problems.is_empty()
            && let Some(mode) = mode
        {
            problems = config.open_secrets(path, mode);
        }
        Gathered { file: None, merged: Some(config), problems: ConfigError::unless_empty(problems) }
    }
}

/// The file's text and mode.
fn read_file(path: &Path) -> Result<(String, u32), ConfigError> {
    let read = || {
        let mut file = std::fs::File::open(path)?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text)?;
        Ok((text, file.metadata()?.permissions().mode()))
    };
    read().map_err(|why: std::io::Error| {
        let message = format!("cannot read {}: {why}", path.display());
        Problem::new(Origin::Default, "", message).into()
    })
}
