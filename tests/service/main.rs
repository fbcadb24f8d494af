//! The real program as a service: what it tells systemd, what a reload changes, what it refuses to start on and with
//! which exit code, and its figures.

mod figures;
mod notify;
mod refusals;
mod reload;
mod units;
mod world;
