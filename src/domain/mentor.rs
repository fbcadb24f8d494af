//! Mentors, and the Stripe accounts that they are paid to.

use chrono::{DateTime, Utc};

use super::ids::{AccountId, MentorId};
use super::onboarding::MANUAL;
use super::payment::words;

/// Who is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentor {
    /// The platform's id for them.
    pub id: MentorId,
    /// What to call them.
    pub name: Option<String>,
    /// Where to write to them.
    pub email: Option<String>,
    /// Where their money goes.
    pub account_id: Option<AccountId>,
}

words!(
    /// Whether an account may receive transfers: the `transfers` capability.
    Capability {
        /// It may.
        Active = "active",
        /// Stripe is looking at it.
        Pending = "pending",
        /// It may not, or it never asked.
        Inactive = "inactive",
    }
);

impl Capability {
    /// Reads Stripe's word; whatever is not `active` or `pending` counts as inactive.
    pub fn from_stripe(word: Option<&str>) -> Self {
        word.and_then(Self::from_word).unwrap_or(Self::Inactive)
    }

    /// Orders tellings of the same second: the more careful one is the higher.
    pub fn rank(self) -> i16 {
        match self {
            Self::Active => 0,
            Self::Pending => 1,
            Self::Inactive => 2,
        }
    }
}

/// What stands as the reason of an account that Stripe does not know, or does not show to this platform.
pub const NOT_FOUND: &str = "payoutd.not_found";

/// A connected account as last told by Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Stripe's id.
    pub id: AccountId,
    /// Whether it may receive transfers.
    pub transfers: Capability,
    /// Whether its owner has finished Stripe's forms.
    pub details_submitted: bool,
    /// Whether it may pay out to its bank.
    pub payouts_enabled: bool,
    /// Whether it may take payments itself.
    pub charges_enabled: bool,
    /// Why Stripe restricted it, in Stripe's words.
    pub disabled_reason: Option<String>,
    /// What Stripe asks its owner for now, in Stripe's words.
    pub requirements: Vec<String>,
    /// When Stripe pays out by itself, in Stripe's word; `manual` for never.
    pub payout_interval: Option<String>,
    /// When the owner disconnected it from the platform; `None` while connected.
    pub deauthorized_at: Option<DateTime<Utc>>,
}

impl Account {
    /// Whether money stays in it until a withdrawal asks for it.
    pub fn pays_out_on_request(&self) -> bool {
        self.payout_interval.as_deref() == Some(MANUAL)
    }
}
