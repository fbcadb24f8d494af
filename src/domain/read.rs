//! Each event type, read into the fact that it is. A type that is not listed is fine: it is kept and left.

use super::dispute::{self, Dispute};
use super::event::{Event, EventError};
use super::event_object as object;
use super::facts::{
    AccountDetails, AccountFact, DisputeFact, Fact, PayoutFact, RefundFact, ReversalFact, Says, Source, SourceKind,
    TransferFact,
};
use super::ids::{
    AccountId, ChargeId, DisputeId, IntentId, PaymentKey, PayoutId, RefundId, ReversalId, SessionId, TransferId,
};
use super::mentor::Capability;
use super::money::MinorUnits;
use super::payment::Collection;
use super::refund;

/// The metadata key under which a transfer carries the idempotency key that it was asked for with.
pub const OPERATION_KEY: &str = "payoutd_operation";
/// The metadata key under which a payout carries what its withdrawal is found by.
pub const WITHDRAWAL_KEY: &str = "payoutd_withdrawal";

pub(super) fn fact(event: &Event<'_>) -> Result<Fact, EventError> {
    let kind = event.head.kind.as_str();
    let about_account = event.head.account.is_some();
    match kind {
        "account.updated" => account(event),
        "account.application.deauthorized" => deauthorized(event),
        "capability.updated" => capability(event),
        "payout.created" | "payout.updated" | "payout.paid" | "payout.failed" | "payout.canceled" => payout(event),
        _ if about_account => Ok(Fact::Nothing("an event of a connected account, not of the platform")),
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed" => session(event),
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.amount_capturable_updated"
        | "payment_intent.canceled" => intent(event),
        "charge.succeeded" | "charge.updated" | "charge.captured" | "charge.expired" | "charge.refunded" => {
            charge(event)
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => refund_fact(event),
        "transfer.created" | "transfer.updated" | "transfer.reversed" => transfer(event),
        _ if kind.starts_with("charge.dispute.") => dispute_fact(event),
        _ => Ok(Fact::Nothing("a type that payoutd does not act on")),
    }
}

fn session(event: &Event<'_>) -> Result<Fact, EventError> {
    let session: object::Session = event.read()?;
    let Some(intent_id) = session.payment_intent.map(|pi| IntentId::new(pi.into_id())) else {
        return Ok(Fact::Nothing("a checkout session without a payment intent"));
    };
    let collection = match (session.payment_status.as_str(), event.head.kind.as_str()) {
        ("paid", _) => Collection::Paid,
        (_, "checkout.session.async_payment_failed") => Collection::Failed,
        _ => Collection::Awaiting,
    };
    let amount = session.amount_total.ok_or_else(|| event.wrong("amount_total", "missing", "must be there"))?;
    let code = session.currency.ok_or_else(|| event.wrong("currency", "missing", "must be there"))?;
    let customer = session.customer_details;
    Ok(Fact::Payment(Source {
        object_id: session.id.clone(),
        kind: SourceKind::CheckoutSession,
        key: PaymentKey::new(intent_id.as_str()),
        stamp: event.stamp(collection_rank(collection)),
        says: Says {
            livemode: session.livemode,
            collection,
            amount: event.positive("amount_total", amount)?,
            currency: event.currency(&code)?,
            paid_at: (collection == Collection::Paid).then_some(event.head.created_at),
            intent_id: Some(intent_id),
            session_id: Some(SessionId::new(session.id)),
            customer_email: customer.as_ref().and_then(|c| c.email.clone()),
            customer_name: customer.and_then(|c| c.name),
            metadata: session.metadata.unwrap_or_default(),
            ..nothing_said(event, &code)?
        },
    }))
}

fn intent(event: &Event<'_>) -> Result<Fact, EventError> {
    Ok(Fact::Payment(intent_source(event, event.read()?)?))
}

pub(super) fn intent_source(event: &Event<'_>, intent: object::Intent) -> Result<Source, EventError> {
    let collection = match intent.status.as_str() {
        "succeeded" => Collection::Paid,
        "canceled" => Collection::Canceled,
        "requires_capture" => Collection::Authorized,
        _ if event.head.kind == "payment_intent.payment_failed" => Collection::Failed,
        _ => Collection::Awaiting,
    };
    let paid = collection == Collection::Paid;
    let authorized = collection == Collection::Authorized;
    let (field, amount) = if paid { ("amount_received", intent.amount_received) } else { ("amount", intent.amount) };
    Ok(Source {
        object_id: intent.id.clone(),
        kind: SourceKind::PaymentIntent,
        key: PaymentKey::new(&*intent.id),
        stamp: event.stamp(collection_rank(collection)),
        says: Says {
            livemode: intent.livemode,
            collection,
            amount: event.positive(field, amount)?,
            currency: event.currency(&intent.currency)?,
            paid_at: paid.then_some(event.head.created_at),
            authorized_at: authorized.then_some(event.head.created_at),
            captured_later: intent.capture_method == "manual",
            intent_id: Some(IntentId::new(intent.id)),
            charge_id: intent.latest_charge.filter(|_| paid || authorized).map(|c| ChargeId::new(c.into_id())),
            destination_charge: intent.transfer_data.is_some(),
            transfer_group: intent.transfer_group,
            customer_email: intent.receipt_email,
            metadata: intent.metadata.unwrap_or_default(),
            ..nothing_said(event, &intent.currency)?
        },
    })
}

fn charge(event: &Event<'_>) -> Result<Fact, EventError> {
    let charge: object::Charge = event.read()?;
    Ok(Fact::Payment(charge_source(event, charge)?))
}

pub(super) fn charge_source(event: &Event<'_>, charge: object::Charge) -> Result<Source, EventError> {
    let succeeded = charge.status == "succeeded" && charge.paid;
    let collected = succeeded && charge.captured;
    let collection = match charge.status.as_str() {
        _ if collected => Collection::Paid,
        // One that was let go of says that it was refunded.
        _ if succeeded && charge.amount_refunded == 0 && event.head.kind != "charge.expired" => Collection::Authorized,
        "failed" => Collection::Failed,
        _ => Collection::Awaiting,
    };
    let intent_id = charge.payment_intent.map(|pi| IntentId::new(pi.into_id()));
    let key = intent_id.as_ref().map_or(charge.id.as_str(), IntentId::as_str);
    let captured = charge.amount_captured.filter(|_| collected);
    let (field, amount) = captured.map_or(("amount", charge.amount), |captured| ("amount_captured", captured));
    let settled = match &charge.balance_transaction {
        Some(object::BalanceTransaction::Object { currency, amount }) => {
            let amount = amount.map(|amount| event.amount("balance_transaction.amount", amount)).transpose()?;
            Some((event.currency(currency)?, amount))
        }
        _ => None,
    };
    let billed = charge.billing_details;
    Ok(Source {
        object_id: charge.id.clone(),
        kind: SourceKind::Charge,
        key: PaymentKey::new(key),
        stamp: event.stamp(charge_rank(collection, charge.amount_refunded > 0, charge.disputed)),
        says: Says {
            livemode: charge.livemode,
            collection,
            amount: event.positive(field, amount)?,
            currency: event.currency(&charge.currency)?,
            paid_at: if collected { Some(event.time("created", charge.created)?) } else { None },
            authorized_at: match collection {
                Collection::Authorized => Some(event.time("created", charge.created)?),
                _ => None,
            },
            captured_later: collection == Collection::Authorized,
            intent_id,
            session_id: None,
            charge_id: Some(ChargeId::new(charge.id)),
            refunded: event.amount("amount_refunded", charge.amount_refunded)?,
            disputed: charge.disputed,
            destination_charge: charge.transfer_data.is_some(),
            transfer_group: charge.transfer_group,
            settlement_currency: settled.map(|(currency, _)| currency),
            settlement_amount: settled.and_then(|(_, amount)| amount),
            customer_email: charge.receipt_email.or(billed.as_ref().and_then(|b| b.email.clone())),
            customer_name: billed.and_then(|b| b.name),
            metadata: charge.metadata.unwrap_or_default(),
        },
    })
}

fn nothing_said(event: &Event<'_>, currency: &str) -> Result<Says, EventError> {
    Ok(Says {
        livemode: false,
        collection: Collection::Awaiting,
        amount: MinorUnits::ZERO,
        currency: event.currency(currency)?,
        paid_at: None,
        authorized_at: None,
        captured_later: false,
        intent_id: None,
        session_id: None,
        charge_id: None,
        refunded: MinorUnits::ZERO,
        disputed: false,
        destination_charge: false,
        transfer_group: None,
        settlement_currency: None,
        settlement_amount: None,
        customer_name: None,
        customer_email: None,
        metadata: Default::default(),
    })
}

fn collection_rank(collection: Collection) -> i16 {
    match collection {
        Collection::Awaiting => 0,
        Collection::Failed => 1,
        Collection::Authorized => 2,
        Collection::Canceled => 3,
        Collection::Paid => 4,
    }
}

fn charge_rank(collection: Collection, refunded: bool, disputed: bool) -> i16 {
    collection_rank(collection) * 4 + i16::from(refunded) + 2 * i16::from(disputed)
}

fn refund_fact(event: &Event<'_>) -> Result<Fact, EventError> {
    let refund = refund_of(event, event.read()?)?;
    Ok(refund.map_or(Fact::Nothing("a refund without a charge"), Fact::Refund))
}

pub(super) fn refund_of(event: &Event<'_>, refund: object::Refund) -> Result<Option<RefundFact>, EventError> {
    let Some(charge) = refund.charge else {
        return Ok(None);
    };
    let status = refund.status.unwrap_or_else(|| "pending".into());
    Ok(Some(RefundFact {
        id: RefundId::new(refund.id),
        charge_id: ChargeId::new(charge.into_id()),
        amount: event.amount("amount", refund.amount)?,
        currency: event.currency(&refund.currency)?,
        stamp: event.stamp(refund::rank(&status)),
        status,
        operation_key: refund.metadata.and_then(|mut metadata| metadata.remove(OPERATION_KEY)),
    }))
}

pub(super) fn reversal_of(event: &Event<'_>, reversal: object::Reversal) -> Result<ReversalFact, EventError> {
    Ok(ReversalFact {
        id: ReversalId::new(reversal.id),
        transfer: transfer_of(event, reversal.transfer)?,
        amount: event.amount("amount", reversal.amount)?,
        currency: event.currency(&reversal.currency)?,
        operation_key: reversal.metadata.and_then(|mut metadata| metadata.remove(OPERATION_KEY)),
        created_at: event.time("created", reversal.created)?,
    })
}

fn dispute_fact(event: &Event<'_>) -> Result<Fact, EventError> {
    let dispute: object::Dispute = event.read()?;
    dispute_of(event, dispute).map(Fact::Dispute)
}

pub(super) fn dispute_of(event: &Event<'_>, dispute: object::Dispute) -> Result<DisputeFact, EventError> {
    // What a dispute moves, it moves where the charge settled, whatever the customer paid in.
    let settled = dispute.balance_transactions.first().map(|moved| moved.currency.clone());
    let fee_currency = settled.filter(|code| !code.is_empty()).unwrap_or_else(|| dispute.currency.clone());
    let moved = dispute.balance_transactions.iter().filter(|moved| moved.currency == fee_currency);
    let fees: Vec<i64> = moved.map(|moved| moved.fee).collect();
    let fee = fees.iter().try_fold(0_i64, |sum, fee| sum.checked_add(*fee)).ok_or_else(|| {
        let sum = fees.iter().map(i64::to_string).collect::<Vec<_>>().join(" + ");
        event.wrong("balance_transactions.fee", sum, "is more than a number holds")
    })?;
    let due_by = dispute.evidence_details.and_then(|evidence| evidence.due_by).filter(|at| *at > 0);
    Ok(DisputeFact {
        stamp: event.stamp(dispute::rank(&dispute.status)),
        evidence_due_by: due_by.map(|at| event.time("evidence_details.due_by", at)).transpose()?,
        dispute: Dispute {
            id: DisputeId::new(dispute.id),
            charge_id: ChargeId::new(dispute.charge.into_id()),
            amount: event.amount("amount", dispute.amount)?,
            fee: MinorUnits::new(fee).unwrap_or_default(),
            fee_currency: event.currency(&fee_currency)?,
            currency: event.currency(&dispute.currency)?,
            status: dispute.status,
            reason: dispute.reason,
        },
    })
}

fn transfer(event: &Event<'_>) -> Result<Fact, EventError> {
    let transfer: object::Transfer = event.read()?;
    transfer_of(event, transfer).map(Fact::Transfer)
}

pub(super) fn transfer_of(event: &Event<'_>, transfer: object::Transfer) -> Result<TransferFact, EventError> {
    let destination = transfer.destination.ok_or_else(|| event.wrong("destination", "missing", "must be there"))?;
    Ok(TransferFact {
        id: TransferId::new(transfer.id),
        charge_id: transfer.source_transaction.map(|s| ChargeId::new(s.into_id())),
        destination: AccountId::new(destination.into_id()),
        amount: event.amount("amount", transfer.amount)?,
        reversed: event.amount("amount_reversed", transfer.amount_reversed)?,
        currency: event.currency(&transfer.currency)?,
        transfer_group: transfer.transfer_group,
        operation_key: transfer.metadata.and_then(|mut m| m.remove(OPERATION_KEY)),
        created_at: event.time("created", transfer.created)?,
    })
}

fn account(event: &Event<'_>) -> Result<Fact, EventError> {
    let account: object::Account = event.read()?;
    Ok(Fact::Account(account_of(event, account)))
}

pub(super) fn account_of(event: &Event<'_>, account: object::Account) -> AccountFact {
    let transfers = Capability::from_stripe(account.capabilities.and_then(|c| c.transfers).as_deref());
    let requirements = account.requirements.unwrap_or_default();
    let schedule = account.settings.and_then(|settings| settings.payouts).and_then(|payouts| payouts.schedule);
    AccountFact {
        id: AccountId::new(account.id),
        transfers,
        stamp: event.stamp(transfers.rank()),
        details: Some(AccountDetails {
            details_submitted: account.details_submitted,
            payouts_enabled: account.payouts_enabled,
            charges_enabled: account.charges_enabled,
            disabled_reason: requirements.disabled_reason,
            requirements: requirements.currently_due.unwrap_or_default(),
            payout_interval: schedule.map(|schedule| schedule.interval),
        }),
        operation_key: account.metadata.and_then(|mut metadata| metadata.remove(OPERATION_KEY)),
    }
}

fn capability(event: &Event<'_>) -> Result<Fact, EventError> {
    let capability: object::Capability = event.read()?;
    if capability.id != "transfers" {
        return Ok(Fact::Nothing("a capability other than transfers"));
    }
    let transfers = Capability::from_stripe(Some(&capability.status));
    let id = AccountId::new(capability.account.into_id());
    let stamp = event.stamp(transfers.rank());
    Ok(Fact::Account(AccountFact { id, transfers, details: None, operation_key: None, stamp }))
}

fn deauthorized(event: &Event<'_>) -> Result<Fact, EventError> {
    let account = event.head.account.clone();
    let account = account.ok_or_else(|| event.wrong("account", "missing", "must name the connected account"))?;
    Ok(Fact::Deauthorized(account, event.stamp(0)))
}

fn payout(event: &Event<'_>) -> Result<Fact, EventError> {
    let payout: object::Payout = event.read()?;
    if payout.amount < 0 {
        return Ok(Fact::Nothing("what Stripe took from a bank to cover a balance below zero"));
    }
    payout_of(event, payout).map(Fact::Payout)
}

pub(super) fn payout_of(event: &Event<'_>, payout: object::Payout) -> Result<PayoutFact, EventError> {
    let rank = match payout.status.as_str() {
        "pending" => 0,
        "in_transit" => 1,
        "paid" => 2,
        _ => 3,
    };
    let mut metadata = payout.metadata.unwrap_or_default();
    Ok(PayoutFact {
        id: PayoutId::new(payout.id),
        account_id: event.head.account.clone(),
        amount: event.amount("amount", payout.amount)?,
        currency: event.currency(&payout.currency)?,
        status: payout.status,
        failure: payout.failure_message.or(payout.failure_code),
        arrives_at: payout.arrival_date.map(|at| event.time("arrival_date", at)).transpose()?,
        operation_key: metadata.remove(OPERATION_KEY),
        reference: metadata.remove(WITHDRAWAL_KEY),
        stamp: event.stamp(rank),
    })
}
