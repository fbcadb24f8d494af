//! The traits that the rooms meet at, and the data that crosses them. No room's insides are named here.

mod asks;
mod books;
mod chores;
mod continuity;
mod cron;
mod desk;
mod gateway;
mod history;
mod inbox;
mod mailer;
mod onboarding;
mod payouts;
mod reconciling;
pub mod shown;
mod store;
mod sweeps;
mod views;
mod withdrawals;
mod writes;

pub use asks::*;
pub use books::*;
pub use chores::*;
pub use continuity::*;
pub use cron::*;
pub use desk::*;
pub use gateway::*;
pub use history::*;
pub use inbox::*;
pub use mailer::*;
pub use onboarding::*;
pub use payouts::*;
pub use reconciling::*;
pub use store::*;
pub use sweeps::*;
pub use views::*;
pub use withdrawals::*;
pub use writes::*;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// The only source of time, so that tests and simulations can move it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, cut to milliseconds.
    fn now(&self) -> DateTime<Utc>;

    /// Waits.
    async fn sleep(&self, wait: Duration);
}
