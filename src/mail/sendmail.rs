//! Emails through a program that takes `sendmail`'s arguments: Postfix, Exim, OpenSMTPD, msmtp and others bring one.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::ports::MailFailure;

use super::compose::Parcel;
use super::settings::MailSetupError;
use super::text::one_line;

/// A program that takes mail.
pub struct Sendmail {
    path: PathBuf,
    timeout: Duration,
}

impl Sendmail {
    /// Checks that the program is there.
    pub fn new(path: PathBuf, timeout: Duration) -> Result<Self, MailSetupError> {
        if is_executable(&path) { Ok(Self { path, timeout }) } else { Err(MailSetupError::Sendmail { path }) }
    }

    /// The program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands one email over. `Ok` means that the program took it and said so with exit code 0.
    pub async fn send(&self, parcel: &Parcel) -> Result<(), MailFailure> {
        let told = |why: String| format!("{}: {why}", self.path.display());
        let run = match tokio::time::timeout(self.timeout, self.run(parcel)).await {
            Ok(run) => run.map_err(|why| MailFailure::Transient(told(why.to_string())))?,
            Err(_) => {
                let why = told(format!("did not take the email within {} ms", self.timeout.as_millis()));
                return Err(MailFailure::Transient(why));
            }
        };
        if run.status.success() {
            return Ok(());
        }
        let recipient: &str = parcel.to.as_ref();
        let said = String::from_utf8_lossy(&run.stderr).replace(recipient, "the recipient");
        let why = told(format!("{}: {}", run.status, one_line(&said, 300)));
        Err(if is_for_good(run.status.code()) { MailFailure::Permanent(why) } else { MailFailure::Transient(why) })
    }

    /// The program is killed when this is dropped, as it is when the time is over.
    async fn run(&self, parcel: &Parcel) -> std::io::Result<Output> {
        let mut child = Command::new(&self.path)
            .args(["-i", "-f", parcel.from.as_ref(), "--", parcel.to.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let body = unix_lines(&parcel.bytes);
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // A program that refuses may exit before it has read everything; its exit code says why.
                let _ = stdin.write_all(&body).await;
                let _ = stdin.shutdown().await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output
    }
}

/// The exit codes of sysexits.h that speak of the email: a bad address (65), nobody there (67), no such host (68).
fn is_for_good(code: Option<i32>) -> bool {
    matches!(code, Some(65 | 67 | 68))
}

/// `sendmail` takes text as the system writes it.
fn unix_lines(bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes.len());
    for (i, &byte) in bytes.iter().enumerate() {
        if !(byte == b'\r' && bytes.get(i + 1) == Some(&b'\n')) {
            lines.push(byte);
        }
    }
    lines
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
