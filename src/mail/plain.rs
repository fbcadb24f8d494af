//! A story's blocks as plain text: paragraphs wrapped at 72 characters, aligned lists. It chooses no words.

use super::story::{Block, Command, Table};

/// Lines are not longer than this, except for commands and words that cannot be broken.
pub const WIDTH: usize = 72;

impl Block {
    /// The block as lines of text, without a line break at the end.
    pub fn plain(&self) -> String {
        match self {
            Self::Say(text) => wrap(text, ""),
            Self::Quote(text) => wrap(text, "> "),
            Self::Facts(facts) => plain_facts(facts),
            Self::List(table) => plain_table(table),
            Self::Commands(commands) => commands.iter().map(plain_command).collect::<Vec<_>>().join("\n"),
        }
    }
}

/// Breaks a text into lines that start with `indent`; words are never broken.
pub fn wrap(text: &str, indent: &str) -> String {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = indent.chars().count() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > WIDTH {
            lines.push(format!("{indent}{line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(format!("{indent}{line}"));
    lines.join("\n")
}

fn plain_facts(facts: &[(&'static str, String)]) -> String {
    let width = facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let hang = " ".repeat(width + 4);
    let line = |(label, value): &(&'static str, String)| {
        let wrapped = wrap(value, &hang);
        format!("  {label:width$}  {}", wrapped.trim_start())
    };
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn plain_command(command: &Command) -> String {
    format!("    {}\n{}", command.line, wrap(&command.does, "        "))
}

/// The last column is not padded: it holds the free text, whose width on the screen nobody knows.
fn plain_table(table: &Table) -> String {
    let widths: Vec<usize> = (0..table.columns.len()).map(|column| width_of(table, column)).collect();
    let row = |cells: Vec<&str>| -> String {
        let padded = cells.iter().zip(&widths).zip(&table.columns).map(|((cell, &width), column)| match column.right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        format!("  {}", padded.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let mut lines = vec![row(table.columns.iter().map(|column| column.title.as_str()).collect())];
    for line in &table.rows {
        lines.push(row(line.cells.iter().map(String::as_str).collect()));
        lines.extend(line.note.as_ref().map(|note| wrap(note, "      ")));
    }
    if table.more > 0 {
        lines.push(format!("  … and {} more", table.more));
    }
    if !table.totals.is_empty() {
        lines.push(String::new());
        lines.push(plain_totals(&table.totals));
    }
    lines.join("\n")
}

fn width_of(table: &Table, column: usize) -> usize {
    let cells = table.rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| cell.chars().count());
    cells.chain([table.columns[column].title.chars().count()]).max().unwrap_or(0)
}

fn plain_totals(totals: &[String]) -> String {
    let width = totals.iter().map(|total| total.chars().count()).max().unwrap_or(0);
    let line = |(i, total): (usize, &String)| format!("  {:5}  {total:>width$}", if i == 0 { "Total" } else { "" });
    totals.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::story::{Column, Row};
    use super::*;

    #[test]
    fn paragraphs_break_between_words_and_never_inside() {
        let long = "x".repeat(100);
        let wrapped = wrap(&format!("{} {long} end", "word ".repeat(30)), "> ");
        let lines: Vec<&str> = wrapped.lines().collect();
        assert!(lines.iter().all(|line| line.starts_with("> ")));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH || line.contains(&long)));
        assert_eq!(lines.last(), Some(&"> end"));
        assert_eq!(wrap("", ""), "");
    }

    #[test]
    fn numbers_stand_to_the_right_and_text_to_the_left() {
        let row = |cells: [&str; 3]| Row { cells: cells.map(Into::into).into(), note: None };
        let mut table = Table {
            columns: vec![
                Column { title: "Payment".into(), right: true },
                Column { title: "Amount".into(), right: true },
                Column { title: "Booking".into(), right: false },
            ],
            rows: vec![row(["42", "1,090.00 USD", "B-17"]), row(["7", "5 JPY", ""])],
            more: 3,
            totals: vec!["1,090.00 USD".into(), "5 JPY".into()],
        };
        table.rows[0].note = Some("late".into());
        let expected = [
            "  Payment        Amount  Booking",
            "       42  1,090.00 USD  B-17",
            "      late",
            "        7         5 JPY",
            "  … and 3 more",
            "",
            "  Total  1,090.00 USD",
            "                5 JPY",
        ];
        assert_eq!(Block::List(table).plain().lines().collect::<Vec<_>>(), expected);
    }
}
