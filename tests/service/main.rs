//! The real program as a service: what it tells systemd, what a reload changes, what it refuses to start on and with
//! which exit code, its figures, and what `check` and `config show` say of it.

mod check;
mod config_show;
mod figures;
mod notify;
mod refusals;
mod reload;
mod schedule;
#[path = "../scripted_server/mod.rs"]
mod scripted_server;
#[path = "../mail/smtp_server.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod smtp_server;
mod units;
mod world;
