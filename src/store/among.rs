//! A column among values, on SQLite: they come as one JSON text, so that the statement's own text does not depend on how
//! many there are, and stays prepared. (PostgreSQL takes them as one array.)

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;
use serde_json::json;

/// `column IN (…)`
#[derive(Debug, Clone, QueryId)]
pub(super) struct Among<C> {
    column: C,
    values: String,
}

impl<C> Among<C> {
    pub(super) fn new<I>(column: C, values: I) -> Self
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let values: Vec<_> = values.into_iter().map(|value| json!(value)).collect();
        Self { column, values: json!(values).to_string() }
    }
}

impl<C: Expression> Expression for Among<C> {
    type SqlType = Bool;
}

impl<C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Among<C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, String>(&self.values)?;
        out.push_sql("))");
        Ok(())
    }
}

impl<C, QS> AppearsOnTable<QS> for Among<C>
where
    C: AppearsOnTable<QS>,
    Self: Expression,
{
}

impl<C, QS> SelectableExpression<QS> for Among<C>
where
    C: SelectableExpression<QS>,
    Self: AppearsOnTable<QS>,
{
}

impl<C: ValidGrouping<G>, G> ValidGrouping<G> for Among<C> {
    type IsAggregate = C::IsAggregate;
}
