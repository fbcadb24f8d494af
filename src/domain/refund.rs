//! Refunds to the customer: how much of a charge is gone, from several tellings that may disagree.

use chrono::{DateTime, Utc};

use super::money::MinorUnits;

/// One refund as last told by Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundStanding {
    /// How much.
    pub amount: MinorUnits,
    /// Whether it failed or was canceled, so that the money stayed.
    pub failed: bool,
    /// When Stripe told so.
    pub told_at: DateTime<Utc>,
}

/// The charge's own figure, and when Stripe told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeFigure {
    /// `amount_refunded` of the charge.
    pub refunded: MinorUnits,
    /// When Stripe told so.
    pub told_at: DateTime<Utc>,
}

/// Whether a refund of this status did not or will not give the money back.
/// <https://docs.stripe.com/api/refunds/object#refund_object-status>
pub fn failed(status: &str) -> bool {
    matches!(status, "failed" | "canceled")
}

/// Orders statuses told in the same second: a refund may fail after it succeeded, never the other way round.
pub fn rank(status: &str) -> i16 {
    match status {
        "requires_action" => 1,
        "pending" => 2,
        "succeeded" => 3,
        "canceled" | "failed" => 4,
        _ => 0,
    }
}

/// How much of the charge is to be taken as refunded: the larger of the live refunds' sum and the charge's figure.
/// A refund that failed *after* the charge's figure was told is taken out of that figure; one told in the same second
/// is not, since paying too late can be mended and paying too much cannot.
pub fn total(refunds: &[RefundStanding], figure: Option<ChargeFigure>) -> MinorUnits {
    let sum = |wanted: &dyn Fn(&RefundStanding) -> bool| {
        let amounts = refunds.iter().filter(|r| wanted(r)).map(|r| r.amount);
        amounts.fold(MinorUnits::ZERO, |a, b| a.checked_add(b).unwrap_or(a))
    };
    let live = sum(&|r| !r.failed);
    let by_charge = figure.map_or(MinorUnits::ZERO, |figure| {
        figure.refunded.saturating_sub(sum(&|r| r.failed && r.told_at > figure.told_at))
    });
    live.max(by_charge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn refund(amount: i64, failed: bool, second: i64) -> RefundStanding {
        RefundStanding { amount: MinorUnits::new(amount).unwrap(), failed, told_at: at(second) }
    }

    #[test]
    fn the_total_believes_the_more_careful_teller() {
        let figure = |n, s| Some(ChargeFigure { refunded: MinorUnits::new(n).unwrap(), told_at: at(s) });
        for (refunds, figure, expected) in [
            (vec![], None, 0),
            (vec![], figure(500, 1), 500),
            (vec![refund(300, false, 1)], None, 300),
            (vec![refund(300, false, 1), refund(200, false, 2)], figure(300, 1), 500),
            (vec![refund(500, true, 9)], figure(500, 1), 0),
            (vec![refund(500, true, 1)], figure(500, 1), 500),
            (vec![refund(500, true, 1)], figure(500, 5), 500),
            (vec![refund(500, true, 9), refund(500, false, 9)], figure(500, 1), 500),
        ] {
            assert_eq!(total(&refunds, figure).get(), expected, "{refunds:?}");
        }
    }
}
