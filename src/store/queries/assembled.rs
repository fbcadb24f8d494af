//! What decides how a payment is put together anew: what an object says by now, and what its row said before. Reads and
//! writes nothing.

use diesel::prelude::*;

use crate::domain::assemble::{Assembled, Standing};
use crate::domain::facts::{Says, Source, SourceKind, Stamp};
use crate::domain::fees::Split;
use crate::domain::ids::MentorId;
use crate::domain::money::MinorUnits;
use crate::domain::payment::Collection;
use crate::store::db::TxError;
use crate::store::rows::{json as read_json, utc};
use crate::store::schema::payments;
use crate::store::types::Timestamp;

/// What an object says by now, from what is told of it and what is kept.
pub(super) struct Merged {
    pub newest: Stamp,
    pub says: Says,
    pub changed: bool,
}

/// `None` when nothing is to be written.
pub(super) fn merge(source: &Source, kept: Option<(Stamp, Says)>) -> Option<Merged> {
    let mut says = source.says.clone();
    let mut newest = source.stamp.clone();
    let Some((kept_stamp, kept_says)) = kept else { return Some(Merged { newest, says, changed: true }) };
    let since = [(says.paid_at, kept_says.paid_at), (says.authorized_at, kept_says.authorized_at)];
    let same = says.collection == kept_says.collection && source.kind == SourceKind::PaymentIntent;
    let told = if says.settlement_currency.is_some() { &says } else { &kept_says };
    let settled = (told.settlement_currency, told.settlement_amount);
    if kept_stamp > newest {
        (newest, says) = (kept_stamp.clone(), kept_says.clone());
    }
    // What a charge settled in never changes, and only some tellings say it.
    (says.settlement_currency, says.settlement_amount) = settled;
    // An object is paid or authorised once, however often it is told or read.
    if same && says.captured_later {
        [says.paid_at, says.authorized_at] = since.map(|(told, kept)| told.into_iter().chain(kept).min());
    }
    let changed = says != kept_says;
    // A later telling of the same is kept too: it outdates what was told in between and comes after it.
    (changed || newest != kept_stamp).then_some(Merged { newest, says, changed })
}

impl Merged {
    /// Whether the payment is to be put together anew. When the charge's figure of refunds was told decides which failed
    /// refunds it still counts.
    pub(super) fn matters(&self) -> bool {
        self.changed || self.says.refunded > MinorUnits::ZERO
    }
}

/// What of a payment's row decides how it is put together again.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub(super) struct BeforeRow {
    pub id: i64,
    pub platform_fee_bps: i32,
    pub paid_at: Option<Timestamp>,
    pub stripe_charge_id: Option<String>,
    mentor_id: Option<String>,
    amount: i64,
    platform_fee: i64,
    mentor_amount: i64,
    fee_conflict: Option<String>,
    session_starts_at: Option<Timestamp>,
    session_ends_at: Option<Timestamp>,
    authorized_at: Option<Timestamp>,
    metadata: serde_json::Value,
}

impl BeforeRow {
    pub(super) fn standing(&self) -> Result<Standing, TxError> {
        let minor = |amount| MinorUnits::new(amount).unwrap_or_default();
        Ok(Standing {
            mentor_id: self.mentor_id.clone().map(MentorId::new),
            amount: minor(self.amount),
            split: Split {
                platform_fee: minor(self.platform_fee),
                mentor_amount: minor(self.mentor_amount),
                conflict: self.fee_conflict.clone(),
            },
            session_starts_at: utc(self.session_starts_at),
            session_ends_at: utc(self.session_ends_at),
            authorized_at: utc(self.authorized_at),
            metadata: read_json(format!("payment {}'s metadata", self.id), &self.metadata)?,
        })
    }
}

/// Of a payment that was just recorded.
pub(super) fn first_status(p: &Assembled) -> &'static str {
    match p.collection {
        _ if p.paid_at.is_some() => "pending",
        Collection::Authorized => "authorized",
        _ => "unpaid",
    }
}
