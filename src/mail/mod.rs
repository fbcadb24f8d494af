//! The mail room: writes what notices say as an email, and hands it to SMTP, to files or to sendmail. It decides
//! neither who is told nor when to try again, and reads no clock: the date comes with the letter.

mod lists;
mod plain;
mod render;
mod story;
mod text;
mod words;

pub use render::{RenderError, Rendered, Voice, render};
