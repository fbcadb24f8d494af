//! Five platforms, five stories: each with the preset that is shipped for it, through the real program over HTTP, on both
//! databases. They read as what happens on such a platform within a week.

#[path = "../support/mod.rs"]
mod support;

#[path = "../e2e/mailbox.rs"]
mod mailbox;
#[path = "../e2e/sql.rs"]
mod sql;
#[path = "../e2e/web.rs"]
mod web;

mod builder_sessions;
mod discuno;
mod fx_orleans;
mod humanchat;
mod mentorship;
mod platform;
mod presets;

use platform::{ADMIN, Platform};
use support::on_both_databases;
