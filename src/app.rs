//! The only place where rooms are wired together: settings in, a working daemon (or a part of one) out.

mod api;
mod check;
mod clock;
mod cron;
mod daemon;
mod figures;
mod health;
mod lock;
mod observe;
mod reload;
mod tokens;
mod wiring;
mod withdrawals;

pub use api::mint_api_token;
pub use check::{CheckState, Finding, check};
pub use clock::SystemClock;
pub use cron::mint_token;
pub use daemon::{Daemon, Listening};
pub use lock::LockError;
pub use observe::Observer;
pub use reload::Reloaded;
pub use tokens::TokenError;
pub use wiring::{AppError, Worker, existing_database, open_database, policy, ready_database};
pub use withdrawals::Withdrawals;

/// What a token of the API may allow, and a token.
pub use crate::http::{Grant, Minted, SCOPE, Scope};
/// The sandbox, for those who start one beside the daemon.
pub use crate::sandbox;
