//! What admins are told when the books are not right.

use crate::domain::notice::Notice;
use crate::mail::lists::ROWS_MAX;
use crate::mail::render::Voice;
use crate::mail::story::{Block, Column, Row, Story, Table};
use crate::mail::text::one_line;

use super::{commands, to_admin};

/// The audit found differences. Of several audits the latest counts: what it found stands now.
pub fn difference(notices: &[Notice], voice: &Voice) -> Story {
    let (count, first) = notices.iter().rev().find_map(found).unwrap_or((0, &[]));
    let differences = if count == 1 { "1 difference".to_owned() } else { format!("{count} differences") };
    let blocks = vec![
        Block::say("The ledger, the payments and what Stripe told do not agree:"),
        Block::List(table(count, first)),
        Block::say(
            "No money moves because of this, and none is held back. Rows that were changed by hand in the database are the \
             most likely cause; a transfer that is not what was ordered or due is the most urgent one.",
        ),
        commands::block([commands::audit(), commands::audit_repair()]),
    ];
    to_admin(voice, format!("The books do not agree: {differences}"), blocks)
}

/// Stripe and the database differ. Of several looks the latest counts.
pub fn discrepancies(notices: &[Notice], voice: &Voice) -> Story {
    let found = notices.iter().rev().find_map(|notice| match notice {
        Notice::Discrepancies { count, first } => Some((usize::try_from(*count).unwrap_or(0), first.as_slice())),
        _ => None,
    });
    let (count, first) = found.unwrap_or((0, &[]));
    let differ = if count == 1 { "1 difference".to_owned() } else { format!("{count} differences") };
    let blocks = vec![
        Block::say("What payoutd has on record and what Stripe has do not agree:"),
        Block::List(table(count, first)),
        Block::say(
            "No money moves because of this. What is missing or old on record can be taken in; another amount, currency or \
             account, and what Stripe does not have at all, is for a person to look at.",
        ),
        commands::block([commands::reconcile(), commands::reconcile_fix()]),
    ];
    to_admin(voice, format!("Stripe and payoutd do not agree: {differ}"), blocks)
}

fn found(notice: &Notice) -> Option<(usize, &[(String, String)])> {
    match notice {
        Notice::AuditDifference { count, first } => Some((*count, first)),
        _ => None,
    }
}

fn table(count: usize, first: &[(String, String)]) -> Table {
    let row =
        |(about, what): &(String, String)| Row { cells: vec![one_line(about, 60)], note: Some(one_line(what, 300)) };
    let rows: Vec<Row> = first.iter().take(ROWS_MAX).map(row).collect();
    Table {
        columns: vec![Column { title: "About".to_owned(), right: false }],
        more: count.saturating_sub(rows.len()),
        rows,
        totals: Vec::new(),
    }
}
