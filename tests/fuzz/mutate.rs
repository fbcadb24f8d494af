//! The corpus, and what becomes of it: bytes that are lost, repeated, swapped and put in, and values of other kinds.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// No input takes longer than this to be judged, on a machine that does much else.
const LONGEST: Duration = Duration::from_secs(5);

/// What is put in: what has a meaning somewhere.
const TOKENS: [&[u8]; 26] = [
    b"\0",
    b"\r\n",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"-1",
    b"9223372036854775808",
    b"1e999",
    b"0.1",
    b",",
    b"=",
    b".",
    b"v1=",
    b"t=",
    b"\xff",
    b"\xef\xbb\xbf",
    b"'; DROP TABLE payments; --",
    b"<script>",
    b"%00",
];

/// Every file of this target's corpus, in a fixed order.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target))
}

/// Stripe's own example events, where they are at hand.
pub fn real_events() -> Vec<Vec<u8>> {
    std::env::var_os("PAYOUTD_STRIPE_DATA").map(|data| files(&Path::new(&data).join("events"))).unwrap_or_default()
}

fn files(dir: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).expect("a corpus").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", dir.display());
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

#[derive(Debug, Clone)]
enum Change {
    Cut { at: usize, length: usize },
    Repeat { at: usize, length: usize, times: usize },
    Flip { at: usize, bits: u8 },
    PutIn { at: usize, token: usize },
    Replace { at: usize, length: usize, token: usize },
    EndAt { at: usize },
}

fn change() -> impl Strategy<Value = Change> {
    let (at, length, token) = (any::<usize>(), 1_usize..20, 0..TOKENS.len());
    prop_oneof![
        (at, length.clone()).prop_map(|(at, length)| Change::Cut { at, length }),
        (at, length.clone(), 2_usize..40).prop_map(|(at, length, times)| Change::Repeat { at, length, times }),
        (at, 1_u8..=255).prop_map(|(at, bits)| Change::Flip { at, bits }),
        (at, token.clone()).prop_map(|(at, token)| Change::PutIn { at, token }),
        (at, length, token).prop_map(|(at, length, token)| Change::Replace { at, length, token }),
        any::<usize>().prop_map(|at| Change::EndAt { at }),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: usize| at % (bytes.len() + 1);
        let upto = |at: usize, length: usize| (place(at) + length).min(bytes.len());
        match *change {
            Change::Cut { at, length } => drop(bytes.drain(place(at)..upto(at, length))),
            Change::Repeat { at, length, times } => {
                let part = bytes[place(at)..upto(at, length)].repeat(times);
                let at = place(at);
                bytes.splice(at..at, part);
            }
            Change::Flip { at, bits } => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Change::PutIn { at, token } => {
                let at = place(at);
                bytes.splice(at..at, TOKENS[token].iter().copied());
            }
            Change::Replace { at, length, token } => {
                let range = place(at)..upto(at, length);
                bytes.splice(range, TOKENS[token].iter().copied());
            }
            Change::EndAt { at } => bytes.truncate(place(at)),
        }
    }
    bytes
}

/// One of the seeds after up to six changes.
pub fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (proptest::sample::select(seeds), proptest::collection::vec(change(), 0..=6))
        .prop_map(|(seed, changes)| changed(seed, &changes))
}

/// Judges the whole corpus, then mutations of it. `judge` panics on what must not be.
pub fn hold(target: &str, seeds: Vec<Vec<u8>>, judge: impl Fn(&[u8])) {
    for seed in corpus(target).iter().chain(&seeds) {
        in_time(seed, &judge);
    }
    let seeds = corpus(target).into_iter().chain(seeds).collect();
    run(&mutated(seeds), |input| in_time(&input, &judge));
}

/// As many inputs as `PROPTEST_CASES` says.
pub fn run<S: Strategy>(strategy: &S, judge: impl Fn(S::Value)) {
    let config = Config { failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let ended = TestRunner::new(config).run(strategy, |input| {
        judge(input);
        Ok(())
    });
    if let Err(found) = ended {
        panic!("{found}");
    }
}

fn in_time(input: &[u8], judge: impl Fn(&[u8])) {
    let begun = Instant::now();
    judge(input);
    assert!(begun.elapsed() < LONGEST, "{:?} for {} bytes", begun.elapsed(), input.len());
}

/// Values of every kind, for where another kind is meant.
pub fn values() -> impl Strategy<Value = Value> {
    proptest::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(0.5),
        json!(""),
        json!("text"),
        json!("a\u{0}b"),
        json!([]),
        json!([1, "x", null]),
        json!({}),
        json!({ "id": "x" }),
        json!({ "id": 7 }),
    ])
}

/// Every place in a value, by the names and numbers that lead there.
pub fn places(value: &Value) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut inside = |name: String, value: &Value| {
        found.push(vec![name.clone()]);
        found.extend(places(value).into_iter().map(|rest| [vec![name.clone()], rest].concat()));
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| inside(name.clone(), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| inside(at.to_string(), value)),
        _ => {}
    }
    found
}

/// The value at a place.
pub fn at<'a>(value: &'a mut Value, place: &[String]) -> &'a mut Value {
    place.iter().fold(value, |value, name| match value {
        Value::Array(items) => &mut items[name.parse::<usize>().expect("a number")],
        value => &mut value[name.as_str()],
    })
}
