//! Payments as `payoutd payments --json` and `payoutd explain --json` show them.

use serde_json::{Value, json};

use super::answer::{Answer, Answered, no_such_payment};
use super::call::Call;
use super::fields::wrong;
use super::{Api, cursor};
use crate::domain::ids::MentorId;
use crate::domain::payment::PaymentStatus;
use crate::http::error::ErrorAnswer;
use crate::ports::{Listed, Page, PaymentFilter, PaymentRef, PaymentView, shown};

const LIST: &str = "payments";

impl Api {
    /// The payment that the path names.
    pub(super) async fn payment(&self, call: &Call) -> Result<PaymentView, ErrorAnswer> {
        let found = self.parts.store.find_payment(PaymentRef::typed(&call.id)).await?;
        found.ok_or_else(no_such_payment)
    }
}

pub(super) async fn one(api: &Api, call: &Call) -> Answered {
    let view = api.payment(call).await?;
    let story = api.parts.store.timeline(view.case.payment.id).await?;
    Answer::ok(shown::explained(&view, &api.parts.policy, &story, call.now))
}

pub(super) async fn list(api: &Api, call: &Call) -> Answered {
    let limit = call.limit()?;
    let before = call.after(LIST, |key| key.parse().ok())?;
    let mentor = call.query.text("mentor").map(MentorId::new);
    let filter = PaymentFilter { mentor: mentor.clone(), statuses: statuses(call)?, ..PaymentFilter::default() };
    let found = api.parts.desk.search_payments(filter, Page { limit: limit + 1, before }).await?;
    if let Some(mentor) = mentor.filter(|_| found.is_empty()) {
        api.require_mentor(&mentor, "mentor").await?;
    }
    let line = |listed: &Listed<PaymentView>| match listed {
        Ok(view) => shown::listed(view, &api.parts.policy, call.now),
        Err(unreadable) => json!(unreadable),
    };
    let lines = found.iter().map(line).collect();
    Answer::page(lines, limit, |line: &Value| cursor::of(LIST, &line["id"].to_string()))
}

fn statuses(call: &Call) -> Result<Vec<PaymentStatus>, ErrorAnswer> {
    let Some(word) = call.query.text("status") else { return Ok(Vec::new()) };
    let known = || PaymentStatus::ALL.iter().map(|status| status.word()).collect::<Vec<_>>().join(", ");
    let status = PaymentStatus::from_word(word);
    Ok(vec![status.ok_or_else(|| wrong("status", format!("must be one of {}", known())))?])
}
