//! What tests share: a private database for each, on SQLite and on PostgreSQL.
//!
//! ```ignore
//! mod support;
//! support::on_both_databases! {
//!     /// Given …, when …, then ….
//!     async fn a_payment_is_found_by_its_charge(db: TestDb) {
//!         let store = open(db.url()).await;
//!         …
//!     }
//! }
//! ```
//! makes two tests, `a_payment_is_found_by_its_charge::sqlite` and `…::postgres`.

#![allow(dead_code, unused_imports, unused_macros, reason = "each test binary uses its own part")]

pub mod logs;
pub mod pg;
pub mod proxy;

use tempfile::TempDir;

/// A database of a test's own, gone when this is dropped.
pub struct TestDb {
    url: String,
    _keep: Keep,
}

enum Keep {
    Sqlite(TempDir),
    Postgres(pg::TestDatabase),
}

impl TestDb {
    /// An SQLite file that does not exist yet, in a directory of its own.
    pub fn sqlite() -> TestDb {
        let dir = tempfile::Builder::new().prefix("payoutd-test-").tempdir().expect("a temporary directory");
        let url = format!("sqlite://{}", dir.path().join("payoutd.db").display());
        TestDb { url, _keep: Keep::Sqlite(dir) }
    }

    /// An empty PostgreSQL database.
    pub async fn postgres() -> TestDb {
        pg::TestDatabase::create().await.into()
    }

    /// As it stands in the configuration.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether several daemons may share it.
    pub fn is_postgres(&self) -> bool {
        matches!(self._keep, Keep::Postgres(_))
    }
}

impl From<pg::TestDatabase> for TestDb {
    fn from(database: pg::TestDatabase) -> TestDb {
        TestDb { url: database.url().to_owned(), _keep: Keep::Postgres(database) }
    }
}

/// Makes of each `async fn name(db: TestDb) { … }` one test on SQLite and one on PostgreSQL.
macro_rules! on_both_databases {
    ($($(#[$about:meta])* async fn $name:ident($db:ident: TestDb) $story:block)+) => {$(
        $(#[$about])*
        mod $name {
            #[allow(unused_imports, reason = "not every story needs what stands beside it")]
            use super::*;

            async fn story($db: $crate::support::TestDb) $story

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                story($crate::support::TestDb::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                story($crate::support::TestDb::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both_databases;
