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

pub mod domain;
pub mod http;
pub mod ports;
pub mod stripe;
