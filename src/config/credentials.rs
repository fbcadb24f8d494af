//! Secrets from files: the one that `<NAME>_FILE` names, and those that systemd lays into its credentials directory.
//! A file that other users of the machine may read or change is refused, since then it is no secret any more.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::keys;
use super::origin::{Origin, Problem};

/// Where systemd puts what `LoadCredential=` names.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// A secret is a line or two; more is some other file.
const MOST_BYTES: u64 = 64 * 1024;
/// Read or written by users who are neither the owner nor of the file's group.
const OPEN_TO_ALL: u32 = 0o006;

/// A secret as it was found.
pub(super) type Found = (String, Origin);

/// Looks for the secret `key` in its variable, its file and systemd's directory, in this order.
///
/// # Errors
/// A file that cannot be read, is empty or is open to all, and a secret that is set twice.
pub(super) fn find(key: &str, env: &BTreeMap<String, String>) -> Result<Option<Found>, Problem> {
    let name = keys::env_name(key);
    let set = |name: &str| env.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let file_name = keys::file_variable(&name);
    match (set(&name), set(&file_name)) {
        (Some(_), Some(_)) => {
            let message = format!("is set twice, by {name} and by {file_name}: unset one of them");
            Err(Problem::new(Origin::Env { name }, key, message))
        }
        (Some(value), None) => Ok(Some((value.to_owned(), Origin::Env { name }))),
        (None, Some(path)) => {
            let path = PathBuf::from(path);
            let protected = set(DIRECTORY).is_some_and(|dir| path.starts_with(dir));
            read(key, path, &file_name, protected).map(Some)
        }
        (None, None) => match set(DIRECTORY) {
            Some(dir) => of_systemd(key, &name, Path::new(dir)),
            None => Ok(None),
        },
    }
}

/// systemd makes the files of its directory readable by the unit's user alone, by means that the mode need not show.
fn of_systemd(key: &str, name: &str, dir: &Path) -> Result<Option<Found>, Problem> {
    let path = dir.join(keys::credential(name));
    // `exists()` would take a directory that may not be entered for one without the file.
    match path.symlink_metadata() {
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        // The unit's default for a credential that the operator did not write: systemd takes no empty one.
        Ok(about) if about.len() <= 1 => Ok(None),
        _ => read(key, path, DIRECTORY, true).map(Some),
    }
}

fn read(key: &str, path: PathBuf, named_by: &str, protected: bool) -> Result<Found, Problem> {
    let shown = path.display().to_string();
    let origin = Origin::Secret { named_by: named_by.to_owned(), path: path.clone() };
    let problem = |message: String| Problem::new(origin.clone(), key, message);
    let cannot = |why: &dyn Display, fix: &str| problem(format!("cannot be read from {shown}: {why}; {fix}"));
    let mut file = File::open(&path).map_err(|why| cannot(&why, fix_of(why.kind())))?;
    let about = file.metadata().map_err(|why| cannot(&why, fix_of(why.kind())))?;
    if !about.is_file() && about.is_dir() {
        return Err(cannot(&"it is a directory", "name the file itself"));
    }
    if !protected && let Some(why) = open_to_all(about.permissions().mode(), &path) {
        return Err(problem(why));
    }
    let mut text = String::new();
    let why = match Read::by_ref(&mut file).take(MOST_BYTES + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > MOST_BYTES => Some("it is longer than any secret".to_owned()),
        Ok(_) => None,
        Err(why) if why.kind() == ErrorKind::InvalidData => Some("it is not text".to_owned()),
        Err(why) => Some(why.to_string()),
    };
    if let Some(why) = why {
        return Err(cannot(&why, "is it the right file?"));
    }
    match text.trim() {
        "" => Err(problem(format!("{shown} is empty: write the secret into it, or leave {named_by} unset"))),
        secret => Ok((secret.to_owned(), origin)),
    }
}

fn fix_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => {
            "give it to payoutd's user (chown), or let systemd's LoadCredential= hand it over"
        }
        ErrorKind::NotFound => "create it, or correct the path",
        _ => "check the path",
    }
}

/// What to say when a file that holds a secret may be read or changed by everybody. Its group may read it: that is how
/// a file of root's is shared with the one service that needs it.
pub(super) fn open_to_all(mode: u32, path: &Path) -> Option<String> {
    let path = path.display();
    (mode & OPEN_TO_ALL != 0).then(|| {
        let mode = mode & 0o7777;
        format!("{path} holds a secret and is open to every user of this machine (mode {mode:04o}): run `chmod o-rwx {path}`")
    })
}
