//! End to end: the real daemon in this process, the sandbox for Stripe over real HTTP, on both databases, with emails
//! as files. Each test tells a story and then looks at what a person, Stripe and the mailbox would see of it.

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod after;
mod asked;
mod books;
mod breaker;
mod crash;
mod currencies;
mod desk;
mod digest;
mod failures;
mod fleet;
mod holds;
mod house;
mod letters;
mod listener;
mod mailbox;
mod outcomes;
mod refunds;
mod restore;
mod settlement;
mod shutdown;
mod small;
mod sql;
mod sweep;
mod town;
mod web;
mod withdrawals;

use support::{TestDb, on_both_databases};
use town::{ADMIN, Town, status};
