//! Currency codes and amounts: what is shown to people is the amount, digit by digit.

use payoutd::domain::money::{Currency, MinorUnits};

use crate::mutate::{hold, run};

#[test]
fn codes_at_random() {
    hold("currencies", vec![b"GBP".to_vec()], |code| {
        let code = String::from_utf8_lossy(code);
        match Currency::parse(&code) {
            Ok(currency) => {
                assert_eq!(currency.code(), code.to_ascii_lowercase());
                assert_eq!(Currency::parse(currency.code()), Ok(currency));
                let json = serde_json::to_string(&currency).expect("text");
                assert_eq!(serde_json::from_str::<Currency>(&json).expect("the same"), currency);
            }
            Err(error) => assert!(error.to_string().contains("currency"), "{error}"),
        }
    });
}

#[test]
fn amounts_read_back_as_they_are() {
    let shown = (0_i64..=i64::MAX, proptest::sample::select(vec!["usd", "jpy", "kwd", "isk", "huf", "ugx", "krw"]));
    run(&shown, |(amount, code)| {
        let currency = Currency::parse(code).expect("known");
        let text = currency.display(MinorUnits::new(amount).expect("not negative"));
        let (digits, unit) = text.split_once(' ').expect("a unit");
        assert_eq!(unit, code.to_ascii_uppercase());
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
        let whole: i128 = whole.replace(',', "").parse().expect("digits");
        let decimals = currency.exponent() as usize;
        assert!(rest.len() == decimals || rest.is_empty(), "{text}");
        let rest: i128 = format!("{rest:0<decimals$}0").parse::<i128>().expect("digits") / 10;
        assert_eq!(whole * 10_i128.pow(currency.exponent()) + rest, i128::from(amount), "{text}");
    });
}

#[test]
fn parts_of_amounts_stay_within_them() {
    let parts = (0_i64..=i64::MAX, 0_i64..=i64::MAX, 1_i64..=i64::MAX, proptest::sample::select(vec![1_i64, 10, 100]));
    run(&parts, |(amount, part, whole, step)| {
        let minor = |n: i64| MinorUnits::new(n).expect("not negative");
        let (amount, part, whole) = (minor(amount), minor(part.min(whole)), minor(whole));
        assert!(amount.share(part, whole, step) <= amount);
        assert!(amount.part_down(part, whole, step) <= amount);
        assert!(amount.floor_to(step) <= amount && amount.get() - amount.floor_to(step).get() < step);
        assert!(amount.basis_points(10_000, 1) == amount);
    });
}
