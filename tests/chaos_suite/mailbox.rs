//! What arrived by email: as files, or at the post office.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use mailparse::MailHeaderMap;

use crate::post_office::PostOffice;

pub enum Mail {
    Files(PathBuf),
    Smtp(PostOffice),
}

/// An email as its reader sees it.
pub struct Email {
    pub subject: String,
    pub text: String,
}

impl Mail {
    /// Every email, once for each Message-ID: a mail program shows what came twice as one.
    pub fn read(&self) -> Result<BTreeMap<String, Email>> {
        let raw: Vec<Vec<u8>> = match self {
            Mail::Smtp(office) => office.received(),
            Mail::Files(dir) => {
                let entries = std::fs::read_dir(dir).context("the emails")?;
                let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
                let emails = paths?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "eml"));
                emails.map(std::fs::read).collect::<Result<_, _>>()?
            }
        };
        raw.iter().map(|bytes| parse(bytes)).collect()
    }
}

fn parse(bytes: &[u8]) -> Result<(String, Email)> {
    let mail = mailparse::parse_mail(bytes).context("an email")?;
    let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
    let plain = mail.parts().find(|part| part.ctype.mimetype == "text/plain").context("a text part")?;
    Ok((header("Message-ID"), Email { subject: header("Subject"), text: plain.get_body()? }))
}
