//! Plain SQL on the simulation's SQLite file: what an admin types.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel::{QueryableByName, SqliteConnection};

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Nullable<BigInt>)]
    number: Option<i64>,
}

fn open(path: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(path).expect("the file can be opened");
    diesel::sql_query("PRAGMA busy_timeout = 10000").execute(&mut conn).expect("a setting");
    conn
}

/// Changes rows; answers how many.
pub fn run(path: &str, statement: &str) -> usize {
    diesel::sql_query(statement).execute(&mut open(path)).unwrap_or_else(|why| panic!("{statement}: {why}"))
}

pub fn numbers(path: &str, what: &str, from: &str) -> Vec<i64> {
    let query = format!("SELECT CAST({what} AS BIGINT) AS number FROM {from}");
    let rows = diesel::sql_query(&query).load::<Number>(&mut open(path));
    rows.unwrap_or_else(|why| panic!("{query}: {why}")).into_iter().filter_map(|row| row.number).collect()
}

pub fn number(path: &str, what: &str, from: &str) -> Option<i64> {
    numbers(path, what, from).first().copied()
}
