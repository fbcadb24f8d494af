//! Rows of the bank leg as they lie in the tables, and the way between them and the domain. No query stands here.

use diesel::prelude::*;

use super::rows::{Result, corrupt, minor, utc, word};
use super::schema;
use super::types::Timestamp;
use crate::domain::ids::{MentorId, PayoutId, WithdrawalId};
use crate::domain::ledger::PayoutFigures;
use crate::domain::money::Currency;
use crate::domain::withdrawal::{Speed, WithdrawalRequest, WithdrawalState, reference};
use crate::ports::WithdrawalView;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::payout_requests)]
pub(super) struct WithdrawalRow {
    pub id: i64,
    pub mentor_id: String,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub speed: String,
    pub request_key: Option<String>,
    pub requested_by: String,
    pub requested_at: Timestamp,
    pub state: String,
    pub nonce: String,
    pub paid_out: Option<i64>,
    pub stripe_payout_id: Option<String>,
    pub arrives_at: Option<Timestamp>,
    pub outcome: Option<String>,
}

impl WithdrawalRow {
    fn what(&self) -> String {
        format!("payout request {}", self.id)
    }

    pub(super) fn state(&self) -> Result<WithdrawalState> {
        word(self.what(), &self.state, WithdrawalState::from_word)
    }

    pub(super) fn request(&self) -> Result<WithdrawalRequest> {
        Ok(WithdrawalRequest {
            id: WithdrawalId(self.id),
            mentor_id: MentorId::new(&self.mentor_id),
            amount: self.amount,
            currency: self.currency.clone(),
            speed: word(self.what(), &self.speed, Speed::from_word)?,
            requested_at: self.requested_at.into(),
            reference: reference(self.request_key.as_deref(), &self.nonce),
        })
    }

    pub(super) fn view(self) -> Result<WithdrawalView> {
        Ok(WithdrawalView {
            id: WithdrawalId(self.id),
            state: self.state()?,
            speed: word(self.what(), &self.speed, Speed::from_word)?,
            mentor: MentorId::new(self.mentor_id),
            amount: self.amount,
            currency: self.currency,
            request_key: self.request_key,
            requested_by: self.requested_by,
            requested_at: self.requested_at.into(),
            paid_out: self.paid_out,
            payout: self.stripe_payout_id.map(PayoutId::new),
            arrives_at: utc(self.arrives_at),
            outcome: self.outcome,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = schema::payouts)]
pub(super) struct PayoutRow {
    pub stripe_payout_id: String,
    pub mentor_id: Option<String>,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub failure: Option<String>,
    pub arrives_at: Option<Timestamp>,
}

impl PayoutRow {
    pub(super) fn figures(&self) -> Result<PayoutFigures> {
        let what = format!("payout {}", self.stripe_payout_id);
        Ok(PayoutFigures {
            mentor: self.mentor_id.clone().map(MentorId::new),
            currency: Currency::parse(&self.currency).map_err(|e| corrupt(&what, e))?,
            amount: minor(&what, self.amount)?,
            status: self.status.clone(),
        })
    }
}
