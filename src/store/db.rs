//! Connections: one pool for the database that is configured, and the way to run a transaction on it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Manager, QueueMode};
use diesel::connection::AnsiTransactionManager;
use diesel::{ConnectionError, ConnectionResult, SqliteConnection};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper, SyncTransactionManagerWrapper};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use tokio::sync::Mutex;

use super::server;
use crate::ports::StoreError;

pub(super) type SqliteConn = SyncConnectionWrapper<SqliteConnection, Blocking>;

/// The database that is configured.
#[derive(Clone)]
pub(super) enum Db {
    /// For production.
    Postgres(Pool<AsyncPgConnection>),
    /// Embedded. SQLite has one writer at a time; `writer` lets ours wait their turn instead of polling for it.
    Sqlite {
        /// Connections.
        pool: Pool<SqliteConn>,
        /// Held while writing.
        writer: Arc<Mutex<()>>,
        /// The file.
        path: PathBuf,
    },
}

/// How long to wait for a connection before the database counts as away.
pub(super) const GET_TIMEOUT: Duration = Duration::from_secs(5);

/// What runs on each new SQLite connection. WAL lets readers read while one writes; FULL makes a commit outlast a
/// power cut, which the money rule needs.
const SQLITE_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON;";

/// How often a new connection is set up at most, and the time between.
const SETUPS: u32 = 50;
const BETWEEN_SETUPS: Duration = Duration::from_millis(20);

impl Db {
    /// Prepares a pool. Does not connect yet; an SQLite file is made with mode 0600 if it is missing.
    pub(super) fn open(url: &str, connections: usize) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => {
                let mut config = ManagerConfig::default();
                // A connection that was closed is noticed without asking it anything, and not handed out again.
                config.recycling_method = RecyclingMethod::Fast;
                config.custom_setup = Box::new(|url| server::connect(url.to_owned()).boxed());
                let manager = AsyncDieselConnectionManager::new_with_config(url, config);
                Ok(Self::Postgres(pool(manager, connections)?))
            }
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                make_private(Path::new(path))?;
                let mut config = ManagerConfig::default();
                config.recycling_method = RecyclingMethod::Fast;
                config.custom_setup = Box::new(|path| connect_sqlite(path.to_owned()).boxed());
                let manager = AsyncDieselConnectionManager::new_with_config(path, config);
                Ok(Self::Sqlite { pool: pool(manager, connections)?, writer: Arc::default(), path: path.into() })
            }
            _ => Err(StoreError::Schema("the database URL must begin with sqlite:// or postgres://".into())),
        }
    }
}

/// The connection that was used last is taken first: its statements are prepared, its caches warm and its buffers grown.
/// Taken in turns, each of them would have all of that, here and in the server.
fn pool<M: Manager>(manager: M, connections: usize) -> Result<managed::Pool<M>, StoreError> {
    let pool = managed::Pool::builder(manager).max_size(connections).queue_mode(QueueMode::Lifo).build();
    pool.map_err(|e| StoreError::Away(e.to_string()))
}

thread_local! {
    /// Whether this thread is one of those that are there to be blocked.
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Makes SQLite's calls right here from now on, on the calling thread: for one that has nothing else to do meanwhile.
pub fn block_here() {
    MAY_BLOCK.set(true);
}

/// Where SQLite's calls are made: on a thread that may be blocked. What comes from one stays there.
pub(super) struct Blocking;

impl SpawnBlocking for Blocking {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn std::error::Error + Send + Sync>>> {
        if MAY_BLOCK.get() {
            return std::future::ready(Ok(task())).boxed();
        }
        tokio::task::spawn_blocking(task).map_err(Into::into).boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// A transaction that does not belong to its caller.
pub(super) type Work<T> = BoxFuture<'static, Result<T, TxError>>;

/// Does a transaction to its end, also when its caller goes away; one that blocks here does not.
pub(super) async fn to_its_end<T: Send + 'static>(work: Work<T>) -> Result<Result<T, TxError>, tokio::task::JoinError> {
    if MAY_BLOCK.get() { Ok(work.await) } else { tokio::spawn(work).await }
}

/// Does a transaction of SQLite's as a whole on one thread that may be blocked, instead of changing threads with each statement.
pub(super) async fn on_one_thread<T: Send + 'static>(work: Work<T>) -> Result<T, TxError> {
    if MAY_BLOCK.get() {
        return work.await;
    }
    let runtime = tokio::runtime::Handle::current();
    let whole = move || {
        MAY_BLOCK.set(true);
        runtime.block_on(work)
    };
    match tokio::task::spawn_blocking(whole).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(gone)) => Err(StoreError::Away(gone.to_string()).into()),
    }
}

/// Begins a transaction that writes: it waits for other processes now, not in the middle.
pub(super) async fn begin_immediate(conn: &mut SqliteConn) -> Result<(), TxError> {
    let begin = |conn: &mut SqliteConnection| AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE");
    Ok(conn.spawn_blocking(begin).await?)
}

/// Ends it, one way or the other.
pub(super) async fn end<T>(conn: &mut SqliteConn, done: Result<T, TxError>) -> Result<T, TxError> {
    type Manager = SyncTransactionManagerWrapper<AnsiTransactionManager>;
    match &done {
        Ok(_) => Manager::commit_transaction(conn).await?,
        Err(_) => Manager::rollback_transaction(conn).await?,
    }
    done
}

/// Takes a connection from a pool, or says that the database is away.
macro_rules! get {
    ($pool:expr) => {
        match tokio::time::timeout($crate::store::db::GET_TIMEOUT, $pool.get()).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(diesel_async::pooled_connection::deadpool::PoolError::Backend(e))) => {
                Err($crate::ports::StoreError::Away(e.to_string()))
            }
            Ok(Err(e)) => Err($crate::ports::StoreError::Away(e.to_string())),
            Err(_) => Err($crate::ports::StoreError::Away("no connection within 5 s".into())),
        }
    };
}

/// Runs a query body in a transaction, compiled once for each database. It runs in a task of its own, so that a caller
/// who goes away cannot leave a transaction open. Names from `queries` are in scope in the body.
macro_rules! tx {
    ($db:expr, $doing:literal, |$conn:ident| $body:expr) => {{
        let db = $db.clone();
        // In a box: else each of a hundred transactions would be a task of its own kind, with all of the runtime's code for it.
        let work: $crate::store::db::Work<_> = Box::pin(async move {
            match db {
                $crate::store::db::Db::Postgres(pool) => {
                    use $crate::store::pg::queries::*;
                    let mut conn = get!(pool)?;
                    conn.transaction::<_, $crate::store::db::TxError, _>(async |$conn| Ok($body.await?)).await
                }
                $crate::store::db::Db::Sqlite { pool, writer, .. } => {
                    use $crate::store::sqlite::queries::*;
                    let _turn = writer.lock().await;
                    let mut conn = get!(pool)?;
                    let work: $crate::store::db::Work<_> = Box::pin(async move {
                        $crate::store::db::begin_immediate(&mut conn).await?;
                        let $conn = &mut *conn;
                        let done = $body.await.map_err($crate::store::db::TxError::from);
                        $crate::store::db::end(&mut conn, done).await
                    });
                    $crate::store::db::on_one_thread(work).await
                }
            }
        });
        $crate::store::db::TxError::outcome($doing, $crate::store::db::to_its_end(work).await)
    }};
}

/// Runs a query body without a transaction of its own, compiled once for each database.
macro_rules! read {
    ($db:expr, $doing:literal, |$conn:ident| $body:expr) => {{
        match &$db {
            $crate::store::db::Db::Postgres(pool) => {
                use $crate::store::pg::queries::*;
                let mut guard = get!(pool)?;
                let $conn = &mut *guard;
                $body.await.map_err(|e| $crate::store::db::TxError::from(e).into_store($doing))
            }
            $crate::store::db::Db::Sqlite { pool, .. } => {
                use $crate::store::sqlite::queries::*;
                let mut guard = get!(pool)?;
                let $conn = &mut *guard;
                $body.await.map_err(|e| $crate::store::db::TxError::from(e).into_store($doing))
            }
        }
    }};
}

/// Reads all of these rows at once, or (where one of them cannot be read) one by one: then that one is listed as such, and
/// the others as they are. The body is written out twice, since a closure cannot lend the connection again and again.
macro_rules! listed {
    ($ids:expr, |$some:ident| $read:expr) => {{
        let $some: &[i64] = &$ids;
        match $read.await {
            Ok(rows) => Ok(rows.into_iter().map(Ok).collect()),
            Err(error) if error.is_unreadable() => {
                let mut listed = Vec::with_capacity($ids.len());
                for id in &$ids {
                    let $some: &[i64] = std::slice::from_ref(id);
                    match $read.await {
                        Ok(rows) => listed.extend(rows.into_iter().map(Ok)),
                        Err(error) if error.is_unreadable() => {
                            let unreadable = error.into_store("read a row").to_string();
                            listed.push(Err($crate::ports::Unreadable { id: *id, unreadable }));
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(listed)
            }
            Err(error) => Err(error),
        }
    }};
}

/// How messages begin that tell of a connection that broke.
const BROKEN: [&str; 5] = [
    "connection closed",
    "error communicating with the server",
    "terminating connection",
    "the database system is",
    "unexpected message from server",
];

/// What ends a transaction early: the database's word, or ours.
#[derive(Debug)]
pub(super) enum TxError {
    /// The database's.
    Sql(diesel::result::Error),
    /// Ours.
    Store(StoreError),
}

impl From<diesel::result::Error> for TxError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for TxError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl TxError {
    /// What a spawned transaction came to.
    pub(super) fn outcome<T>(
        doing: &'static str,
        joined: Result<Result<T, Self>, tokio::task::JoinError>,
    ) -> Result<T, StoreError> {
        match joined {
            Ok(result) => result.map_err(|e| e.into_store(doing)),
            Err(panic) => Err(StoreError::Refused { doing, why: panic.to_string() }),
        }
    }

    /// Whether a row is wrong, and not the database away.
    pub(super) fn is_unreadable(&self) -> bool {
        use diesel::result::Error::DeserializationError;
        matches!(self, Self::Store(StoreError::Corrupt { .. }) | Self::Sql(DeserializationError(_)))
    }

    /// The error as callers see it.
    pub(super) fn into_store(self, doing: &'static str) -> StoreError {
        use diesel::result::{DatabaseErrorKind, Error};
        match self {
            Self::Store(error) => error,
            Self::Sql(Error::DatabaseError(DatabaseErrorKind::ClosedConnection, info)) => {
                StoreError::Away(info.message().to_owned())
            }
            // What tokio-postgres says of a connection has no code, and what a server says that goes away is told apart
            // by its words alone.
            Self::Sql(Error::DatabaseError(_, info))
                if BROKEN.iter().any(|words| info.message().starts_with(words)) =>
            {
                StoreError::Away(info.message().to_owned())
            }
            Self::Sql(Error::BrokenTransactionManager) => StoreError::Away("the connection broke".into()),
            Self::Sql(error) => StoreError::Refused { doing, why: error.to_string() },
        }
    }
}

async fn connect_sqlite(path: String) -> ConnectionResult<SqliteConn> {
    let mut conn = SqliteConn::establish(&path).await?;
    // Of two who turn a new file to WAL in one moment SQLite refuses one at once, whatever the busy timeout.
    let mut refused = 0;
    while let Err(error) = conn.batch_execute(SQLITE_SETUP).await {
        refused += 1;
        if refused == SETUPS || !error.to_string().contains("locked") {
            return Err(ConnectionError::CouldntSetupConfiguration(error));
        }
        tokio::time::sleep(BETWEEN_SETUPS).await;
    }
    Ok(conn)
}

/// Makes a missing file readable by its owner only; SQLite gives its side files the same mode. The directory that holds
/// it is made too, but not those above: a path that is mistyped should be noticed.
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let away = |e: std::io::Error| {
        let fix = "run as the user whom it belongs to, or name another (database.url, state_dir)";
        StoreError::Away(format!("the SQLite file {} cannot be opened: {e}; {fix}", path.display()))
    };
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        std::fs::DirBuilder::new().mode(0o700).create(parent).map_err(away)?;
    }
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(away(e)),
    }
}
