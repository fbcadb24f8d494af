//! The settings: which file was read, and everything that is wrong with it or that the daemon lacks.

use super::Finding;
use crate::config::{Config, ConfigError, Gathered, Origin};

const NAME: &str = "configuration";

pub(super) fn look(gathered: &Gathered) -> Vec<Finding> {
    let lacking = || gathered.merged.as_ref().map_or(Ok(()), |config| config.require_serve().map(drop));
    if let Err(error) = gathered.problems.clone().and_then(|()| lacking()) {
        return problems(&error);
    }
    let set = gathered.merged.as_ref().map_or(0, keys_set);
    let from = match &gathered.file {
        Some(path) => format!("{} and the environment", path.display()),
        None => "the environment alone (there is no file)".to_owned(),
    };
    vec![Finding::ok(NAME, format!("{set} keys set by {from}"))]
}

fn problems(error: &ConfigError) -> Vec<Finding> {
    error.problems().iter().map(|problem| Finding::failed(NAME, problem.to_string())).collect()
}

fn keys_set(config: &Config) -> usize {
    config.origins().values().filter(|origin| **origin != Origin::Default).count()
}
