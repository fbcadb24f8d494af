//! What to do about objections that come after the transfer: `[after_transfer]`.

use super::reader::Reader;
use super::value::words;

/// What to do once the money has left.
#[derive(Debug, Clone)]
pub struct AfterTransfer {
    /// When a dispute is open.
    pub open_dispute: LateAction,
    /// When an admin flags.
    pub late_flag: LateAction,
    /// Who bears Stripe's fee for a lost dispute.
    pub dispute_fee: FeeBearer,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateAction {
    /// Tell an admin.
    Alert,
    /// Take the transfer back.
    Reverse,
}
words!(LateAction { "alert" => LateAction::Alert, "reverse" => LateAction::Reverse });

/// Who bears a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeBearer {
    /// The platform.
    Platform,
    /// The mentor.
    Mentor,
}
words!(FeeBearer { "platform" => FeeBearer::Platform, "mentor" => FeeBearer::Mentor });

impl AfterTransfer {
    pub(super) fn read(r: &mut Reader) -> Self {
        AfterTransfer {
            open_dispute: r.take("after_transfer.open_dispute", LateAction::Alert),
            late_flag: r.take("after_transfer.late_flag", LateAction::Alert),
            dispute_fee: r.take("after_transfer.dispute_fee", FeeBearer::Platform),
        }
    }
}
