//! Event bodies: read or refused, the same each time, by field; what payoutd does not know changes nothing.

use payoutd::domain::event::{EventError, facts, head};
use payoutd::domain::facts::Fact;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::mutate::{at, corpus, hold, places, real_events, run, values};

/// Bodies that can be read.
fn good() -> Vec<Value> {
    let all = corpus("events").into_iter().chain(real_events());
    let good: Vec<Value> =
        all.filter(|body| facts(body).is_ok()).map(|body| serde_json::from_slice(&body).expect("JSON")).collect();
    assert!(good.len() >= 11, "{}", good.len());
    good
}

#[test]
fn bodies_at_random() {
    hold("events", real_events(), |body| {
        let read = facts(body);
        assert_eq!(read, facts(body));
        match (head(body), read) {
            (Ok(head), Ok((with_facts, _))) => assert_eq!(head, with_facts),
            (Err(error), Err(same)) => assert_eq!(error, same),
            (Ok(_), Err(error)) => assert!(!error.to_string().is_empty()),
            (Err(error), Ok(_)) => panic!("facts without a head: {error}"),
        }
    });
}

#[test]
fn amounts_are_never_negative_and_ids_never_lost() {
    hold("events", real_events(), |body| {
        let Ok((head, fact)) = facts(body) else { return };
        assert!(!head.id.as_str().is_empty());
        match fact {
            Fact::Payment(source) => assert!(source.says.amount.get() > 0 || !source.says.currency.code().is_empty()),
            Fact::Refund(refund) => assert!(refund.amount.get() >= 0),
            Fact::Dispute(dispute) => assert!(dispute.dispute.amount.get() >= 0),
            Fact::Transfer(transfer) => assert!(transfer.reversed.get() >= 0),
            Fact::Payout(payout) => assert!(payout.amount.get() >= 0),
            _ => {}
        }
    });
}

/// A good body with one value of another kind, and where.
fn bent() -> impl Strategy<Value = (Value, Vec<String>)> {
    let good = proptest::sample::select(good());
    (good, any::<prop::sample::Index>(), values()).prop_map(|(mut body, which, value)| {
        let all = places(&body);
        let place = all[which.index(all.len())].clone();
        *at(&mut body, &place) = value;
        (body, place)
    })
}

#[test]
fn a_wrong_value_is_named() {
    run(&bent(), |(body, place)| {
        let text = body.to_string();
        let Err(error) = facts(text.as_bytes()) else { return };
        let said = error.to_string();
        // Items of a list have no names: the reader tells their line and column.
        if place.last().is_some_and(|name| name.parse::<usize>().is_ok()) {
            return assert!(said.contains("column") || said.contains('`'), "{said}");
        }
        // The field itself, one that it stands in, or one inside it: where the reader found out.
        let mut changed = body.clone();
        let inside: Vec<String> = places(at(&mut changed, &place)).concat();
        let names = place.iter().chain(&inside).filter(|name| name.parse::<usize>().is_err());
        // An envelope is short: there the place is told by line and column.
        let by_place = matches!(error, EventError::NotAnEvent(_)) && said.contains("column");
        let whole = place.len() <= 2 && (said.contains("the object cannot be read") || said.contains("`data.object`"));
        let named = whole || names.clone().any(|name| said.contains(&format!("{name}`")));
        assert!(named || by_place, "{said}: of {place:?} in {text}");
        assert!(said.len() < 1_000, "{said}");
    });
}

#[test]
fn what_is_not_known_changes_nothing() {
    let with_more = (proptest::sample::select(good()), any::<prop::sample::Index>(), values());
    run(&with_more, |(body, which, value)| {
        let mut objects: Vec<Vec<String>> = places(&body);
        objects.push(Vec::new());
        let mut more = body.clone();
        objects.retain(|place| at(&mut more, place).is_object() && !place.iter().any(|name| name == "metadata"));
        let place = &objects[which.index(objects.len())];
        at(&mut more, place)["a_field_of_next_year"] = value;
        assert_eq!(facts(more.to_string().as_bytes()), facts(body.to_string().as_bytes()), "{place:?}");
    });
}

#[test]
fn a_missing_field_is_named_or_not_needed() {
    let without = (proptest::sample::select(good()), any::<prop::sample::Index>());
    run(&without, |(body, which)| {
        let all = places(&body);
        let place = &all[which.index(all.len())];
        let (name, parent) = place.split_last().expect("not empty");
        let mut less = body.clone();
        let Some(fields) = at(&mut less, parent).as_object_mut() else { return };
        fields.remove(name);
        if let Err(error) = facts(less.to_string().as_bytes()) {
            // It is named, or what is then read in its place.
            let said = error.to_string();
            assert!(said.contains(&format!("{name}`")) || said.matches('`').count() >= 2, "{said}: without {place:?}");
        }
    });
    assert!(facts(json!({}).to_string().as_bytes()).is_err());
}
