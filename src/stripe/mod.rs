//! Talks to Stripe: payoutd's own HTTP client behind [`crate::ports::StripeGateway`], the pace that all calls share,
//! and the check of webhook signatures. It decides nothing: what a failure means is [`crate::domain::triage`]'s.

mod answer;
mod bank;
mod client;
mod gateway;
mod lists;
mod order;
pub mod pace;
mod request;
mod settings;
mod signature;
mod transport;

pub use client::Client;
pub use request::API_VERSION;
pub use settings::{Settings, SetupError};
pub use signature::{DEFAULT_TOLERANCE, Signatures};
pub use transport::{Exchange, Received};
