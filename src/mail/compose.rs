//! From a letter to the bytes that travel: headers, both bodies, and the envelope. Nothing that others wrote reaches a
//! header unless it passed through here.

use std::time::{Duration, SystemTime};

use chrono::DateTime;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Host;

use crate::domain::notice::Notice;
use crate::ports::{Letter, MailFailure};

use super::render::{Voice, render};
use super::settings::{MailSetupError, Settings};
use super::text::one_line;

/// 31 December 9999: the last date that an email's header can hold.
const LAST_DATE_S: u64 = 253_402_214_400;

/// What may stand in a Message-ID and in a file's name as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Who sends, and in whose name.
#[derive(Debug, Clone)]
pub struct Sender {
    from: Mailbox,
    contact: Mailbox,
    voice: Voice,
}

/// An email ready to be handed over.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The same for every attempt at the same letter; fit for a file's name.
    pub name: String,
    /// The envelope's sender.
    pub from: Address,
    /// The envelope's recipient.
    pub to: Address,
    /// The message, its lines ending in CR LF.
    pub bytes: Vec<u8>,
}

impl Sender {
    /// Checks the addresses.
    pub fn new(settings: &Settings) -> Result<Self, MailSetupError> {
        let wrong = |setting, given: &str| MailSetupError::Address { setting, given: one_line(given, 80) };
        let mut from = mailbox(&settings.from).ok_or_else(|| wrong("from", &settings.from))?;
        let contact = mailbox(&settings.contact).ok_or_else(|| wrong("contact", &settings.contact))?;
        let given = one_line(&settings.platform_name, 80);
        let platform_name = if given.is_empty() { from.email.domain().to_owned() } else { given };
        from.name.get_or_insert_with(|| platform_name.clone());
        let voice = Voice { platform_name, contact: contact.email.to_string(), time_zone: settings.time_zone };
        Ok(Self { from, contact, voice })
    }

    /// The name to say hello with to a mail server: the sender's domain.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// Writes the whole email. What fails here fails at every attempt.
    pub fn compose(&self, letter: &Letter) -> Result<Parcel, MailFailure> {
        let permanent =
            |why: String| MailFailure::Permanent(format!("email {}: {why}", one_line(&letter.message_id, 60)));
        let to = mailbox(&letter.to).ok_or_else(|| permanent("the recipient's address cannot be read".into()))?;
        let rendered = render(&letter.notices, &self.voice).map_err(|why| permanent(why.to_string()))?;
        let name = utf8_percent_encode(&letter.message_id, ESCAPED).to_string();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(to.clone())
            .subject(rendered.subject)
            .date(date(letter.written_at))
            .message_id(Some(format!("<{name}@{}>", self.domain())))
            .raw_header(automatic());
        if may_be_answered(&letter.notices) {
            builder = builder.reply_to(self.contact.clone());
        }
        let message = builder
            .multipart(MultiPart::alternative_plain_html(rendered.text, rendered.html))
            .map_err(|why| permanent(format!("it cannot be written: {why}")))?;
        Ok(Parcel { name, from: self.from.email.clone(), to: to.email, bytes: message.formatted() })
    }
}

/// Reads one address, with or without a name; domains beyond ASCII are put as DNS writes them.
fn mailbox(text: &str) -> Option<Mailbox> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let parsed: Mailbox = text.trim().parse().ok()?;
    let name = parsed.name.map(|name| one_line(&name, 80)).filter(|name| !name.is_empty());
    Some(Mailbox::new(name, in_ascii(parsed.email)?))
}

fn in_ascii(address: Address) -> Option<Address> {
    if address.domain().is_ascii() {
        return Some(address);
    }
    let host: Host = Host::parse(address.domain()).ok()?;
    Address::new(address.user(), host.to_string()).ok()
}

/// RFC 3834: no out-of-office reply to this.
fn automatic() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into())
}

fn date(at: DateTime<chrono::Utc>) -> SystemTime {
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0).min(LAST_DATE_S);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Mentors and customers write back to people; admins do not.
fn may_be_answered(notices: &[Notice]) -> bool {
    notices.first().is_some_and(Notice::may_be_answered)
}
