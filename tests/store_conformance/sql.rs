//! A person's way to the database: plain SQL over a connection of its own, with rows as JSON so that both databases
//! answer alike.

use std::sync::Mutex;

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

/// An open connection.
pub enum Sql {
    Postgres(Client),
    Sqlite(Mutex<SqliteConnection>),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

impl Sql {
    /// Connects as psql or sqlite3 would.
    pub async fn open(url: &str) -> Sql {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let mut conn = SqliteConnection::establish(path).expect("an SQLite file");
            conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
            conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON").expect("pragmas");
            return Sql::Sqlite(Mutex::new(conn));
        }
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("reachable");
        tokio::spawn(connection);
        Sql::Postgres(client)
    }

    /// How SQLite would go about a statement of which no value is known, step by step.
    pub fn plan(&self, statement: &str) -> Vec<String> {
        let Sql::Sqlite(conn) = self else { panic!("PostgreSQL's plans depend on what is stored") };
        let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps = steps.load::<Step>(&mut *conn.lock().expect("unpoisoned"));
        let steps = steps.unwrap_or_else(|why| panic!("{statement}: {why}"));
        steps.into_iter().map(|step| step.detail).collect()
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Sql::Postgres(_))
    }

    async fn try_run(&self, statements: &str) -> Result<(), String> {
        match self {
            Sql::Postgres(client) => client.batch_execute(statements).await.map_err(|why| match why.as_db_error() {
                Some(refusal) => format!("{} ({})", refusal.message(), refusal.constraint().unwrap_or("")),
                None => why.to_string(),
            }),
            Sql::Sqlite(conn) => {
                conn.lock().expect("unpoisoned").batch_execute(statements).map_err(|why| why.to_string())
            }
        }
    }

    /// Runs statements that must succeed.
    pub async fn run(&self, statements: &str) {
        self.try_run(statements).await.unwrap_or_else(|why| panic!("{statements}: {why}"));
    }

    /// Runs statements that must be refused, and answers the database's words.
    pub async fn refusal_of(&self, statements: &str) -> String {
        match self.try_run(statements).await {
            Ok(()) => panic!("not refused: {statements}"),
            Err(why) => why,
        }
    }

    /// Rows of `SELECT {columns} FROM {from}`, with booleans as 0 and 1, times as RFC 3339 in UTC and JSON as JSON.
    pub async fn rows(&self, columns: &str, from: &str) -> Vec<Vec<Value>> {
        let lines: Vec<String> = match self {
            Sql::Postgres(client) => {
                let query = format!("SELECT json_build_array({columns})::text AS line FROM {from}");
                let rows = client.query(&query, &[]).await.unwrap_or_else(|why| panic!("{query}: {why:?}"));
                rows.iter().map(|row| row.get(0)).collect()
            }
            Sql::Sqlite(conn) => {
                let query = format!("SELECT json_array({columns}) AS line FROM {from}");
                let rows = diesel::sql_query(&query).load::<Line>(&mut *conn.lock().expect("unpoisoned"));
                let rows = rows.unwrap_or_else(|why| panic!("{query}: {why}"));
                rows.into_iter().map(|row| row.line).collect()
            }
        };
        let row = |line: String| {
            let row: Vec<Value> = serde_json::from_str(&line).expect("an array");
            row.into_iter().map(alike).collect()
        };
        lines.into_iter().map(row).collect()
    }

    /// The only row.
    pub async fn row(&self, columns: &str, from: &str) -> Vec<Value> {
        let mut rows = self.rows(columns, from).await;
        assert_eq!(rows.len(), 1, "rows of {from}");
        rows.remove(0)
    }

    /// The only value.
    pub async fn value(&self, column: &str, from: &str) -> Value {
        self.row(column, from).await.remove(0)
    }

    pub async fn count(&self, from: &str) -> i64 {
        self.value("count(*)", from).await.as_i64().expect("a count")
    }

    /// The names of a table's columns, sorted.
    pub async fn columns(&self, table: &str) -> Vec<String> {
        let from = match self {
            Sql::Postgres(_) => format!(
                "(SELECT column_name::text AS name FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY 1) AS c"
            ),
            Sql::Sqlite(_) => format!("(SELECT name FROM pragma_table_info('{table}') ORDER BY 1) AS c"),
        };
        let names = self.rows("name", &from).await;
        names.into_iter().map(|mut row| row.remove(0).as_str().expect("a name").to_owned()).collect()
    }

    /// All rows of a table, sorted, as `column=value`, without some columns.
    pub async fn table(&self, table: &str, without: &[&str]) -> Vec<Vec<String>> {
        let names: Vec<String> =
            self.columns(table).await.into_iter().filter(|name| !without.contains(&name.as_str())).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let rows = self.rows(&quoted.join(", "), table).await;
        let line = |row: Vec<Value>| names.iter().zip(row).map(|(name, value)| format!("{name}={value}")).collect();
        let mut lines: Vec<Vec<String>> = rows.into_iter().map(line).collect();
        lines.sort();
        lines
    }
}

fn alike(value: Value) -> Value {
    match value {
        Value::Bool(yes) => Value::from(i32::from(yes)),
        Value::String(text) => match DateTime::parse_from_rfc3339(&text) {
            Ok(at) => at.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Millis, true).into(),
            Err(_) if text.starts_with('{') => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            Err(_) => Value::String(text),
        },
        value => value,
    }
}

/// A time as it stands in a statement and in [`Sql::rows`].
pub fn literal(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
