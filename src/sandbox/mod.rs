//! A Stripe that lives in the process.
pub mod core;
