//! The only place where rooms are wired together: settings in, a working daemon (or a part of one) out.

mod check;
mod clock;
mod cron;
mod daemon;
mod figures;
mod health;
mod lock;
mod observe;
mod reload;
mod wiring;

pub use check::{CheckState, Finding, check};
pub use clock::SystemClock;
pub use cron::{TokenError, mint_token};
pub use daemon::{Daemon, Listening};
pub use lock::LockError;
pub use observe::Observer;
pub use reload::Reloaded;
pub use wiring::{AppError, Worker, existing_database, open_database, policy, ready_database};

/// A token for the cron endpoint.
pub use crate::http::Minted;
/// The sandbox, for those who start one beside the daemon.
pub use crate::sandbox;
