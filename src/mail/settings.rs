//! What the mail room needs to know before it can work, and what may be wrong with it. Nothing is read from the
//! environment here.

use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::SecretString;
use url::Host;

/// Everything that is configured about email.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How emails leave.
    pub transport: Transport,
    /// The sender: `payouts@example.com`, or `Example Payouts <payouts@example.com>`. Without a name it is
    /// `platform_name`.
    pub from: String,
    /// The marketplace's name, as its mentors know it. When empty, the sender's domain stands for it.
    pub platform_name: String,
    /// Where the times that emails tell are read.
    pub time_zone: Tz,
    /// The address that answers mentors' questions; their replies go there.
    pub contact: String,
    /// How long one email may take to hand over, from the first packet to the server's last word.
    pub timeout: Duration,
}

/// How emails leave.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Over SMTP.
    Smtp(SmtpServer),
    /// As `.eml` files, for development and for a queue of one's own.
    Files {
        /// Where; made when it is missing.
        dir: PathBuf,
    },
    /// Through a program that takes `sendmail`'s arguments.
    Sendmail {
        /// The program, such as `/usr/sbin/sendmail`.
        path: PathBuf,
    },
}

/// A server that takes our mail. [`SmtpServer::from_url`] makes one.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// Its name or address.
    pub host: Host<String>,
    /// Its port.
    pub port: u16,
    /// How the conversation is kept private.
    pub security: Security,
    /// How we prove who we are, where the server asks.
    pub login: Option<Login>,
    /// Certificates (PEM) to trust besides the public ones, for a server with a certificate of one's own making.
    pub trusted_pem: Option<Vec<u8>>,
}

/// A name and a password.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// How a conversation is kept private. There is no "encrypt if the server offers it": who can cut the offer out of
/// the conversation could then read everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all; on the loopback interface only.
    Plain,
    /// Plain hello, then STARTTLS or nothing.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    /// An address that is none.
    #[error("the mail setting `{setting}` is not an email address: `{given}`; write it like payouts@example.com")]
    Address {
        /// Which setting.
        setting: &'static str,
        /// What it says.
        given: String,
    },
    /// Mail would cross a network in plain text.
    #[error(
        "refusing to send mail to {host} without TLS: anyone on the way could read it; use smtps://{host} (TLS) or \
         smtp://{host} (STARTTLS), or a server on 127.0.0.1"
    )]
    PlainText {
        /// To whom.
        host: String,
    },
    /// Certificates that cannot be read, or a TLS set-up that cannot work.
    #[error("the TLS settings for the mail server {host} do not work: {why}")]
    Tls {
        /// Which server.
        host: String,
        /// Why.
        why: String,
    },
    /// No time to send anything.
    #[error("the mail timeout must be more than zero")]
    NoTime,
    /// The directory cannot be made.
    #[error("cannot make the mail directory {dir}: {why}")]
    Directory {
        /// Which.
        dir: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// No program there.
    #[error("the sendmail program {path} is not an executable file; give the path of one, such as /usr/sbin/sendmail")]
    Sendmail {
        /// Where it was looked for.
        path: PathBuf,
    },
}

/// Whether the host is this machine.
pub fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
