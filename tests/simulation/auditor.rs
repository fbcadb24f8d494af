//! Watches Stripe, and shares nothing with payoutd but what the documentation promises. It reads the sandbox's log of
//! events, which says what really happened and in which order, and knows when people flagged what.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::storage::{By, BySweep, Claim};
use crate::stripe::Read;

/// How long after it was asked for a look at a charge may be gone by.
pub const LOOK_MAX_AGE_MS: i64 = 120_000;
/// And a sweep after it began.
pub const SWEEP_MAX_AGE_MS: i64 = 60_000;
/// What the platform keeps, in basis points.
pub const FEE_BPS: i64 = 1_000;

/// A charge, as Stripe knows it by now.
#[derive(Debug, Default, Clone)]
pub struct Charge {
    pub amount: i64,
    pub refunded: i64,
    /// Whose.
    pub mentor: String,
    /// How many refunds changed what is refunded.
    pub refunds: i64,
    pub disputes: BTreeMap<String, String>,
    /// Transfers of it: amount, and what was reversed.
    pub transfers: BTreeMap<String, (i64, i64)>,
    /// What was refunded and whether a chargeback was open, from which event on.
    history: Vec<(usize, i64, bool)>,
}

impl Charge {
    pub fn left(&self) -> i64 {
        self.transfers.values().map(|(amount, reversed)| amount - reversed).sum()
    }

    fn is_charged_back(&self) -> bool {
        let open = ["needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "lost"];
        self.disputes.values().any(|status| open.contains(&status.as_str()))
    }

    fn at(&self, event: usize) -> (i64, bool) {
        let then = self.history.iter().take_while(|(since, ..)| *since < event).last();
        then.map_or((0, false), |(_, refunded, charged_back)| (*refunded, *charged_back))
    }

    /// What the mentor should have in the end.
    pub fn due(&self) -> i64 {
        if self.disputes.values().any(|status| status == "lost") { 0 } else { share(self.amount, self.refunded) }
    }
}

/// The mentor's part of what a charge is still worth.
fn share(amount: i64, refunded: i64) -> i64 {
    let fee = (amount * FEE_BPS * 2 + 10_000) / 20_000;
    (amount - fee) * (amount - refunded) / amount
}

#[derive(Default)]
pub struct Auditor {
    pub charges: BTreeMap<String, Charge>,
    /// Operations that are over.
    over: Over,
    /// The keys of our own that transfers carry at Stripe.
    made: BTreeSet<String>,
    seen: usize,
}

/// Operations that are over.
#[derive(Default)]
pub struct Over {
    pub all: BTreeSet<i64>,
    /// Those of them of which Stripe had nothing when they were looked for.
    pub absent: BTreeSet<i64>,
}

/// What the auditor is told besides Stripe's log.
pub struct Witness<'a> {
    /// How a charge had been read by who asked for its transfer, each time that such a request came in.
    pub asked_after: &'a BTreeMap<String, Vec<Read>>,
    /// Intents to transfer that were committed.
    pub claims: &'a [Claim],
    /// Mentors who owed something, ever: what they are sent may be less.
    pub debtors: &'a BTreeSet<String>,
    /// Spans in which a charge was flagged: from and until which number of flags.
    pub flagged: &'a BTreeMap<String, Vec<(u64, Option<u64>)>>,
}

impl Auditor {
    /// Reads on in the log. What must never be is an error.
    pub fn reads<'e>(
        &mut self,
        events: impl ExactSizeIterator<Item = &'e payoutd::app::sandbox::Event>,
        witness: &Witness<'_>,
    ) -> Result<(), String> {
        let seen = self.seen;
        self.seen = events.len();
        for (number, event) in events.enumerate().skip(seen) {
            let object = event.json()["data"]["object"].clone();
            self.takes_in(number, &event.kind, &object, witness)?;
        }
        Ok(())
    }

    /// What is over stays so, whoever else comes with an answer; but what was taken for absent may turn out to be there, among
    /// the operations `made` that Stripe has a transfer of.
    pub fn sees_over(&mut self, over: Over, made: &BTreeSet<i64>) -> Result<(), String> {
        let was_there = |id: &i64| self.over.absent.contains(id) && made.contains(id);
        if let Some(again) = self.over.all.difference(&over.all).find(|id| !was_there(id)) {
            return Err(format!("operation {again} was over, and is not any more"));
        }
        self.over = over;
        Ok(())
    }

    /// The keys of our own that transfers carry at Stripe.
    pub fn made(&self) -> &BTreeSet<String> {
        &self.made
    }

    fn takes_in(&mut self, number: usize, kind: &str, object: &Value, witness: &Witness<'_>) -> Result<(), String> {
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        let whole = |name: &str| object[name].as_i64().unwrap_or_default();
        match kind {
            _ if kind.starts_with("charge.dispute.") => {
                let charge = self.charges.entry(text("charge")).or_default();
                charge.disputes.insert(text("id"), text("status"));
                charge.remember(number);
            }
            _ if kind.starts_with("charge.") && object["object"] == "charge" => {
                let charge = self.charges.entry(text("id")).or_default();
                charge.amount = whole("amount");
                charge.mentor = object["metadata"]["mentorUserId"].as_str().unwrap_or_default().to_owned();
                charge.refunds += i64::from(charge.refunded != whole("amount_refunded"));
                charge.refunded = whole("amount_refunded");
                charge.remember(number);
            }
            "transfer.created" | "transfer.updated" | "transfer.reversed" => {
                let source = text("source_transaction");
                let is_new = kind == "transfer.created";
                let charge = self.charges.entry(source.clone()).or_default();
                charge.transfers.insert(text("id"), (whole("amount"), whole("amount_reversed")));
                let charge = charge.clone();
                if is_new {
                    self.made.extend(object["metadata"]["payoutd_operation"].as_str().map(str::to_owned));
                    may_be_transferred(&source, &charge, whole("amount"), witness)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Charge {
    fn remember(&mut self, number: usize) {
        self.history.push((number, self.refunded, self.is_charged_back()));
    }
}

/// So much a clock is set wrong at a time.
const WRONG_CLOCK_MS: i64 = 150_000;

/// What Stripe had told the sweep that a claim went by; none where its charge was read. Either was a fresh look.
fn went_by(by: By) -> Result<Option<Read>, String> {
    let (swept, age_ms, max_age_ms) = match by {
        By::Charge { age_ms: Some(age_ms) } => (None, age_ms, LOOK_MAX_AGE_MS),
        By::Charge { age_ms: None } => return Err("without a look at its charge".into()),
        By::Sweep(BySweep { read: Some(events), age_ms }) => (Some(Read::at_once(events)), age_ms, SWEEP_MAX_AGE_MS),
        By::Sweep(BySweep { read: None, .. }) => return Err("by a sweep, and not all was ever listed".into()),
    };
    if age_ms > max_age_ms + WRONG_CLOCK_MS {
        return Err(format!("by what Stripe had told {} s before", age_ms / 1_000));
    }
    Ok(swept)
}

/// What is promised of every transfer.
fn may_be_transferred(id: &str, charge: &Charge, amount: i64, witness: &Witness<'_>) -> Result<(), String> {
    let whole = share(charge.amount, 0);
    if charge.left() > whole {
        return Err(format!("paid twice: {id} has {} transferred, its mentor's part is {whole}", charge.left()));
    }
    // Those that follow pay again what was taken back.
    if charge.transfers.len() > 1 && charge.transfers.values().any(|(_, reversed)| *reversed > 0) {
        return Ok(());
    }
    let claim = witness.claims.iter().rev().find(|claim| claim.charge == id);
    let claim = claim.ok_or_else(|| format!("{id} was transferred and never claimed"))?;
    let by_itself = witness.asked_after.get(id).map_or(&[][..], Vec::as_slice);
    // One that was claimed by a sweep is judged by what Stripe told when that was begun.
    let swept = went_by(claim.by).map_err(|how| format!("{id} was claimed {how}"))?;
    let reads = swept.as_ref().map_or(by_itself, std::slice::from_ref);
    let may_be_less = witness.debtors.contains(&charge.mentor);
    let verdict = |read: &Read| {
        let ((refunded, _), (_, charged_back)) = (charge.at(read.charge), charge.at(read.disputes));
        let due = share(charge.amount, refunded);
        // An event may have told of a later refund after the charge was read: then it is rightly less.
        let least = due.min(share(charge.amount, charge.refunded));
        if charged_back {
            Err(format!("{id} was transferred although Stripe had said that it is disputed"))
        } else if amount > due + 1 || (amount < least - charge.refunds - 1 && !may_be_less) {
            Err(format!("{id}: {amount} was transferred, {due} was due (refunded by then: {refunded})"))
        } else {
            Ok(())
        }
    };
    let mut verdicts: Vec<_> = reads.iter().map(verdict).collect();
    if !verdicts.iter().any(Result::is_ok) {
        return verdicts.pop().unwrap_or_else(|| Err(format!("{id} was transferred and never read")));
    }
    let flags = &claim.flags;
    let spans = witness.flagged.get(id).map_or(&[][..], Vec::as_slice);
    if spans.iter().any(|(from, until)| from <= flags && until.is_none_or(|until| *flags < until)) {
        return Err(format!("{id} was claimed while it was flagged"));
    }
    Ok(())
}
