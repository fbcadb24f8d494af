//! `payoutd check`: looks at everything that the daemon will need, and says what is not as it should be. It changes
//! nothing: no database is made or migrated, no email sent, nothing written to Stripe.

mod accounts;
mod configuration;
mod database;
mod events;
mod listen;
mod mail;
mod schedule;
mod secrets;
mod state_dir;
mod stripe;

use std::time::Duration;

use serde::Serialize;

use crate::config::Gathered;

/// What waits longer than this for an answer counts as failed.
const LIMIT: Duration = Duration::from_secs(10);

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// The daemon can work with it, and somebody should look.
    Warn,
    /// The daemon cannot work with it.
    Fail,
    /// Not looked at, since something else comes first.
    Skipped,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How that ended.
    pub state: CheckState,
    /// What was found; never a secret.
    pub found: String,
    /// What to do, unless all is well.
    pub fix: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: CheckState::Ok, found: found.into(), fix: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: CheckState::Warn, found: found.into(), fix: Some(fix.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: CheckState::Fail, found: found.into(), fix: Some(fix.into()) }
    }

    /// An error whose words have the fix in them.
    fn failed(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, state: CheckState::Fail, found: words.into(), fix: None }
    }

    fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, state: CheckState::Skipped, found: why.into(), fix: None }
    }
}

/// Looks at everything, what does not depend on each other at once. In the order in which to mend it.
pub async fn check(gathered: &Gathered) -> Vec<Finding> {
    let mut findings = configuration::look(gathered);
    let config = match (&gathered.merged, &gathered.problems) {
        (Some(config), Ok(())) => config,
        _ => {
            let rest = [
                "secret",
                "state directory",
                "schedule",
                "database",
                "stripe",
                "stripe events",
                "listener",
                "cron endpoint",
                "api",
                "mail",
                "accounts",
            ];
            findings.extend(rest.map(|check| Finding::skipped(check, "the configuration is wrong")));
            return findings;
        }
    };
    let (database, stripe, listeners, mail) =
        tokio::join!(database::look(config), stripe::look(config), listen::look(config), mail::look(config));
    let accounts = accounts::look(database.usable.as_ref(), stripe.usable.as_ref()).await;
    let events = events::look(stripe.usable.as_ref()).await;
    findings.extend(secrets::look(config));
    findings.push(state_dir::look(config));
    findings.extend(schedule::look(config));
    findings.extend(database.findings);
    findings.extend(stripe.findings);
    findings.push(events);
    findings.extend(listeners);
    findings.push(mail);
    findings.extend(accounts);
    findings
}

/// What was found, and the thing itself for the checks that need it.
struct Looked<T> {
    findings: Vec<Finding>,
    usable: Option<T>,
}

/// What `doing` comes to, or that it took too long.
async fn in_time<T>(doing: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(LIMIT, doing).await.map_err(|_| format!("no answer within {} s", LIMIT.as_secs()))
}
