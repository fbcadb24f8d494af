//! The pace that all calls to Stripe share: evenly spaced turns, first come first served, slower for a while after
//! Stripe said that it is too much. No bursts: Stripe counts by the second and by the endpoint.
//!
//! Timers count milliseconds, so turns come late; a turn that came a little late does not put off those after it, or the
//! pace would fall short by as much each time. In return the turns are spaced a little wider than the rate, by what may be
//! made up for in a second: so no second ever has more of them than the rate.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So late may a turn come without the next ones being put off.
const LATE: Duration = Duration::from_millis(4);
/// What turns are spaced wider by, in thousandths; more than [`LATE`] in a second.
const WIDER: u32 = 5;

/// A busy answer halves the pace, at most down to 1/2^`MOST_HALVINGS`.
const MOST_HALVINGS: u32 = 4;
/// The answers of calls that were under way together count as one.
const SAME_BUSY_SPELL: Duration = Duration::from_secs(1);
/// After so long without a busy answer the pace doubles again, until it is the full one.
const RECOVERS_AFTER: Duration = Duration::from_secs(10);

/// Hands out turns.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    // tokio's mutex queues in order, which is what makes the turns fair. A waiter that is dropped while it sleeps
    // gives the lock on without having moved the time, so no turn is lost with it.
    next_turn: tokio::sync::Mutex<Option<Instant>>,
    slowed: Mutex<Option<Slowed>>,
}

#[derive(Debug, Clone, Copy)]
struct Slowed {
    halvings: u32,
    since: Instant,
}

impl Slowed {
    /// What is left of the halvings by now.
    fn halvings_at(self, now: Instant) -> u32 {
        let recovered = now.duration_since(self.since).as_secs() / RECOVERS_AFTER.as_secs();
        self.halvings.saturating_sub(u32::try_from(recovered).unwrap_or(u32::MAX))
    }
}

impl Pace {
    /// So many turns a second; at least one.
    pub fn new(per_second: u32) -> Self {
        let interval = Duration::from_millis(1000 + u64::from(WIDER)) / per_second.max(1);
        Self { interval, next_turn: tokio::sync::Mutex::new(None), slowed: Mutex::new(None) }
    }

    /// Waits for the caller's turn. Dropping the future gives the turn up without cost to others.
    pub async fn turn(&self) {
        let mut next_turn = self.next_turn.lock().await;
        if let Some(at) = next_turn.filter(|at| *at > Instant::now()) {
            tokio::time::sleep_until(at).await;
        }
        let now = Instant::now();
        // Time that nobody asked in is not saved up.
        let late = next_turn.map_or(Duration::ZERO, |at| now.duration_since(at).min(LATE));
        *next_turn = Some(now - late + self.interval_at(now));
    }

    /// Stripe said that it is too much: halves the pace for a while.
    pub fn slow_down(&self) {
        let now = Instant::now();
        let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        let halvings = match *slowed {
            Some(last) if now.duration_since(last.since) < SAME_BUSY_SPELL => return,
            Some(last) => last.halvings_at(now),
            None => 0,
        };
        *slowed = Some(Slowed { halvings: (halvings + 1).min(MOST_HALVINGS), since: now });
    }

    fn interval_at(&self, now: Instant) -> Duration {
        let slowed = *self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        self.interval * 2_u32.pow(slowed.map_or(0, |slowed| slowed.halvings_at(now)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn turns_take(pace: &Pace, turns: u32) -> Duration {
        let begin = Instant::now();
        for _ in 0..turns {
            pace.turn().await;
        }
        begin.elapsed()
    }

    /// tokio's timer counts whole milliseconds, and each turn may be one late.
    fn about(took: Duration, expected_ms: u64) {
        let slack = 1 + expected_ms / 20;
        let took_ms = u64::try_from(took.as_millis()).unwrap();
        assert!((expected_ms..=expected_ms + slack).contains(&took_ms), "{took_ms} ms instead of {expected_ms} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_turn_is_at_once_and_the_others_are_evenly_spaced() {
        let pace = Pace::new(20);
        about(turns_take(&pace, 1).await, 0);
        for _ in 0..10 {
            about(turns_take(&pace, 1).await, 50);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_is_not_saved_up_for_a_burst() {
        let pace = Pace::new(10);
        pace.turn().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        about(turns_take(&pace, 11).await, 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_than_the_limit() {
        let pace = Arc::new(Pace::new(20));
        let begin = Instant::now();
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let pace = pace.clone();
                tokio::spawn(async move {
                    pace.turn().await;
                    begin.elapsed()
                })
            })
            .collect();
        let mut at = Vec::new();
        for call in calls {
            at.push(call.await.unwrap());
        }
        at.sort();
        for window in at.windows(21) {
            assert!(window[20] - window[0] >= Duration::from_secs(1), "{window:?}");
        }
    }

    /// Counted, at rates up to what no timer could do turn by turn.
    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept_within_one_percent_and_never_passed() {
        for per_second in [1, 7, 20, 25, 80, 100, 999, 1_000, 3_000, 20_000] {
            let pace = Pace::new(per_second);
            let begin = Instant::now();
            let rate = usize::try_from(per_second).unwrap();
            let mut at = Vec::new();
            while begin.elapsed() < Duration::from_secs(if rate < 100 { 300 } else { 10 }) {
                pace.turn().await;
                at.push(begin.elapsed());
            }
            let lasted = *at.last().unwrap() - at[0];
            let (turns, least) = (at.len() - 1, lasted.as_millis() * u128::from(per_second) * 99 / 100_000);
            assert!(u128::try_from(turns).unwrap() >= least, "{per_second}/s: {turns} in {lasted:?}");
            let burst = at.windows(rate + 1).find(|window| window[rate] - window[0] < Duration::from_secs(1));
            assert!(burst.is_none(), "{per_second}/s: more within a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_the_order_of_asking() {
        let pace = Arc::new(Pace::new(100));
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..50 {
            let (pace, tell) = (pace.clone(), tell.clone());
            tokio::spawn(async move {
                pace.turn().await;
                tell.send(number).unwrap();
            });
        }
        drop(tell);
        let mut order = Vec::new();
        while let Some(number) = told.recv().await {
            order.push(number);
        }
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_costs_nobody_a_turn() {
        let pace = Pace::new(10);
        pace.turn().await;
        let begin = Instant::now();
        assert!(tokio::time::timeout(Duration::from_millis(40), pace.turn()).await.is_err());
        pace.turn().await;
        about(begin.elapsed(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_answer_halves_the_pace_and_quiet_restores_it() {
        let pace = Pace::new(10);
        pace.turn().await;
        pace.slow_down();
        pace.slow_down();
        pace.turn().await;
        about(turns_take(&pace, 10).await, 2000);
        tokio::time::sleep(RECOVERS_AFTER).await;
        pace.turn().await;
        about(turns_take(&pace, 10).await, 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_never_falls_below_a_sixteenth() {
        let pace = Pace::new(16);
        for _ in 0..20 {
            pace.slow_down();
            tokio::time::sleep(SAME_BUSY_SPELL).await;
        }
        pace.turn().await;
        about(turns_take(&pace, 3).await, 3000);
    }
}
