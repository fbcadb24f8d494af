//! Plain SQL on the simulation's SQLite file: what an admin types.

use std::sync::Mutex;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel::{QueryableByName, SqliteConnection};

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Nullable<BigInt>)]
    number: Option<i64>,
}

/// An admin's connection.
pub struct Sql(Mutex<SqliteConnection>);

impl Sql {
    pub fn open(path: &str) -> Sql {
        let mut conn = SqliteConnection::establish(path).expect("the file can be opened");
        diesel::sql_query("PRAGMA busy_timeout = 10000").execute(&mut conn).expect("a setting");
        Sql(Mutex::new(conn))
    }

    /// Changes rows; answers how many.
    pub fn run(&self, statement: &str) -> usize {
        let mut conn = self.0.lock().expect("no panic");
        diesel::sql_query(statement).execute(&mut *conn).unwrap_or_else(|why| panic!("{statement}: {why}"))
    }

    pub fn numbers(&self, what: &str, from: &str) -> Vec<i64> {
        let query = format!("SELECT CAST({what} AS BIGINT) AS number FROM {from}");
        let rows = diesel::sql_query(&query).load::<Number>(&mut *self.0.lock().expect("no panic"));
        rows.unwrap_or_else(|why| panic!("{query}: {why}")).into_iter().filter_map(|row| row.number).collect()
    }

    pub fn number(&self, what: &str, from: &str) -> Option<i64> {
        self.numbers(what, from).first().copied()
    }
}
