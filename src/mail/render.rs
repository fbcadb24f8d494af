//! From notices to an email's subject, text and HTML. Pure: no clock, no address, no sending.

use askama::Template;
use chrono_tz::Tz;

use crate::domain::notice::Notice;

use super::story::{Block, Story};
use super::text::one_line;
use super::words;

/// Longer subjects are cut by most mail clients anyway.
const SUBJECT_MAX: usize = 160;

/// Who speaks, and whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// The marketplace's name, as its mentors know it.
    pub platform_name: String,
    /// The address that answers mentors' questions.
    pub contact: String,
    /// Where times are read.
    pub time_zone: Tz,
}

/// An email's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line, in Unicode.
    pub subject: String,
    /// For text clients, wrapped at 72 characters.
    pub text: String,
    /// The same words in HTML.
    pub html: String,
}

/// Why notices do not make an email.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// There is none, or they are of several kinds.
    #[error("an email needs notices of one kind, and got {0:?}")]
    NotOneKind(Vec<&'static str>),
    /// A template could not be filled in.
    #[error("the template could not be filled in: {0}")]
    Template(#[from] askama::Error),
}

/// Writes one email about one notice, or about several of one kind.
pub fn render(notices: &[Notice], voice: &Voice) -> Result<Rendered, RenderError> {
    let (platform_name, contact) = (one_line(&voice.platform_name, 80), one_line(&voice.contact, 254));
    let voice = &Voice { platform_name, contact, time_zone: voice.time_zone };
    let story = words::story(notices, voice)
        .ok_or_else(|| RenderError::NotOneKind(notices.iter().map(Notice::kind).collect()))?;
    let subject = one_line(&story.subject, SUBJECT_MAX);
    let text = PlainLetter { story: &story }.render()? + "\n";
    let html = HtmlLetter { subject: &subject, story: &story }.render()? + "\n";
    Ok(Rendered { subject, text, html })
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct PlainLetter<'a> {
    story: &'a Story,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct HtmlLetter<'a> {
    subject: &'a str,
    story: &'a Story,
}

impl PlainLetter<'_> {
    fn footer(&self) -> String {
        super::plain::wrap(&self.story.footer, "")
    }
}
