//! Withdrawals that the platform asks for on a mentor's behalf, and the list of a mentor's. It moves no money: that is for
//! the next run.

use axum::http::StatusCode;

use super::answer::{Answer, Answered, key_reused, no_such_mentor, unavailable};
use super::call::Call;
use super::fields::wrong;
use super::{Api, cursor};
use crate::domain::hold::Subject;
use crate::domain::ids::{MentorId, WithdrawalId};
use crate::domain::withdrawal::{Speed, WithdrawalState};
use crate::http::error::ErrorAnswer;
use crate::ports::{NewWithdrawal, Withdraw, WithdrawalView, Withdrawals};

const LIST: &str = "withdrawals";

impl Api {
    /// There without fail where a route for them is mounted.
    fn withdrawals(&self) -> Result<&dyn Withdrawals, ErrorAnswer> {
        self.parts.withdrawals.as_deref().ok_or_else(unavailable)
    }
}

pub(super) async fn list(api: &Api, call: &Call) -> Answered {
    let (mentor, limit) = (call.mentor(), call.limit()?);
    let before = call.after(LIST, |key| key.parse().ok().map(WithdrawalId))?;
    let found = api.withdrawals()?.withdrawals(mentor.clone(), before, limit + 1).await?;
    if found.is_empty() && before.is_none() {
        api.require_mentor(&mentor, "id").await?;
    }
    Answer::page(found, limit, |last: &WithdrawalView| cursor::of(LIST, &last.id.to_string()))
}

pub(super) async fn ask(api: &Api, call: &Call) -> Answered {
    let withdrawal = asked(call)?;
    let (view, now) = match api.withdrawals()?.ask_withdrawal(withdrawal, call.now).await? {
        Withdraw::Recorded(made) => (made, true),
        Withdraw::Known(known) => (known, false),
        Withdraw::KeyTaken(other) => {
            let why = format!("a withdrawal under the key of withdrawal {} of mentor {}", other.id, other.mentor);
            let about = Subject::Mentor(call.mentor());
            api.parts.writes.record_refusal(about, call.caller.actor(), why, call.now).await?;
            return Err(key_reused());
        }
        Withdraw::NoSuchMentor => return Err(no_such_mentor("id")),
    };
    match view.state {
        WithdrawalState::Refused => Err(refused(api, &view).await?),
        _ => Answer::made(&view, now),
    }
}

fn asked(call: &Call) -> Result<NewWithdrawal, ErrorAnswer> {
    let speed = match call.fields.text("speed")? {
        None => Speed::Standard,
        Some(word) => Speed::from_word(&word).ok_or_else(|| wrong("speed", "must be standard or instant"))?,
    };
    Ok(NewWithdrawal {
        mentor_id: MentorId::new(&call.id),
        amount: call.fields.amount("amount")?,
        currency: call.fields.text("currency")?.map(|code| code.to_ascii_lowercase()),
        speed,
        request_key: Some(call.kept_key("withdrawal")),
        requested_by: call.caller.actor(),
        funds: None,
    })
}

/// A currency that the mentor has nothing in is to blame before the amount is.
async fn refused(api: &Api, view: &WithdrawalView) -> Result<ErrorAnswer, ErrorAnswer> {
    let why = view.outcome.as_deref().unwrap_or("no reason is recorded");
    let message = format!("withdrawal {} is refused: {why}; nothing was moved", view.id);
    let error = ErrorAnswer::new(StatusCode::UNPROCESSABLE_ENTITY, "withdrawal_refused", message);
    let balances = api.parts.books.balances(view.mentor.clone()).await?;
    let theirs = |code: &String| balances.iter().any(|balance| balance.currency.code() == code);
    Ok(match (&view.currency, view.amount) {
        (Some(code), _) if !theirs(code) => error.about("currency"),
        (_, Some(_)) => error.about("amount"),
        _ => error,
    })
}
