//! Catching up: asks Stripe for events that no webhook brought, and keeps them as webhooks are kept. Without it a daemon
//! that was down, or an endpoint that was disabled, would pay by what it knew before. It decides nothing about money.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::project::project_batch;
use super::{Jobs, Loop, span};
use crate::domain::breaker::Side;
use crate::domain::heard::HEARD;
use crate::domain::triage::Failure;
use crate::ports::{CaughtUp, Continuity, Kept, Span, StoreError};

/// How often a daemon says that it works. Shorter than the gap after which the database is taken for an earlier copy.
const BEAT: Duration = Duration::from_secs(30);
/// Events are asked for again from so long before the last ones: Stripe lists one a little after it was made, and clocks
/// differ.
const OVERLAP: TimeDelta = TimeDelta::hours(1);
/// So far back Stripe lists events. <https://docs.stripe.com/api/events/list>
const REACH: TimeDelta = TimeDelta::days(30);
/// So much is asked for before the position is written: what breaks off goes on there.
const STEP: TimeDelta = TimeDelta::days(1);
/// How often to look whether another daemon has projected what was found.
const TURNS: u32 = 60;

/// When to catch up.
#[derive(Debug, Clone, Copy)]
pub struct CatchUpSettings {
    /// How often.
    pub interval: Duration,
    /// Nothing is paid when the last time is longer ago.
    pub max_age: Duration,
}

/// Why it was not done to its end.
#[derive(Debug, thiserror::Error)]
pub enum NotCaughtUp {
    /// Stripe's answer.
    #[error("Stripe's events cannot be listed: {}", .0.message())]
    Unlisted(Failure),
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The daemon ends.
    #[error("the daemon is stopping")]
    Stopping,
}

/// Says that payoutd works, and catches up whenever that is due, until stopped.
pub(super) async fn keep_catching_up(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::CatchUp);
    loop {
        jobs.pulse.works(Loop::CatchUp);
        if let Err(error) = turn(&jobs).await {
            tracing::warn!(%error, "not caught up with Stripe's events; it is tried again");
        }
        if !jobs.pause(Loop::CatchUp, BEAT).await {
            return;
        }
    }
}

async fn turn(jobs: &Jobs) -> Result<(), NotCaughtUp> {
    let now = jobs.clock.now();
    let standing = jobs.store.beat(now).await?;
    let due = is_older(&standing, jobs.settings.catch_up.interval, now) || has_gap_since(&standing, now);
    if due && jobs.breaker.lets_call(now) {
        catch_up(jobs, &standing, Loop::CatchUp).await?;
    }
    Ok(())
}

fn is_older(standing: &Continuity, age: Duration, now: DateTime<Utc>) -> bool {
    // A time ahead is one of a clock that was set back since.
    standing.caught_up_at.is_none_or(|at| now - at >= span(age) || at > now)
}

/// Whether nothing was listed since the last gap: the daemon was away, or this is a copy of before, and webhooks went astray.
fn has_gap_since(standing: &Continuity, now: DateTime<Utc>) -> bool {
    standing.known_since <= now && standing.caught_up_at.is_some_and(|at| at < standing.known_since)
}

/// Before a run: nothing is paid by what was known long ago. Answers how far the database knows.
pub(super) async fn before_paying(jobs: &Jobs) -> Result<Continuity, NotCaughtUp> {
    let now = jobs.clock.now();
    let standing = jobs.store.beat(now).await?;
    if !is_older(&standing, jobs.settings.catch_up.max_age, now) {
        return Ok(standing);
    }
    if catch_up(jobs, &standing, Loop::Release).await? > 0 {
        project_all(jobs, Loop::Release).await?;
    }
    Ok(standing)
}

/// What was found is to speak for or against paying.
pub(super) async fn project_all(jobs: &Jobs, which: Loop) -> Result<(), NotCaughtUp> {
    for _ in 0..TURNS {
        loop {
            jobs.pulse.works(which);
            match project_batch(jobs).await? {
                Some(0) => return Ok(()),
                Some(_) => {}
                // Another daemon is at it.
                None => break,
            }
        }
        if !jobs.pause(which, Duration::from_secs(1)).await {
            return Err(NotCaughtUp::Stopping);
        }
    }
    Ok(())
}

/// Lists events from the last ones seen on, a day at a time, and keeps them. Answers how many were new.
async fn catch_up(jobs: &Jobs, standing: &Continuity, which: Loop) -> Result<i64, NotCaughtUp> {
    let now = jobs.clock.now();
    let end = now.trunc_subsecs(0) + TimeDelta::seconds(1);
    let last = match standing.caught_up_to {
        None => jobs.store.latest_event().await?,
        to => to,
    };
    // One that never heard of Stripe has nothing to catch up with: charges of before are not its business.
    let since = last.map_or(end, |last| (last - OVERLAP).trunc_subsecs(0));
    if since < now - REACH {
        tracing::error!(
            %since,
            "Stripe lists the events of 30 days only: those of before are lost, `payoutd reconcile` finds what they told"
        );
    }
    let mut since = since.max((now - REACH).trunc_subsecs(0)).min(end);
    let mut found = 0;
    loop {
        let until = (since + STEP).min(end);
        if until > since {
            found += keep_span(jobs, Span { since, until }, which).await?;
        }
        let ended = (until >= end).then_some(now);
        jobs.store.caught_up(CaughtUp { to: until, found, ended }).await?;
        if ended.is_some() {
            break;
        }
        since = until;
    }
    metrics::counter!("payoutd_catch_ups_total").increment(1);
    metrics::counter!("payoutd_events_caught_up_total").increment(found.unsigned_abs());
    match found {
        0 => tracing::debug!("caught up with Stripe's events: nothing was missed"),
        found => tracing::warn!(found, "Stripe had events that no webhook brought; is the endpoint in order?"),
    }
    Ok(found)
}

async fn keep_span(jobs: &Jobs, span: Span, which: Loop) -> Result<i64, NotCaughtUp> {
    let mut found = 0;
    for types in HEARD {
        let mut after: Option<String> = None;
        loop {
            if jobs.stop.is_cancelled() {
                return Err(NotCaughtUp::Stopping);
            }
            jobs.pulse.works(which);
            let called = jobs.stripe.events(types, span, after.as_deref()).await;
            jobs.learn(Side::Reading, &called.result).await;
            let page = called.result.map_err(NotCaughtUp::Unlisted)?;
            let new = match page.items.is_empty() {
                true => Vec::new(),
                false => jobs.store.keep_events(page.items).await?,
            };
            found += i64::try_from(new.iter().filter(|kept| **kept == Kept::New).count()).unwrap_or(i64::MAX);
            if found > 0 {
                jobs.signals.events.notify_one();
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(found)
}

impl Jobs {
    /// Catches up now. Answers how many events no webhook had brought.
    ///
    /// # Errors
    /// When Stripe or the database is away: the next time goes on where this one broke off.
    pub async fn catch_up(&self) -> Result<i64, NotCaughtUp> {
        let standing = self.store.beat(self.clock.now()).await?;
        catch_up(self, &standing, Loop::CatchUp).await
    }
}
