//! How a payment's amount is split between platform and mentor. Knows amounts and metadata; never who is paid.

use serde::{Deserialize, Serialize};

use super::money::{Currency, MinorUnits};

/// A payment's amount, split. The two parts always add up to the amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// What the platform keeps.
    pub platform_fee: MinorUnits,
    /// What the mentor is due.
    pub mentor_amount: MinorUnits,
    /// Why the fee in the metadata could not be used, in words; the payment is held until a person mends it.
    pub conflict: Option<String>,
}

/// The fee as the platform wrote it into the metadata, in minor units; `None` where it wrote nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatedFee<'a> {
    /// The platform's part, such as the value of `platformFee`.
    pub platform_fee: Option<&'a str>,
    /// The mentor's part, such as the value of `mentorAmount`.
    pub mentor_amount: Option<&'a str>,
}

/// Splits `amount` by what the metadata states, or else by `fee_bps` (basis points, at most 10 000).
///
/// A stated fee wins if it adds up to the amount. If it does not, the split is the configured one and
/// `conflict` says why, so that nobody is paid by a guess.
pub fn split(amount: MinorUnits, currency: Currency, fee_bps: u16, stated: StatedFee<'_>) -> Split {
    match stated_split(amount, currency, stated) {
        Ok(Some((platform_fee, mentor_amount))) => Split { platform_fee, mentor_amount, conflict: None },
        Ok(None) => by_rate(amount, currency, fee_bps, None),
        Err(conflict) => by_rate(amount, currency, fee_bps, Some(conflict)),
    }
}

fn by_rate(amount: MinorUnits, currency: Currency, fee_bps: u16, conflict: Option<String>) -> Split {
    let fee = amount.basis_points(fee_bps.min(10_000), currency.payout_step()).min(amount);
    // What of an uneven amount no bank would be paid stays with the platform.
    let mentor_amount = amount.saturating_sub(fee).floor_to(currency.payout_step());
    Split { platform_fee: amount.saturating_sub(mentor_amount), mentor_amount, conflict }
}

fn stated_split(
    amount: MinorUnits,
    currency: Currency,
    stated: StatedFee<'_>,
) -> Result<Option<(MinorUnits, MinorUnits)>, String> {
    let parts = stated_parts(amount, stated)?;
    match parts {
        Some((_, mentor)) if mentor.get() % currency.step() != 0 => Err(format!(
            "the metadata leaves the mentor {mentor} (minor units), which Stripe cannot transfer: in {currency} it must be \
             a multiple of {}",
            currency.step()
        )),
        parts => Ok(parts),
    }
}

fn stated_parts(amount: MinorUnits, stated: StatedFee<'_>) -> Result<Option<(MinorUnits, MinorUnits)>, String> {
    let fee = stated.platform_fee.map(|text| read("platform fee", text)).transpose()?;
    let mentor = stated.mentor_amount.map(|text| read("mentor amount", text)).transpose()?;
    match (fee, mentor) {
        (None, None) => Ok(None),
        (Some(part), None) | (None, Some(part)) if part > amount => {
            Err(format!("the metadata's {part} is more than the payment's {amount} (minor units)"))
        }
        (Some(fee), None) => Ok(Some((fee, amount.saturating_sub(fee)))),
        (None, Some(mentor)) => Ok(Some((amount.saturating_sub(mentor), mentor))),
        (Some(fee), Some(mentor)) if fee.checked_add(mentor) == Some(amount) => Ok(Some((fee, mentor))),
        (Some(fee), Some(mentor)) => Err(format!(
            "the metadata's platform fee {fee} and mentor amount {mentor} do not add up to {amount} (minor units)"
        )),
    }
}

fn read(what: &str, text: &str) -> Result<MinorUnits, String> {
    let trimmed = text.trim();
    let digits_only = !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit());
    let number = if digits_only { trimmed.parse().ok() } else { None };
    number.and_then(MinorUnits::new).ok_or_else(|| {
        let shown: String = trimmed.chars().take(40).collect();
        format!("the metadata's {what} `{shown}` is not a whole number of minor units")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(amount: i64, currency: &str, bps: u16, fee: Option<&str>, mentor: Option<&str>) -> Split {
        let stated = StatedFee { platform_fee: fee, mentor_amount: mentor };
        split(MinorUnits::new(amount).unwrap(), Currency::parse(currency).unwrap(), bps, stated)
    }

    #[test]
    fn the_configured_rate_rounds_half_up_and_the_mentor_gets_the_rest() {
        for (amount, currency, bps, fee) in [
            (10_000, "usd", 1_000, 1_000),
            (12_345, "gbp", 1_000, 1_235),
            (12_344, "gbp", 1_000, 1_234),
            (5, "usd", 1_000, 1),
            (4, "usd", 1_000, 0),
            (1, "usd", 5_000, 1),
            (9_999, "jpy", 1_500, 1_500),
            (80_000, "usd", 2_000, 16_000),
            (10_000, "usd", 0, 0),
            (10_000, "usd", 10_000, 10_000),
            (10_500, "isk", 1_000, 1_100),
            (12_340, "kwd", 1_000, 1_230),
        ] {
            let split = of(amount, currency, bps, None, None);
            assert_eq!(split.platform_fee.get(), fee, "{amount} {currency} at {bps}");
            assert_eq!(split.mentor_amount.get(), amount - fee);
            assert_eq!(split.conflict, None);
        }
    }

    #[test]
    fn a_stated_fee_wins_when_it_adds_up() {
        for (fee, mentor, expected) in [
            (Some("1500"), None, (1_500, 8_500)),
            (None, Some("7000"), (3_000, 7_000)),
            (Some(" 2500 "), Some("7500"), (2_500, 7_500)),
            (Some("0"), None, (0, 10_000)),
            (Some("10000"), None, (10_000, 0)),
        ] {
            let split = of(10_000, "usd", 1_000, fee, mentor);
            assert_eq!((split.platform_fee.get(), split.mentor_amount.get()), expected);
            assert_eq!(split.conflict, None);
        }
    }

    #[test]
    fn a_stated_fee_that_is_nonsense_is_a_conflict_in_words() {
        for (fee, mentor, words) in [
            (Some("1500"), Some("8000"), "do not add up to 10000"),
            (Some("10001"), None, "more than the payment's 10000"),
            (Some("12.50"), None, "platform fee `12.50` is not a whole number"),
            (Some(""), None, "not a whole number"),
            (None, Some("-5"), "mentor amount `-5`"),
            (None, Some("99999999999999999999"), "not a whole number"),
            (Some("+15"), None, "`+15`"),
            (Some("9223372036854775807"), Some("9223372036854775807"), "do not add up"),
        ] {
            let split = of(10_000, "usd", 1_000, fee, mentor);
            let conflict = split.conflict.expect("a conflict");
            assert!(conflict.contains(words), "{conflict}");
            assert_eq!(split.platform_fee.get() + split.mentor_amount.get(), 10_000);
        }
    }

    proptest! {
        #[test]
        fn the_parts_always_add_up(amount in 0..=i64::MAX, bps in 0..=10_000_u16, fee in ".*", mentor in "[0-9]{0,20}") {
            let split = of(amount, "usd", bps, Some(&fee), Some(&mentor));
            prop_assert_eq!(split.platform_fee.get() + split.mentor_amount.get(), amount);
        }
    }
}
