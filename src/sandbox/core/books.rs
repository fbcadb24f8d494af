//! The books: what the platform really did, for an auditor who trusts nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Core;
use super::ledger::Owner;
use super::payout::Payout;
use super::transfer::Transfer;

/// One transfer as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferEntry {
    /// `tr_…`
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    /// Minor units.
    pub amount_minor: i64,
    /// Minor units that came back.
    pub reversed_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// `acct_…`
    pub destination: String,
    /// `ch_…`
    pub source_transaction: Option<String>,
    /// The group.
    pub transfer_group: Option<String>,
    /// The key of the request that made it.
    pub idempotency_key: Option<String>,
    /// As the platform wrote it.
    pub metadata: BTreeMap<String, String>,
}

/// One payout as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutEntry {
    /// `po_…`
    pub id: String,
    /// `acct_…`; nothing for the platform's own.
    pub account: Option<String>,
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Whether it is an instant one.
    pub instant: bool,
    /// In Stripe's words.
    pub status: String,
    /// As the platform wrote it.
    pub metadata: BTreeMap<String, String>,
}

/// Everything that was transferred and paid out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Every transfer, oldest first.
    pub transfers: Vec<TransferEntry>,
    /// Transfers of each group that are not reversed in full.
    pub live_by_group: BTreeMap<String, u64>,
    /// Transfers of each source charge that are not reversed in full.
    pub live_by_charge: BTreeMap<String, u64>,
    /// Live transfers beyond the first of their group (or of their charge, where they have no group).
    pub duplicates: u64,
    /// Every payout, oldest first.
    pub payouts: Vec<PayoutEntry>,
    /// What all connected accounts have together, available or pending, in minor units by currency.
    pub connected_minor: BTreeMap<String, i64>,
    /// The platform's available balance, in minor units by currency.
    pub available_minor: BTreeMap<String, i64>,
    /// The platform's pending balance, in minor units by currency.
    pub pending_minor: BTreeMap<String, i64>,
}

impl Core {
    /// The books as of now.
    pub fn books(&mut self, now: i64) -> Books {
        self.advance(now);
        let mut books = Books {
            available_minor: self.ledger.platform_available(),
            pending_minor: self.ledger.platform_pending(),
            connected_minor: self.ledger.connected(),
            payouts: self.payouts.iter().map(payout_entry).collect(),
            ..Books::default()
        };
        for transfer in self.transfers.iter() {
            books.transfers.push(entry(transfer));
            if !transfer.is_reversed() {
                books.count_live(transfer);
            }
        }
        books
    }
}

impl Books {
    fn count_live(&mut self, transfer: &Transfer) {
        let mut twice = false;
        for (counts, name) in [
            (&mut self.live_by_group, &transfer.transfer_group),
            (&mut self.live_by_charge, &transfer.source_transaction),
        ] {
            if let Some(name) = name {
                let count = counts.entry(name.clone()).or_default();
                *count += 1;
                twice |= *count > 1;
            }
        }
        self.duplicates += u64::from(twice);
    }
}

fn payout_entry(payout: &Payout) -> PayoutEntry {
    PayoutEntry {
        id: payout.id.clone(),
        account: match &payout.owner {
            Owner::Platform => None,
            Owner::Connected(id) => Some(id.clone()),
        },
        amount_minor: payout.amount,
        currency: payout.currency.clone(),
        instant: payout.instant,
        status: payout.state.name().to_owned(),
        metadata: payout.metadata.clone(),
    }
}

fn entry(transfer: &Transfer) -> TransferEntry {
    TransferEntry {
        id: transfer.id.clone(),
        created: transfer.created,
        amount_minor: transfer.amount,
        reversed_minor: transfer.amount_reversed,
        currency: transfer.currency.clone(),
        destination: transfer.destination.clone(),
        source_transaction: transfer.source_transaction.clone(),
        transfer_group: transfer.transfer_group.clone(),
        idempotency_key: transfer.idempotency_key.clone(),
        metadata: transfer.metadata.clone(),
    }
}
