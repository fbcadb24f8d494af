//! Stripe's disputes, by status: what each status means for paying the mentor.

use super::ids::{ChargeId, DisputeId};
use super::money::{Currency, MinorUnits};

/// A dispute as last told by Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Stripe's id.
    pub id: DisputeId,
    /// The disputed charge.
    pub charge_id: ChargeId,
    /// How much of it.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Stripe's fee for it.
    pub fee: MinorUnits,
    /// What the fee was taken in: what the charge settled in.
    pub fee_currency: Currency,
    /// Stripe's word for where it stands; a word that we do not know is kept as it is.
    pub status: String,
    /// The customer's reason, as Stripe words it.
    pub reason: String,
}

/// What a dispute's status means for the mentor's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// An inquiry or an open dispute: the money may yet go back.
    Open,
    /// A status that this version does not know: treated as open, and a person is told.
    Unknown,
    /// Over, and the money stayed.
    Cleared,
    /// Over, and the money is gone.
    Lost,
}

/// Reads a status: <https://docs.stripe.com/api/disputes/object#dispute_object-status>.
pub fn standing(status: &str) -> Standing {
    match status {
        "warning_needs_response" | "warning_under_review" | "needs_response" | "under_review" => Standing::Open,
        "appeal_needs_response" | "appeal_under_review" => Standing::Open,
        "won" | "warning_closed" | "prevented" => Standing::Cleared,
        "lost" => Standing::Lost,
        _ => Standing::Unknown,
    }
}

/// Whether a dispute that was lost is looked at again.
pub fn is_appeal(status: &str) -> bool {
    matches!(status, "appeal_needs_response" | "appeal_under_review")
}

/// Orders statuses told in the same second: the later stage of a dispute's life is the higher.
pub fn rank(status: &str) -> i16 {
    match status {
        "warning_needs_response" => 1,
        "warning_under_review" => 2,
        "warning_closed" => 3,
        "needs_response" => 4,
        "under_review" => 5,
        "prevented" => 6,
        "won" => 7,
        "lost" => 8,
        "appeal_needs_response" => 9,
        "appeal_under_review" => 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_nobody_knows_holds_like_an_open_one() {
        assert_eq!(standing("needs_response"), Standing::Open);
        assert_eq!(standing("warning_needs_response"), Standing::Open);
        assert_eq!(standing("won"), Standing::Cleared);
        assert_eq!(standing("lost"), Standing::Lost);
        assert_eq!(standing("charge_refunded"), Standing::Unknown);
        assert_eq!(standing(""), Standing::Unknown);
    }
}
