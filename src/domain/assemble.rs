//! Puts a payment together from what its objects say. The same objects give the same payment, whatever the
//! order in which they came; the charge is believed over the payment intent, and that over the session.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::facts::{Says, Source, SourceKind};
use super::fees::{self, Split, StatedFee};
use super::ids::{ChargeId, IntentId, MentorId, PaymentKey, SessionId};
use super::money::{Currency, MinorUnits};
use super::payment::Collection;
use super::policy::{MetadataNames, Policy};
use super::refund::{self, ChargeFigure, RefundStanding};
use super::release::window_ends;
use super::session::time_in;

/// A payment as its objects describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// What makes it one payment.
    pub key: PaymentKey,
    /// Whether the money is real.
    pub livemode: bool,
    /// How far the customer's money has come.
    pub collection: Collection,
    /// The payment intent.
    pub intent_id: Option<IntentId>,
    /// The checkout session.
    pub session_id: Option<SessionId>,
    /// The charge.
    pub charge_id: Option<ChargeId>,
    /// Who is to be paid.
    pub mentor_id: Option<MentorId>,
    /// The platform's booking.
    pub booking_id: Option<String>,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// The customer's address.
    pub customer_email: Option<String>,
    /// What it was charged in.
    pub currency: Currency,
    /// What it settled in, where known.
    pub settlement_currency: Option<Currency>,
    /// How much of that, where known.
    pub settlement_amount: Option<MinorUnits>,
    /// What the customer paid.
    pub amount: MinorUnits,
    /// Platform's and mentor's part.
    pub split: Split,
    /// What went back to the customer.
    pub refunded: MinorUnits,
    /// When the customer paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// Since when the money is reserved.
    pub authorized_at: Option<DateTime<Utc>>,
    /// When the session begins.
    pub session_starts_at: Option<DateTime<Utc>>,
    /// When the session is to end.
    pub session_ends_at: Option<DateTime<Utc>>,
    /// When the window ends.
    pub window_ends: Option<DateTime<Utc>>,
    /// Whether the charge was ever disputed.
    pub charge_disputed: bool,
    /// Whether Stripe moves the money on by itself.
    pub destination_charge: bool,
    /// The charge's transfer group.
    pub transfer_group: Option<String>,
    /// All metadata; where keys clash, the charge's wins over the intent's over the session's.
    pub metadata: BTreeMap<String, String>,
}

/// Puts a payment together. `fee_bps` is the rate that held when the payment was first recorded.
/// `None` without any source.
pub fn assemble(sources: &[Source], refunds: &[RefundStanding], fee_bps: u16, policy: &Policy) -> Option<Assembled> {
    let mut sources: Vec<&Source> = sources.iter().collect();
    // The best-believed first; of several of a kind (a second charge after a failed one), the furthest along.
    sources.sort_by(|a, b| {
        let order = |s: &Source| (std::cmp::Reverse(furthest(s.says.collection)), s.kind);
        order(a).cmp(&order(b)).then(b.stamp.cmp(&a.stamp)).then(a.object_id.cmp(&b.object_id))
    });
    let best = sources.first()?;
    let collection = collection(&sources);
    let metadata = metadata(&sources);
    let paid_at = if collection == Collection::Paid { paid_at(&sources) } else { None };
    let amount = best.says.amount;
    let split = fees::split(amount, best.says.currency, fee_bps, stated(&metadata, &policy.names));
    Some(Assembled {
        key: best.key.clone(),
        livemode: best.says.livemode,
        collection,
        intent_id: first(&sources, |s| s.intent_id.clone()),
        session_id: first(&sources, |s| s.session_id.clone()),
        charge_id: first(&sources, |s| s.charge_id.clone()),
        mentor_id: mentor_in(&metadata, &policy.names),
        booking_id: named(&metadata, &policy.names.booking_id).map(str::to_owned),
        customer_name: first(&by_closeness(&sources), |s| s.customer_name.clone()),
        customer_email: first(&by_closeness(&sources), |s| s.customer_email.clone()),
        currency: best.says.currency,
        settlement_currency: first(&sources, |s| s.settlement_currency),
        settlement_amount: first(&sources, |s| s.settlement_amount),
        amount,
        split,
        refunded: refund::total(refunds, figure(&sources)).min(amount),
        paid_at,
        authorized_at: first(&sources, |s| s.authorized_at),
        session_starts_at: time_in(&metadata, &policy.names.session_starts_at),
        session_ends_at: time_in(&metadata, &policy.names.session_ends_at),
        window_ends: paid_at.map(|at| window_ends(at, policy.dispute_window)),
        charge_disputed: sources.iter().any(|s| s.says.disputed),
        destination_charge: sources.iter().any(|s| s.says.destination_charge),
        transfer_group: first(&sources, |s| s.transfer_group.clone()),
        metadata,
    })
}

/// Whom metadata names as the one to be paid.
pub fn mentor_in(metadata: &BTreeMap<String, String>, names: &MetadataNames) -> Option<MentorId> {
    named(metadata, &names.mentor_id).map(MentorId::new)
}

/// What a payment's row held before it is put together again, as far as a person may have changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who is to be paid.
    pub mentor_id: Option<MentorId>,
    /// What the customer paid.
    pub amount: MinorUnits,
    /// The parts.
    pub split: Split,
    /// When the session begins.
    pub session_starts_at: Option<DateTime<Utc>>,
    /// When the session is to end.
    pub session_ends_at: Option<DateTime<Utc>>,
    /// Since when the money is reserved.
    pub authorized_at: Option<DateTime<Utc>>,
    /// The metadata that the row was put together from.
    pub metadata: BTreeMap<String, String>,
}

impl Assembled {
    /// Keeps what a person has changed in the row: it is what the row's own metadata would not have given. Should the
    /// amount change under a split that a person made, nobody can say any more what is right: the payment is held.
    pub fn respecting(mut self, before: &Standing, fee_bps: u16, policy: &Policy) -> Self {
        if before.mentor_id != mentor_in(&before.metadata, &policy.names) {
            self.mentor_id = before.mentor_id.clone();
        }
        if before.session_starts_at != time_in(&before.metadata, &policy.names.session_starts_at) {
            self.session_starts_at = before.session_starts_at;
        }
        if before.session_ends_at != time_in(&before.metadata, &policy.names.session_ends_at) {
            self.session_ends_at = before.session_ends_at;
        }
        // An authorisation runs from its beginning, however often Stripe tells of it.
        let since = [before.authorized_at, self.authorized_at];
        self.authorized_at = since.into_iter().flatten().min();
        let given = fees::split(before.amount, self.currency, fee_bps, stated(&before.metadata, &policy.names));
        if before.split != given {
            if before.amount == self.amount {
                self.split = before.split.clone();
            } else {
                let words = format!(
                    "the amount changed from {} to {} after the fee was set by hand",
                    before.amount, self.amount
                );
                self.split.conflict.get_or_insert(words);
            }
        }
        self
    }
}

fn first<T>(sources: &[&Source], get: impl Fn(&Says) -> Option<T>) -> Option<T> {
    sources.iter().find_map(|source| get(&source.says))
}

/// Paid is for good, and so is a payment intent that was canceled; money that is reserved outweighs an attempt that
/// failed before. Of the rest the latest telling counts.
fn collection(sources: &[&Source]) -> Collection {
    let any = |wanted| sources.iter().any(|s| s.says.collection == wanted).then_some(wanted);
    let latest = || sources.iter().max_by(|a, b| a.stamp.cmp(&b.stamp)).map(|s| s.says.collection);
    let settled = [Collection::Paid, Collection::Canceled, Collection::Authorized].into_iter().find_map(any);
    settled.or_else(latest).unwrap_or(Collection::Awaiting)
}

/// How much an object of that standing has to say about the payment.
fn furthest(collection: Collection) -> u8 {
    match collection {
        Collection::Paid => 2,
        Collection::Authorized => 1,
        Collection::Awaiting | Collection::Failed | Collection::Canceled => 0,
    }
}

/// A charge that was authorised first says when that was; its payment intent says when it was captured.
fn paid_at(sources: &[&Source]) -> Option<DateTime<Utc>> {
    let captured = sources.iter().find(|s| s.kind == SourceKind::PaymentIntent && s.says.captured_later);
    captured.and_then(|intent| intent.says.paid_at).or_else(|| first(sources, |s| s.paid_at))
}

/// The session asked the customer for name and address, so it is believed first about them.
fn by_closeness<'a>(sources: &[&'a Source]) -> Vec<&'a Source> {
    let (sessions, others): (Vec<&Source>, Vec<&Source>) =
        sources.iter().copied().partition(|s| s.kind == SourceKind::CheckoutSession);
    [sessions, others].concat()
}

fn figure(sources: &[&Source]) -> Option<ChargeFigure> {
    let charge = sources.iter().find(|s| s.kind == SourceKind::Charge)?;
    Some(ChargeFigure { refunded: charge.says.refunded, told_at: charge.stamp.told_at })
}

fn metadata(sources: &[&Source]) -> BTreeMap<String, String> {
    let mut by_kind: Vec<&&Source> = sources.iter().collect();
    by_kind.sort_by_key(|source| std::cmp::Reverse(source.kind));
    by_kind.iter().flat_map(|source| source.says.metadata.clone()).collect()
}

fn named<'a>(metadata: &'a BTreeMap<String, String>, names: &[String]) -> Option<&'a str> {
    names.iter().filter_map(|name| metadata.get(name)).map(|value| value.trim()).find(|value| !value.is_empty())
}

fn stated<'a>(metadata: &'a BTreeMap<String, String>, names: &MetadataNames) -> StatedFee<'a> {
    let get = |names: &[String]| names.iter().find_map(|name| metadata.get(name)).map(String::as_str);
    StatedFee { platform_fee: get(&names.platform_fee), mentor_amount: get(&names.mentor_amount) }
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
