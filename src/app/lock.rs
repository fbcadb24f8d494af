//! What must be so before a daemon works on an SQLite file: its directory and the file belong to a user who may write
//! them, and no other daemon is at it. PostgreSQL sees to this by itself.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::config::{Config, DatabaseUrl};

/// Why a daemon cannot work on the SQLite file.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon does.
    #[error(
        "another payoutd{} works on {}: stop it first, or use PostgreSQL (database.url), which several may share; \
         the lock is {}", by(*pid), database.display(), lock.display()
    )]
    Taken {
        /// The SQLite file.
        database: PathBuf,
        /// The file that is locked.
        lock: PathBuf,
        /// Who has it, where that can be read.
        pid: Option<u32>,
    },
    /// The directory or the file cannot be used.
    #[error("{key}: {what}: {why}; {fix}")]
    Unusable {
        /// The setting that names it.
        key: &'static str,
        /// What cannot be done, and with what.
        what: String,
        /// The system's words.
        why: std::io::Error,
        /// What to do.
        fix: String,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (process {pid})"))
}

/// Held by a daemon as long as it works; gone with its process, however that ends.
#[derive(Debug)]
pub(super) struct Lock {
    _held: Option<File>,
}

impl Lock {
    /// Takes it, or says why not.
    pub(super) fn take(config: &Config) -> Result<Self, LockError> {
        let DatabaseUrl::Sqlite { path: database } = &config.database.url else { return Ok(Self { _held: None }) };
        directory(database)?;
        not_roots(database)?;
        if database.exists() {
            writable(database)?;
        }
        let path = lock_of(database);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let cannot = |why| unusable(format!("cannot lock {}", path.display()), why, &path);
        let mut file = opened.map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid); // without it the sentence is shorter
                return Err(LockError::Taken { database: database.clone(), pid: pid.trim().parse().ok(), lock: path });
            }
            Err(TryLockError::Error(why)) => return Err(cannot(why)),
        }
        let name = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        name(&mut file).map_err(cannot)?;
        Ok(Self { _held: Some(file) })
    }
}

fn lock_of(database: &Path) -> PathBuf {
    database.with_added_extension("lock")
}

/// Whether the SQLite file, which is there, can be written.
pub(super) fn writable(database: &Path) -> Result<(), LockError> {
    let opened = OpenOptions::new().read(true).write(true).open(database);
    opened.map(drop).map_err(|why| unusable(format!("cannot write {}", database.display()), why, database))
}

/// Who holds the lock of an SQLite file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// No daemon is at work.
    Nobody,
    /// A daemon, with its process where that can be read.
    Daemon(Option<u32>),
    /// The system does not say, and why.
    Unknown(String),
}

/// Looks who holds the lock, without taking it: that could keep a daemon from starting at that moment.
pub(super) fn holder(database: &Path) -> Holder {
    let path = lock_of(database);
    let about = match path.metadata() {
        Ok(about) => about,
        Err(why) if why.kind() == ErrorKind::NotFound => return Holder::Nobody,
        Err(why) => return Holder::Unknown(format!("{}: {why}", path.display())),
    };
    // `1: FLOCK  ADVISORY  WRITE 4242 fe:01:131 0 EOF`
    let is_ours = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, place) = (words.next(), words.nth(3));
        let inode = place.and_then(|place| place.rsplit(':').next()?.parse().ok());
        kind == Some("FLOCK") && inode == Some(about.ino())
    };
    match std::fs::read_to_string("/proc/locks") {
        Ok(locks) if locks.lines().any(is_ours) => {
            Holder::Daemon(std::fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok()))
        }
        Ok(_) => Holder::Nobody,
        Err(why) => Holder::Unknown(format!("/proc/locks: {why}")),
    }
}

/// Made for our user alone where it is missing.
fn directory(database: &Path) -> Result<(), LockError> {
    let Some(dir) = database.parent().filter(|dir| !dir.as_os_str().is_empty()) else { return Ok(()) };
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|why| unusable(format!("cannot make the directory {}", dir.display()), why, dir))
}

/// Root may write everywhere, and would leave files that the directory's user cannot write afterwards.
fn not_roots(database: &Path) -> Result<(), LockError> {
    let dir = database.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(ours), Ok(theirs)) = (std::fs::metadata("/proc/self"), dir.metadata()) else { return Ok(()) };
    if ours.uid() != 0 || theirs.uid() == 0 {
        return Ok(());
    }
    let why = std::io::Error::other(format!("it belongs to user {}, and this is root", theirs.uid()));
    Err(LockError::Unusable {
        key: "state_dir",
        what: format!("cannot use the directory {}", dir.display()),
        why,
        fix: format!("run payoutd as that user, or take the directory over with `chown -R root {}`", dir.display()),
    })
}

fn unusable(what: String, why: std::io::Error, path: &Path) -> LockError {
    let nearest = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    let owner = nearest.metadata().ok().map(|about| about.uid());
    let fix = match (why.kind(), owner) {
        (ErrorKind::ReadOnlyFilesystem, _) => {
            "SQLite must write: mount it writable, or set state_dir (under systemd: StateDirectory=) to another"
                .to_owned()
        }
        (ErrorKind::PermissionDenied, Some(uid)) => format!(
            "{} belongs to user {uid}: run payoutd as that user, give it to payoutd's user with `chown -R`, or set \
             state_dir to another directory",
            nearest.display()
        ),
        _ => "set state_dir to a directory that payoutd's user may write".to_owned(),
    };
    LockError::Unusable { key: "database.url", what, why, fix }
}
