//! The release run: looks at what is due, reads each charge, commits intents, and has them submitted, all at the same
//! time. One path for the schedule, the command line and the cron endpoint.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::preflight::{look_for_transfers, preflight, preflight_asked};
use super::submit::submit_in;
use super::{Jobs, Loop, NotCaughtUp, accounts, catch_up, disputes, onboarding, span, withdrawals};
use crate::domain::breaker::{Permit, Side};
use crate::domain::ids::{ChargeId, PaymentId, RunId};
use crate::domain::lost::to_be_looked_for;
use crate::domain::operation::{Operation, OperationState};
use crate::domain::outcome::PaymentNext;
use crate::domain::payment::{Pause, WaitWhy};
use crate::domain::release::Case;
use crate::ports::{Claimed, Preflighted, Recorded, RunCounts, RunOutcome, StoreError, Trigger};

/// How often to show a sign of life while no run is wanted.
const IDLE: Duration = Duration::from_secs(30);

/// Runs whenever one is wanted, until stopped.
pub(super) async fn keep_releasing(jobs: Arc<Jobs>) {
    let _life = jobs.life(Loop::Release);
    loop {
        jobs.pulse.rests(Loop::Release, IDLE);
        tokio::select! {
            biased;
            () = jobs.stop.cancelled() => return,
            () = jobs.signals.release.notified() => {}
            () = jobs.clock.sleep(IDLE) => continue,
        }
        if let Err(error) = jobs.run(Trigger::Schedule).await {
            tracing::error!(%error, "the run could not be done; the next one tries again");
        }
    }
}

/// Once, at the start: the settings may be others than those that held a payment.
pub(super) async fn wake_held_by_settings(jobs: Arc<Jobs>) {
    match jobs.store.wake_held_by_settings().await {
        Ok(0) => {}
        Ok(payments) => tracing::info!(payments, "held by a minimum or the key's mode: looked at again"),
        Err(error) => tracing::error!(%error, "what a minimum or the key's mode held could not be looked at again"),
    }
}

impl Jobs {
    /// Does one run, and says `began` once it is on record. That there is one at a time is `runs`' business.
    pub(super) async fn run_alone(
        self: &Arc<Self>,
        trigger: Trigger,
        began: impl FnOnce(RunId),
    ) -> Result<RunOutcome, StoreError> {
        self.pulse.works(Loop::Release);
        let started = self.clock.now();
        let run_id = self.store.begin_run(trigger, started).await?;
        began(run_id);
        let result = release(self).await;
        let now = self.clock.now();
        let (counts, error) = match &result {
            Ok((counts, behind)) => {
                let trouble = || self.breaker.trouble().map(|(why, _)| format!("not all was tried: {why}"));
                (*counts, behind.clone().or_else(trouble))
            }
            Err(error) => (RunCounts::default(), Some(error.to_string())),
        };
        self.store.finish_run(run_id, counts, error.clone(), now).await?;
        figures(trigger, error.is_none(), (now - started).to_std().unwrap_or_default());
        let level_up = counts.looked_at > 0 || error.is_some();
        let (took_ms, trouble) = ((now - started).num_milliseconds(), error.clone());
        let error = error.as_deref();
        if level_up {
            tracing::info!(
                run.id = run_id.0,
                looked_at = counts.looked_at,
                transferred = counts.transferred,
                held = counts.held,
                waiting = counts.waiting,
                failed = counts.failed,
                unfinished = counts.unfinished,
                took_ms,
                error,
                "run"
            );
        } else {
            tracing::debug!(run.id = run_id.0, took_ms, "run: nothing was due");
        }
        self.signals.mail.notify_one();
        result.map(|(counts, _)| RunOutcome { run_id, counts, trouble })
    }
}

fn figures(trigger: Trigger, good: bool, took: Duration) {
    let trigger = match trigger {
        Trigger::Schedule => "schedule",
        Trigger::Cli => "cli",
        Trigger::Cron => "cron",
    };
    let outcome = if good { "ok" } else { "incomplete" };
    metrics::counter!("payoutd_runs_total", "trigger" => trigger, "outcome" => outcome).increment(1);
    metrics::histogram!("payoutd_run_seconds").record(took.as_secs_f64()); // float: not money
}

/// A payment ready to be claimed, with its places.
type Ready = (Preflighted, Place);

/// What a payment takes up on its way, from before its charge is read.
pub(super) struct Place {
    /// Among the calls under way; free once the last of its calls has ended.
    pub call: OwnedSemaphorePermit,
    /// Among what is not recorded yet: should recording be slower than the calls, those wait.
    pub record: OwnedSemaphorePermit,
}

/// Outcomes that may wait to be recorded, beside the calls under way.
const UNRECORDED: usize = 200;

/// What was done, and why nothing was tried where the database may be behind.
async fn release(jobs: &Arc<Jobs>) -> Result<(RunCounts, Option<String>), StoreError> {
    if !jobs.breaker.lets_call(jobs.clock.now()) {
        return Ok((RunCounts::default(), None));
    }
    let known_since = match catch_up::before_paying(jobs).await {
        Ok(standing) => standing.known_since,
        Err(NotCaughtUp::Store(error)) => return Err(error),
        Err(error) => {
            tracing::error!(%error, "nothing is paid before payoutd has caught up with Stripe's events");
            return Ok((RunCounts::default(), Some(format!("nothing was tried: {error}"))));
        }
    };
    if jobs.breaker.trouble().is_none() {
        accounts::refresh(jobs).await?;
        disputes::refresh(jobs).await?;
        onboarding::schedule(jobs).await?;
    }
    let (to_claim, ready) = mpsc::channel(jobs.settings.batch_size);
    let (looked, claimed) = tokio::join!(look(jobs, known_since, to_claim), claim_and_submit(jobs, ready));
    let (looked, claimed) = (looked?, claimed?);
    // After the transfers, which may have brought what is to be withdrawn.
    withdrawals::pay_out(jobs).await?;
    let (held, waiting) = (looked.held + claimed.held, looked.waiting + claimed.waiting);
    Ok((RunCounts { looked_at: looked.looked_at, held, waiting, ..claimed }, None))
}

/// Picks batch after batch until nothing is due, and reads the charges. A payment gets its place among the calls under
/// way before its charge is read, so that the transfer follows the reading at once.
async fn look(
    jobs: &Arc<Jobs>,
    known_since: DateTime<Utc>,
    to_claim: mpsc::Sender<Ready>,
) -> Result<RunCounts, StoreError> {
    let calls = Arc::new(Semaphore::new(jobs.settings.concurrency));
    let records = Arc::new(Semaphore::new(jobs.settings.concurrency + UNRECORDED));
    let mut counts = RunCounts::default();
    let mut reading = JoinSet::new();
    while !jobs.stop.is_cancelled() {
        jobs.pulse.works(Loop::Release);
        let now = jobs.clock.now();
        let permit = jobs.breaker.permit(now);
        let limit = match permit {
            Permit::All => jobs.settings.batch_size,
            Permit::Probe => 1,
            Permit::Wait(_) => break,
        };
        let revisit_at = now + span(jobs.policy.retry.lease);
        let picked = jobs.store.pick_due(i64::try_from(limit).unwrap_or(i64::MAX), revisit_at, now).await?;
        counts.looked_at += picked.looked_at;
        counts.held += picked.held;
        counts.waiting += picked.waiting;
        if permit == Permit::Probe && picked.ready.is_empty() && picked.asked.is_empty() {
            // Nothing to probe with: ask for something harmless, so that trouble which is over may be seen to be over.
            let pinged = jobs.stripe.ping().await;
            jobs.learn(Side::Reading, &pinged.result).await;
            jobs.breaker.give_back(permit, now);
        }
        if picked.looked_at == 0 {
            break;
        }
        for charge in &picked.disputes_to_read {
            read_disputes(jobs, charge).await?;
        }
        let ready = picked.ready.into_iter().map(|(plan, case)| (Some(plan.charge_id), case));
        for (charge_id, case) in ready.chain(picked.asked.into_iter().map(|case| (None, case))) {
            // Never closed; and if it were, the payment would be looked at again.
            let Ok(record) = records.clone().acquire_owned().await else { break };
            let Ok(call) = calls.clone().acquire_owned().await else { break };
            let place = Place { call, record };
            // Waiting for the place may have taken long. What was picked is looked at again after the next start.
            if jobs.stop.is_cancelled() {
                break;
            }
            let lost = to_be_looked_for(&case.payment, known_since, jobs.policy.retry.key_max_age, now);
            reading.spawn(read_charge(jobs.clone(), charge_id, case, lost, to_claim.clone(), place));
        }
        while let Some(read) = reading.try_join_next() {
            counts.waiting += usize::from(!read.unwrap_or(true));
        }
    }
    while let Some(read) = reading.join_next().await {
        jobs.pulse.works(Loop::Release);
        counts.waiting += usize::from(!read.unwrap_or(true));
    }
    Ok(counts)
}

/// Asks for disputes that no webhook told of. Those that cannot be read are asked for again later.
pub(super) async fn read_disputes(jobs: &Jobs, charge: &ChargeId) -> Result<(), StoreError> {
    let called = jobs.stripe.disputes_of(charge).await;
    jobs.learn(Side::Reading, &called.result).await;
    match called.result {
        Ok(disputes) => jobs.store.learn_disputes(disputes, jobs.clock.now()).await,
        Err(failure) => {
            tracing::warn!(charge.id = charge.as_str(), error = failure.message(), "its disputes cannot be read yet");
            Ok(())
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
    place: Place,
) -> bool {
    let payment_id = case.payment.id;
    let read = match &charge_id {
        Some(charge_id) => preflight(&jobs, charge_id).await,
        None => preflight_asked(&jobs, &case).await,
    };
    let read = match read {
        Ok(facts) if lost => look_for_transfers(&jobs, &case).await.map(|found| [facts, found].concat()),
        read => read,
    };
    match read {
        Ok(facts) => to_claim.send((Preflighted { payment_id, facts }, place)).await.is_ok(),
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

/// Claims what is ready in one transaction, has it submitted, and goes on claiming while calls are under way.
async fn claim_and_submit(jobs: &Arc<Jobs>, mut ready: mpsc::Receiver<Ready>) -> Result<RunCounts, StoreError> {
    let mut counts = RunCounts::default();
    let mut calls = FuturesUnordered::new();
    let mut batch = Vec::new();
    let mut failed = None;
    while failed.is_none() {
        jobs.pulse.works(Loop::Release);
        tokio::select! {
            biased;
            taken = ready.recv_many(&mut batch, jobs.settings.batch_size) => {
                if taken == 0 {
                    break;
                }
                if jobs.stop.is_cancelled() {
                    batch.clear();
                    continue;
                }
                let (preflighted, places): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                let operations = claim(jobs, preflighted, &mut counts).await.unwrap_or_else(|error| {
                    failed = Some(error);
                    Vec::new()
                });
                for (operation, place) in operations.into_iter().zip(places) {
                    let jobs = jobs.clone();
                    calls.push(tokio::spawn(async move { submit_in(place, &jobs, operation).await }));
                }
            }
            Some(recorded) = calls.next() => count(&mut counts, recorded.ok()),
        }
    }
    while let Some(recorded) = calls.next().await {
        jobs.pulse.works(Loop::Release);
        count(&mut counts, recorded.ok());
    }
    failed.map_or(Ok(counts), Err)
}

async fn claim(
    jobs: &Jobs,
    preflighted: Vec<Preflighted>,
    counts: &mut RunCounts,
) -> Result<Vec<Operation>, StoreError> {
    let now = jobs.clock.now();
    let mut operations = Vec::with_capacity(preflighted.len());
    for claimed in jobs.store.claim(preflighted, jobs.lease(now), now).await? {
        match claimed {
            Claimed::Submit(operation) => operations.push(*operation),
            Claimed::Held(id, reasons) => {
                counts.held += 1;
                let why = reasons.first().map(|reason| reason.sentence()).unwrap_or_default();
                tracing::info!(payment.id = id.0, why, "held right before its transfer");
            }
            Claimed::Waits(..) => counts.waiting += 1,
            Claimed::Refused(id, error) => {
                counts.waiting += 1;
                tracing::error!(payment.id = id.0, error, "it could not be claimed; it is looked at again later");
            }
            Claimed::Adjusted(id) => {
                tracing::info!(payment.id = id.0, "put right without a call");
                jobs.signals.operations.notify_one();
            }
            Claimed::Taken(PaymentId(id)) => tracing::debug!(payment.id = id, "another worker has it"),
        }
    }
    Ok(operations)
}

fn count(counts: &mut RunCounts, recorded: Option<Recorded>) {
    let Some(Recorded::Written(conclusion)) = recorded else {
        counts.unfinished += 1;
        return;
    };
    let of_payment = conclusion.payment().and_then(|conclusion| conclusion.payment.as_ref());
    match (of_payment, conclusion.next().state) {
        // What was done beside a transfer is no transfer of this run's.
        (Some(PaymentNext::Adjusted(_)), _) => {}
        (_, OperationState::Confirmed) => counts.transferred += 1,
        (Some(PaymentNext::Failed), _) => counts.failed += 1,
        (Some(PaymentNext::Again(Some(_))), _) => counts.waiting += 1,
        (Some(PaymentNext::Again(None)), _) => counts.held += 1,
        _ => counts.unfinished += 1,
    }
}
