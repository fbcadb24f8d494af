//! Emails as `.eml` files: whole, private, and replaced by a second attempt.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use payoutd::mail::{MailRoom, MailSetupError, Transport, render};
use payoutd::ports::{Letter, MailFailure, Mailer};

use super::samples::{every_kind, letter, paid, read, room, settings, voice};

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_email_lies_there_whole_and_private() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("state/mail");
    let room = room(Transport::Files { dir: dir.clone() });
    room.send(&letter(vec![paid()])).await.unwrap();

    assert_eq!(files(&dir), ["paid-42-1.eml"]);
    let path = dir.join("paid-42-1.eml");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&dir)), (0o600, 0o700));

    let email = read(&fs::read(path).unwrap());
    let expected = render(&[paid()], &voice()).unwrap();
    assert_eq!(email.header("From"), Some("\"Example Academy\" <payouts@example.com>"));
    assert_eq!(email.header("To"), Some("ada@example.org"));
    assert_eq!(email.header("Reply-To"), Some("help@example.com"));
    assert_eq!(email.header("Subject"), Some("You were paid 90.00 USD for booking B-17"));
    assert_eq!(email.header("Date"), Some("Tue, 03 Mar 2026 14:05:07 +0000"));
    assert_eq!(email.header("Message-ID"), Some("<paid-42-1@example.com>"));
    assert_eq!(email.header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(email.header("MIME-Version"), Some("1.0"));
    assert_eq!((email.text.as_str(), email.html.as_str()), (expected.text.trim_end(), expected.html.trim_end()));
}

#[tokio::test]
async fn every_kind_of_email_survives_the_journey() {
    let temp = tempfile::tempdir().unwrap();
    let room = room(Transport::Files { dir: temp.path().to_owned() });
    for (name, notices) in every_kind() {
        let expected = render(&notices, &voice()).unwrap();
        room.send(&Letter { message_id: name.into(), ..letter(notices) }).await.unwrap();
        let bytes = fs::read(temp.path().join(format!("{name}.eml"))).unwrap();
        assert!(bytes.is_ascii() && bytes.split(|b| *b == b'\n').all(|line| line.len() < 998), "{name}");
        let email = read(&bytes);
        assert_eq!(email.header("Subject"), Some(expected.subject.as_str()), "{name}");
        assert_eq!((email.text.as_str(), email.html.as_str()), (expected.text.trim_end(), expected.html.trim_end()));
    }
}

#[tokio::test]
async fn a_second_attempt_replaces_the_first() {
    let temp = tempfile::tempdir().unwrap();
    let room = room(Transport::Files { dir: temp.path().to_owned() });
    let path = temp.path().join("paid-42-1.eml");
    room.send(&letter(vec![paid()])).await.unwrap();
    let first = read(&fs::read(&path).unwrap());
    room.send(&letter(vec![paid()])).await.unwrap();
    assert_eq!(read(&fs::read(&path).unwrap()).text, first.text);
    assert_eq!(files(temp.path()), ["paid-42-1.eml"]);
}

#[tokio::test]
async fn a_directory_that_was_removed_is_made_again() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("mail");
    let room = room(Transport::Files { dir: dir.clone() });
    fs::remove_dir(&dir).unwrap();
    room.send(&letter(vec![paid()])).await.unwrap();
    assert_eq!(files(&dir).len(), 1);
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_a_matter_of_time() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("mail");
    let room = room(Transport::Files { dir: dir.clone() });
    // A directory under the email's name is an obstacle that root cannot walk through either.
    fs::create_dir_all(dir.join("paid-42-1.eml/full")).unwrap();
    let failure = room.send(&letter(vec![paid()])).await.unwrap_err();
    assert!(matches!(&failure, MailFailure::Transient(why) if why.contains("mail")), "{failure:?}");
    assert_eq!(files(&dir), ["paid-42-1.eml"], "no temporary file is left");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let temp = tempfile::tempdir().unwrap();
    let good = settings(Transport::Files { dir: temp.path().to_owned() });
    let error = |settings| MailRoom::new(settings).err().map(|error: MailSetupError| error.to_string()).unwrap();

    let from = error(payoutd::mail::Settings { from: "nobody".into(), ..good.clone() });
    assert!(from.contains("`from`") && from.contains("`nobody`"), "{from}");
    let contact = error(payoutd::mail::Settings { contact: "a@b\r\nBcc: x@example.com".into(), ..good.clone() });
    assert!(contact.contains("`contact`"), "{contact}");
    let timeout = error(payoutd::mail::Settings { timeout: std::time::Duration::ZERO, ..good.clone() });
    assert!(timeout.contains("timeout"), "{timeout}");

    fs::write(temp.path().join("file"), "").unwrap();
    let dir = Transport::Files { dir: temp.path().join("file/mail") };
    assert!(error(settings(dir)).contains("file/mail"));
    let program = Transport::Sendmail { path: temp.path().join("file") };
    assert!(error(settings(program)).contains("/usr/sbin/sendmail"));
}
