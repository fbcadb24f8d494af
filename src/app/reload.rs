//! What a running daemon takes from a configuration that was read again: who signs webhooks, how mail leaves, what is
//! logged. Everything else needs a restart, and is named.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::wiring::{AppError, mail_room};
use crate::config::Config;
use crate::mail::MailRoom;
use crate::ports::{Letter, MailFailure, Mailer, SignatureCheck, SignatureError};
use crate::stripe::Signatures;
use crate::telemetry;

/// Keys that take effect at once. `mail.max_attempts`, `mail.merge_window`, `mail.admin_email`, `mail.digest` and
/// `mail.dispute_acknowledgement` are not among them: the loops and the rules were set up with them.
const AT_ONCE: [&str; 13] = [
    "log.filter",
    "stripe.webhook_secrets",
    "webhook.tolerance",
    "mail.transport",
    "mail.smtp_url",
    "mail.smtp_ca_file",
    "mail.file_dir",
    "mail.sendmail_path",
    "mail.from",
    "mail.contact",
    "mail.platform_name",
    "mail.time_zone",
    "mail.timeout",
];

/// What came of it, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// In force now.
    pub changed: Vec<String>,
    /// Changed in the configuration, but as before in this daemon until it is started again.
    pub needs_restart: Vec<String>,
}

impl Reloaded {
    pub(super) fn of(started_with: &Config, read_last: &Config, new: &Config) -> Self {
        let at_once = |key: &String| AT_ONCE.contains(&key.as_str());
        let changed = read_last.changed(new).into_iter().filter(at_once).collect();
        let needs_restart = started_with.changed(new).into_iter().filter(|key| !at_once(key)).collect();
        Self { changed, needs_restart }
    }
}

/// The parts of a daemon that may be exchanged.
pub(super) struct Exchangeable {
    pub signatures: SharedSignatures,
    pub mail: SharedMail,
}

impl Exchangeable {
    /// Takes what may change from `new`. All of it is made before any of it is put in force.
    pub(super) fn exchange(&self, new: &Config) -> Result<(), AppError> {
        let serve = new.require_serve()?;
        let signatures = Signatures::new(&serve.webhook_secrets, new.webhook.tolerance)?;
        let mail = mail_room(serve.mail)?;
        telemetry::set_filter(&new.log.filter)?;
        self.signatures.put(signatures);
        self.mail.put(mail);
        Ok(())
    }
}

/// The check of signatures, whose secrets are rotated while the daemon runs.
#[derive(Clone)]
pub(super) struct SharedSignatures(Arc<RwLock<Arc<Signatures>>>);

impl SharedSignatures {
    pub(super) fn new(signatures: Signatures) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(signatures))))
    }

    fn put(&self, signatures: Signatures) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signatures);
    }
}

impl SignatureCheck for SharedSignatures {
    fn check(&self, header: Option<&str>, body: &[u8], now: DateTime<Utc>) -> Result<(), SignatureError> {
        let signatures = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        signatures.check(header, body, now)
    }
}

/// The mail room; an email that is being sent goes out as it was begun.
#[derive(Clone)]
pub(super) struct SharedMail(Arc<RwLock<Arc<MailRoom>>>);

impl SharedMail {
    pub(super) fn new(room: MailRoom) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(room))))
    }

    fn put(&self, room: MailRoom) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(room);
    }
}

#[async_trait]
impl Mailer for SharedMail {
    async fn send(&self, letter: &Letter) -> Result<(), MailFailure> {
        let room = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        room.send(letter).await
    }
}
