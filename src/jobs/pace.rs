//! The pace of commits: what comes soon after a commit waits until there is enough of it, so that a daemon whose Stripe is
//! far away makes few commits, each with much in it, and an idle one makes its own at once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::ports::Clock;

/// Between two commits of less than enough. No longer than a call to Stripe takes: what it answered is as safe as what it is
/// being asked.
const BETWEEN: Duration = Duration::from_millis(200);

/// Groups that follow each other.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    enough: usize,
    last: Option<DateTime<Utc>>,
}

impl Pace {
    /// A group of so many goes at once: whoever writes has enough to do, and must not stand idle.
    pub(super) fn new(clock: Arc<dyn Clock>, enough: usize) -> Self {
        Self { clock, enough, last: None }
    }

    /// Waits until the group may go, and gathers meanwhile what comes. What was gathered stays should this be dropped.
    pub(super) async fn gather<T>(&mut self, queue: &mut mpsc::Receiver<T>, group: &mut Vec<T>) {
        let now = self.clock.now();
        // Never longer: clocks are set.
        let wait = self.last.and_then(|last| (last + BETWEEN - now).to_std().ok()).map(|wait| wait.min(BETWEEN));
        if let Some(wait) = wait {
            let enough = async {
                while group.len() < self.enough && queue.recv_many(group, self.enough - group.len()).await > 0 {}
            };
            tokio::select! {
                biased;
                () = enough => {}
                () = self.clock.sleep(wait) => {}
            }
        }
        self.last = Some(self.clock.now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use async_trait::async_trait;

    use super::*;

    /// Whose time passes as soon as somebody sleeps.
    #[derive(Default)]
    struct Sleeper(AtomicI64);

    #[async_trait]
    impl Clock for Sleeper {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp_millis(self.0.load(Ordering::Relaxed)).expect("a time")
        }

        async fn sleep(&self, wait: Duration) {
            self.0.fetch_add(i64::try_from(wait.as_millis()).expect("short"), Ordering::Relaxed);
        }
    }

    /// What goes together, and when, in milliseconds, with some waiting in the queue besides.
    async fn gathered(pace: &mut Pace, clock: &Sleeper, waiting: usize) -> (usize, i64) {
        let (sender, mut queue) = mpsc::channel(10);
        for _ in 0..waiting {
            sender.send(()).await.expect("room");
        }
        let mut group = vec![()];
        pace.gather(&mut queue, &mut group).await;
        (group.len(), clock.0.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn the_first_goes_at_once_and_others_together_at_their_time() {
        let clock = Arc::new(Sleeper::default());
        let mut pace = Pace::new(clock.clone(), 5);
        assert_eq!(gathered(&mut pace, &clock, 2).await, (1, 0), "nobody was before it");
        clock.0.store(30, Ordering::Relaxed);
        assert_eq!(gathered(&mut pace, &clock, 2).await, (3, 200), "those that came meanwhile are with it");
        clock.0.store(450, Ordering::Relaxed);
        assert_eq!(gathered(&mut pace, &clock, 2).await, (1, 450), "it is time already");
    }

    #[tokio::test]
    async fn where_there_is_enough_nobody_waits() {
        let clock = Arc::new(Sleeper::default());
        let mut pace = Pace::new(clock.clone(), 5);
        gathered(&mut pace, &clock, 0).await;
        assert_eq!(gathered(&mut pace, &clock, 9).await, (5, 0));
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_keeps_nobody_waiting() {
        let clock = Arc::new(Sleeper::default());
        let mut pace = Pace::new(clock.clone(), 5);
        clock.0.store(3_600_000, Ordering::Relaxed);
        gathered(&mut pace, &clock, 0).await;
        clock.0.store(0, Ordering::Relaxed);
        assert_eq!(gathered(&mut pace, &clock, 0).await, (1, 200));
    }
}
