//! A database that is away, cannot be opened, or goes in the middle: said soon, in words, and nothing is left half
//! written.

use std::time::{Duration, Instant};

use payoutd::ports::{Kept, Preflighted, Store, StoreError};

use crate::events::{charge, hour, later};
use crate::support::{TestDb, proxy::Proxy};
use crate::world::{World, lease, open};

#[tokio::test]
async fn a_closed_port_is_away_within_seconds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let store = open(&format!("postgres://payoutd:x@127.0.0.1:{port}/payoutd"));
    let begun = Instant::now();
    let error = store.check().await.expect_err("nobody listens");
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_server_that_never_answers_is_away_within_seconds() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = silent.local_addr().expect("bound").port();
    let store = open(&format!("postgres://payoutd:x@127.0.0.1:{port}/payoutd"));
    let begun = Instant::now();
    let error = store.check().await.expect_err("nobody answers");
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let db = TestDb::postgres().await;
    let mut url = url::Url::parse(db.url()).expect("a URL");
    url.set_password(Some("wrong")).expect("takes one");
    let error = open(url.as_str()).check().await.expect_err("refused");
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    assert!(error.to_string().contains("password authentication failed"), "{error}");
    assert!(!error.to_string().contains("wrong"), "the password is not told: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_sqlite_file_is_made_with_its_directory_and_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("new/payoutd.db");
    open(&format!("sqlite://{}", path.display())).migrate().await.expect("migrated");
    let mode = std::fs::metadata(&path).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A path that is mistyped should be noticed, not made.
    let mistyped = format!("sqlite://{}/no/such/payoutd.db", dir.path().display());
    let policy = std::sync::Arc::new(crate::world::policy());
    assert!(payoutd::store::Database::open(&mistyped, policy).is_err());
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_away_with_its_name() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("a-file");
    std::fs::write(&file, "").expect("writable");
    let url = format!("sqlite://{}/payoutd.db", file.display());
    let policy = std::sync::Arc::new(crate::world::policy());
    let error = payoutd::store::Database::open(&url, policy).err().expect("cannot be made");
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    assert!(error.to_string().contains("a-file/payoutd.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("payoutd.db");
    std::fs::write(&path, "this is a letter to somebody, and no database at all ".repeat(40)).expect("writable");
    let error = open(&format!("sqlite://{}", path.display())).check().await.expect_err("no database");
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[test]
fn a_url_of_another_kind_is_refused() {
    let policy = std::sync::Arc::new(crate::world::policy());
    let error = payoutd::store::Database::open("mysql://localhost/payoutd", policy).err().expect("unknown");
    assert_eq!(error.to_string(), "the database URL must begin with sqlite:// or postgres://");
}

/// Given a daemon at work, when its network is cut, then calls say that the database is away, nothing is half written,
/// and when it is back, the next calls work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_network_is_away_and_comes_back() {
    let w = World::postgres().await;
    w.paid_charges(&["a"]).await;
    let proxy = Proxy::before(w.url()).await;
    let store = open(proxy.url());
    let event = charge("b").told("charge.succeeded", hour(0)).arrives(hour(0));
    store.check().await.expect("through the proxy");

    proxy.cut();
    for _ in 0..3 {
        let error = store.keep_events(vec![event.clone()]).await.expect_err("cut");
        assert!(matches!(error, StoreError::Away(_)), "{error:?}");
        let error = store.pick_due(10, later(), later()).await.expect_err("cut");
        assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    }
    assert_eq!(w.sql.count("webhook_events WHERE event_id LIKE '%ch_b%'").await, 0);

    proxy.restore();
    assert_eq!(store.keep_events(vec![event]).await.expect("back"), [Kept::New]);
    assert_eq!(store.pick_due(10, hour(99), later()).await.expect("back").ready.len(), 1);
}

/// Given a claim that waits inside its transaction, when the network is cut, then no intent is left behind, and the
/// payment can be claimed again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_cut_leaves_nothing() {
    let w = World::postgres().await;
    w.paid_charges(&["a"]).await;
    w.picks(later()).await;
    let proxy = Proxy::before(w.url()).await;
    let store = open(proxy.url());
    let ready = vec![Preflighted { payment_id: w.payment_id("a").await, asked_at: later(), facts: Vec::new() }];
    // The claim gets as far as this table, and waits.
    w.sql.run("BEGIN; LOCK TABLE operations IN ACCESS EXCLUSIVE MODE").await;
    let claim = tokio::spawn(async move { store.claim(ready, lease("one", later()), later()).await });
    while w.sql.count("pg_locks WHERE NOT granted AND relation = 'operations'::regclass").await == 0 {
        tokio::task::yield_now().await;
    }
    proxy.cut();
    let error = claim.await.expect("no panic").expect_err("cut");
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    w.sql.run("COMMIT").await;
    // The server notices that its client is gone when it answers.
    while w
        .sql
        .count("pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'")
        .await
        > 0
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(w.sql.count("operations").await, 0);
    assert_eq!(w.submits("a", later()).await.generation, 1);
}

/// Given a caller that goes away in the middle of a transaction, then the transaction ends by itself, and the next
/// caller is not held up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_leaves_no_open_transaction() {
    for w in [World::sqlite().await, World::postgres().await] {
        w.paid_charges(&["a"]).await;
        for n in 0..20 {
            let event = charge(&format!("x{n}")).told("charge.succeeded", hour(0)).arrives(hour(0));
            let events = vec![event; 3];
            let store = w.store.clone();
            let caller = tokio::spawn(async move { store.keep_events(events).await });
            tokio::task::yield_now().await;
            caller.abort();
        }
        assert_eq!(w.picks_ready(later()).await, ["a"]);
    }
}
