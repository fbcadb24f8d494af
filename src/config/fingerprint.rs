//! Tells whether a setting changed between two readings without keeping what it was: it may be a secret.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;

use super::value::Raw;

/// Equal for equal values within this process, and of no use to anybody else: the hash is keyed at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(raw: Option<&Raw>) -> Self {
        static KEYED: OnceLock<RandomState> = OnceLock::new();
        Self(KEYED.get_or_init(RandomState::new).hash_one(raw))
    }
}
