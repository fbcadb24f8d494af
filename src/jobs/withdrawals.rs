//! The run's part for withdrawals: picks what is due, reads each account, commits the intent, and has it submitted.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::accounts::not_found;
use super::preflight::{Unread, read};
use super::submit::submit;
use super::{Jobs, Loop, span};
use crate::domain::breaker::Permit;
use crate::domain::facts::AccountFact;
use crate::domain::ids::{AccountId, WithdrawalId};
use crate::domain::triage::{Failure, Verdict, triage};
use crate::domain::withdrawal::{Funds, WithdrawalCase};
use crate::domain::withdrawn;
use crate::ports::{CheckedWithdrawal, ClaimedWithdrawal, DueWithdrawal, StoreError};

/// Pays out until nothing is due. Withdrawals of one mentor come one after the other, those of several at the same time.
pub(super) async fn pay_out(jobs: &Arc<Jobs>) -> Result<(), StoreError> {
    // What became somebody's since, or was mended, is posted now.
    jobs.store.post_payouts(jobs.clock.now()).await?;
    while !jobs.stop.is_cancelled() {
        jobs.pulse.works(Loop::Release);
        let now = jobs.clock.now();
        let permit = jobs.breaker.permit(now);
        let limit = match permit {
            Permit::All => jobs.settings.concurrency,
            Permit::Probe => 1,
            Permit::Wait(_) => break,
        };
        let revisit_at = now + span(jobs.policy.retry.lease);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (due, looked_at) = jobs.store.pick_withdrawals(limit, revisit_at, now).await?;
        if due.is_empty() {
            jobs.breaker.give_back(permit, now);
        }
        if looked_at == 0 {
            break;
        }
        let mut under_way = JoinSet::new();
        for withdrawal in due {
            let jobs = jobs.clone();
            under_way.spawn(async move { one(&jobs, withdrawal).await });
        }
        while under_way.join_next().await.is_some() {
            jobs.pulse.works(Loop::Release);
        }
    }
    jobs.signals.mail.notify_one();
    Ok(())
}

async fn one(jobs: &Jobs, due: DueWithdrawal) {
    let id = due.case.request.id;
    if let Err(error) = check_and_claim(jobs, due).await {
        tracing::error!(withdrawal.id = id.0, %error, "it could not be claimed; it is looked at again later");
        wait(jobs, id).await;
    }
}

async fn check_and_claim(jobs: &Jobs, due: DueWithdrawal) -> Result<(), StoreError> {
    let id = due.case.request.id;
    let checked = match check(jobs, &due).await {
        Ok(checked) => checked,
        Err(unread) => {
            let error = unread.failure.message();
            tracing::warn!(withdrawal.id = id.0, error, "its account cannot be read; it waits");
            wait(jobs, id).await;
            return tell_unreadable(jobs, &due.case, &unread.failure).await;
        }
    };
    let now = jobs.clock.now();
    match jobs.store.claim_withdrawal(checked, jobs.lease(now), now).await? {
        ClaimedWithdrawal::Submit(operation) => {
            submit(jobs, *operation).await;
        }
        ClaimedWithdrawal::Refused(why) => tracing::info!(withdrawal.id = id.0, why, "refused"),
        ClaimedWithdrawal::Waits | ClaimedWithdrawal::Adopted(_) | ClaimedWithdrawal::Gone => {}
    }
    Ok(())
}

/// Looked at again later, whatever happened.
async fn wait(jobs: &Jobs, id: WithdrawalId) {
    let until = jobs.clock.now() + span(jobs.policy.retry.preflight);
    if let Err(error) = jobs.store.postpone_withdrawal(id, until).await {
        tracing::error!(withdrawal.id = id.0, %error, "it could not be postponed; it is looked at again");
    }
}

/// Reads the account, what is on it, and whether it was paid out before by a payout that this database does not know.
async fn check(jobs: &Jobs, due: &DueWithdrawal) -> Result<CheckedWithdrawal, Unread> {
    let request = &due.case.request;
    let (id, latest) = (request.id, due.latest);
    let Some(account_id) = account_of(&due.case) else {
        let account = not_found(AccountId::new(""), jobs.clock.now());
        return Ok(CheckedWithdrawal { id, latest, account, funds: Funds::default(), payouts: Vec::new() });
    };
    let account = match read(jobs, jobs.stripe.account(account_id)).await {
        // Stripe's plain no is an answer.
        Err(unread) if is_plain_no(&unread.failure) => {
            let account = not_found(account_id.clone(), jobs.clock.now());
            return Ok(CheckedWithdrawal { id, latest, account, funds: Funds::default(), payouts: Vec::new() });
        }
        account => account?,
    };
    let payouts = read(jobs, jobs.stripe.payouts_since(account_id, request.since())).await?;
    let funds = read(jobs, jobs.stripe.funds_of(account_id)).await?;
    Ok(CheckedWithdrawal { id, latest, account, funds, payouts })
}

fn account_of(case: &WithdrawalCase) -> Option<&AccountId> {
    case.mentor.as_ref().and_then(|mentor| mentor.account_id.as_ref())
}

fn is_plain_no(failure: &Failure) -> bool {
    matches!(triage(failure), Verdict::Reject | Verdict::HoldMentor)
}

/// Reads what a payout depends on before it is sent again.
pub(super) async fn read_again(jobs: &Jobs, case: &WithdrawalCase) -> Result<(AccountFact, Funds), Unread> {
    let id = account_of(case).cloned().unwrap_or_else(|| AccountId::new(""));
    match read(jobs, jobs.stripe.account(&id)).await {
        Err(unread) if is_plain_no(&unread.failure) => Ok((not_found(id, jobs.clock.now()), Funds::default())),
        account => Ok((account?, read(jobs, jobs.stripe.funds_of(&id)).await?)),
    }
}

/// A balance that Stripe definitely does not show us is a matter for a person, not for another try.
async fn tell_unreadable(jobs: &Jobs, case: &WithdrawalCase, failure: &Failure) -> Result<(), StoreError> {
    if !is_plain_no(failure) {
        return Ok(());
    }
    let told = withdrawn::unreadable(case, failure.message());
    jobs.store.tell(vec![told], jobs.clock.now()).await
}
