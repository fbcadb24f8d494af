//! Metadata that platforms write: fees that are none, times that are none. The parts add up, whatever it says.

use std::collections::BTreeMap;

use payoutd::domain::fees::{StatedFee, split};
use payoutd::domain::money::{Currency, MinorUnits};
use payoutd::domain::session::time_in;
use proptest::prelude::*;

use crate::mutate::{corpus, hold, mutated, run};

fn adds_up(amount: i64, code: &str, bps: u16, fee: Option<&str>, mentor: Option<&str>) {
    let total = MinorUnits::new(amount).expect("not negative");
    let currency = Currency::parse(code).expect("known");
    let parts = split(total, currency, bps, StatedFee { platform_fee: fee, mentor_amount: mentor });
    assert_eq!(parts.platform_fee.checked_add(parts.mentor_amount), Some(total), "{fee:?} {mentor:?}");
    assert_eq!(parts.mentor_amount.get() % currency.step(), 0, "{fee:?} {mentor:?}");
    // What was written is taken to the letter, or not at all.
    if parts.conflict.is_none() {
        for (said, taken) in [(fee, parts.platform_fee), (mentor, parts.mentor_amount)] {
            let said = said.map(|text| text.trim().parse::<i64>());
            assert!(said.is_none_or(|said| said == Ok(taken.get())), "{fee:?} {mentor:?}: {parts:?}");
        }
    }
}

#[test]
fn fees_at_random() {
    hold("metadata", vec![b"2500\n7500".to_vec()], |text| {
        let text = String::from_utf8_lossy(text);
        let (fee, mentor) = text.split_once('\n').unwrap_or((&text, ""));
        for code in ["usd", "jpy", "kwd", "isk", "huf"] {
            for (fee, mentor) in [(Some(fee), Some(mentor)), (Some(fee), None), (None, Some(mentor))] {
                adds_up(10_000, code, 1_000, fee, mentor);
                adds_up(i64::MAX - i64::MAX % 1_000, code, 9_999, fee, mentor);
            }
        }
    });
}

#[test]
fn stated_parts_that_add_up_are_taken() {
    let parts = (0_i64..=i64::MAX, any::<u64>(), 0_u16..=10_000);
    run(&parts, |(amount, cut, bps)| {
        let fee =
            i64::try_from(u128::from(cut) % (u128::from(amount.unsigned_abs()) + 1)).expect("no more than the amount");
        let (fee_text, mentor_text) = (fee.to_string(), (amount - fee).to_string());
        adds_up(amount, "usd", bps, Some(&fee_text), Some(&mentor_text));
        let total = MinorUnits::new(amount).expect("not negative");
        let stated = StatedFee { platform_fee: Some(&fee_text), mentor_amount: Some(&mentor_text) };
        let taken = split(total, Currency::parse("usd").expect("known"), bps, stated);
        assert_eq!((taken.platform_fee.get(), taken.conflict), (fee, None));
    });
}

#[test]
fn times_at_random() {
    let names = ["startsAt".to_owned()];
    run(&mutated(corpus("metadata")), |text| {
        for line in String::from_utf8_lossy(&text).lines() {
            let metadata = BTreeMap::from([("startsAt".to_owned(), line.to_owned())]);
            let Some(at) = time_in(&metadata, &names) else { continue };
            // What is read can be written, and reads the same.
            let again = BTreeMap::from([("startsAt".to_owned(), at.to_rfc3339())]);
            let written = at.to_rfc3339();
            let readable = !written.starts_with(['+', '-']);
            assert!(!readable || time_in(&again, &names) == Some(at), "{line} -> {written}");
        }
    });
}
