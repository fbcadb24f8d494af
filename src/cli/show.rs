//! How things are printed: aligned tables for people, JSON for programs.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::domain::money::{Currency, MinorUnits};
pub(super) use crate::ports::shown::{time, waits, why};
use crate::ports::{Balance, Unreadable};

/// An aligned table; the columns at `right` hold numbers.
pub(super) fn table(header: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|title| title.to_uppercase()));
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Prints a line. A reader who has gone away (`| head`) ends the program, and quietly.
pub(super) fn line(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a line with colours where standard output is a terminal that shows them, and nobody said NO_COLOR.
pub(super) fn styled_line(text: &str) {
    use std::io::Write;
    let mut out = anstream::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// An amount that may be less than nothing.
pub(super) fn signed(currency: Currency, minor: i64) -> String {
    let shown = currency.display(MinorUnits::new(minor.saturating_abs()).unwrap_or_default());
    if minor < 0 { format!("-{shown}") } else { shown }
}

/// A mentor's balances, a line a currency.
pub(super) fn balances(balances: &[Balance]) -> String {
    let header = ["earned", "pending", "held", "available", "carried", "paid", "withdrawn", "owed"];
    let rows = balances.iter().map(|b| {
        let parts = [
            b.earned_minor,
            b.pending_minor,
            b.held_minor,
            b.available_minor,
            b.carried_minor,
            b.paid_minor,
            b.withdrawn_minor,
            b.owed_minor,
        ];
        parts.iter().map(|minor| signed(b.currency, *minor)).collect()
    });
    table(&header, &[0, 1, 2, 3, 4, 5, 6, 7], rows)
}

/// A row that cannot be read, as wide as the others.
pub(super) fn unreadable(row: &Unreadable, columns: usize) -> Vec<String> {
    let mut cells = vec!["-".to_owned(); columns];
    cells[0] = row.id.to_string();
    cells[columns - 1] = format!("unreadable: {}", row.unreadable);
    cells
}

/// Prints JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<()> {
    outln!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
