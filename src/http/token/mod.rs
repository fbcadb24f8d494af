//! Tokens of the cron endpoint and the API: which are accepted, and how one is minted. Knows keys, claims and the time it
//! is given; that a token is used once is the database's business.

mod check;
mod header;
mod keys;
mod mint;

use chrono::TimeDelta;

pub use check::{Accepted, Bearer, Refusal, TokenCheck};
pub(super) use header::bearer;
pub use keys::{KeyError, Keys};
pub use mint::{Grant, MintError, Minted, mint, mint_for};

/// What a token for a run must allow.
pub const SCOPE: &str = "payouts:run";
/// The longest time from `iat` to `exp`: a token that leaks is soon worth nothing.
pub const LONGEST_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How far the issuer's clock may be from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// Who tokens come from and whom they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}
