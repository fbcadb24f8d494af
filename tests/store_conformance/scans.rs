//! Watches what the store asks of SQLite while the stories are told: no statement may read a whole table that grows with what is
//! paid. SQLite says itself how it would go about a statement of which it knows no value, and nothing is ever analysed: so what
//! it says of ten rows holds for a million. (On PostgreSQL `plans` counts rows.)

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use crate::sql::Sql;

/// Tables that stay small: those of [`crate::reading::SMALL`], one row for each mentor, and what a person is to look into.
const SMALL: [&str; 4] = ["mentors", "accounts", "mentor_debts", "discrepancies"];

/// Indexes of what is open, which may be read as a whole: what is done leaves them.
const OPEN: [&str; 13] = [
    "accounts_to_schedule",
    "discrepancies_one_open",
    "disputes_unheard",
    "emails_due",
    "emails_failed",
    "holds_open_on_mentor",
    "mentor_debts_open",
    "operations_due",
    "operations_leased",
    "payments_at_rest",
    "payments_on_the_platform",
    "payouts_to_post",
    "webhook_events_open",
];

/// Parts of statements that read everything because that is what a person asked for: the audit, and posting anew.
const EVERYTHING: [&str; 6] = [
    "AS both_ways",
    "FROM mentor_debts GROUP BY",
    "HAVING sum(outstanding) <> sum(entered)",
    "FROM payout_requests AS r LEFT JOIN operations AS o",
    "SELECT o.stripe_payout_id AS name",
    "UPDATE `payouts` SET `to_post` = ?",
];

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on each new connection tells what it is asked.
pub fn watch() {
    set_default_instrumentation(|| Some(Box::new(note) as Box<dyn Instrumentation>)).expect("unpoisoned");
}

fn note(event: InstrumentationEvent<'_>) {
    let InstrumentationEvent::StartQuery { query, .. } = event else { return };
    let text = query.to_string();
    let statement = text.split(" -- binds").next().unwrap_or(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    if ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|word| statement.starts_with(word)) {
        STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner).insert(statement);
    }
}

/// Of all that was asked so far, nothing reads a whole table.
pub async fn none_in(sql: &Sql) {
    let statements = std::mem::take(&mut *STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner));
    assert!(!statements.is_empty(), "nothing was asked");
    let tables = sql.rows("name", "sqlite_master WHERE type = 'table'").await;
    let tables: Vec<&str> = tables.iter().map(|row| row[0].as_str().expect("a name")).collect();
    let found: Vec<String> = statements
        .iter()
        .filter(|statement| !is_meant_to(statement))
        .flat_map(|statement| sql.plan(statement).into_iter().map(move |step| (step, statement)))
        .filter(|(step, statement)| reads_all(step, statement, &tables))
        .map(|(step, statement)| format!("{step}: {statement}"))
        .collect();
    assert!(found.is_empty(), "whole tables are read:\n{}", found.join("\n"));
}

fn is_meant_to(statement: &str) -> bool {
    // A page, the newest first, ends where it is full.
    statement.ends_with("DESC LIMIT ?") || EVERYTHING.iter().any(|part| statement.contains(part))
}

/// Whether a step such as `SCAN t` or `SCAN t USING INDEX i` reads all of a table that grows.
fn reads_all(step: &str, statement: &str, tables: &[&str]) -> bool {
    let Some(scan) = step.strip_prefix("SCAN ") else { return false };
    let mut words = scan.split_whitespace();
    let name = words.next().unwrap_or_default();
    if scan.split_whitespace().next_back().is_some_and(|index| OPEN.contains(&index)) {
        return false;
    }
    let is_it = |table: &&&str| name == **table || statement.contains(&format!(" {table} AS {name} "));
    tables.iter().find(is_it).is_some_and(|table| !SMALL.contains(table) && !crate::reading::SMALL.contains(table))
}
