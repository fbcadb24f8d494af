//! The mail room: writes what notices say as an email, and hands it to SMTP, to files or to sendmail. It decides
//! neither who is told nor when to try again, and reads no clock: the date comes with the letter.

mod compose;
mod files;
mod lists;
mod plain;
mod render;
mod sendmail;
mod settings;
mod smtp;
mod smtp_url;
mod story;
mod text;
mod words;

use async_trait::async_trait;

use crate::ports::{Letter, MailFailure, Mailer};

use compose::Sender;
use files::Files;
use sendmail::Sendmail;
use smtp::Smtp;

pub use render::{RenderError, Rendered, Voice, render};
pub use settings::{Login, MailSetupError, Security, Settings, SmtpServer, Transport};
pub use smtp_url::SmtpUrlError;

/// Writes and sends emails.
pub struct MailRoom {
    sender: Sender,
    way: Way,
}

enum Way {
    Smtp(Box<Smtp>),
    Files(Files),
    Sendmail(Sendmail),
}

impl MailRoom {
    /// Checks the settings. It connects to nothing; a directory for files is made.
    pub fn new(settings: Settings) -> Result<Self, MailSetupError> {
        if settings.timeout.is_zero() {
            return Err(MailSetupError::NoTime);
        }
        let sender = Sender::new(&settings)?;
        let timeout = settings.timeout;
        let way = match settings.transport {
            Transport::Smtp(server) => Way::Smtp(Box::new(Smtp::new(server, sender.domain(), timeout)?)),
            Transport::Files { dir } => Way::Files(Files::new(dir)?),
            Transport::Sendmail { path } => Way::Sendmail(Sendmail::new(path, timeout)?),
        };
        Ok(Self { sender, way })
    }

    /// Goes as far as it can without sending anything. Answers what was found.
    pub async fn probe(&self) -> Result<String, MailFailure> {
        match &self.way {
            Way::Smtp(smtp) => smtp.probe().await,
            Way::Files(files) => Ok(format!("emails become files in {}, which nobody receives", files.dir().display())),
            Way::Sendmail(sendmail) => Ok(format!("{} is there", sendmail.path().display())),
        }
    }
}

#[async_trait]
impl Mailer for MailRoom {
    async fn send(&self, letter: &Letter) -> Result<(), MailFailure> {
        let parcel = self.sender.compose(letter)?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(&parcel).await,
            Way::Files(files) => files.send(&parcel).await,
            Way::Sendmail(sendmail) => sendmail.send(&parcel).await,
        }
    }
}
