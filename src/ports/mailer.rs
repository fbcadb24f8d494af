//! Sending email: what to tell goes in, whether it was accepted comes out.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::notice::Notice;

/// One email to be written and sent: one notice, or several of one kind that were merged.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The part of the Message-ID before the `@`; the same at every attempt.
    pub message_id: String,
    /// The recipient's address.
    pub to: String,
    /// When the (first) notice was written down; the email's `Date`.
    pub written_at: DateTime<Utc>,
    /// What to tell; never empty, all of one kind.
    pub notices: Vec<Notice>,
}

/// Why an email was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum MailFailure {
    /// It may work later: the server is away, slow, or says so.
    #[error("{0}")]
    Transient(String),
    /// It will not: the address is refused, or the email cannot be written.
    #[error("{0}")]
    Permanent(String),
}

/// Sends email.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Writes and sends one email. `Ok` means that the next server (or the file system) has it.
    async fn send(&self, letter: &Letter) -> Result<(), MailFailure>;
}
