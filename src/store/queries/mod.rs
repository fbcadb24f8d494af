//! The query bodies. Compiled twice, once for each database: `super` is the one or the other, with its `Conn` and its
//! `locked!`; so nothing here may use what only one of them has.

pub(in crate::store) mod admin;
mod adopt;
mod asked;
mod assembled;
pub(in crate::store) mod audit;
mod audit_payouts;
mod audit_sql;
pub(in crate::store) mod balances;
pub(in crate::store) mod by_sweep;
pub(in crate::store) mod cases;
pub(in crate::store) mod chores;
mod confirmed;
pub(in crate::store) mod continuity;
pub(in crate::store) mod counts;
mod credits;
mod debts;
pub(in crate::store) mod desk_emails;
pub(in crate::store) mod desk_events;
pub(in crate::store) mod desk_operations;
pub(in crate::store) mod desk_payments;
pub(in crate::store) mod digest;
pub(in crate::store) mod disputes;
mod figures;
pub(in crate::store) mod history;
pub(in crate::store) mod holding;
pub(in crate::store) mod inbox;
mod intent;
pub(in crate::store) mod ledger;
mod matters;
pub(in crate::store) mod mentor_accounts;
pub(in crate::store) mod onboarding;
pub(in crate::store) mod operations;
pub(in crate::store) mod outbox;
mod paid;
pub(in crate::store) mod paying_out;
pub(in crate::store) mod payout_ledger;
mod portraits;
mod positions;
pub(in crate::store) mod project;
pub(in crate::store) mod reconcile;
mod refusals;
pub(in crate::store) mod release;
pub(in crate::store) mod report;
pub(in crate::store) mod requests;
pub(in crate::store) mod retention;
mod settling;
mod sources;
pub(in crate::store) mod status;
pub(in crate::store) mod sweeps;
pub(in crate::store) mod tokens;
pub(in crate::store) mod told;
mod unread;
pub(in crate::store) mod versions;
pub(in crate::store) mod views;
pub(in crate::store) mod waiting;
pub(in crate::store) mod withdrawals;
pub(in crate::store) mod writes;

use super::{
    Conn, HAS_MIGRATIONS, WRITE_ENTRIES, WRITE_JOURNALS, day_of, is_projector, one_recounts, recordset, take_snapshot,
};
