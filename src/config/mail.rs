//! `[mail]`: how emails leave, from whom, and to which person of the platform.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Tz;

use super::checker::Checker;
use super::daily::check_daily;
use super::reader::Reader;
use super::smtp::SmtpUrl;
use super::value::words;

/// How emails are sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// By which way.
    pub transport: Transport,
    /// The server, for [`Transport::Smtp`].
    pub smtp: Option<SmtpUrl>,
    /// Certificates (PEM) to trust besides the public ones, for a server with a certificate of one's own making.
    pub smtp_ca_file: Option<PathBuf>,
    /// Where the .eml files go, for [`Transport::File`].
    pub file_dir: PathBuf,
    /// The program, for [`Transport::Sendmail`].
    pub sendmail_path: PathBuf,
    /// The sender, as `name <address>` or an address alone; the admin's address where not set.
    pub from: Option<String>,
    /// Who answers mentors' questions; the admin where not set.
    pub contact: Option<String>,
    /// Who is told about what needs a person.
    pub admin_email: Option<String>,
    /// What the platform calls itself in front of its mentors.
    pub platform_name: String,
    /// Where the times in emails are read.
    pub time_zone: Tz,
    /// Attempts before an email counts as failed for good.
    pub max_attempts: u32,
    /// Alerts about the same thing within this time become one email.
    pub merge_window: Duration,
    /// When the admin is told how the day before went; `off` for never.
    pub digest: String,
    /// Whether customers are told that their dispute has arrived.
    pub dispute_acknowledgement: bool,
    /// For one email, from connecting to the server's last answer.
    pub timeout: Duration,
}

/// The way emails leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// To a server.
    Smtp,
    /// Into files, one an email; nobody receives them.
    File,
    /// Through the local sendmail program.
    Sendmail,
}
words!(Transport {
    "smtp" => Transport::Smtp,
    "file" => Transport::File,
    "sendmail" => Transport::Sendmail,
});

impl Mail {
    pub(super) fn read(r: &mut Reader, state_dir: &Path) -> Self {
        Mail {
            transport: r.take("mail.transport", Transport::Smtp),
            smtp: r.take_optional("mail.smtp_url"),
            smtp_ca_file: r.take_optional("mail.smtp_ca_file"),
            file_dir: r.take("mail.file_dir", state_dir.join("mail")),
            sendmail_path: r.take("mail.sendmail_path", PathBuf::from("/usr/sbin/sendmail")),
            from: r.take_optional("mail.from"),
            contact: r.take_optional("mail.contact"),
            admin_email: r.take_optional("mail.admin_email"),
            platform_name: r.take("mail.platform_name", "Payouts".to_owned()),
            time_zone: r.take("mail.time_zone", Tz::UTC),
            max_attempts: r.number("mail.max_attempts", 10, 1..=100),
            merge_window: r.take("mail.merge_window", Duration::from_secs(3_600)),
            digest: r.take("mail.digest", "0 0 7 * * *".to_owned()),
            dispute_acknowledgement: r.take("mail.dispute_acknowledgement", false),
            timeout: r.take("mail.timeout", Duration::from_secs(30)),
        }
    }

    /// `zone` is where the hours of schedules are read.
    pub(super) fn check(&self, zone: Tz, c: &mut Checker<'_>) {
        if let Some(from) = &self.from {
            c.accept(mailbox(from), "mail.from");
        }
        for (key, person) in [("mail.contact", &self.contact), ("mail.admin_email", &self.admin_email)] {
            if let Some(person) = person {
                c.accept(address(person), key);
            }
        }
        c.require(!self.platform_name.contains(char::is_control), "mail.platform_name", || {
            "must be one line of plain text".to_owned()
        });
        check_daily(&self.digest, zone, "mail.digest", c);
        c.positive("mail.merge_window", self.merge_window);
        c.positive("mail.timeout", self.timeout);
    }
}

/// `name <address>` or an address alone.
fn mailbox(text: &str) -> Result<(), String> {
    match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, inner)) if !name.contains(|c: char| c.is_control() || "<>".contains(c)) => address(inner),
        Some(_) => Err(format!("\"{}\" is not a sender: write \"Payouts <payouts@example.com>\"", text.escape_debug())),
        None => address(text),
    }
}

/// The shape only; whether it exists, the first email will tell.
fn address(text: &str) -> Result<(), String> {
    let good = text.split_once('@').is_some_and(|(user, host)| {
        let clean = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
        let labels = host.split('.').all(|l| !l.is_empty() && !l.starts_with('-'));
        !user.is_empty() && !user.contains(clean) && !host.contains(clean) && labels
    });
    if good {
        return Ok(());
    }
    Err(format!(
        "\"{}\" is not an email address: write one address, such as \"payouts@example.com\"",
        text.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@example.com", "a.b+c@mail.example.org", "root@localhost"] {
            assert_eq!(address(good), Ok(()), "{good}");
        }
        assert_eq!(mailbox("Pay <a@example.com>"), Ok(()));
        for bad in ["", "a", "a@", "@b", "a@b@c", "a b@c", "a@b..c", "a@b\nc", "a@b, c@d", "<a@b>"] {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert!(mailbox("Pay\r\nBcc: x <a@example.com>").is_err());
        assert!(mailbox("Pay <a@example.com").is_err());
    }
}
