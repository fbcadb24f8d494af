//! Amounts and currencies. Amounts are whole minor units in `i64`; nothing here knows a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in the currency's minor unit (cents, pence, or whole yen). Never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MinorUnits(i64);

impl MinorUnits {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount, or `None` when it is negative.
    pub fn new(minor: i64) -> Option<Self> {
        (minor >= 0).then_some(Self(minor))
    }

    /// The number of minor units.
    pub fn get(self) -> i64 {
        self.0
    }

    /// `self - other`, or nothing when `other` is more.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self((self.0 - other.0).max(0))
    }

    /// `self + other`, or `None` beyond `i64`.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `self * part / whole`, rounded half up to a multiple of `step` minor units, but never above `self`: all of it is
    /// `self` as it is. `whole` must not be zero.
    pub fn share(self, part: MinorUnits, whole: MinorUnits, step: i64) -> Self {
        if part == whole {
            return self;
        }
        let share = round_half_up(i128::from(self.0) * i128::from(part.0), i128::from(whole.0), step);
        if share > self && part < whole { self.floor_to(step) } else { share }
    }

    /// The largest multiple of `step` minor units that is not more.
    pub fn floor_to(self, step: i64) -> Self {
        Self(self.0 - self.0 % step)
    }

    /// The same, rounded down.
    pub fn part_down(self, part: MinorUnits, whole: MinorUnits, step: i64) -> Self {
        let unit = i128::from(whole.0) * i128::from(step);
        let rounded = i128::from(self.0) * i128::from(part.0) / unit * i128::from(step);
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// `self` times a rate in basis points (1/100 of a percent), rounded half up to a multiple of `step`.
    pub fn basis_points(self, bps: u16, step: i64) -> Self {
        round_half_up(i128::from(self.0) * i128::from(bps), 10_000, step)
    }
}

fn round_half_up(numerator: i128, denominator: i128, step: i64) -> MinorUnits {
    let step = i128::from(step);
    let unit = denominator * step;
    let rounded = (numerator * 2 + unit) / (unit * 2) * step;
    MinorUnits(i64::try_from(rounded).unwrap_or(i64::MAX))
}

impl fmt::Display for MinorUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A currency that Stripe charges in: three lower-case letters of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A currency code that Stripe does not charge in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("currency `{0}` is not one that Stripe charges in; use a three-letter ISO 4217 code such as `usd`")]
pub struct UnknownCurrency(pub String);

/// The presentment currencies of <https://docs.stripe.com/currencies>.
const KNOWN: &str = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn \
    bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl \
    hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk \
    mnt mop mro mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf \
    sar sbd scr sek sgd shp sle sll sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv \
    wst xaf xcd xcg xof xpf yer zar zmw";

/// <https://docs.stripe.com/currencies#zero-decimal>
const ZERO_DECIMAL: &str = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";
/// <https://docs.stripe.com/currencies#three-decimal>
const THREE_DECIMAL: &str = "bhd jod kwd omr tnd";
/// Written with two decimals that must be zero: <https://docs.stripe.com/currencies#special-cases>
const WHOLE_UNITS: &str = "isk ugx";
/// Charged and transferred with two decimals, and paid out to banks in whole units:
/// <https://docs.stripe.com/currencies#special-cases>
const WHOLE_PAYOUTS: &str = "huf twd";

impl Currency {
    /// Reads a code in any case.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        let lower = code.to_ascii_lowercase();
        match <[u8; 3]>::try_from(lower.as_bytes()) {
            Ok(bytes) if listed(KNOWN, &lower) => Ok(Self(bytes)),
            _ => Err(UnknownCurrency(code.chars().take(16).collect())),
        }
    }

    /// The lower-case code, as Stripe writes it.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many of a minor unit's digits stand behind the decimal point.
    pub fn exponent(&self) -> u32 {
        match self.code() {
            code if listed(ZERO_DECIMAL, code) => 0,
            code if listed(THREE_DECIMAL, code) => 3,
            _ => 2,
        }
    }

    /// Stripe accepts amounts that are multiples of this many minor units: 100 where the currency has no
    /// decimals but is written with two, 10 for three-decimal currencies, else 1.
    pub fn step(&self) -> i64 {
        match self.code() {
            code if listed(WHOLE_UNITS, code) => 100,
            code if listed(THREE_DECIMAL, code) => 10,
            _ => 1,
        }
    }

    /// Parts are made of multiples of this, so that whoever gets one can have all of it paid out to their bank: what
    /// [`Self::step`] says, and whole units too where banks are paid in those alone.
    pub fn payout_step(&self) -> i64 {
        if listed(WHOLE_PAYOUTS, self.code()) { 100 } else { self.step() }
    }

    /// An amount for people: `1,234.50 USD`, `1,234 JPY`. Of a currency that has no decimals but is written with two, as
    /// people write it: `1,234 ISK`.
    pub fn display(&self, amount: MinorUnits) -> String {
        let scale = 10_i64.pow(self.exponent());
        let whole = group_thousands(amount.get() / scale);
        let code = self.code().to_ascii_uppercase();
        let is_whole = listed(WHOLE_UNITS, self.code()) && amount.get() % scale == 0;
        match self.exponent() {
            _ if is_whole => format!("{whole} {code}"),
            0 => format!("{whole} {code}"),
            digits => format!("{whole}.{:0width$} {code}", amount.get() % scale, width = digits as usize),
        }
    }
}

fn listed(list: &str, code: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == code)
}

fn group_thousands(whole: i64) -> String {
    let digits = whole.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({})", self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minor(n: i64) -> MinorUnits {
        MinorUnits::new(n).unwrap()
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        for (code, amount, text) in [
            ("usd", 0, "0.00 USD"),
            ("usd", 5, "0.05 USD"),
            ("GBP", 123_456_789, "1,234,567.89 GBP"),
            ("jpy", 1_234, "1,234 JPY"),
            ("kwd", 12_345, "12.345 KWD"),
            ("isk", 10_000, "100 ISK"),
            ("ugx", 123_456_700, "1,234,567 UGX"),
            // Not an amount, and shown for what it is.
            ("isk", 10_050, "100.50 ISK"),
            ("huf", 1_234_500, "12,345.00 HUF"),
            ("twd", 99, "0.99 TWD"),
            ("bhd", 5, "0.005 BHD"),
            ("vnd", 1_000_000, "1,000,000 VND"),
            ("usd", i64::MAX, "92,233,720,368,547,758.07 USD"),
        ] {
            assert_eq!(Currency::parse(code).unwrap().display(minor(amount)), text);
        }
    }

    #[test]
    fn a_code_that_stripe_does_not_charge_in_is_refused() {
        for code in ["", "us", "usdc", "xyz", "€", "usd ", "💷"] {
            let error = Currency::parse(code).unwrap_err();
            assert!(error.to_string().contains("ISO 4217"), "{error}");
        }
    }

    #[test]
    fn shares_round_half_up_to_the_step() {
        for (amount, part, whole, step, share) in [
            (900, 500, 1000, 1, 450),
            (901, 500, 1000, 1, 451),
            (1, 1, 3, 1, 0),
            (2, 1, 3, 1, 1),
            (12_345, 1, 2, 10, 6_170),
            (100_000, 1, 3, 100, 33_300),
            (i64::MAX, i64::MAX, i64::MAX, 1, i64::MAX),
            // All of it is all of it, and never more.
            (12_345, 7, 7, 10, 12_345),
            (12_345, 999, 1_000, 10, 12_330),
            (195, 98, 100, 100, 100),
            (95, 99, 100, 100, 0),
        ] {
            assert_eq!(minor(amount).share(minor(part), minor(whole), step), minor(share));
        }
    }

    proptest! {
        #[test]
        fn a_share_never_exceeds_its_part(amount in 0..=i64::MAX, whole in 1..=i64::MAX, cut in 0..=i64::MAX) {
            let whole = minor(whole);
            let amount = minor(amount.min(whole.get()));
            let part = minor(cut.min(whole.get()));
            prop_assert!(amount.share(part, whole, 1) <= part);
            for step in [1, 10, 100] {
                prop_assert!(amount.share(part, whole, step) <= amount);
                prop_assert!(amount.part_down(part, whole, step) <= amount.share(part, whole, 1));
            }
        }

        #[test]
        fn no_text_makes_a_currency_panic(code in ".*") {
            let _ = Currency::parse(&code);
        }
    }
}
