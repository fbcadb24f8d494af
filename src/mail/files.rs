//! Emails as `.eml` files. A file is there whole or not at all, and a second attempt at a letter replaces the first.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ports::MailFailure;

use super::compose::Parcel;
use super::settings::MailSetupError;

/// Keeps apart the temporary files of several sends in one process.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A directory for `.eml` files.
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// Makes the directory, readable for us alone, when it is missing.
    pub fn new(dir: PathBuf) -> Result<Self, MailSetupError> {
        match make_dir(&dir) {
            Ok(()) => Ok(Self { dir }),
            Err(why) => Err(MailSetupError::Directory { dir, why }),
        }
    }

    /// Where they go.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes one email. `Ok` means that it is on the disk under its name.
    pub async fn send(&self, parcel: &Parcel) -> Result<(), MailFailure> {
        let (dir, name, bytes) = (self.dir.clone(), parcel.name.clone(), parcel.bytes.clone());
        let written = tokio::task::spawn_blocking(move || write(&dir, &name, &bytes)).await;
        let told = |why: String| MailFailure::Transient(format!("cannot write to {}: {why}", self.dir.display()));
        written.map_err(|why| told(why.to_string()))?.map_err(|why| told(why.to_string()))
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(_) if dir.is_dir() => Ok(()),
        made => made,
    }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    make_dir(dir)?;
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{name}.{}.{serial}.tmp", std::process::id()));
    let written =
        write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, dir.join(format!("{name}.eml"))));
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(dir)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
