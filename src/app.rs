//! The only place where rooms are wired together: settings in, a working daemon (or a part of one) out.

mod clock;
mod daemon;
mod health;
mod wiring;

pub use clock::SystemClock;
pub use daemon::{Daemon, Listening};
pub use wiring::{AppError, Worker, existing_database, open_database, policy, ready_database};

/// The sandbox, for those who start one beside the daemon.
pub use crate::sandbox;
