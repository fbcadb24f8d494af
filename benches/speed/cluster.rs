//! Databases on the private cluster that `benches/run` started, and what they count about themselves.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Instant;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::figures::Figures;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database of our own.
pub struct Database {
    /// Where it is.
    pub url: String,
    /// A connection to it.
    pub sql: Client,
    /// What was asked over it, which is not payoutd's doing.
    asked: AtomicI64,
}

/// What the database had to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Statements, without those that begin and end transactions.
    pub queries: i64,
    /// Transactions that wrote or read.
    pub commits: i64,
    /// Bytes written ahead.
    pub wal: i64,
}

/// The cluster's address.
pub fn address() -> String {
    std::env::var("PAYOUTD_BENCH_PG").expect("benches/run starts the database and says where it is")
}

/// Connects; the connection lives until it is dropped.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the private cluster answers");
    tokio::spawn(connection);
    client
}

impl Database {
    /// Makes an empty one.
    pub async fn new() -> Self {
        let name = format!("bench_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&address()).await;
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("ours");
        let (server, _) = address().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a URL");
        let url = format!("{server}/{name}");
        let sql = connect(&url).await;
        sql.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await.expect("preloaded");
        Self { url, sql, asked: AtomicI64::new(0) }
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.sql.batch_execute(sql).await.unwrap_or_else(|why| panic!("{sql}: {why:?}"));
    }

    /// One number. Asked in one message: preparing it would be a transaction of its own, and counted as payoutd's.
    pub async fn number(&self, sql: &str) -> i64 {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.sql.simple_query(sql).await.unwrap_or_else(|why| panic!("{sql}: {why:?}"));
        let number = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{sql}: no number"))
    }

    /// Writes everything out, so that no round pays for the one before it.
    pub async fn settle(&self) {
        self.run("VACUUM ANALYZE").await;
        self.run("CHECKPOINT").await;
    }

    /// What the smallest commit takes while nothing else goes on, in milliseconds: no answer that waits for one is quicker.
    pub async fn commits(&self) -> Figures {
        self.run("CREATE TABLE IF NOT EXISTS bench_commit (n bigint)").await;
        let mut took = Figures::default();
        for _ in 0..200 {
            let begun = Instant::now();
            self.run("INSERT INTO bench_commit VALUES (1)").await;
            took.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        took
    }

    /// Begins to count anew.
    pub async fn forget(&self) {
        self.run("SELECT pg_stat_statements_reset(); SELECT pg_stat_clear_snapshot()").await;
    }

    /// What was counted since the beginning; the difference of two is what lies between.
    pub async fn counted(&self) -> Counted {
        // Backends tell their counts once a second, and when they end.
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
        self.run("SELECT pg_stat_clear_snapshot()").await;
        let asked = self.asked.load(Ordering::Relaxed);
        Counted {
            queries: -asked
                + self
                    .number(
                        "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE toplevel
                       AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                       AND query !~* '^(begin|commit|rollback|savepoint|release|select pg_stat)'",
                    )
                    .await,
            commits: -asked
                + self.number("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").await,
            wal: self.number("SELECT (pg_current_wal_lsn() - '0/0')::bigint").await,
        }
    }

    /// The statements that took longest, for finding out where the time goes.
    pub async fn slowest(&self, most: i64) {
        let rows = self
            .sql
            .query(
                "SELECT calls, round(total_exec_time)::bigint, rows,
                        regexp_replace(left(query, 160), '\\s+', ' ', 'g')
                 FROM pg_stat_statements
                 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                 ORDER BY total_exec_time DESC LIMIT $1",
                &[&most],
            )
            .await
            .expect("the statistics answer");
        for row in rows {
            let (calls, ms, of, query): (i64, i64, i64, String) = (row.get(0), row.get(1), row.get(2), row.get(3));
            println!("    {ms:>7} ms {calls:>8} calls {of:>9} rows  {query}");
        }
    }

    /// Removes it.
    pub async fn drop(self) {
        let (_, name) = self.url.rsplit_once('/').expect("a URL");
        let (admin, name) = (connect(&address()).await, name.to_owned());
        drop(self.sql);
        let _ = admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

impl std::ops::Sub for Counted {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            queries: self.queries - before.queries,
            commits: self.commits - before.commits,
            wal: self.wal - before.wal,
        }
    }
}
