//! One statement for many rows: they come as one JSON text, so that the statement's own text is always the same and stays
//! prepared, and so that both databases run the same one. Knows no table.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Text};
use serde_json::Value;

/// The columns of the rows, with their types in PostgreSQL's words. SQLite takes what stands in the JSON.
pub(super) type Columns = &'static [(&'static str, &'static str)];

/// Where the rows stand in a statement: a table `r` with the columns.
const ROWS: &str = "{rows}";

/// A statement over rows. `ST` is what it returns.
#[derive(Debug)]
pub(super) struct Bulk<ST = ()> {
    before: String,
    rows: String,
    after: String,
    returns: PhantomData<ST>,
}

impl<ST> Bulk<ST> {
    /// `statement` has `{rows}` where the rows stand; `source` is the database's way to read them, the text before the
    /// parameter and after it.
    pub(super) fn new(statement: &str, source: (String, String), rows: &[Value]) -> Self {
        let (before, after) = statement.split_once(ROWS).unwrap_or((statement, ""));
        Self {
            before: format!("{before}{}", source.0),
            rows: serde_json::json!(rows).to_string(),
            after: format!("{}{after}", source.1),
            returns: PhantomData,
        }
    }
}

impl<ST, DB> QueryFragment<DB> for Bulk<ST>
where
    DB: Backend + HasSqlType<Text>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(&self.before);
        out.push_bind_param::<Text, String>(&self.rows)?;
        out.push_sql(&self.after);
        Ok(())
    }
}

impl<ST> QueryId for Bulk<ST> {
    type QueryId = ();
    // Its text tells one from another.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Bulk<ST> {
    type SqlType = ST;
}

/// Whether PostgreSQL would refuse it within rows though it takes it alone: a NUL inside of a JSON column.
pub(super) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}
