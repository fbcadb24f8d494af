//! Emails through a program: a small shell script stands for it, and does what real ones do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use payoutd::mail::{MailRoom, Settings, Transport};
use payoutd::ports::{MailFailure, Mailer};

use super::samples::{letter, paid, read, room, settings};

/// The file is written by another process: while one of ours has it open for writing, a test that forks on another
/// thread would hold it open, and running it would fail with "text file busy".
fn program(dir: &Path, script: &str) -> PathBuf {
    let path = dir.join("sendmail");
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 755 "$2""#;
    let written = Command::new("sh").args(["-c", write, "sh", script]).arg(&path).status().unwrap();
    assert!(written.success());
    path
}

#[tokio::test]
async fn the_program_gets_the_envelope_and_the_email() {
    let temp = tempfile::tempdir().unwrap();
    let (args, stdin) = (temp.path().join("args"), temp.path().join("stdin"));
    let path = program(temp.path(), &format!("echo \"$@\" > {}; cat > {}", args.display(), stdin.display()));
    room(Transport::Sendmail { path }).send(&letter(vec![paid()])).await.unwrap();

    assert_eq!(fs::read_to_string(args).unwrap(), "-i -f payouts@example.com -- ada@example.org\n");
    let bytes = fs::read(stdin).unwrap();
    assert!(!bytes.contains(&b'\r'));
    assert_eq!(read(&bytes).header("Message-ID"), Some("<paid-42-1@example.com>"));
}

#[tokio::test]
async fn the_exit_code_says_whether_to_try_again() {
    for (code, for_good) in [(67, true), (65, true), (68, true), (75, false), (69, false), (1, false), (127, false)] {
        let temp = tempfile::tempdir().unwrap();
        let path = program(temp.path(), &format!("echo 'no such user ada@example.org' >&2; exit {code}"));
        let failure = room(Transport::Sendmail { path }).send(&letter(vec![paid()])).await.unwrap_err();
        assert_eq!(matches!(failure, MailFailure::Permanent(_)), for_good, "{code}: {failure:?}");
        let words = failure.to_string();
        assert!(words.contains("no such user the recipient") && words.contains(&code.to_string()), "{words}");
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_in_time() {
    let temp = tempfile::tempdir().unwrap();
    let path = program(temp.path(), "exec sleep 60");
    let timeout = Duration::from_millis(200);
    let room = MailRoom::new(Settings { timeout, ..settings(Transport::Sendmail { path }) }).unwrap();
    let sent = tokio::time::timeout(Duration::from_secs(10), room.send(&letter(vec![paid()]))).await.unwrap();
    assert!(matches!(&sent, Err(MailFailure::Transient(why)) if why.contains("200 ms")), "{sent:?}");
}
