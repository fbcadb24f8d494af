//! Exit codes: what a script, or systemd's restart policy, can tell from the end of a command. A code keeps its
//! meaning for ever; new ones are added at the end.

use std::process::ExitCode;

use crate::app::{AppError, LockError};
use crate::config::ConfigError;
use crate::ports::StoreError;
use crate::telemetry::TelemetryError;

/// How a command ended. The words below are those of the manual page: `ValueEnum` hands them there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Exit {
    /// Something else went wrong; the words say what.
    Failure = 1,
    // clap ends with it, too.
    /// The command line itself is wrong.
    Usage = 2,
    /// The settings are wrong, incomplete or cannot be read. Starting again does not help.
    Configuration = 3,
    /// The database cannot be reached, opened or written.
    DatabaseAway = 4,
    /// The schema is older than this payoutd (migrate), or newer (install a later one).
    Schema = 5,
    /// An address to listen on is in use.
    AddressInUse = 6,
    /// Another daemon works on the same SQLite file.
    Locked = 7,
    /// There is nothing by the name that was given.
    NotFound = 8,
}

/// There is nothing by the name that was given; the words say where to look.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

impl Exit {
    /// What an error's chain says.
    pub fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_one).unwrap_or(Exit::Failure)
    }

    fn of_one(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<AppError>() {
            return Some(Self::of_app(error));
        }
        if let Some(error) = error.downcast_ref::<StoreError>() {
            return Some(Self::of_store(error));
        }
        if error.is::<ConfigError>() || error.is::<TelemetryError>() {
            return Some(Exit::Configuration);
        }
        error.is::<NotFound>().then_some(Exit::NotFound)
    }

    fn of_app(error: &AppError) -> Self {
        match error {
            AppError::Store(error) => Self::of_store(error),
            AppError::Lock(LockError::Taken { .. }) => Exit::Locked,
            AppError::Lock(LockError::Unusable { .. }) | AppError::NoDatabase { .. } => Exit::DatabaseAway,
            AppError::Listen { why, .. } if why.kind() == std::io::ErrorKind::AddrInUse => Exit::AddressInUse,
            AppError::Figures(_) => Exit::Failure,
            _ => Exit::Configuration,
        }
    }

    fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Away(_) => Exit::DatabaseAway,
            StoreError::Schema(_) => Exit::Schema,
            StoreError::Refused { .. } | StoreError::Corrupt { .. } => Exit::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_under_every_wrapping() {
        let away = || StoreError::Away("no route".into());
        let listen = |kind: std::io::ErrorKind| AppError::Listen {
            key: "webhook.listen",
            address: ([127, 0, 0, 1], 1).into(),
            why: kind.into(),
        };
        for (error, exit) in [
            (anyhow::anyhow!("anything"), Exit::Failure),
            (anyhow::Error::new(away()), Exit::DatabaseAway),
            (anyhow::Error::new(AppError::Store(away())).context("the run could not be done"), Exit::DatabaseAway),
            (anyhow::Error::new(StoreError::Schema("older".into())), Exit::Schema),
            (anyhow::Error::new(listen(std::io::ErrorKind::AddrInUse)), Exit::AddressInUse),
            (anyhow::Error::new(listen(std::io::ErrorKind::AddrNotAvailable)), Exit::Configuration),
            (anyhow::Error::new(NotFound("there is no payment `7`".into())), Exit::NotFound),
        ] {
            assert_eq!(Exit::of(&error), exit, "{error:#}");
        }
        assert_eq!(ExitCode::from(Exit::NotFound), ExitCode::from(8));
    }
}
