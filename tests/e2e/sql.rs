//! Plain SQL on either database, over a connection of its own: what an admin types, and what a test must see or bend.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio_postgres::{Client, NoTls};

#[derive(QueryableByName)]
struct Words {
    #[diesel(sql_type = Text)]
    word: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// A database, for statements that both dialects understand.
#[derive(Clone)]
pub struct Sql {
    url: String,
    /// PostgreSQL's connection, from the first statement on.
    client: Arc<Mutex<Option<Client>>>,
}

impl Sql {
    pub fn at(url: &str) -> Sql {
        Sql { url: url.to_owned(), client: Arc::default() }
    }

    /// Changes rows; answers how many.
    pub async fn run(&self, statement: &str) -> usize {
        let told = statement.to_owned();
        match self.sqlite() {
            Some(path) => on_sqlite(path, move |conn| diesel::sql_query(told).execute(conn)).await,
            None => {
                let changed = self.postgres().await.execute(statement, &[]).await;
                usize::try_from(changed.unwrap_or_else(|why| panic!("{statement}: {why:?}"))).expect("a few rows")
            }
        }
    }

    /// `SELECT count(*) AS count FROM …`
    pub async fn count(&self, from: &str) -> i64 {
        let query = format!("SELECT count(*) AS count FROM {from}");
        match self.sqlite() {
            Some(path) => on_sqlite(path, move |conn| diesel::sql_query(query).get_result::<Count>(conn)).await.count,
            None => self.postgres().await.query_one(&query, &[]).await.expect("a count").get(0),
        }
    }

    /// `SELECT {what} AS word FROM …`, as text, in the order given.
    pub async fn words(&self, what: &str, from: &str) -> Vec<String> {
        let query = format!("SELECT coalesce(CAST({what} AS TEXT), '') AS word FROM {from}");
        match self.sqlite() {
            Some(path) => {
                let rows = on_sqlite(path, move |conn| diesel::sql_query(query).load::<Words>(conn)).await;
                rows.into_iter().map(|row| row.word).collect()
            }
            None => {
                let rows = self.postgres().await.query(&query, &[]).await.expect("readable");
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// A time so many seconds from now, in words that the dialect understands.
    pub fn seconds_from_now(&self, seconds: i64) -> String {
        match self.sqlite() {
            Some(_) => format!("strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '{seconds} seconds')"),
            None => format!("now() + interval '{seconds} seconds'"),
        }
    }

    fn sqlite(&self) -> Option<String> {
        self.url.strip_prefix("sqlite://").map(str::to_owned)
    }

    /// The connection that is there, or a new one where that has ended.
    async fn postgres(&self) -> MappedMutexGuard<'_, Client> {
        let mut held = self.client.lock().await;
        let alive = match held.as_ref() {
            Some(client) => client.simple_query("").await.is_ok(),
            None => false,
        };
        if !alive {
            let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.expect("reachable");
            tokio::spawn(connection);
            *held = Some(client);
        }
        MutexGuard::map(held, |client| client.as_mut().expect("connected"))
    }
}
async fn on_sqlite<T, F>(path: String, act: F) -> T
where
    T: Send + 'static,
    F: FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
{
    let work = move || {
        let mut conn = SqliteConnection::establish(&path).expect("the file can be opened");
        diesel::sql_query("PRAGMA busy_timeout = 10000").execute(&mut conn).expect("a setting");
        act(&mut conn).unwrap_or_else(|why| panic!("{path}: {why}"))
    };
    tokio::task::spawn_blocking(work).await.expect("no panic")
}
