//! payoutd: pays mentors what their customers paid, once, after the dispute window.

pub mod config;
pub mod telemetry;
