//! The recorder: tx 2 of the money rule for every worker. Outcomes that come while one commit is under way, or soon after it,
//! go into the next together; while the database is away they are kept here and tried again, since they must not be lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::pace::Pace;
use super::{Loop, Pulse};
use crate::domain::operation::{OperationState, Order};
use crate::ports::{Clock, Outcome, Recorded, Store};

/// Outcomes that go into one transaction at most.
const GROUP: usize = 100;
/// Outcomes that wait for no others.
const ENOUGH: usize = GROUP * 2 / 3;
/// How often to show a sign of life when there is nothing to write.
const IDLE: Duration = Duration::from_secs(30);
const AGAIN_AFTER: Duration = Duration::from_millis(500);

type Waiting = (Outcome, oneshot::Sender<Recorded>);

/// Records outcomes.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Waiting>,
}

impl Recorder {
    /// Starts the recording task on `tasks`; it ends when the last recorder is dropped and all is written.
    pub fn spawn(store: Arc<dyn Store>, clock: Arc<dyn Clock>, pulse: Arc<Pulse>, tasks: &TaskTracker) -> Self {
        let (queue, waiting) = mpsc::channel(GROUP * 4);
        tasks.spawn(keep_recording(store, clock, pulse, waiting));
        Self { queue }
    }

    /// Returns once the outcome is written, or found to be somebody else's by now.
    pub async fn record(&self, outcome: Outcome) -> Recorded {
        let (answer, recorded) = oneshot::channel();
        let stopped = || Recorded::Refused("the daemon is stopping".into());
        if self.queue.send((outcome, answer)).await.is_err() {
            return stopped();
        }
        recorded.await.unwrap_or_else(|_| stopped())
    }
}

async fn keep_recording(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
    mut waiting: mpsc::Receiver<Waiting>,
) {
    let mut group = Vec::with_capacity(GROUP);
    let mut pace = Pace::new(clock.clone(), ENOUGH);
    loop {
        pulse.rests(Loop::Record, IDLE);
        let came = tokio::select! {
            biased;
            came = waiting.recv_many(&mut group, GROUP) => came,
            () = clock.sleep(IDLE) => continue,
        };
        if came == 0 {
            return;
        }
        pulse.works(Loop::Record);
        pace.gather(&mut waiting, &mut group).await;
        let (outcomes, answers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        let recorded = write(&*store, &*clock, &pulse, &outcomes).await;
        for ((outcome, recorded), answer) in outcomes.iter().zip(recorded).zip(answers) {
            log(outcome, &recorded);
            // The worker may have gone; what matters is written.
            let _ = answer.send(recorded);
        }
    }
}

/// Writes, and does not give up: the answer of Stripe is known only here until it is written. Writing twice is
/// harmless, since the second time the lease is gone.
async fn write(store: &dyn Store, clock: &dyn Clock, pulse: &Pulse, outcomes: &[Outcome]) -> Vec<Recorded> {
    loop {
        match store.conclude(outcomes.to_vec(), clock.now()).await {
            Ok(recorded) => return recorded,
            Err(error) => {
                tracing::error!(%error, outcomes = outcomes.len(), "outcomes cannot be written yet; trying again");
                // Those who wait for this are not stuck: to end the daemon now would lose what it knows.
                for waiting in [Loop::Record, Loop::Release, Loop::Rescue] {
                    pulse.works(waiting);
                }
                clock.sleep(AGAIN_AFTER).await;
            }
        }
    }
}

/// One line a transfer.
fn log(outcome: &Outcome, recorded: &Recorded) {
    let op = &outcome.operation;
    let request_id = outcome.attempts.iter().rev().find_map(|call| call.request_id.as_deref()).unwrap_or("");
    let (payment_id, withdrawal_id) = (op.about.payment().map(|id| id.0), op.about.withdrawal().map(|id| id.0));
    let (operation_id, mentor_id, amount) = (op.id.0, op.mentor_id.as_str(), op.order.sum());
    match recorded {
        Recorded::Written(conclusion) => {
            let next = conclusion.next();
            count(next.state.word());
            let stripe_id = next.done_as.as_deref().unwrap_or("");
            let kind = op.order.kind().word();
            let error = next.error.as_ref().map_or("", |(_, words)| words.as_str());
            if next.state == OperationState::Confirmed {
                tracing::info!(
                    payment.id = payment_id,
                    withdrawal.id = withdrawal_id,
                    mentor.id = mentor_id,
                    operation.id = operation_id,
                    transfer.id = stripe_id,
                    stripe.request_id = request_id,
                    operation.kind = kind,
                    amount,
                    "{}",
                    done_in_words(&op.order)
                );
            } else {
                tracing::warn!(
                    payment.id = payment_id,
                    withdrawal.id = withdrawal_id,
                    mentor.id = mentor_id,
                    operation.id = operation_id,
                    stripe.request_id = request_id,
                    operation.kind = kind,
                    amount,
                    state = next.state.word(),
                    attempts = next.attempts,
                    error,
                    "{}",
                    undone_in_words(&op.order)
                );
            }
        }
        Recorded::LeaseLost => {
            count("lease_lost");
            tracing::warn!(
                payment.id = payment_id,
                withdrawal.id = withdrawal_id,
                operation.id = operation_id,
                stripe.request_id = request_id,
                "the lease was lost before the outcome was written; whoever has it now finds out"
            );
        }
        Recorded::Refused(error) => {
            count("not_written");
            tracing::error!(
                payment.id = payment_id,
                withdrawal.id = withdrawal_id,
                operation.id = operation_id,
                stripe.request_id = request_id,
                error,
                "the outcome could not be written; the rescuer takes the operation when its lease runs out"
            );
        }
    }
}

fn done_in_words(order: &Order) -> &'static str {
    match order {
        Order::Transfer(_) => "transferred",
        Order::Restore(_) => "transferred again",
        Order::Reversal(_) => "reversed",
        Order::Refund(_) => "refunded",
        Order::Capture(_) => "captured",
        Order::Cancel(_) => "let go of",
        Order::Payout(_) => "paid out",
        Order::Account(_) => "account made",
        Order::Schedule(_) => "set to manual payouts",
    }
}

fn undone_in_words(order: &Order) -> &'static str {
    match order {
        Order::Transfer(_) => "not transferred",
        Order::Restore(_) => "not transferred again",
        Order::Reversal(_) => "not reversed",
        Order::Refund(_) => "not refunded",
        Order::Capture(_) => "not captured",
        Order::Cancel(_) => "not let go of",
        Order::Payout(_) => "not paid out",
        Order::Account(_) => "account not made",
        Order::Schedule(_) => "not set to manual payouts",
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("payoutd_transfer_outcomes_total", "outcome" => outcome).increment(1);
}
