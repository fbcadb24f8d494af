//! The cron endpoint: which tokens it takes, what it answers, and what becomes of the run.

#[path = "../support/mod.rs"]
mod support;

mod command;
mod daemon;
mod door;
mod issuer;
mod tokens;
mod web;
