//! What a sandbox is set to: its key, its fees, its limits.

/// The secret key that a sandbox accepts unless it is told another.
pub const DEFAULT_SECRET_KEY: &str = "sk_test_sandbox";

/// What Stripe keeps of a charge or takes for a dispute. Nothing, unless set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StripeFees {
    /// Of a charge, in basis points.
    pub charge_basis_points: i64,
    /// Of a charge, in minor units of the settlement currency.
    pub charge_fixed_minor: i64,
    /// For each chargeback, in minor units of the settlement currency.
    pub dispute_minor: i64,
}

impl StripeFees {
    pub(super) fn for_charge(&self, amount: i64) -> i64 {
        super::money::scale(amount, self.charge_basis_points, 10_000) + self.charge_fixed_minor
    }
}

/// How much the transfers of one charge (`source_transaction`) may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceLimit {
    /// The captured amount, whatever was refunded since: how Stripe documents it.
    ChargeAmount,
    /// The captured amount less the refunds: the stricter reading.
    LessRefunds,
}

/// When a card payment's balance transaction is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureStyle {
    /// With `charge.succeeded`.
    Automatic,
    /// A little later, told by `charge.updated`: what Stripe does for new payment intents.
    AutomaticAsync,
}

/// What happens to a reversal that a connected account's balance does not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReversalCover {
    /// It is refused: what Stripe does without connected reserves.
    Needed,
    /// The account's balance becomes negative.
    MayGoNegative,
}

/// The settings of the state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The secret key that is accepted: `sk_test_…`.
    pub secret_key: String,
    /// The `api_version` of events.
    pub api_version: String,
    /// How long a charge stays pending, in seconds.
    pub settlement_delay_s: i64,
    /// What Stripe keeps.
    pub fees: StripeFees,
    /// Above this, 429.
    pub requests_per_second: Option<u32>,
    /// How long an idempotency key is remembered, in seconds; Stripe promises at least a day.
    pub key_lifetime_s: i64,
    /// How much may be transferred out of one charge.
    pub source_limit: SourceLimit,
    /// When a payment's balance transaction is there.
    pub capture: CaptureStyle,
    /// Whether an account must have what a reversal takes back.
    pub reversal_cover: ReversalCover,
    /// Where ids start: the same seed and the same calls give the same ids.
    pub seed: u64,
    /// The number of webhook endpoints, which events tell as `pending_webhooks`.
    pub webhook_endpoints: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            secret_key: DEFAULT_SECRET_KEY.into(),
            api_version: "2026-10-28.endive".into(),
            settlement_delay_s: 2 * 86_400,
            fees: StripeFees::default(),
            requests_per_second: None,
            key_lifetime_s: 25 * 3_600,
            source_limit: SourceLimit::LessRefunds,
            capture: CaptureStyle::AutomaticAsync,
            reversal_cover: ReversalCover::Needed,
            seed: 1,
            webhook_endpoints: 0,
        }
    }
}
