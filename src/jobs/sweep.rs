//! Sweeping: right before a run, lists what changed at Stripe since the last time, and takes it in, so that payments may be
//! paid without a read of their own. What is not listed to its end counts for nothing. It decides nothing about money.

use std::time::Duration;

use chrono::{SubsecRound, TimeDelta};

use super::project::project_batch;
use super::{Jobs, Loop, span};
use crate::domain::breaker::Side;
use crate::domain::discrepancy::Compared;
use crate::domain::facts::Fact;
use crate::domain::payment::Collection;
use crate::domain::sweep::{Preflight, SKEW, SWEPT, Sweep, Swept};
use crate::domain::triage::Failure;
use crate::ports::{Called, ListPage, Span, StoreError};

/// So much is listed before the position is written: what breaks off goes on there.
const STEP: TimeDelta = TimeDelta::days(1);
/// Pages of one list in one step: more than that, and something is wrong with the list.
const PAGES: usize = 5_000;
/// How often to sweep while nothing is due, so that what changes meanwhile is not listed all at once.
const IDLE: TimeDelta = TimeDelta::hours(1);
/// How often to look whether another daemon has projected what was found.
const TURNS: u32 = 60;
const BETWEEN_TURNS: Duration = Duration::from_millis(500);
/// Sweeps in a row until one is done that is still fresh: the first may take long after a long time away.
const ROUNDS: usize = 3;

/// How payments are looked at right before they are paid.
#[derive(Debug, Clone, Copy)]
pub struct SweepSettings {
    /// In which form.
    pub preflight: Preflight,
    /// How long after it began a sweep may be claimed by.
    pub max_age: Duration,
    /// So far back it begins before the end of the last one: Stripe's lists may lag, and clocks differ.
    pub overlap: Duration,
}

/// What a run may go by.
#[derive(Debug, Clone)]
pub(super) enum By {
    /// Each charge is read.
    Charge,
    /// A sweep answers for most, and the charges of the others are read.
    Sweep(Sweep),
    /// The sweep failed: what is ready waits, in these words.
    Nothing(String),
}

/// Why a sweep was not done to its end.
#[derive(Debug, thiserror::Error)]
enum NotSwept {
    #[error("what changed at Stripe cannot be listed: {}", .0.message())]
    Unlisted(Failure),
    #[error("what changed at Stripe cannot be listed: the list does not end")]
    Endless,
    #[error("event {0} tells of a change at Stripe and cannot be read")]
    Unread(String),
    #[error("events that tell of changes at Stripe are not projected yet")]
    Unprojected,
    #[error("the sweep took too long to be gone by")]
    TooSlow,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the daemon is stopping")]
    Stopping,
}

/// What one run goes by: a sweep that is made anew when it gets old.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    by: Option<By>,
}

impl Sweeper {
    /// What to go by now. What a run had to give up, it does not try again.
    pub(super) async fn now(&mut self, jobs: &Jobs) -> Result<By, StoreError> {
        if jobs.settings.sweep.preflight == Preflight::Charge {
            return Ok(By::Charge);
        }
        let by = match &self.by {
            None => first(jobs).await?,
            Some(By::Sweep(sweep)) if !sweep.is_good(jobs.clock.now()) => again(jobs).await?,
            Some(by) => by.clone(),
        };
        self.by = Some(by.clone());
        Ok(by)
    }

    /// Why what is ready waits, where it does.
    pub(super) fn trouble(self) -> Option<String> {
        self.by.and_then(|by| if let By::Nothing(why) = by { Some(why) } else { None })
    }
}

/// Sweeps where something is due, or the last time is long ago.
async fn first(jobs: &Jobs) -> Result<By, StoreError> {
    let now = jobs.clock.now();
    let standing = jobs.store.sweep_standing(now).await?;
    let is_old = standing.at.is_none_or(|at| now - at >= IDLE || at > now);
    if standing.is_due || is_old { again(jobs).await } else { Ok(By::Charge) }
}

/// Sweeps. When that fails, what is ready waits; and when it has failed for as long as a payment waits whose charge could not
/// be read, charges are read one by one until a sweep is good again: that says more, and only costs more.
async fn again(jobs: &Jobs) -> Result<By, StoreError> {
    let mut failed = NotSwept::TooSlow;
    let began = jobs.clock.now();
    for _ in 0..ROUNDS {
        match sweep(jobs).await {
            Ok(sweep) if sweep.is_good(jobs.clock.now()) => return Ok(By::Sweep(sweep)),
            Ok(_) => {}
            Err(NotSwept::Store(error)) => return Err(error),
            Err(why) => {
                failed = why;
                break;
            }
        }
    }
    metrics::counter!("payoutd_sweeps_total", "outcome" => "failed").increment(1);
    let last = jobs.store.sweep_standing(began).await?.last;
    let from = Swept::resume(last, span(jobs.settings.sweep.overlap), began);
    let since = jobs.store.sweep_failed(from, began).await?;
    if began - since >= span(jobs.policy.retry.preflight) {
        tracing::error!(error = %failed, %since, "sweeps fail; charges are read one by one until one is good again");
        return Ok(By::Charge);
    }
    tracing::warn!(error = %failed, "the sweep failed; what is ready waits");
    Ok(By::Nothing(format!("what was ready waits: {failed}")))
}

/// One sweep, from its first list to its last.
async fn sweep(jobs: &Jobs) -> Result<Sweep, NotSwept> {
    let began = jobs.clock.now();
    let overlap = span(jobs.settings.sweep.overlap);
    let last = jobs.store.sweep_standing(began).await?.last;
    let from = Swept::resume(last, overlap, began);
    if last.is_some_and(|last| last.covers_from != from.covers_from) {
        tracing::warn!(since = %from.covers_from, "sweeping begins anew: what was charged before is read charge by charge");
    }
    let mut done = from;
    // Of what begins anew there is nothing yet, up to where it begins.
    done.to = (from.to.min(began) - overlap).max(from.covers_from);
    loop {
        let until = (done.to + STEP).min(began);
        let is_last = until >= began;
        // The last one is open: what Stripe's clock calls later than now is listed, too.
        let end = if is_last { began + SKEW } else { until };
        let changes = Span { since: done.to.trunc_subsecs(0), until: end };
        // Where one fails, what the others bring is still taken in.
        let (events, refunds, disputes) = tokio::join!(
            list(jobs, List::Events, changes),
            list(jobs, List::Made(Compared::Refund), changes),
            list(jobs, List::Made(Compared::Dispute), changes),
        );
        events.and(refunds).and(disputes)?;
        // A charge is read once it is so old that the list has it, and its balance transaction.
        let read_to = (until - overlap).trunc_subsecs(0).max(done.charges_to);
        list(jobs, List::Charges, Span { since: done.charges_to, until: read_to }).await?;
        done = Swept { covers_from: done.covers_from, to: until, charges_to: read_to };
        done.covers_from = jobs.store.swept(done, is_last.then_some(began)).await?;
        if is_last {
            break;
        }
    }
    metrics::counter!("payoutd_sweeps_total", "outcome" => "good").increment(1);
    let good_until = began + span(jobs.settings.sweep.max_age);
    Ok(Sweep { covers_from: done.covers_from, began, good_until })
}

/// What is listed.
#[derive(Debug, Clone, Copy)]
enum List {
    /// Events of what became of paid charges, their refunds and disputes. They are kept as webhooks are kept, and must have
    /// been projected.
    Events,
    /// Refunds or disputes by when they were made: these lists are there even where an event is late.
    Made(Compared),
    /// Charges by when they were made, as the preflight would have read each of them.
    Charges,
}

/// Lists to the end, a page at a time. What was not seen must not count as absent.
async fn list(jobs: &Jobs, what: List, span: Span) -> Result<(), NotSwept> {
    if span.until <= span.since {
        return Ok(());
    }
    let mut after: Option<String> = None;
    for _ in 0..PAGES {
        if jobs.stop.is_cancelled() {
            return Err(NotSwept::Stopping);
        }
        jobs.pulse.works(Loop::Release);
        match page(jobs, what, span, after.as_deref()).await? {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
    Err(NotSwept::Endless)
}

/// Takes in one page. Answers what the next one begins after.
async fn page(jobs: &Jobs, what: List, span: Span, after: Option<&str>) -> Result<Option<String>, NotSwept> {
    let (facts, next) = match what {
        List::Events => {
            let ListPage { items, next } = listed(jobs, jobs.stripe.events(&SWEPT, span, after)).await?;
            let ids = items.iter().map(|event| event.event_id.clone()).collect();
            if !items.is_empty() {
                jobs.store.keep_events(items).await?;
                all_projected(jobs, ids).await?;
            }
            return Ok(next);
        }
        List::Made(what) => {
            let ListPage { items, next } = listed(jobs, jobs.stripe.made(what, span, after)).await?;
            (items.into_iter().map(|(fact, _)| fact).collect::<Vec<_>>(), next)
        }
        List::Charges => {
            let ListPage { items, next } = listed(jobs, jobs.stripe.charges(span, after)).await?;
            let paid = items.into_iter().filter(|charge| charge.says.collection == Collection::Paid);
            (paid.map(Fact::Payment).collect(), next)
        }
    };
    if !facts.is_empty() {
        jobs.store.take_in_listed(facts, jobs.clock.now()).await?;
    }
    Ok(next)
}

async fn listed<T>(jobs: &Jobs, call: impl Future<Output = Called<T>>) -> Result<T, NotSwept> {
    let called = call.await;
    jobs.learn(Side::Reading, &called.result).await;
    called.result.map_err(NotSwept::Unlisted)
}

/// Waits until something has followed from each of these events: by this daemon's hand or another's.
async fn all_projected(jobs: &Jobs, ids: Vec<String>) -> Result<(), NotSwept> {
    let mut turns = 0;
    while turns < TURNS {
        let unread = jobs.store.unread_events(ids.clone()).await?;
        if let Some(failed) = unread.iter().find(|event| event.failed) {
            return Err(NotSwept::Unread(failed.event_id.clone()));
        }
        if unread.is_empty() {
            return Ok(());
        }
        jobs.pulse.works(Loop::Release);
        if project_batch(jobs).await?.unwrap_or(0) == 0 {
            // Another daemon is at it, or another loop of this one.
            turns += 1;
            if !jobs.pause(Loop::Release, BETWEEN_TURNS).await {
                return Err(NotSwept::Stopping);
            }
        }
    }
    Err(NotSwept::Unprojected)
}
