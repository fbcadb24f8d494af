//! What is done once a day, whichever daemon does it: the books are looked at, payments that are on the platform for long
//! are told of, and so is how the day went. It reads, and writes emails; no money moves because of it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};

use super::{Jobs, Loop, NotReconciled};
use crate::domain::digest::Chore;
use crate::domain::notice::Outgoing;
use crate::domain::timetable::Timetable;
use crate::ports::{Difference, Span, StoreError, Turn, audit_alert};

/// How often to look whether something is due.
const LOOK: Duration = Duration::from_secs(20);
/// Payments looked at in one transaction: a few, since on SQLite nothing else is written meanwhile.
const PAGE: i64 = 100;
/// Payments near the limit that are read at once.
const LIMIT_PAGE: usize = 100;
/// Differences that are kept for the email.
const DIFFERENCES_MAX: usize = 20;
/// A digest tells of so many days at most, however long nobody was told.
const DIGEST_DAYS_MAX: i64 = 31;

/// When what is done once a day is due.
#[derive(Debug, Clone)]
pub struct DailySchedules {
    /// Telling of payments that are on the platform for long.
    pub limit: Timetable,
    /// The digest; `None` when it is off.
    pub digest: Option<Timetable>,
    /// The look at the books; `None` when it is off.
    pub audit: Option<Timetable>,
    /// The comparison with Stripe; `None` when it is off.
    pub reconcile: Option<Timetable>,
    /// Removing what nobody needs any more; `None` when it is off.
    pub retention: Option<Timetable>,
}

impl DailySchedules {
    fn of(&self, chore: Chore) -> Option<&Timetable> {
        match chore {
            Chore::PlatformLimit => Some(&self.limit),
            Chore::Digest => self.digest.as_ref(),
            Chore::Audit => self.audit.as_ref(),
            Chore::Reconcile => self.reconcile.as_ref(),
            Chore::Retention => self.retention.as_ref(),
        }
    }
}

/// Does these chores, each on its day. The audit has a loop of its own, since it may take long.
pub(super) async fn keep_daily(jobs: Arc<Jobs>, which: Loop, chores: &'static [Chore]) {
    let _life = jobs.life(which);
    let mut done: Vec<(Chore, NaiveDate)> = Vec::new();
    loop {
        jobs.pulse.works(which);
        for chore in chores.iter().copied() {
            let now = jobs.clock.now();
            let due = jobs.settings.daily.of(chore).and_then(|timetable| timetable.day_due(now));
            let Some(day) = due.filter(|day| !done.contains(&(chore, *day))) else { continue };
            match jobs.do_chore(chore, day).await {
                Ok(true) => {
                    done.retain(|(other, _)| *other != chore);
                    done.push((chore, day));
                }
                Ok(false) => {}
                Err(error) => tracing::error!(%error, name = chore.word(), "a daily chore cannot be done now"),
            }
        }
        if !jobs.pause(which, LOOK).await {
            return;
        }
    }
}

impl Jobs {
    /// Does a chore of a day, unless it is done or somebody is at it. Answers whether this daemon did it.
    pub async fn do_chore(&self, chore: Chore, day: NaiveDate) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let Some(mut turn) = self.chores.begin_chore(chore, day, self.lease(now), now).await? else {
            return Ok(false);
        };
        let done = match chore {
            Chore::Digest => self.digest(&turn).await?,
            Chore::PlatformLimit => self.look_at_the_limit(&mut turn).await?,
            Chore::Audit => self.look_at_the_books(&mut turn).await?,
            Chore::Reconcile => self.reconcile_daily(&mut turn).await?,
            Chore::Retention => self.remove_old(&mut turn).await?,
        };
        let Some((notices, note)) = done else {
            // Whoever comes next need not wait for the lease to run out.
            self.chores.go_on_with_chore(&mut turn, self.clock.now()).await?;
            return Ok(false);
        };
        tracing::info!(name = chore.word(), %day, note, "a daily chore is done");
        let ended = self.chores.end_chore(turn, notices, note, self.clock.now()).await?;
        if ended {
            metrics::counter!("payoutd_daily_chores_total", "chore" => chore.word()).increment(1);
            self.signals.mail.notify_one();
        }
        Ok(ended)
    }

    async fn digest(&self, turn: &Turn) -> Result<Done, StoreError> {
        let now = self.clock.now();
        let longest = now - TimeDelta::days(DIGEST_DAYS_MAX);
        let since = turn.last_ended.map_or(now - TimeDelta::days(1), |ended| ended.max(longest));
        let letter = self.chores.digest(since, now).await?.letter(turn.day);
        let note = if letter.is_some() { "told" } else { "nothing to say" };
        Ok(Some((letter.into_iter().collect(), note.to_owned())))
    }

    async fn look_at_the_limit(&self, turn: &mut Turn) -> Result<Done, StoreError> {
        let mut told = Vec::new();
        for page in self.chores.near_limit(self.clock.now()).await?.chunks(LIMIT_PAGE) {
            told.extend(self.chores.limit_warnings(page.to_vec(), self.clock.now()).await?);
            if !self.goes_on(turn, Loop::Daily).await? {
                return Ok(None);
            }
        }
        let note = format!("{} near the limit", told.len());
        Ok(Some((told, note)))
    }

    async fn look_at_the_books(&self, turn: &mut Turn) -> Result<Done, StoreError> {
        let (mut count, mut first, mut after, mut looked_at) = (0, Vec::<Difference>::new(), 0, 0);
        loop {
            let began = self.clock.now();
            let page = self.chores.audit_payments(after, PAGE).await?;
            let Some(last) = page.last else { break };
            (after, looked_at) = (last, looked_at + page.looked_at);
            count += page.differences.len();
            let room = DIFFERENCES_MAX.saturating_sub(first.len());
            first.extend(page.differences.into_iter().take(room));
            if !self.goes_on(turn, Loop::Audit).await? {
                return Ok(None);
            }
            // The database has others to serve: half of the time is theirs alone.
            let took = (self.clock.now() - began).to_std().unwrap_or_default();
            if !self.pause(Loop::Audit, took.min(LOOK)).await {
                return Ok(None);
            }
        }
        let differences = self.chores.audit_mentors().await?;
        count += differences.len();
        first.extend(differences.into_iter().take(DIFFERENCES_MAX.saturating_sub(first.len())));
        if count > 0 {
            tracing::error!(count, "the books do not agree: `payoutd audit` shows where");
        }
        let alert = (count > 0).then(|| audit_alert(count, &first, turn.day));
        Ok(Some((alert.into_iter().collect(), format!("{looked_at} payments, {count} differences"))))
    }

    async fn reconcile_daily(&self, turn: &mut Turn) -> Result<Done, StoreError> {
        let until = self.clock.now();
        let since = until - TimeDelta::days(i64::from(self.settings.reconcile_days));
        match self.reconcile(Span { since, until }, false, Some(turn), &|_, _| {}).await {
            Ok(done) => Ok(Some((Vec::new(), done.to_string()))),
            Err(NotReconciled::Store(error)) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "not compared with Stripe to the end; it is tried again");
                Ok(None)
            }
        }
    }

    /// Whether to go on with a chore that takes long: not once stopped, and not when another daemon has it by now.
    pub(super) async fn goes_on(&self, turn: &mut Turn, which: Loop) -> Result<bool, StoreError> {
        self.pulse.works(which);
        if self.stop.is_cancelled() {
            return Ok(false);
        }
        let until = self.lease(self.clock.now()).until;
        self.chores.go_on_with_chore(turn, until).await
    }
}

/// What a chore came to; `None` when it was given up, to be taken up again.
pub(super) type Done = Option<(Vec<Outgoing>, String)>;
