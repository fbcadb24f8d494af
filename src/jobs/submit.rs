//! Submitting: the call to Stripe between tx 1 and tx 2. What it brings is handed to the recorder as it is.

use super::look::Place;
use super::preflight::{Unread, preflight, preflight_asked};
use super::{Jobs, withdrawals};
use crate::domain::breaker::Side;
use crate::domain::facts::{AccountFact, Fact};
use crate::domain::matter::{Matter, next_step};
use crate::domain::operation::{Operation, Order, TransferOrder};
use crate::domain::outcome::Attempted;
use crate::domain::release::Case;
use crate::domain::rescue::Step;
use crate::domain::triage::{Failure, Verdict, triage};
use crate::domain::withdrawal::{Funds, WithdrawalCase};
use crate::ports::{AttemptRecord, Called, Outcome, Reclaimed, Recorded, StoreError};

/// The calls made for an operation, and what they came to.
type Tried = (Vec<AttemptRecord>, Attempted);

/// Sends an operation that was just claimed, and has its outcome recorded while others are sent in its place. One whose
/// turn comes when the daemon stops is handed back.
pub(super) async fn submit_in(place: Place, jobs: &Jobs, operation: Operation) -> Recorded {
    let Place { call, record } = place;
    let (attempts, attempted) = match jobs.stop.is_cancelled() {
        true => (Vec::new(), Attempted::NotBegun),
        false => send(jobs, &operation).await,
    };
    drop(call);
    let recorded = finish(jobs, Outcome { operation, attempts, attempted }).await;
    drop(record);
    recorded
}

/// The same for one that nothing else waits for.
pub(super) async fn submit(jobs: &Jobs, operation: Operation) -> Recorded {
    let (attempts, attempted) = send(jobs, &operation).await;
    finish(jobs, Outcome { operation, attempts, attempted }).await
}

/// Does the next step of an operation that was taken up again, and has its outcome recorded.
pub(super) async fn resume(jobs: &Jobs, reclaimed: Reclaimed) -> Recorded {
    let Reclaimed { operation, matter, step } = reclaimed;
    let (attempts, attempted) = match step {
        Step::Send => check_and_send(jobs, &operation, &matter).await,
        Step::Look => look(jobs, &operation).await,
        Step::Withdraw(why) => (Vec::new(), Attempted::Withdrawn(why)),
    };
    finish(jobs, Outcome { operation, attempts, attempted }).await
}

async fn finish(jobs: &Jobs, outcome: Outcome) -> Recorded {
    let recorded = jobs.recorder.record(outcome).await;
    jobs.signals.mail.notify_one();
    jobs.signals.operations.notify_one();
    recorded
}

/// Reads what it depends on again before sending again, and asks the decision again with what that says.
async fn check_and_send(jobs: &Jobs, operation: &Operation, matter: &Matter) -> Tried {
    let read = match matter {
        Matter::Payment(case) => preflight_again(jobs, operation, case).await.map(Read::Charge),
        Matter::Withdrawal(case) => withdrawals::read_again(jobs, case).await.map(Read::Account),
        Matter::Account(_) => return send(jobs, operation).await,
    };
    let fresh = match read {
        Ok(read) => refresh(jobs, matter, read).await,
        Err(unread) => return (vec![unread.call], Attempted::NotAsked(unread.failure)),
    };
    let fresh = match fresh {
        Ok(fresh) => fresh,
        Err(error) => return (Vec::new(), Attempted::NotAsked(Failure::NotSent(error.to_string()))),
    };
    match next_step(operation, &fresh, &jobs.policy, jobs.clock.now()) {
        Step::Send => send(jobs, operation).await,
        Step::Look => look(jobs, operation).await,
        Step::Withdraw(why) => (Vec::new(), Attempted::Withdrawn(why)),
    }
}

/// What was read again.
enum Read {
    Charge(Vec<Fact>),
    Account((AccountFact, Funds)),
}

/// The facts with what was read.
async fn refresh(jobs: &Jobs, matter: &Matter, read: Read) -> Result<Matter, StoreError> {
    let now = jobs.clock.now();
    Ok(match (matter, read) {
        (Matter::Payment(case), Read::Charge(facts)) => {
            Matter::Payment(Box::new(jobs.store.refresh_case(case.payment.id, facts, now).await?))
        }
        (Matter::Withdrawal(case), Read::Account((account, funds))) => {
            let case = jobs.store.refresh_withdrawal(case.request.id, account, now).await?;
            Matter::Withdrawal(Box::new(WithdrawalCase { funds: Some(funds), ..case }))
        }
        (matter, _) => matter.clone(),
    })
}

async fn preflight_again(jobs: &Jobs, operation: &Operation, case: &Case) -> Result<Vec<Fact>, Unread> {
    match &operation.order {
        Order::Transfer(TransferOrder { source_transaction: Some(charge), .. }) => preflight(jobs, charge).await,
        _ => preflight_asked(jobs, case).await,
    }
}

async fn send(jobs: &Jobs, operation: &Operation) -> Tried {
    let started_at = jobs.clock.now();
    let called = jobs.stripe.carry_out(&operation.key, &operation.order, operation.lease_until).await;
    jobs.learn(Side::Writing, &called.result).await;
    let record = record("create", started_at, &called);
    match called.result {
        Ok(done) => (vec![record], Attempted::Done(done)),
        // Stripe replays the first answer under a key. Should it refuse what it may have done before, look.
        Err(failure) if operation.maybe_done && is_definite(&failure) => {
            let (looks, attempted) = look(jobs, operation).await;
            let attempted = if attempted == Attempted::NotFound { Attempted::Failed(failure) } else { attempted };
            (std::iter::once(record).chain(looks).collect(), attempted)
        }
        Err(failure) => (vec![record], Attempted::Failed(failure)),
    }
}

fn is_definite(failure: &Failure) -> bool {
    matches!(triage(failure), Verdict::Reject | Verdict::WaitForFunds | Verdict::HoldMentor)
}

async fn look(jobs: &Jobs, operation: &Operation) -> Tried {
    let started_at = jobs.clock.now();
    let called = jobs.stripe.find(&operation.key, &operation.order).await;
    jobs.learn(Side::Reading, &called.result).await;
    let record = record("look_up", started_at, &called);
    let attempted = match called.result {
        Ok(Some(done)) => Attempted::Done(done),
        Ok(None) => Attempted::NotFound,
        Err(failure) => Attempted::NotAsked(failure),
    };
    (vec![record], attempted)
}

fn record<T>(kind: &'static str, started_at: chrono::DateTime<chrono::Utc>, called: &Called<T>) -> AttemptRecord {
    let failure = called.result.as_ref().err();
    AttemptRecord {
        kind,
        started_at,
        took: called.took,
        status: called.status,
        error_code: failure.map(|f| f.code().to_owned()),
        error: failure.map(|f| f.message().to_owned()),
        request_id: called.request_id.clone(),
    }
}
