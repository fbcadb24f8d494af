//! Every kind of currency in numbers: what the platform keeps, what the mentor gets, how it reads, what is left of it after
//! refunds, and what goes towards a debt.

#[cfg(test)]
mod tests {
    use super::super::conversion::Conversion;
    use super::super::fees::{StatedFee, split};
    use super::super::money::{Currency, MinorUnits};
    use super::super::policy::Policy;

    fn minor(n: i64) -> MinorUnits {
        MinorUnits::new(n).unwrap()
    }

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn fee_and_mentors_part_by_currency() {
        for (code, amount, bps, fee, mentor, shown) in [
            // Two decimals.
            ("usd", 10_000, 1_000, 1_000, 9_000, "90.00 USD"),
            ("gbp", 5_000, 1_500, 750, 4_250, "42.50 GBP"),
            ("eur", 1, 1_000, 0, 1, "0.01 EUR"),
            ("eur", 5, 1_000, 1, 4, "0.04 EUR"),
            // None.
            ("jpy", 15_000, 1_000, 1_500, 13_500, "13,500 JPY"),
            ("jpy", 999, 1_500, 150, 849, "849 JPY"),
            ("krw", 50_000, 250, 1_250, 48_750, "48,750 KRW"),
            ("clp", 1, 5_000, 1, 0, "0 CLP"),
            // Three, of which the last is always zero.
            ("kwd", 10_000, 1_000, 1_000, 9_000, "9.000 KWD"),
            ("kwd", 12_340, 1_000, 1_230, 11_110, "11.110 KWD"),
            ("bhd", 10, 1_000, 0, 10, "0.010 BHD"),
            ("omr", 5_000, 333, 170, 4_830, "4.830 OMR"),
            // None, written with two.
            ("isk", 1_000_000, 1_000, 100_000, 900_000, "9,000 ISK"),
            ("isk", 10_500, 1_000, 1_100, 9_400, "94 ISK"),
            ("ugx", 3_650_000, 1_250, 456_300, 3_193_700, "31,937 UGX"),
            // Two, of which banks are paid none: what cannot be paid out stays with the platform.
            ("huf", 3_900_000, 1_000, 390_000, 3_510_000, "35,100.00 HUF"),
            ("huf", 1_045, 1_000, 145, 900, "9.00 HUF"),
            ("huf", 99, 0, 99, 0, "0.00 HUF"),
            ("twd", 320_050, 1_000, 32_050, 288_000, "2,880.00 TWD"),
            ("twd", 320_000, 0, 0, 320_000, "3,200.00 TWD"),
            ("huf", 1_045, 10_000, 1_045, 0, "0.00 HUF"),
        ] {
            let split = split(minor(amount), currency(code), bps, StatedFee::default());
            let parts = (split.platform_fee.get(), split.mentor_amount.get());
            assert_eq!(parts, (fee, mentor), "{amount} {code} at {bps}");
            assert_eq!(fee + mentor, amount, "{amount} {code} at {bps}");
            assert_eq!(currency(code).display(split.mentor_amount), shown);
        }
    }

    #[test]
    fn a_stated_part_that_stripe_cannot_transfer_is_a_conflict() {
        for (code, mentor, fits) in [
            ("usd", "8999", true),
            ("jpy", "8999", true),
            ("huf", "8999", true),
            ("kwd", "8990", true),
            ("kwd", "8999", false),
            ("isk", "8900", true),
            ("isk", "8950", false),
            ("ugx", "1", false),
        ] {
            let stated = StatedFee { platform_fee: None, mentor_amount: Some(mentor) };
            let split = split(minor(10_000), currency(code), 1_000, stated);
            assert_eq!(split.conflict.is_none(), fits, "{mentor} {code}: {:?}", split.conflict);
        }
    }

    #[test]
    fn the_smallest_transfer_is_one_that_stripe_can_make() {
        for (code, set, least) in [
            ("usd", None, 1),
            ("usd", Some(50), 50),
            ("jpy", None, 1),
            ("kwd", None, 10),
            ("kwd", Some(125), 130),
            ("isk", None, 100),
            ("isk", Some(1_050), 1_100),
            ("huf", None, 1),
            ("huf", Some(17_500), 17_500),
        ] {
            let minimums = set.map(|set| (currency(code), minor(set))).into_iter().collect();
            let policy = Policy { minimums, ..Policy::for_tests() };
            let found = policy.minimum(currency(code)).get();
            assert_eq!(found, least, "{code}");
        }
    }

    #[test]
    fn shares_of_what_is_left_by_currency() {
        for (code, mentor, amount, kept, share) in [
            ("usd", 9_000, 10_000, 7_500, 6_750),
            ("usd", 8_999, 9_999, 9_998, 8_998),
            ("jpy", 13_500, 15_000, 10_001, 9_001),
            ("jpy", 849, 999, 1, 1),
            ("kwd", 11_110, 12_340, 6_170, 5_560),
            ("kwd", 11_110, 12_340, 10, 10),
            ("isk", 9_400, 10_500, 5_200, 4_700),
            ("huf", 3_510_000, 3_900_000, 3_899_999, 3_510_000),
            ("huf", 3_510_000, 3_900_000, 1_234_567, 1_111_100),
            ("twd", 288_000, 320_050, 160_025, 144_000),
            // An uneven part that somebody stated stays as it is while nothing is refunded.
            ("huf", 9_045, 10_045, 10_045, 9_045),
            ("huf", 9_045, 10_045, 10_000, 9_000),
        ] {
            let step = currency(code).payout_step();
            assert_eq!(
                minor(mentor).share(minor(kept), minor(amount), step),
                minor(share),
                "{kept} of {amount} {code}"
            );
        }
    }

    #[test]
    fn converted_between_every_kind_of_currency() {
        for (from, charged, into, settled, mentor, paid, shown) in [
            ("usd", 10_000, "jpy", 14_937, 9_000, 13_443, "13,443 JPY"),
            ("jpy", 15_000, "usd", 9_871, 13_500, 8_883, "88.83 USD"),
            ("kwd", 10_000, "usd", 32_500, 9_000, 29_250, "292.50 USD"),
            ("usd", 10_000, "kwd", 30_775, 9_000, 27_690, "27.690 KWD"),
            ("eur", 10_000, "huf", 3_912_345, 9_000, 3_521_100, "35,211.00 HUF"),
            ("isk", 1_000_000, "eur", 6_893, 900_000, 6_203, "62.03 EUR"),
            ("gbp", 10_000, "isk", 1_712_300, 8_500, 1_455_400, "14,554 ISK"),
        ] {
            let (from, into) = (currency(from), currency(into));
            let conversion = Conversion { from, charged: minor(charged), into, settled: minor(settled) };
            let part = conversion.payable(minor(mentor));
            assert_eq!((part.get(), into.display(part).as_str()), (paid, shown));
        }
    }
}
