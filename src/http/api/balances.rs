//! What a mentor has, and what happened to it.

use serde_json::json;

use super::answer::{Answer, Answered, no_such_mentor};
use super::call::Call;
use super::{Api, cursor};
use crate::domain::ids::MentorId;
use crate::domain::money::Currency;
use crate::http::error::ErrorAnswer;
use crate::ports::{HistoryEntry, HistoryPlace, Page, PaymentFilter};

const LIST: &str = "history";

impl Api {
    /// A mentor is known who is registered, or whom a payment names: a charge may come first.
    pub(super) async fn require_mentor(&self, id: &MentorId, field: &str) -> Result<(), ErrorAnswer> {
        if !self.parts.store.mentors(Some(id.clone()), 1).await?.is_empty() {
            return Ok(());
        }
        let theirs = PaymentFilter { mentor: Some(id.clone()), ..PaymentFilter::default() };
        match self.parts.desk.search_payments(theirs, Page::newest(1)).await?.is_empty() {
            true => Err(no_such_mentor(field)),
            false => Ok(()),
        }
    }
}

pub(super) async fn balance(api: &Api, call: &Call) -> Answered {
    let mentor = call.mentor();
    let balances = api.parts.books.balances(mentor.clone()).await?;
    if balances.is_empty() {
        api.require_mentor(&mentor, "id").await?;
    }
    Answer::ok(json!({ "mentor": mentor, "balances": balances }))
}

pub(super) async fn history(api: &Api, call: &Call) -> Answered {
    let (mentor, limit) = (call.mentor(), call.limit()?);
    let after = call.after(LIST, place)?;
    let entries = api.parts.histories.history(mentor.clone(), after, limit + 1).await?;
    if entries.is_empty() && after.is_none() {
        api.require_mentor(&mentor, "id").await?;
    }
    Answer::page(entries, limit, |last: &HistoryEntry| cursor::of(LIST, &format!("{}:{}", last.journal, last.currency)))
}

fn place(key: &str) -> Option<HistoryPlace> {
    let (journal, currency) = key.split_once(':')?;
    Some(HistoryPlace { journal: journal.parse().ok()?, currency: Currency::parse(currency).ok()? })
}
