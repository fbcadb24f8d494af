//! The directory of `.eml` files, read as the people they are for would.

use std::path::{Path, PathBuf};

use mailparse::MailHeaderMap;

pub struct Mailbox(PathBuf);

impl Mailbox {
    /// Where the files are.
    #[allow(dead_code, reason = "for those who read the files themselves")]
    pub fn dir(&self) -> &Path {
        &self.0
    }
}

/// An email that arrived.
#[derive(Debug, Clone)]
pub struct Email {
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Mailbox {
    pub fn at(dir: &Path) -> Mailbox {
        Mailbox(dir.to_owned())
    }

    /// Every email, in no order.
    pub fn all(&self) -> Vec<Email> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten();
        let files = entries.map(|entry| entry.expect("readable").path());
        files.filter(|path| path.extension().is_some_and(|e| e == "eml")).map(|path| read(&path)).collect()
    }

    /// Those to one address whose subject or text has these words.
    pub fn find(&self, to: &str, words: &str) -> Vec<Email> {
        let about =
            |email: &Email| email.to.contains(to) && format!("{}\n{}", email.subject, email.text).contains(words);
        self.all().into_iter().filter(about).collect()
    }
}

fn read(path: &Path) -> Email {
    let bytes = std::fs::read(path).expect("readable");
    let mail = mailparse::parse_mail(&bytes).expect("an email");
    let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
    let plain = mail.parts().find(|part| part.ctype.mimetype == "text/plain").expect("a text part");
    // As a reader sees it: how lines are folded does not matter.
    let text = plain.get_body().expect("decodable").split_whitespace().collect::<Vec<_>>().join(" ");
    Email { to: header("To"), subject: header("Subject"), text }
}
