//! What the operator decided: the numbers and names that the rules need.

use std::collections::BTreeMap;
use std::time::Duration;

use super::adjust::AfterPolicy;
use super::capture::CapturePolicy;
use super::holding::LetterPolicy;
use super::money::{Currency, MinorUnits};
use super::onboarding::OnboardingPolicy;
use super::payment::words;
use super::session::CancellationPolicy;
use super::withdrawal::WithdrawalPolicy;

/// The operator's settings, as the rules see them.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The mode of the Stripe key: payments of the other mode are never paid.
    pub livemode: bool,
    /// The platform's part, in basis points (1/100 of a percent), at most 10 000.
    pub platform_fee_bps: u16,
    /// How long a payment waits after its charge.
    pub dispute_window: Duration,
    /// Amounts below which no transfer is made, per currency.
    pub minimums: BTreeMap<Currency, MinorUnits>,
    /// Which metadata keys carry what.
    pub names: MetadataNames,
    /// Where admins are written to.
    pub admin_email: String,
    /// How operations are repeated.
    pub retry: RetryPolicy,
    /// What to do about objections that come after the transfer.
    pub after: AfterPolicy,
    /// Whether a payment is due only once its session is over.
    pub require_completion: bool,
    /// What cancelling a session gives back.
    pub cancellation: CancellationPolicy,
    /// When authorised payments are captured.
    pub capture: CapturePolicy,
    /// What is sent of a payment that is not simply sent.
    pub sending: SendingPolicy,
    /// What is written about that no single event brings about.
    pub letters: LetterPolicy,
    /// What withdrawals must keep to.
    pub withdrawals: WithdrawalPolicy,
    /// What is done with connected accounts.
    pub onboarding: OnboardingPolicy,
}

words!(
    /// What to do with a charge that settled in another currency than it was made in.
    OtherSettlement {
        /// Wait for a person.
        Hold = "hold",
        /// Transfer what the mentor's part became where it settled.
        Convert = "convert",
    }
);

words!(
    /// What to do with a part that is below the currency's minimum.
    SmallAmounts {
        /// Wait for a person.
        Hold = "hold",
        /// Keep it as the mentor's credit until together they pass the minimum.
        Carry = "carry",
    }
);

/// What the operator decided about payments that cannot be sent just as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingPolicy {
    /// A charge that settled in another currency.
    pub other_settlement: OtherSettlement,
    /// A part below the currency's minimum.
    pub small_amounts: SmallAmounts,
}

impl Default for SendingPolicy {
    fn default() -> Self {
        Self { other_settlement: OtherSettlement::Hold, small_amounts: SmallAmounts::Hold }
    }
}

/// Metadata keys, each a list of names of which the first that is present counts.
#[derive(Debug, Clone, Default)]
pub struct MetadataNames {
    /// Who is to be paid.
    pub mentor_id: Vec<String>,
    /// The platform's booking.
    pub booking_id: Vec<String>,
    /// The platform's part, in minor units.
    pub platform_fee: Vec<String>,
    /// The mentor's part, in minor units.
    pub mentor_amount: Vec<String>,
    /// When the session begins.
    pub session_starts_at: Vec<String>,
    /// When it is to end.
    pub session_ends_at: Vec<String>,
}

/// When an operation is repeated, and for how long.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Counted attempts before an operation is given up, or (when its outcome is unknown) left to the rescuer.
    pub max_attempts: u32,
    /// The wait after the first failed attempt; it doubles from there.
    pub base: Duration,
    /// The longest wait between quick attempts.
    pub max: Duration,
    /// The wait when Stripe was merely busy (409, 429, lock timeout).
    pub busy: Duration,
    /// The wait when the platform's balance is short.
    pub funds: Duration,
    /// The wait when the charge could not be read.
    pub preflight: Duration,
    /// The wait between the rescuer's attempts.
    pub rescue: Duration,
    /// How long a key may be sent again; Stripe keeps it 24 h at least.
    pub key_max_age: Duration,
    /// How long after its last request a transfer that cannot be found counts as never made.
    pub absence_grace: Duration,
    /// How long an outcome may be unknown before an admin is told.
    pub unknown_alert_after: Duration,
    /// How long a worker may keep an operation before the rescuer takes it.
    pub lease: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base: Duration::from_secs(1),
            max: Duration::from_secs(60),
            busy: Duration::from_secs(1),
            funds: Duration::from_secs(3600),
            preflight: Duration::from_secs(300),
            rescue: Duration::from_secs(300),
            key_max_age: Duration::from_secs(23 * 3600),
            absence_grace: Duration::from_secs(900),
            unknown_alert_after: Duration::from_secs(3600),
            lease: Duration::from_secs(120),
        }
    }
}

impl Policy {
    /// The smallest transfer in a currency: what the operator set, and at least what Stripe can move, rounded up to that.
    pub fn minimum(&self, currency: Currency) -> MinorUnits {
        let step = currency.step();
        let set = self.minimums.get(&currency).copied().unwrap_or_default().get().max(1);
        let steps = set / step + i64::from(set % step != 0);
        MinorUnits::new(steps.saturating_mul(step)).unwrap_or_default()
    }
}

#[cfg(test)]
impl Policy {
    /// Settings for unit tests: test mode, 10 %, 72 h.
    pub fn for_tests() -> Self {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self {
            livemode: false,
            platform_fee_bps: 1_000,
            dispute_window: Duration::from_secs(72 * 3600),
            minimums: BTreeMap::new(),
            names: MetadataNames {
                mentor_id: list(&["mentorUserId", "expertId"]),
                booking_id: list(&["bookingId"]),
                platform_fee: list(&["platformFee"]),
                mentor_amount: list(&["mentorAmount"]),
                session_starts_at: list(&["startsAt"]),
                session_ends_at: list(&["endsAt"]),
            },
            admin_email: "admin@example.com".into(),
            retry: RetryPolicy::default(),
            after: AfterPolicy::default(),
            require_completion: false,
            cancellation: CancellationPolicy::default(),
            capture: CapturePolicy::default(),
            sending: SendingPolicy::default(),
            letters: LetterPolicy::default(),
            withdrawals: WithdrawalPolicy::default(),
            onboarding: OnboardingPolicy::default(),
        }
    }
}
