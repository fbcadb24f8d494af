//! The release run's look at what is due: picks batch after batch, has the charges read side by side (or claims at once what
//! a sweep answers for), and hands on what is ready. It sends nothing.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::preflight::{look_for_transfers, preflight, preflight_asked};
use super::release::{read_disputes, to_submit};
use super::sweep::{By, Sweeper};
use super::{Jobs, Loop, span};
use crate::domain::breaker::{Permit, Side};
use crate::domain::ids::{ChargeId, PaymentId};
use crate::domain::lost::to_be_looked_for;
use crate::domain::operation::Operation;
use crate::domain::payment::{Pause, WaitWhy};
use crate::domain::release::Case;
use crate::domain::sweep::Sweep;
use crate::ports::{Picked, PickedBySweep, Preflighted, RunCounts, StoreError};

/// A payment ready to be claimed; and its part of how many may be on their way to being sent.
pub(super) type Ready = (Preflighted, OwnedSemaphorePermit);
/// An operation that was claimed and has no place yet; and its part of how many.
pub(super) type ToSend = (Operation, OwnedSemaphorePermit);

/// What a reading takes up.
struct Reading {
    /// Among the calls under way.
    call: OwnedSemaphorePermit,
    /// Among what is on its way to being sent.
    ahead: OwnedSemaphorePermit,
}

/// What an operation takes up that is sent.
pub(super) struct Place {
    /// Among the calls under way.
    pub call: OwnedSemaphorePermit,
    /// Among what is not recorded yet: should recording be slower than the calls, those wait.
    pub record: OwnedSemaphorePermit,
}

/// Outcomes that may wait to be recorded, beside the calls under way.
const UNRECORDED: usize = 200;

/// The places of a run.
#[derive(Clone)]
pub(super) struct Places {
    calls: Arc<Semaphore>,
    records: Arc<Semaphore>,
}

impl Places {
    pub(super) fn of(concurrency: usize) -> Self {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        Self { calls: semaphore(concurrency), records: semaphore(concurrency + UNRECORDED) }
    }

    /// Waits for one. `None` only if they were closed, which they never are.
    pub(super) async fn take(&self) -> Option<Place> {
        let record = self.records.clone().acquire_owned().await.ok()?;
        Some(Place { call: self.call().await?, record })
    }

    /// Waits for a call. Who waits first comes first.
    async fn call(&self) -> Option<OwnedSemaphorePermit> {
        self.calls.clone().acquire_owned().await.ok()
    }
}

/// Picks batch after batch until nothing is due, and has the charges read. Answers also why what was ready waits, where a
/// sweep failed.
pub(super) async fn look(
    jobs: &Arc<Jobs>,
    known_since: DateTime<Utc>,
    to_claim: mpsc::Sender<Ready>,
    to_send: mpsc::Sender<ToSend>,
    places: Places,
) -> Result<(RunCounts, Option<String>), StoreError> {
    let mut look = Look {
        jobs,
        known_since,
        to_claim,
        to_send,
        places,
        ahead: Arc::new(Semaphore::new(jobs.settings.ahead)),
        sweeper: Sweeper::default(),
        reading: JoinSet::new(),
        counts: RunCounts::default(),
    };
    while !jobs.stop.is_cancelled() && look.goes_on().await? {
        while let Some(read) = look.reading.try_join_next() {
            look.counts.waiting += usize::from(!read.unwrap_or(true));
        }
    }
    while let Some(read) = look.reading.join_next().await {
        jobs.pulse.works(Loop::Release);
        look.counts.waiting += usize::from(!read.unwrap_or(true));
    }
    Ok((look.counts, look.sweeper.trouble()))
}

struct Look<'a> {
    jobs: &'a Arc<Jobs>,
    known_since: DateTime<Utc>,
    to_claim: mpsc::Sender<Ready>,
    to_send: mpsc::Sender<ToSend>,
    places: Places,
    /// What may be read or claimed, and not sent yet.
    ahead: Arc<Semaphore>,
    sweeper: Sweeper,
    reading: JoinSet<bool>,
    counts: RunCounts,
}

impl Look<'_> {
    /// One batch. `false` when there is no more.
    async fn goes_on(&mut self) -> Result<bool, StoreError> {
        let jobs = self.jobs;
        jobs.pulse.works(Loop::Release);
        let permit = jobs.breaker.permit(jobs.clock.now());
        let (by, limit) = match permit {
            Permit::All => (self.sweeper.now(jobs).await?, jobs.settings.batch_size),
            Permit::Probe => (By::Charge, 1),
            Permit::Wait(_) => return Ok(false),
        };
        let picked = match &by {
            By::Sweep(sweep) => self.by_sweep(*sweep, limit).await?,
            By::Charge | By::Nothing(_) => self.pick(limit).await?,
        };
        self.counts.looked_at += picked.looked_at;
        self.counts.held += picked.held;
        self.counts.waiting += picked.waiting;
        if permit == Permit::Probe && picked.ready.is_empty() && picked.asked.is_empty() {
            // Nothing to probe with: ask for something harmless, so that trouble which is over may be seen to be over.
            let pinged = jobs.stripe.ping().await;
            jobs.learn(Side::Reading, &pinged.result).await;
            jobs.breaker.give_back(permit, jobs.clock.now());
        }
        if picked.looked_at == 0 {
            return Ok(false);
        }
        for charge in &picked.disputes_to_read {
            read_disputes(jobs, charge).await?;
        }
        let mut ready: Vec<_> = picked.ready.into_iter().map(|(plan, case)| (Some(plan.charge_id), case)).collect();
        if let By::Nothing(_) = by {
            self.lets_wait(std::mem::take(&mut ready).into_iter().map(|(_, case)| case.payment.id).collect()).await?;
        }
        ready.extend(picked.asked.into_iter().map(|case| (None, case)));
        self.read(ready).await;
        Ok(true)
    }

    async fn pick(&self, limit: usize) -> Result<Picked, StoreError> {
        let now = self.jobs.clock.now();
        let revisit_at = now + span(self.jobs.policy.retry.lease);
        self.jobs.store.pick_due(i64::try_from(limit).unwrap_or(i64::MAX), revisit_at, now).await
    }

    /// Claims as it picks, and hands on what was claimed. What is left is to be read.
    async fn by_sweep(&mut self, sweep: Sweep, limit: usize) -> Result<Picked, StoreError> {
        let jobs = self.jobs;
        let limit = limit.min(jobs.settings.ahead.div_ceil(2)).max(1);
        let room = u32::try_from(limit).unwrap_or(u32::MAX);
        // Never closed; and if it were, the charges would be read.
        let Ok(mut room) = self.ahead.clone().acquire_many_owned(room).await else { return self.pick(limit).await };
        // Waiting for it may have taken long: a sweep that is too old by now claims nothing.
        let now = jobs.clock.now();
        let (revisit_at, limit) = (now + span(jobs.policy.retry.lease), i64::try_from(limit).unwrap_or(i64::MAX));
        let PickedBySweep { picked, claimed } =
            match jobs.store.pick_by_sweep(limit, sweep, jobs.lease(now), revisit_at, now).await {
                // One that the database refuses must not keep the others from being paid: they are claimed the other way.
                Err(error @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                    tracing::error!(%error, "these could not be claimed together; their charges are read");
                    return self.pick(jobs.settings.batch_size).await;
                }
                picked => picked?,
            };
        for operation in to_submit(jobs, claimed, &mut self.counts) {
            let Some(part) = room.split(1) else { break };
            // Gone only with the run itself; then the rescuer takes it up.
            let _ = self.to_send.send((operation, part)).await;
        }
        Ok(picked)
    }

    async fn lets_wait(&mut self, payments: Vec<PaymentId>) -> Result<(), StoreError> {
        if payments.is_empty() {
            return Ok(());
        }
        self.counts.waiting += payments.len();
        let until = self.jobs.clock.now() + span(self.jobs.policy.retry.preflight);
        self.jobs.store.postpone(payments, Pause { until, why: WaitWhy::Preflight }).await
    }

    async fn read(&mut self, ready: Vec<(Option<ChargeId>, Case)>) {
        let jobs = self.jobs;
        for (charge_id, case) in ready {
            // Never closed; and if they were, the payment would be looked at again.
            let Ok(ahead) = self.ahead.clone().acquire_owned().await else { break };
            let Some(call) = self.places.call().await else { break };
            // Waiting for them may have taken long. What was picked is looked at again after the next start.
            if jobs.stop.is_cancelled() {
                break;
            }
            let now = jobs.clock.now();
            let lost = to_be_looked_for(&case.payment, self.known_since, jobs.policy.retry.key_max_age, now);
            self.reading.spawn(read_charge(
                jobs.clone(),
                charge_id,
                case,
                lost,
                self.to_claim.clone(),
                Reading { call, ahead },
            ));
        }
    }
}

/// Answers whether the charge could be read. Where something else than a transfer is to be sent (`charge_id` is none),
/// all is read that it depends on. Where a daemon of whose work the database does not know may have paid it (`lost`), its
/// transfers are looked for, too.
async fn read_charge(
    jobs: Arc<Jobs>,
    charge_id: Option<ChargeId>,
    case: Case,
    lost: bool,
    to_claim: mpsc::Sender<Ready>,
    takes: Reading,
) -> bool {
    let (payment_id, asked_at) = (case.payment.id, jobs.clock.now());
    let Reading { call, ahead } = takes;
    let read = match &charge_id {
        Some(charge_id) => preflight(&jobs, charge_id).await,
        None => preflight_asked(&jobs, &case).await,
    };
    let read = match read {
        Ok(facts) if lost => look_for_transfers(&jobs, &case).await.map(|found| [facts, found].concat()),
        read => read,
    };
    // Others may call while this one is claimed.
    drop(call);
    match read {
        Ok(facts) => to_claim.send((Preflighted { payment_id, asked_at, facts }, ahead)).await.is_ok(),
        Err(unread) => {
            let failure = unread.failure;
            tracing::warn!(payment.id = payment_id.0, error = failure.message(), "its charge cannot be read; it waits");
            let until = jobs.clock.now() + span(jobs.policy.retry.preflight);
            let pause = Pause { until, why: WaitWhy::Preflight };
            if let Err(error) = jobs.store.postpone(vec![payment_id], pause).await {
                tracing::error!(payment.id = payment_id.0, %error, "it could not be postponed; it is looked at again");
            }
            if let Err(error) = jobs.tell_unreadable(&case, &failure).await {
                tracing::error!(payment.id = payment_id.0, %error, "the alert could not be written");
            }
            false
        }
    }
}
