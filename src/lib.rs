//! payoutd pays mentors what their customers paid, once, after the dispute window.
//!
//! The rooms, and the one way that imports run between them:
//!
//! ```text
//! main → cli → app → { http, jobs, store, stripe, mail } → ports → domain
//! ```
//!
//! The rooms in braces do not import each other. `config` and `telemetry` are read by main, cli and app only.
//! `sandbox` imports no other room: it plays Stripe, and must not share our mistakes.

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod ports;
pub mod sandbox;
pub mod store;
pub mod stripe;
pub mod telemetry;
