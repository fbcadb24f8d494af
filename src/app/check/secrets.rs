//! Where each secret comes from, and who may read that. One that everybody may read was refused before this.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;
use crate::config::{Config, Origin};

const NAME: &str = "secret";

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let origin = |key: &'static str| Some((key, config.origins().get(key).filter(|o| **o != Origin::Default)?));
    Config::secret_keys().into_iter().filter_map(origin).map(|(key, origin)| one(key, origin)).collect()
}

fn one(key: &str, origin: &Origin) -> Finding {
    let path = match origin {
        Origin::File { path, .. } | Origin::Secret { path, .. } => Some(path),
        Origin::Env { .. } | Origin::Default => None,
    };
    let access = path.and_then(|path| access(path)).unwrap_or_default();
    Finding::ok(NAME, format!("{key} from {origin}{access}"))
}

fn access(path: &Path) -> Option<String> {
    let about = path.metadata().ok()?;
    Some(format!(", mode {:04o} of user {}", about.mode() & 0o7777, about.uid()))
}
