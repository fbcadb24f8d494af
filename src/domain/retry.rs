//! How long to wait before the next attempt. The only place that knows the `backoff` crate.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

use super::policy::RetryPolicy;

/// The wait after failed attempt number `attempt` (1 is the first): the base, doubled each time, at most the maximum,
/// then shortened by up to a quarter. The cut comes from `seed`, so that many operations which failed together do
/// not come back together, and the same operation waits the same in a replayed simulation.
pub fn delay(policy: &RetryPolicy, attempt: u32, seed: i64) -> Duration {
    let mut backoff = ExponentialBackoff {
        current_interval: policy.base,
        initial_interval: policy.base,
        max_interval: policy.max,
        multiplier: 2.0,           // float: not money
        randomization_factor: 0.0, // float: not money
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    let steps = attempt.clamp(1, 32);
    let full = (0..steps).filter_map(|_| backoff.next_backoff()).last().unwrap_or(policy.max).min(policy.max);
    let wait = full - full / 4 * jitter_percent(seed, attempt) / 100;
    // The database holds milliseconds.
    Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

/// A number from 0 to 100 that looks random and is not (splitmix64's finisher).
fn jitter_percent(seed: i64, attempt: u32) -> u32 {
    let mut z = seed.cast_unsigned().wrapping_add(u64::from(attempt).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u32::try_from((z ^ (z >> 31)) % 101).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_one_second_to_one_minute_less_a_quarter_at_most() {
        let policy = RetryPolicy::default();
        for (attempt, full_s) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (30, 60), (u32::MAX, 60)] {
            for seed in 0..50 {
                let wait = delay(&policy, attempt, seed);
                let full = Duration::from_secs(full_s);
                assert!(wait <= full && wait >= full - full / 4, "attempt {attempt}: {wait:?}");
            }
        }
    }

    #[test]
    fn operations_that_failed_together_come_back_apart() {
        let waits: std::collections::BTreeSet<_> =
            (0..100).map(|seed| delay(&RetryPolicy::default(), 1, seed)).collect();
        assert!(waits.len() > 20, "{} different waits", waits.len());
    }
}
