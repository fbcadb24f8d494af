//! A charge that settled in another currency than it was made in: what its amounts are there, by what Stripe really
//! settled. Whole numbers only, and no rate but the two amounts themselves.

use serde::{Deserialize, Serialize};

use super::money::{Currency, MinorUnits};

/// What a whole charge was, and what it became on the platform's balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// What it was made in.
    pub from: Currency,
    /// What the customer paid; more than nothing.
    pub charged: MinorUnits,
    /// What it settled in.
    pub into: Currency,
    /// What it settled as, before Stripe's fees.
    pub settled: MinorUnits,
}

/// What an order keeps of the conversion that its amount comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Converted {
    /// By what it was converted.
    #[serde(flatten)]
    pub by: Conversion,
    /// The mentor's part in the charge's currency.
    pub due: MinorUnits,
}

impl Conversion {
    /// What can be paid for part of the charge: rounded down, since nobody pays out more than came in.
    pub fn payable(&self, part: MinorUnits) -> MinorUnits {
        self.settled.part_down(part, self.charged, self.into.payout_step())
    }

    /// What part of the charge stands in the books as: rounded half up, as Stripe does it.
    pub fn booked(&self, part: MinorUnits) -> MinorUnits {
        self.settled.share(part, self.charged, 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minor(n: i64) -> MinorUnits {
        MinorUnits::new(n).unwrap()
    }

    fn conversion(from: &str, charged: i64, into: &str, settled: i64) -> Conversion {
        let currency = |code| Currency::parse(code).unwrap();
        Conversion { from: currency(from), charged: minor(charged), into: currency(into), settled: minor(settled) }
    }

    #[test]
    fn the_mentors_part_where_the_charge_settled() {
        for (from, charged, into, settled, due, paid) in [
            ("usd", 10_000, "eur", 9_200, 9_000, 8_280),
            // 8_333.1…: never more than came in.
            ("usd", 9_999, "eur", 9_258, 9_000, 8_333),
            ("usd", 10_000, "jpy", 14_937, 9_000, 13_443),
            ("jpy", 15_000, "usd", 9_871, 13_500, 8_883),
            // Three decimals are paid in steps of ten, whole units in steps of a hundred.
            ("usd", 10_000, "kwd", 30_775, 9_000, 27_690),
            ("eur", 10_000, "isk", 1_449_900, 9_000, 1_304_900),
            ("kwd", 10_000, "gbp", 2_513, 9_000, 2_261),
            ("eur", 10_000, "huf", 3_912_345, 9_000, 3_521_100),
            // Nothing is left of it.
            ("idr", 10_000, "usd", 62, 100, 0),
            ("usd", 10_000, "eur", 0, 9_000, 0),
            ("usd", i64::MAX, "eur", i64::MAX, i64::MAX, i64::MAX),
        ] {
            let conversion = conversion(from, charged, into, settled);
            assert_eq!(conversion.payable(minor(due)), minor(paid), "{due} of {charged} {from} as {settled} {into}");
        }
    }

    proptest! {
        #[test]
        fn the_mentor_never_gets_more_than_came_in_for_them(
            charged in 1..=i64::MAX, settled in 0..=i64::MAX, due in 0..=i64::MAX,
            into in prop::sample::select(vec!["eur", "jpy", "kwd", "isk", "huf"]),
        ) {
            let conversion = conversion("usd", charged, into, settled);
            let due = due.min(charged);
            let paid = conversion.payable(minor(due));
            prop_assert!(i128::from(paid.get()) * i128::from(charged) <= i128::from(settled) * i128::from(due));
            prop_assert_eq!(paid.get() % conversion.into.payout_step(), 0);
            prop_assert!(paid <= conversion.booked(minor(due)));
        }
    }
}
