//! An email between the words and the page: what is said, in order, before it becomes plain text or HTML. Both are
//! made from the same story, so they cannot tell different things.

/// One email.
pub struct Story {
    /// The subject line.
    pub subject: String,
    /// How the reader is addressed; admins are not.
    pub greeting: Option<String>,
    /// What is said.
    pub blocks: Vec<Block>,
    /// Who sent this, and why to this reader.
    pub footer: String,
}

/// One piece of an email.
pub enum Block {
    /// A paragraph.
    Say(String),
    /// Somebody else's words.
    Quote(String),
    /// Names and values.
    Facts(Vec<(&'static str, String)>),
    /// Several payments.
    List(Table),
    /// Commands for an admin's shell.
    Commands(Vec<Command>),
}

/// Rows under titles.
pub struct Table {
    /// The titles.
    pub columns: Vec<Column>,
    /// The first rows; the others are only counted.
    pub rows: Vec<Row>,
    /// How many rows are left out.
    pub more: usize,
    /// The sums over all rows, one for each currency.
    pub totals: Vec<String>,
}

/// A column's head.
pub struct Column {
    /// Its title.
    pub title: String,
    /// Whether it is set to the right, as numbers are.
    pub right: bool,
}

/// A row, and what is to be said of it alone.
pub struct Row {
    /// One text for each column.
    pub cells: Vec<String>,
    /// A line under the row.
    pub note: Option<String>,
}

/// A command and what it does.
pub struct Command {
    /// As typed.
    pub line: String,
    /// What it does.
    pub does: String,
}

impl Block {
    /// A paragraph.
    pub fn say(text: impl Into<String>) -> Self {
        Self::Say(text.into())
    }
}

impl Command {
    /// A command and what it does.
    pub fn new(line: impl Into<String>, does: impl Into<String>) -> Self {
        Self { line: line.into(), does: does.into() }
    }
}
