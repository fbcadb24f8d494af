//! What strangers write, at random: signature headers, events, metadata, settings, amounts, tokens, Stripe's answers. Nothing
//! of it may panic or hang, whatever is refused is refused with the field's name, and no secret is repeated.
//!
//! Each target replays its corpus first (`tests/fuzz/corpus`), then mutates it: 256 inputs a target, or `PROPTEST_CASES`.
//! `tests/fuzz/run --seconds N` goes on for as long as it is told. Real example events are mutated too, where
//! `PAYOUTD_STRIPE_DATA` says where they are. An input that found something belongs into the corpus.

mod answers;
mod currencies;
mod events;
mod metadata;
mod mutate;
mod settings;
mod signatures;
mod tokens;

#[path = "../cron/issuer.rs"]
#[allow(dead_code, reason = "the cron endpoint's tests use the rest")]
mod issuer;
#[path = "../scripted_server/mod.rs"]
mod scripted_server;
