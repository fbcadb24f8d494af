//! Currencies that Stripe takes, amounts as Stripe writes them in messages, and conversion in whole minor units.

use super::error::StripeError;

/// Every currency that a charge may be in, as Stripe lists them.
const CURRENCIES: &[&str] = &[
    "usd", "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bhd",
    "bif", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "clp", "cny", "cop", "crc",
    "cve", "czk", "djf", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gnf",
    "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "isk", "jmd", "jod", "jpy", "kes", "kgs", "khr",
    "kmf", "krw", "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mga", "mkd", "mmk", "mnt",
    "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr", "nzd", "omr", "pab", "pen",
    "pgk", "php", "pkr", "pln", "pyg", "qar", "ron", "rsd", "rub", "rwf", "sar", "sbd", "scr", "sek", "sgd", "shp",
    "sle", "sos", "srd", "std", "szl", "thb", "tjs", "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "uyu",
    "uzs", "vnd", "vuv", "wst", "xaf", "xcd", "xcg", "xof", "xpf", "yer", "zar", "zmw",
];

const NO_DECIMALS: &[&str] =
    &["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
const THREE_DECIMALS: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];

pub(super) fn is_currency(code: &str) -> bool {
    CURRENCIES.contains(&code)
}

/// Written with two decimals that must be zero.
const WHOLE_UNITS: &[&str] = &["isk", "ugx"];

/// Refuses an amount that the currency does not have: the last digit of three decimals must be 0, and two decimals that
/// are only written must be. <https://docs.stripe.com/currencies>
pub(super) fn check_amount(amount_minor: i64, currency: &str) -> Result<(), StripeError> {
    let step = match currency {
        code if THREE_DECIMALS.contains(&code) => 10,
        code if WHOLE_UNITS.contains(&code) => 100,
        _ => 1,
    };
    if amount_minor % step == 0 {
        return Ok(());
    }
    let text = format!("Invalid amount: in {currency} it must be a multiple of {step}.");
    Err(StripeError::refused(400, Some("parameter_invalid_integer"), text).with_param("amount"))
}

/// `$12.00`, `€70.00`, `¥500`, `12.00 CHF`.
pub(super) fn spoken(amount_minor: i64, currency: &str) -> String {
    let number = decimal(amount_minor, currency);
    match currency {
        "usd" => format!("${number}"),
        "eur" => format!("€{number}"),
        "gbp" => format!("£{number}"),
        "jpy" => format!("¥{number}"),
        other => format!("{number} {}", other.to_uppercase()),
    }
}

fn decimal(amount_minor: i64, currency: &str) -> String {
    let unit = match currency {
        code if NO_DECIMALS.contains(&code) => return amount_minor.to_string(),
        code if THREE_DECIMALS.contains(&code) => 1000,
        _ => 100,
    };
    let width = if unit == 1000 { 3 } else { 2 };
    let sign = if amount_minor < 0 { "-" } else { "" };
    let amount = amount_minor.unsigned_abs();
    format!("{sign}{}.{:0width$}", amount / unit, amount % unit)
}

/// `amount × numerator ÷ denominator`, half up; for non-negative amounts.
pub(super) fn scale(amount_minor: i64, numerator: i64, denominator: i64) -> i64 {
    if denominator == 0 {
        return 0;
    }
    let scaled = i128::from(amount_minor) * i128::from(numerator);
    let (denominator, half) = (i128::from(denominator), i128::from(denominator) / 2);
    i64::try_from((scaled + half) / denominator).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spoken_in_their_own_decimals() {
        for (amount, currency, text) in [
            (7000, "eur", "€70.00"),
            (500, "jpy", "¥500"),
            (5, "usd", "$0.05"),
            (1234, "kwd", "1.234 KWD"),
            (-250, "gbp", "£-2.50"),
        ] {
            assert_eq!(spoken(amount, currency), text);
        }
    }

    #[test]
    fn conversion_rounds_half_up() {
        assert_eq!(scale(1, 1, 2), 1);
        assert_eq!(scale(1000, 108, 100), 1080);
        assert_eq!(scale(333, 1, 3), 111);
    }
}
