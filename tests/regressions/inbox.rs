//! 200 means stored: Stripe does not send again what it was told is there.

use std::pin::pin;
use std::time::Duration;

use super::*;
use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use payoutd::app::SystemClock;
use payoutd::app::sandbox::signature_header;
use payoutd::ports::Clock;

/// Somebody who keeps the inbox from being written to, until this is dropped.
enum Lock {
    Sqlite(#[allow(dead_code, reason = "it is held, not used")] SqliteConnection),
    Postgres(#[allow(dead_code, reason = "it is held, not used")] tokio_postgres::Client),
}

async fn lock(url: &str) -> Lock {
    match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut conn = SqliteConnection::establish(path).expect("the file can be opened");
            conn.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").expect("locked");
            Lock::Sqlite(conn)
        }
        None => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("reachable");
            tokio::spawn(connection);
            // Readers may read: that nothing is there is to be seen.
            client.batch_execute("BEGIN; LOCK TABLE webhook_events IN EXCLUSIVE MODE").await.expect("locked");
            Lock::Postgres(client)
        }
    }
}

on_both_databases! {
    /// Given an inbox that cannot be written to for a while, when an event comes, then there is no answer until it is
    /// stored; and with the 200 it is.
    async fn no_200_before_the_commit(db: TestDb) {
        let url = db.url().to_owned();
        let town = Town::new(db).await;
        let body = br#"{"id":"evt_1","object":"event","type":"plan.created","created":1,"data":{"object":{}}}"#.to_vec();
        let signature = signature_header(town::WEBHOOK_SECRET, SystemClock.now().timestamp(), &body);
        let held = lock(&url).await;
        let (web, to) = (town.web.clone(), town.webhook_url());
        let headers = [("Stripe-Signature", signature.as_str())];
        let mut answer = pin!(web.post(&to, &headers, body));
        let early = tokio::time::timeout(Duration::from_millis(700), answer.as_mut()).await;
        assert!(early.is_err(), "answered before anything was stored: {early:?}");
        assert_eq!(town.sql.count("webhook_events").await, 0);
        drop(held);
        assert_eq!(answer.await.status, 200);
        assert_eq!(town.sql.count("webhook_events WHERE event_id = 'evt_1'").await, 1);
    }
}
