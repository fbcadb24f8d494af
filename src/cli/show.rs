//! How things are printed: aligned tables for people, JSON for programs.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::domain::money::{Currency, MinorUnits};
use crate::domain::payment::{Pause, PaymentStatus, WaitWhy};
use crate::domain::policy::Policy;
use crate::domain::reason::Reason;
use crate::domain::release::{Decision, decide};
use crate::ports::{Balance, PaymentView, Unreadable};

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

/// Why a payment stands where it stands, in a few words.
pub(super) fn why(view: &PaymentView, policy: &Policy, now: chrono::DateTime<chrono::Utc>) -> String {
    let payment = &view.case.payment;
    let attempts = view.operation.as_ref().map_or(0, |(_, attempts)| *attempts);
    match (payment.status, decide(&view.case, policy, now)) {
        (PaymentStatus::Transferred, _) if attempts > 0 => format!("paid at attempt {}", attempts + 1),
        (PaymentStatus::Transferred, _) => "paid".to_owned(),
        (PaymentStatus::Failed, _) => view.last_error.clone().unwrap_or_else(|| Reason::FailedForGood.sentence()),
        (PaymentStatus::Releasing, _) => match &view.operation {
            Some((state, _)) if state == "unknown" => "its outcome is not known yet; payoutd is finding out".to_owned(),
            Some((state, _)) if state == "planned" => "Stripe was busy or away; it is tried again".to_owned(),
            _ => Reason::InFlight.sentence(),
        },
        (_, Decision::Hold(reasons)) => reasons.iter().map(Reason::sentence).collect::<Vec<_>>().join("; "),
        (_, Decision::Wait(pause)) => waits(pause),
        (_, Decision::Release(plan)) if plan.carried_over > MinorUnits::ZERO => {
            "due, and too small to be sent alone: the next run carries it over".to_owned()
        }
        (_, Decision::Release(_)) => "due: the next run pays it".to_owned(),
    }
}

/// Until when a payment waits, and why.
pub(super) fn waits(pause: Pause) -> String {
    let why = match pause.why {
        WaitWhy::Window => "the dispute window is open",
        WaitWhy::Funds => "waiting for funds on the platform's balance",
        WaitWhy::Preflight => "its charge could not be read from Stripe; waiting",
    };
    format!("{why} until {}", time(pause.until))
}

/// A time for people.
pub(super) fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
