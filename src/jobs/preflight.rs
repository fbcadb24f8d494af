//! Preflight: reads the charge from Stripe right before a transfer. Webhooks may be lost; this is what then still keeps
//! a refunded or disputed payment from being paid.

use super::Jobs;
use crate::domain::breaker::Side;
use crate::domain::facts::Fact;
use crate::domain::ids::ChargeId;
use crate::domain::lost::paid_by;
use crate::domain::notice::{Notice, Outgoing, brief};
use crate::domain::payment::Collection;
use crate::domain::release::{Case, transfer_group};
use crate::domain::triage::{Failure, Verdict, triage};
use crate::ports::{AttemptRecord, Called, StoreError};

/// Why a charge could not be read, with the call that failed.
pub(super) struct Unread {
    pub failure: Failure,
    pub call: AttemptRecord,
}

/// Reads the charge and, where it was ever disputed, its disputes.
pub(super) async fn preflight(jobs: &Jobs, charge_id: &ChargeId) -> Result<Vec<Fact>, Unread> {
    let charge = read(jobs, jobs.stripe.charge(charge_id)).await?;
    let disputed = charge.says.disputed;
    let mut facts = vec![Fact::Payment(charge)];
    if disputed {
        let disputes = read(jobs, jobs.stripe.disputes_of(charge_id)).await?;
        facts.extend(disputes.into_iter().map(Fact::Dispute));
    }
    Ok(facts)
}

/// Reads all that an operation beside the first transfer depends on: of a payment that is not captured, its payment
/// intent says everything.
pub(super) async fn preflight_asked(jobs: &Jobs, case: &Case) -> Result<Vec<Fact>, Unread> {
    let authorized = case.payment.collection == Collection::Authorized;
    match case.payment.intent_id.as_ref().filter(|_| authorized) {
        Some(intent_id) => Ok(vec![Fact::Payment(read(jobs, jobs.stripe.intent(intent_id)).await?)]),
        None => preflight_paid(jobs, case).await,
    }
}

/// Reads all that may ask for money back: the charge, its refunds and disputes, and the transfers
/// themselves, of which other hands may have taken something.
async fn preflight_paid(jobs: &Jobs, case: &Case) -> Result<Vec<Fact>, Unread> {
    let mut facts = Vec::new();
    if let Some(charge_id) = &case.payment.charge_id {
        facts.push(Fact::Payment(read(jobs, jobs.stripe.charge(charge_id)).await?));
        facts.extend(read(jobs, jobs.stripe.refunds_of(charge_id)).await?.into_iter().map(Fact::Refund));
        facts.extend(read(jobs, jobs.stripe.disputes_of(charge_id)).await?.into_iter().map(Fact::Dispute));
    }
    for transfer in case.position.iter().flat_map(|position| &position.transfers) {
        facts.push(Fact::Transfer(read(jobs, jobs.stripe.transfer(&transfer.id)).await?));
    }
    Ok(facts)
}

/// Reads the transfers that Stripe has of a payment: a daemon of whose work this database does not know may have paid it
/// so long ago that its idempotency key would not stop a second transfer.
pub(super) async fn look_for_transfers(jobs: &Jobs, case: &Case) -> Result<Vec<Fact>, Unread> {
    let Some(charge_id) = &case.payment.charge_id else { return Ok(Vec::new()) };
    let group = transfer_group(&case.payment, charge_id);
    let of_this = |key: &str| {
        let of = paid_by(key).map(|(_, payment, _)| payment.into_string());
        let ids = [case.payment.intent_id.as_ref().map(|id| id.as_str()), Some(charge_id.as_str())];
        of.is_some_and(|of| ids.contains(&Some(of.as_str())))
    };
    let transfers = read(jobs, jobs.stripe.transfers_in(&group)).await?;
    let ours = transfers.into_iter().filter(|transfer| transfer.operation_key.as_deref().is_some_and(of_this));
    Ok(ours.map(Fact::Transfer).chain([Fact::GroupRead(group)]).collect())
}

pub(super) async fn read<T>(jobs: &Jobs, call: impl Future<Output = Called<T>>) -> Result<T, Unread> {
    let started_at = jobs.clock.now();
    let called = call.await;
    jobs.learn(Side::Reading, &called.result).await;
    match called.result {
        Ok(value) => Ok(value),
        Err(failure) => {
            let call = AttemptRecord {
                kind: "preflight",
                started_at,
                took: called.took,
                status: called.status,
                error_code: Some(failure.code().to_owned()),
                error: Some(failure.message().to_owned()),
                request_id: called.request_id,
            };
            Err(Unread { failure, call })
        }
    }
}

impl Jobs {
    /// Feeds the breaker, and tells the admin when it opens.
    pub(super) async fn learn<T>(&self, by: Side, result: &Result<T, Failure>) {
        let now = self.clock.now();
        if let Some(alert) = self.breaker.learn(by, result, now) {
            if let Err(error) = self.store.tell(vec![alert], now).await {
                tracing::error!(%error, "the alert about the breaker could not be written");
            }
            self.signals.mail.notify_one();
        }
    }

    /// A charge that Stripe definitely does not show us is a matter for a person, not for another try.
    pub(super) async fn tell_unreadable(&self, case: &Case, failure: &Failure) -> Result<(), StoreError> {
        if triage(failure) != Verdict::Reject {
            return Ok(());
        }
        let payment = &case.payment;
        let why = format!("its charge cannot be read from Stripe: {}", failure.message());
        let summary = brief(payment, case.mentor.as_ref(), payment.mentor_due());
        let notice = Notice::NeedsAttention { payment: summary, why };
        let subject = format!("{}:preflight", payment.id);
        let alert = Outgoing::to_admin(notice, "needs_attention", subject, Some(payment.id));
        self.store.tell(vec![alert], self.clock.now()).await
    }
}
