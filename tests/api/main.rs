//! The API over a real socket, on both databases: who may ask what, what is answered, and that a write is done once.

#[path = "../cron/issuer.rs"]
#[allow(dead_code, reason = "the cron endpoint's tests use the rest")]
mod issuer;
#[path = "../e2e/sql.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod sql;
#[path = "../support/mod.rs"]
mod support;

mod command;
mod document;
mod door;
mod history;
mod once;
mod reads;
mod refusals;
mod site;
mod spec;
mod web;
mod withdrawals;
