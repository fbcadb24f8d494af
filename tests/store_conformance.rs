//! What any database under payoutd must do, told through the `Store` trait on SQLite and on PostgreSQL. Time is an
//! argument everywhere; nothing here sleeps.

mod support;

#[path = "store_conformance/events.rs"]
mod events;
#[path = "store_conformance/grown.rs"]
mod grown;
#[path = "store_conformance/reading.rs"]
mod reading;
#[path = "store_conformance/scans.rs"]
mod scans;
#[path = "store_conformance/sql.rs"]
mod sql;
#[path = "store_conformance/world.rs"]
mod world;

#[path = "store_conformance/accounts.rs"]
mod accounts;
#[path = "store_conformance/after.rs"]
mod after;
#[path = "store_conformance/away.rs"]
mod away;
#[path = "store_conformance/carry.rs"]
mod carry;
#[path = "store_conformance/constraints.rs"]
mod constraints;
#[path = "store_conformance/counts.rs"]
mod counts;
#[path = "store_conformance/decision.rs"]
mod decision;
#[path = "store_conformance/desk.rs"]
mod desk;
#[path = "store_conformance/desk_lists.rs"]
mod desk_lists;
#[path = "store_conformance/inbox.rs"]
mod inbox;
#[path = "store_conformance/leases.rs"]
mod leases;
#[path = "store_conformance/ledger.rs"]
mod ledger;
#[path = "store_conformance/letters.rs"]
mod letters;
#[path = "store_conformance/migrations.rs"]
mod migrations;
#[path = "store_conformance/money_rule.rs"]
mod money_rule;
#[path = "store_conformance/outbox.rs"]
mod outbox;
#[path = "store_conformance/payments.rs"]
mod payments;
#[path = "store_conformance/plans.rs"]
mod plans;
#[path = "store_conformance/projection.rs"]
mod projection;
#[path = "store_conformance/requests.rs"]
mod requests;
#[path = "store_conformance/retention.rs"]
mod retention;
#[path = "store_conformance/sweeps.rs"]
mod sweeps;
#[path = "store_conformance/triggers.rs"]
mod triggers;
#[path = "store_conformance/withdrawals.rs"]
mod withdrawals;
