//! Attacks and abuse, against the real program over real sockets: forged tokens and webhooks, floods and slow senders, tricks
//! with paths, strings that would be SQL, headers or markup, and whoever reads logs in the hope of a secret.

#[path = "../e2e/house.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod house;
#[path = "../cron/issuer.rs"]
#[allow(dead_code, reason = "the cron endpoint's tests use the rest")]
mod issuer;
#[path = "../e2e/mailbox.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod mailbox;
#[path = "../e2e/sql.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod sql;
#[path = "../support/mod.rs"]
mod support;
#[path = "../e2e/town.rs"]
#[allow(dead_code, unused_imports, reason = "the stories of the daemon use the rest")]
mod town;
#[path = "../e2e/web.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod web;
#[path = "../service/world.rs"]
#[allow(dead_code, reason = "the service's tests use the rest")]
mod world;

mod fort;
mod injection;
mod modes;
mod paths;
mod secrets;
mod siege;
mod supply;
mod tokens;
mod webhooks;
