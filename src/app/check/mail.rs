//! Mail: as far as one gets without sending any.

use super::{Finding, LIMIT, in_time, state_dir};
use crate::app::wiring::mail_room;
use crate::config::{Config, MailParts, MailTransport};

const NAME: &str = "mail";

pub(super) async fn look(config: &Config) -> Finding {
    let parts = match config.require_mail() {
        Ok(parts) => parts,
        Err(_) => return Finding::skipped(NAME, "mail is not set up"),
    };
    if let MailTransport::File { dir } = &parts.transport {
        return files(dir);
    }
    let room = match mail_room(MailParts { timeout: parts.timeout.min(LIMIT), ..parts }) {
        Ok(room) => room,
        Err(error) => return Finding::failed(NAME, error.to_string()),
    };
    match in_time(room.probe()).await {
        Ok(Ok(found)) => Finding::ok(NAME, found),
        Ok(Err(failure)) => Finding::fail(NAME, failure.to_string(), FIX),
        Err(silence) => Finding::fail(NAME, silence, FIX),
    }
}

const FIX: &str = "check mail.smtp_url (SMTP_URL): host, port, TLS, user and password";

/// Asked before a mail room is made, which would make the directory.
fn files(dir: &std::path::Path) -> Finding {
    let looked = state_dir::writable(NAME, dir);
    match looked.state {
        super::CheckState::Ok => Finding::warn(
            NAME,
            format!("emails become files in {}, which nobody receives", dir.display()),
            "for a trial that is right; else set mail.transport to \"smtp\" or \"sendmail\"",
        ),
        _ => looked,
    }
}
