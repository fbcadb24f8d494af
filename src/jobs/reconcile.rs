//! Compares this database with Stripe, both ways, over a span of time: a window after the other, a page at a time, so that
//! memory stays flat however much there is. It records what differs and tells of it; taking in is asked for, and no money moves.

use std::collections::HashSet;

use chrono::{SubsecRound, TimeDelta};
use serde::Serialize;

use super::preflight::{Unread, read};
use super::{Jobs, Loop, NotCaughtUp};
use crate::domain::discrepancy::{Compared, Discrepancy, DiscrepancyKind, id_of};
use crate::domain::facts::Fact;
use crate::domain::ids::{AccountId, PayoutId, TransferId};
use crate::domain::triage::{Failure, Verdict, triage};
use crate::ports::{KeptRow, Span, StoreError, Turn, discrepancy_alert};

/// Rows read at once.
const PAGE: i64 = 100;
/// Windows that a span is cut into, as long as they are neither shorter than six hours nor longer than a day: the ids of one
/// window are what is in memory.
const WINDOWS: i32 = 500;
/// Discrepancies that an email names.
const TOLD: i64 = 20;

/// Why it was not done to its end.
#[derive(Debug, thiserror::Error)]
pub enum NotReconciled {
    /// Stripe's answer.
    #[error("Stripe cannot be compared with: {}", .0.message())]
    Unread(Failure),
    /// Events could not be caught up with first.
    #[error(transparent)]
    Behind(#[from] NotCaughtUp),
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The daemon ends, or another has taken it on.
    #[error("it was broken off")]
    BrokenOff,
}

impl From<Unread> for NotReconciled {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread.failure)
    }
}

/// What was compared, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Transfers, refunds, disputes and payouts that Stripe has.
    pub compared: i64,
    /// Those that only this database had in the span, and that were looked for one by one.
    pub looked_for: i64,
    /// Discrepancies that were found.
    pub found: i64,
    /// Those of them that were not on record before.
    pub new: i64,
    /// What was taken in.
    pub taken_in: i64,
    /// Discrepancies of before that are gone.
    pub closed: i64,
}

impl std::fmt::Display for Reconciled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} compared, {} found, {} taken in, {} gone", self.compared, self.found, self.taken_in, self.closed)
    }
}

/// How far it is: windows done, and all of them.
pub type Progress<'a> = &'a (dyn Fn(i64, i64) + Sync);

impl Jobs {
    /// Compares. With `fix`, takes in what is missing or old here.
    ///
    /// # Errors
    /// When Stripe or the database is away: what was found so far is on record, and nothing is closed.
    pub async fn reconcile(
        &self,
        span: Span,
        fix: bool,
        mut turn: Option<&mut Turn>,
        progress: Progress<'_>,
    ) -> Result<Reconciled, NotReconciled> {
        let started = self.clock.now();
        // What a webhook is only late with is no discrepancy.
        self.catch_up().await?;
        super::catch_up::project_all(self, Loop::Reconcile).await?;
        let mut look = Look { jobs: self, fix, started, done: Reconciled::default(), disconnected: HashSet::new() };
        let windows = cut(span);
        let all = i64::try_from(windows.len()).unwrap_or(i64::MAX);
        for (number, window) in (1..).zip(&windows) {
            if let Some(turn) = &mut turn
                && !self.goes_on(turn, Loop::Reconcile).await?
            {
                return Err(NotReconciled::BrokenOff);
            }
            for what in Compared::ALL {
                look.window(*what, *window).await?;
            }
            progress(number, all);
        }
        let mut done = look.done;
        done.closed = self.chores.close_gone(span, started).await?;
        self.tell_of_discrepancies(done.new).await?;
        Ok(done)
    }

    async fn tell_of_discrepancies(&self, new: i64) -> Result<(), StoreError> {
        if new == 0 {
            return Ok(());
        }
        let (count, first) = self.chores.open_discrepancies(TOLD).await?;
        tracing::error!(count, "this database and Stripe do not agree: `payoutd reconcile` shows where");
        let now = self.clock.now();
        self.store.tell(vec![discrepancy_alert(count, &first, now.date_naive())], now).await?;
        self.signals.mail.notify_one();
        Ok(())
    }
}

/// Windows of whole seconds, oldest first.
fn cut(span: Span) -> Vec<Span> {
    let step = ((span.until - span.since) / WINDOWS).clamp(TimeDelta::hours(6), TimeDelta::days(1));
    let step = TimeDelta::seconds(step.num_seconds());
    let (mut since, end) = (span.since.trunc_subsecs(0), span.until.trunc_subsecs(0) + TimeDelta::seconds(1));
    let mut windows = Vec::new();
    while since < end {
        let until = (since + step).min(end);
        windows.push(Span { since, until });
        since = until;
    }
    windows
}

struct Look<'a> {
    jobs: &'a Jobs,
    fix: bool,
    started: chrono::DateTime<chrono::Utc>,
    done: Reconciled,
    /// Accounts with payouts that Stripe does not show the platform any more.
    disconnected: HashSet<AccountId>,
}

impl Look<'_> {
    /// Everything of one kind that was made in a window, both ways.
    async fn window(&mut self, what: Compared, span: Span) -> Result<(), NotReconciled> {
        let mut seen = HashSet::new();
        let mut after: Option<String> = None;
        loop {
            self.jobs.pulse.works(Loop::Reconcile);
            if self.jobs.stop.is_cancelled() {
                return Err(NotReconciled::BrokenOff);
            }
            let page = read(self.jobs, self.jobs.stripe.made(what, span, after.as_deref())).await?;
            seen.extend(page.items.iter().filter_map(|(fact, _)| id_of(fact)).map(str::to_owned));
            self.compare(page.items).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if what == Compared::Payout {
            self.payouts_of_accounts(span, &mut seen).await?;
        }
        self.look_for_kept(what, span, &seen).await
    }

    async fn compare(&mut self, there: Vec<(Fact, chrono::DateTime<chrono::Utc>)>) -> Result<(), NotReconciled> {
        if there.is_empty() {
            return Ok(());
        }
        let chores = &self.jobs.chores;
        self.done.compared += count(there.len());
        let mut found = chores.compare(there.clone()).await?;
        if self.fix && found.iter().any(|d| d.kind.is_adopted()) {
            let wanted: HashSet<&str> =
                found.iter().filter(|d| d.kind.is_adopted()).map(|d| d.object_id.as_str()).collect();
            let facts = there.iter().filter(|(fact, _)| id_of(fact).is_some_and(|id| wanted.contains(id)));
            let facts: Vec<Fact> = facts.map(|(fact, _)| fact.clone()).collect();
            let before = found.len();
            chores.take_in(facts, self.jobs.clock.now()).await?;
            found = chores.compare(there).await?;
            self.done.taken_in += count(before.saturating_sub(found.len()));
        }
        self.note(found).await
    }

    async fn note(&mut self, found: Vec<Discrepancy>) -> Result<(), NotReconciled> {
        if !found.is_empty() {
            self.done.found += count(found.len());
            self.done.new += self.jobs.chores.note(found, self.started).await?;
        }
        Ok(())
    }

    /// What this database has of the window and Stripe's list did not: it may be older at Stripe than it was told here.
    async fn look_for_kept(&mut self, what: Compared, span: Span, seen: &HashSet<String>) -> Result<(), NotReconciled> {
        let mut after: Option<KeptRow> = None;
        loop {
            let rows = self.jobs.chores.kept(what, span, after.take(), PAGE).await?;
            for row in rows.iter().filter(|row| !seen.contains(&row.stripe_id)) {
                if row.account.as_ref().is_some_and(|account| self.disconnected.contains(account)) {
                    continue;
                }
                self.done.looked_for += 1;
                self.jobs.pulse.works(Loop::Reconcile);
                match self.at_stripe(what, row).await? {
                    Some(fact) => self.compare(vec![(fact, row.at)]).await?,
                    None => self.note(vec![missing_there(what, row)]).await?,
                }
            }
            match rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                true => return Ok(()),
                false => after = rows.into_iter().next_back(),
            }
        }
    }

    async fn at_stripe(&self, what: Compared, row: &KeptRow) -> Result<Option<Fact>, NotReconciled> {
        let (jobs, id) = (self.jobs, row.stripe_id.as_str());
        match (what, &row.charge) {
            (Compared::Transfer, _) => {
                there_or_not(read(jobs, jobs.stripe.transfer(&TransferId::new(id))).await.map(Fact::Transfer))
            }
            (Compared::Payout, _) => {
                let (id, account) = (PayoutId::new(id), row.account.as_ref());
                there_or_not(read(jobs, jobs.stripe.payout(&id, account)).await.map(Fact::Payout))
            }
            (Compared::Refund, Some(charge)) => {
                let refunds = read(jobs, jobs.stripe.refunds_of(charge)).await?;
                Ok(refunds.into_iter().find(|refund| refund.id.as_str() == id).map(Fact::Refund))
            }
            (Compared::Dispute, Some(charge)) => {
                let disputes = read(jobs, jobs.stripe.disputes_of(charge)).await?;
                Ok(disputes.into_iter().find(|found| found.dispute.id.as_str() == id).map(Fact::Dispute))
            }
            _ => Ok(None),
        }
    }

    /// Payouts of connected accounts stand in each account's own list: those are read of which a payout was told.
    async fn payouts_of_accounts(&mut self, span: Span, seen: &mut HashSet<String>) -> Result<(), NotReconciled> {
        let mut after: Option<AccountId> = None;
        loop {
            let accounts = self.jobs.chores.accounts_paid_out(span, after.take(), PAGE).await?;
            for account in &accounts {
                self.jobs.pulse.works(Loop::Reconcile);
                let payouts = match read(self.jobs, self.jobs.stripe.payouts_since(account, span.since)).await {
                    Err(unread) if triage(&unread.failure) == Verdict::HoldMentor => {
                        tracing::info!(%account, "its payouts cannot be compared: it is not connected any more");
                        self.disconnected.insert(account.clone());
                        continue;
                    }
                    payouts => payouts?,
                };
                seen.extend(payouts.iter().map(|payout| payout.id.as_str().to_owned()));
                let there = payouts.into_iter().map(|payout| (Fact::Payout(payout), span.since)).collect();
                self.compare(there).await?;
            }
            match accounts.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                true => return Ok(()),
                false => after = accounts.into_iter().next_back(),
            }
        }
    }
}

/// What Stripe refuses to show by its id is not there.
fn there_or_not(answer: Result<Fact, Unread>) -> Result<Option<Fact>, NotReconciled> {
    match answer {
        Err(unread) if triage(&unread.failure) == Verdict::Reject => Ok(None),
        fact => Ok(Some(fact?)),
    }
}

fn missing_there(what: Compared, row: &KeptRow) -> Discrepancy {
    Discrepancy {
        kind: DiscrepancyKind::MissingThere,
        subject: what,
        object_id: row.stripe_id.clone(),
        payment: None,
        here: format!("a {what} of {}", row.at.format("%Y-%m-%d %H:%M:%S UTC")),
        there: "nothing".to_owned(),
        stands_at: row.at,
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_and_cover_the_span() {
        for (hours, windows) in [(1, 2), (72, 13), (24 * 366, 500), (24 * 3_660, 3_661)] {
            let since = "2026-11-20T10:00:00.500Z".parse().unwrap();
            let span = Span { since, until: since + TimeDelta::hours(hours) };
            let cut = cut(span);
            assert!((windows - 1..=windows + 1).contains(&cut.len()), "{hours}: {}", cut.len());
            assert!(cut[0].since <= span.since && cut[cut.len() - 1].until > span.until);
            assert!(cut.windows(2).all(|pair| pair[0].until == pair[1].since));
        }
    }
}
