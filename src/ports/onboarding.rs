//! Where a mentor's onboarding is begun: an account is made for them if they have none, and a link to Stripe's forms.

use async_trait::async_trait;
use serde::Serialize;

use super::{AccountLink, StoreError};
use crate::domain::ids::{AccountId, MentorId, OperationId};

/// Whose onboarding, and what is known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOnboarding {
    /// Who.
    pub mentor_id: MentorId,
    /// Their address for Stripe; the mentor's own where it is not given. Counts only for an account that is made.
    pub email: Option<String>,
    /// Where they live, as ISO 3166 has it (`US`). Counts only for an account that is made.
    pub country: Option<String>,
}

/// Onboarding was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Onboarded {
    /// Who.
    pub mentor: MentorId,
    /// Their account.
    pub account: AccountId,
    /// Whether it was made for this.
    pub made: bool,
    /// Where they go on.
    pub link: AccountLink,
}

/// Why it was not.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OnboardingError {
    /// There is nobody to onboard.
    #[error("there is no mentor `{0}`")]
    NoSuchMentor(MentorId),
    /// The settings lack something.
    #[error("{0} is not set: Stripe has to know where to send mentors back to")]
    NotSet(&'static str),
    /// Stripe would not make the account.
    #[error("Stripe would not make an account for mentor `{0}`: {1}")]
    Refused(MentorId, String),
    /// Stripe may have made it; it is found out, and asking again then goes on.
    #[error(
        "it is not known yet whether Stripe made an account for mentor `{0}` (operation {1}): ask again in a while"
    )]
    UnderWay(MentorId, OperationId),
    /// The link could not be made.
    #[error("Stripe would not make a link for account {0}: {1}")]
    NoLink(AccountId, String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins onboardings.
#[async_trait]
pub trait Onboarding: Send + Sync {
    /// Makes an account for a mentor who has none, and a link to Stripe's forms in any case.
    async fn onboard(&self, new: NewOnboarding) -> Result<Onboarded, OnboardingError>;
}
