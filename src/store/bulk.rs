//! One statement for many rows: they come as one JSON text, so that the statement's own text is always the same and stays
//! prepared, and so that both databases run the same one. Knows no table.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Text};
use serde::Serialize;
use serde_json::Value;

/// The columns of the rows, with their types in PostgreSQL's words. SQLite takes what stands in the JSON.
pub(super) type Columns = &'static [(&'static str, &'static str)];

/// Where the rows stand in a statement: a table `r` with the columns.
const ROWS: &str = "{rows}";

/// A statement over rows. `ST` is what it returns.
#[derive(Debug)]
pub(super) struct Bulk<ST = ()> {
    before: String,
    rows: serde_json::Result<String>,
    after: String,
    returns: PhantomData<ST>,
}

impl<ST> Bulk<ST> {
    /// `statement` has `{rows}` where the rows stand; `source` is the database's way to read them, the text before the
    /// parameter and after it. Each row is an object with the columns' names.
    pub(super) fn new(statement: &str, source: (String, String), rows: &[impl Serialize]) -> Self {
        let (before, after) = statement.split_once(ROWS).unwrap_or((statement, ""));
        Self {
            before: format!("{before}{}", source.0),
            rows: written(rows),
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
        let rows = self.rows.as_ref().map_err(|why| Error::SerializationError(why.to_string().into()))?;
        out.push_bind_param::<Text, String>(rows)?;
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

/// Rows as JSON text. No NUL is in it: PostgreSQL refuses one in a text, and SQLite ends a text with it.
fn written(rows: &[impl Serialize]) -> serde_json::Result<String> {
    let text = serde_json::to_string(rows)?;
    match text.contains(r"\u0000") {
        true => Ok(without_nul(&serde_json::from_str(&text)?).to_string()),
        false => Ok(text),
    }
}

fn without_nul(value: &Value) -> Value {
    let clean = |text: &str| text.replace('\0', "\u{FFFD}");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(values) => values.iter().map(without_nul).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (clean(name), without_nul(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_nul_gets_into_rows() {
        let rows = [json!({"a\0": ["b\0c", 1, null], "d": {"e": "\0"}}), json!({"f": r"\u0000"})];
        let clean: Value = serde_json::from_str(&written(&rows).unwrap()).unwrap();
        assert_eq!(clean, json!([{"a\u{FFFD}": ["b\u{FFFD}c", 1, null], "d": {"e": "\u{FFFD}"}}, {"f": r"\u0000"}]));
    }
}
