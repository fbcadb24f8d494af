//! The tests' own ground: each database is private, empty or a copy, and gone afterwards.

mod support;

use std::sync::atomic::{AtomicU32, Ordering};

use support::{TestDb, pg, proxy::Proxy};
use tokio_postgres::{Client, NoTls};

async fn open(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("reachable");
    tokio::spawn(connection);
    client
}

async fn exists(url: &str) -> bool {
    let name = url.rsplit('/').next().expect("a database's name");
    let query = "SELECT 1 FROM pg_database WHERE datname = $1";
    open(pg::cluster()).await.query_opt(query, &[&name]).await.expect("readable").is_some()
}

support::on_both_databases! {
    /// Given a test's database, when its URL is read by the configuration, then it is accepted.
    async fn the_configuration_takes_its_url(db: TestDb) {
        let env = [("DATABASE_URL".to_owned(), db.url().to_owned())].into();
        let config = payoutd::config::Config::parse("t.toml".as_ref(), "", &env).expect("well formed");
        assert_eq!(config.database.url.expose(), db.url());
        assert_eq!(db.is_postgres(), db.url().starts_with("postgres://"));
    }
}

#[test]
fn an_sqlite_file_is_gone_with_its_test() {
    let db = TestDb::sqlite();
    let path = db.url().strip_prefix("sqlite://").expect("a file").to_owned();
    std::fs::write(&path, "rows").expect("writable");
    drop(db);
    assert!(!std::path::Path::new(&path).exists());
}

#[tokio::test]
async fn two_databases_share_nothing_and_are_dropped() {
    let (one, two) = (TestDb::postgres().await, TestDb::postgres().await);
    open(one.url()).await.batch_execute("CREATE TABLE t (id int)").await.expect("empty");
    let busy = open(two.url()).await;
    busy.batch_execute("CREATE TABLE t (id int)").await.expect("empty too");

    let url = one.url().to_owned();
    assert!(exists(&url).await);
    drop(one);
    assert!(!exists(&url).await);

    let url = two.url().to_owned();
    drop(two);
    assert!(!exists(&url).await, "dropped although a connection is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_filled_once_and_copied() {
    static FILLED: AtomicU32 = AtomicU32::new(0);
    let template = format!("template_of_{}", std::process::id());
    let fill = |url: String| async move {
        FILLED.fetch_add(1, Ordering::Relaxed);
        open(&url).await.batch_execute("CREATE TABLE t AS SELECT 7 AS id").await.expect("empty");
    };
    let (one, two) =
        tokio::join!(pg::TestDatabase::from_filled(&template, fill), pg::TestDatabase::from_filled(&template, fill),);
    for database in [&one, &two] {
        let row = open(database.url()).await.query_one("SELECT id FROM t", &[]).await;
        assert_eq!(row.expect("the template's row").get::<_, i32>(0), 7);
    }
    assert_eq!(FILLED.load(Ordering::Relaxed), 1);

    let client = open(pg::cluster()).await;
    client.batch_execute(&format!("ALTER DATABASE {template} IS_TEMPLATE false")).await.expect("ours");
    client.batch_execute(&format!("DROP DATABASE {template}")).await.expect("ours");
}

#[test]
fn a_template_is_named_after_the_files_it_is_made_of() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("writable");
    let name = || pg::name_after(dir.path().to_str().expect("UTF-8"));
    write("up.sql", "CREATE TABLE a (id int)");
    let first = name();
    assert_eq!(name(), first);
    write("up.sql", "CREATE TABLE b (id int)");
    assert_ne!(name(), first);
}

#[tokio::test]
async fn the_cluster_is_ours_and_keeps_what_it_commits() {
    let client = open(pg::cluster()).await;
    for (setting, value) in [("fsync", "on"), ("synchronous_commit", "on"), ("TimeZone", "UTC")] {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.expect("a setting");
        assert_eq!(row.get::<_, &str>(0), value, "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_takes_the_database_away_and_gives_it_back() {
    let db = TestDb::postgres().await;
    let proxy = Proxy::before(db.url()).await;
    let client = open(proxy.url()).await;
    client.batch_execute("SELECT 1").await.expect("through the proxy");

    proxy.cut();
    assert!(client.batch_execute("SELECT 1").await.is_err(), "an open connection is cut");
    assert!(tokio_postgres::connect(proxy.url(), NoTls).await.is_err(), "no new one is made");

    proxy.restore();
    open(proxy.url()).await.batch_execute("SELECT 1").await.expect("back again");
}
