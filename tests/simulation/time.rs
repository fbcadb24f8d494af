//! Time that stands still until it is moved: one true time, and a clock for each daemon that may be wrong.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use payoutd::ports::Clock;

/// Where it begins: 2026-11-21 00:00 UTC.
const BEGINNING_MS: i64 = 1_795_219_200_000;

#[derive(Default)]
pub struct Time(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    passed_ms: i64,
    numbers: u64,
    sleepers: BTreeMap<(i64, u64), Waker>,
}

impl Time {
    pub fn now_ms(&self) -> i64 {
        BEGINNING_MS + self.inner().passed_ms
    }

    pub fn now_s(&self) -> i64 {
        self.now_ms() / 1_000
    }

    pub fn passes(&self, ms: i64) {
        let woken: Vec<Waker> = {
            let mut inner = self.inner();
            inner.passed_ms += ms;
            let next = inner.passed_ms + 1;
            let later = inner.sleepers.split_off(&(next, 0));
            std::mem::replace(&mut inner.sleepers, later).into_values().collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    pub fn sleep(self: &Arc<Self>, wait: Duration) -> Sleep {
        let mut inner = self.inner();
        inner.numbers += 1;
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2);
        let key = (inner.passed_ms.saturating_add(wait), inner.numbers);
        Sleep { time: self.clone(), key }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic while it is held")
    }
}

/// Ready once so much time has passed.
pub struct Sleep {
    time: Arc<Time>,
    key: (i64, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.time.inner();
        if inner.passed_ms >= self.key.0 {
            return Poll::Ready(());
        }
        inner.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.time.inner().sleepers.remove(&self.key);
    }
}

/// A daemon's clock.
pub struct SimClock {
    pub time: Arc<Time>,
    /// By how much it is wrong, in milliseconds.
    pub skew_ms: AtomicI64,
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        let ms = self.time.now_ms() + self.skew_ms.load(Ordering::SeqCst);
        DateTime::from_timestamp_millis(ms).expect("within the calendar")
    }

    async fn sleep(&self, wait: Duration) {
        self.time.sleep(wait).await;
    }
}
