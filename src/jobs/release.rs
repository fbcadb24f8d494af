//! The release run: looks at what is due, reads each charge, commits intents, and has them submitted, all at the same
//! time. One path for the schedule, the command line and the cron endpoint.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::look::{Places, Ready, ToSend, look};
use super::pace::Pace;
use super::submit::submit_in;
use super::{Jobs, Loop, NotCaughtUp, accounts, catch_up, disputes, onboarding, withdrawals};
use crate::domain::breaker::Side;
use crate::domain::ids::{ChargeId, PaymentId, RunId};
use crate::domain::operation::{Operation, OperationState};
use crate::domain::outcome::PaymentNext;
use crate::ports::{Claimed, Recorded, RunCounts, RunOutcome, StoreError, Trigger};

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
    let (to_send, sending) = mpsc::channel(jobs.settings.ahead);
    let places = Places::of(jobs.settings.concurrency);
    let looking = look(jobs, known_since, to_claim, to_send.clone(), places.clone());
    let (looked, claimed, sent) =
        tokio::join!(looking, claim_ready(jobs, ready, to_send), submit_claimed(jobs, sending, places));
    let ((looked, trouble), claimed) = (looked?, claimed?);
    // After the transfers, which may have brought what is to be withdrawn.
    withdrawals::pay_out(jobs).await?;
    Ok((looked + claimed + sent, trouble))
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

/// Claims what is ready in one transaction, and hands it on.
async fn claim_ready(
    jobs: &Arc<Jobs>,
    mut ready: mpsc::Receiver<Ready>,
    to_send: mpsc::Sender<ToSend>,
) -> Result<RunCounts, StoreError> {
    let mut counts = RunCounts::default();
    let mut batch = Vec::new();
    // Not all that may be claimed together, or be on its way: the rest is read meanwhile.
    let enough = (jobs.settings.batch_size * 2 / 3).min(jobs.settings.ahead / 2).max(1);
    let mut pace = Pace::new(jobs.clock.clone(), enough);
    while ready.recv_many(&mut batch, jobs.settings.batch_size).await > 0 {
        jobs.pulse.works(Loop::Release);
        pace.gather(&mut ready, &mut batch).await;
        if jobs.stop.is_cancelled() {
            batch.clear();
            continue;
        }
        let (preflighted, ahead): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let now = jobs.clock.now();
        let claimed = jobs.store.claim(preflighted, jobs.lease(now), now).await?;
        for to_be_sent in to_submit(jobs, claimed, &mut counts).into_iter().zip(ahead) {
            // Gone only with the run itself; then the rescuer takes it up.
            let _ = to_send.send(to_be_sent).await;
        }
    }
    Ok(counts)
}

/// Sends what was claimed, as places come free.
async fn submit_claimed(jobs: &Arc<Jobs>, mut claimed: mpsc::Receiver<ToSend>, places: Places) -> RunCounts {
    let mut counts = RunCounts::default();
    let mut calls = FuturesUnordered::new();
    while let Some((operation, ahead)) = claimed.recv().await {
        jobs.pulse.works(Loop::Release);
        // Never closed; and if it were, the rescuer would take it up.
        let Some(place) = places.take().await else { break };
        drop(ahead);
        let jobs = jobs.clone();
        calls.push(tokio::spawn(async move { submit_in(place, &jobs, operation).await }));
        while let Some(Some(recorded)) = calls.next().now_or_never() {
            count(&mut counts, recorded.ok());
        }
    }
    while let Some(recorded) = calls.next().await {
        jobs.pulse.works(Loop::Release);
        count(&mut counts, recorded.ok());
    }
    counts
}

/// What is to be sent of what was claimed; the rest is counted.
pub(super) fn to_submit(jobs: &Jobs, claimed: Vec<Claimed>, counts: &mut RunCounts) -> Vec<Operation> {
    let mut operations = Vec::with_capacity(claimed.len());
    for claimed in claimed {
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
    operations
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
