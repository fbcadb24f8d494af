//! Private PostgreSQL databases on a private cluster. `tests/run` starts one cluster for all tests and
//! names it in `PAYOUTD_TEST_PG`; without that, the first test to need one starts it, others join,
//! and it removes itself when the last of them has ended, killed ones included.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls};

/// The URL of the cluster's `postgres` database, started if need be.
pub fn cluster() -> &'static str {
    static CLUSTER: OnceLock<String> = OnceLock::new();
    CLUSTER.get_or_init(|| match std::env::var("PAYOUTD_TEST_PG") {
        Ok(url) if !url.is_empty() => url,
        _ => join_cluster(),
    })
}

fn join_cluster() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/pg_cluster.sh");
    let output = Command::new("bash")
        .args([script.as_os_str(), "start".as_ref(), shared_dir().as_ref()])
        .arg(std::process::id().to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|why| panic!("cannot run bash, which starts PostgreSQL for tests: {why}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no PostgreSQL for this test.\n{said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// One for each checkout and user. Under /tmp, since the cluster of root's tests belongs to a user
/// who may not enter root's directories, and since the path of a socket must be short.
fn shared_dir() -> String {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_MANIFEST_DIR").hash(&mut hasher);
    std::env::var_os("USER").hash(&mut hasher);
    format!("/tmp/payoutd-test-pg-{:016x}", hasher.finish())
}

/// A template's name that changes with the files under `dir` (of this repository), such as its migrations.
pub fn name_after(dir: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hash_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut hasher);
    format!("template_{:016x}", hasher.finish())
}

fn hash_files(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    if path.is_file() {
        return std::fs::read(path).expect("readable").hash(hasher);
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths.iter().for_each(|path| hash_files(path, hasher));
}

/// A database of a test's own on the private cluster, dropped with this value.
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// An empty one.
    pub async fn create() -> TestDatabase {
        Self::from_template("template0").await
    }

    /// A copy of a database that `fill` has filled once for all tests of this cluster: much faster
    /// than filling each. `name` must change when what `fill` does changes: see [`name_after`].
    pub async fn from_filled<F, Fut>(name: &str, fill: F) -> TestDatabase
    where
        F: FnOnce(String) -> Fut,
        Fut: Future<Output = ()>,
    {
        let (client, admin) = connect().await;
        // Held by the session: other processes wait here until the template is ready.
        run(&client, &format!("SELECT pg_advisory_lock(hashtext('{name}'))")).await;
        let ready = format!("SELECT 1 FROM pg_database WHERE datname = '{name}' AND datistemplate");
        if client.query_opt(&ready, &[]).await.expect("pg_database is readable").is_none() {
            run(&client, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            run(&client, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
            fill(url_of(name)).await;
            run(&client, &format!("ALTER DATABASE {name} IS_TEMPLATE true ALLOW_CONNECTIONS false")).await;
            let strays = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            run(&client, &strays).await;
        }
        drop(client);
        admin.await.expect("the connection's task ends with its client");
        Self::from_template(name).await
    }

    async fn from_template(template: &str) -> TestDatabase {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let (client, _connection) = connect().await;
        // Left over only by a killed process whose id came round again.
        run(&client, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&client, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        TestDatabase { url: url_of(&name), name }
    }

    /// As it stands in the configuration.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        // Drop may run inside a runtime, which must not be blocked by itself: so on a thread.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let (client, _connection) = connect().await;
                // FORCE: a daemon under test may hold connections still.
                run(&client, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
            });
        });
        let outcome = dropped.join();
        if !std::thread::panicking() {
            outcome.expect("the test's database is dropped");
        }
    }
}

fn url_of(database: &str) -> String {
    let (server, _) = cluster().rsplit_once('/').expect("the cluster's URL names a database");
    format!("{server}/{database}")
}

async fn connect() -> (Client, tokio::task::JoinHandle<()>) {
    let (client, connection) = tokio_postgres::connect(cluster(), NoTls)
        .await
        .unwrap_or_else(|why| panic!("cannot reach the tests' PostgreSQL: {why:?}"));
    let task = tokio::spawn(async move {
        // Its end is seen by whoever waits for an answer.
        let _ = connection.await;
    });
    (client, task)
}

async fn run(client: &Client, statement: &str) {
    client.batch_execute(statement).await.unwrap_or_else(|why| panic!("{statement}: {why:?}"));
}
