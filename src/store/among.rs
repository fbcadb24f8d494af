//! A column among values: any, on SQLite, or words of our own, on either database. Either way the statement stays prepared.

use diesel::backend::Backend;
use diesel::dsl::And;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;
use serde_json::json;

/// Operations that have not been called for, or of which nobody knows: the condition of `operations_due`.
pub(super) const TO_DO: Words = &["planned", "unknown"];
/// Operations that are not over: the condition of `operations_one_payout_at_once`.
pub(super) const LIVE: Words = &["planned", "submitting", "unknown"];
/// Operations about accounts: the condition of `operations_of_accounts`.
pub(super) const OF_ACCOUNTS: Words = &["account", "schedule"];
/// Events of which nothing has followed yet: the condition of `webhook_events_open`.
pub(super) const UNREAD: Words = &["pending", "failed"];
/// Payments that wait for a person or for Stripe: the condition of `payments_at_rest`.
pub(super) const AT_REST: Words = &["held", "failed", "authorized"];

/// Words that a column may have.
pub(super) type Words = &'static [&'static str];

/// Any values, as one JSON text, so that the statement's own text does not depend on how many there are. (PostgreSQL takes them
/// as one array.)
#[derive(Debug, Clone)]
pub(super) struct Json(String);

/// `column IN (…)`
#[derive(Debug, Clone, Copy)]
pub(super) struct Among<C, V> {
    column: C,
    values: V,
}

impl<C> Among<C, Json> {
    pub(super) fn values<I>(column: C, values: I) -> Self
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let values: Vec<_> = values.into_iter().map(|value| json!(value)).collect();
        Self { column, values: Json(json!(values).to_string()) }
    }
}

/// The column has one of these words. They stand in the statement's own text, since a database knows only then, without the
/// values of this one time, that an index of such rows alone serves it. SQLite takes such an index where its very condition
/// stands in the statement.
pub(super) fn is<C>(column: C, values: Words) -> Among<C, Words> {
    Among { column, values }
}

/// The column has this word of those, and the index of all of those serves it.
pub(super) fn one_of<C>(column: C, words: Words, word: Words) -> And<Among<C, Words>, Among<C, Words>>
where
    C: Expression + Copy,
{
    is(column, words).and(is(column, word))
}

impl<C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Among<C, Json> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, String>(&self.values.0)?;
        out.push_sql("))");
        Ok(())
    }
}

impl<DB: Backend, C: QueryFragment<DB>> QueryFragment<DB> for Among<C, Words> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        let (before, after) = if let [_] = self.values { (" = ", "") } else { (" IN (", ")") };
        out.push_sql(before);
        for (n, word) in self.values.iter().enumerate() {
            debug_assert!(word.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{word:?} is no word");
            out.push_sql(if n == 0 { "'" } else { ", '" });
            out.push_sql(word);
            out.push_sql("'");
        }
        out.push_sql(after);
        Ok(())
    }
}

impl<C, V> QueryId for Among<C, V> {
    type QueryId = ();
    // Two of one type may differ in their words: they are told apart by their text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C: Expression, V> Expression for Among<C, V> {
    type SqlType = Bool;
}

impl<C, V, QS> AppearsOnTable<QS> for Among<C, V>
where
    C: AppearsOnTable<QS>,
    Self: Expression,
{
}

impl<C, V, QS> SelectableExpression<QS> for Among<C, V>
where
    C: SelectableExpression<QS>,
    Self: AppearsOnTable<QS>,
{
}

impl<C: ValidGrouping<G>, V, G> ValidGrouping<G> for Among<C, V> {
    type IsAggregate = C::IsAggregate;
}
