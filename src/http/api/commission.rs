//! What of an amount the platform keeps and what is the mentor's, by the function that splits payments.

use serde_json::json;

use super::Api;
use super::answer::{Answer, Answered};
use super::call::{Call, of_another};
use super::door::forbidden;
use super::fields::{missing, wrong};
use super::scope::Scope;
use crate::domain::fees::{StatedFee, split};
use crate::domain::ids::MentorId;
use crate::domain::money::{Currency, MinorUnits};
use crate::http::error::ErrorAnswer;

pub(super) async fn commission(api: &Api, call: &Call) -> Answered {
    let mentor = call.query.text("mentor").map(MentorId::new);
    if let Some(mentor) = &mentor {
        if !call.caller.has(Scope::AdminRead) && mentor.as_str() != call.caller.subject {
            return Err(forbidden(of_another()));
        }
        api.require_mentor(mentor, "mentor").await?;
    }
    let currency = currency(call)?;
    let amount = amount(call, currency)?;
    // One rate for every mentor. What a payment's metadata states goes before it, and cannot be known here.
    let bps = api.parts.policy.platform_fee_bps;
    let parts = split(amount, currency, bps, StatedFee::default());
    Answer::ok(json!({
        "mentor": mentor,
        "currency": currency,
        "amount": amount,
        "platform_fee": parts.platform_fee,
        "mentor_due": parts.mentor_amount,
        "platform_fee_bps": bps,
    }))
}

fn currency(call: &Call) -> Result<Currency, ErrorAnswer> {
    let code = call.query.text("currency").ok_or_else(|| missing("currency", "give a code such as usd"))?;
    Currency::parse(code).map_err(|why| wrong("currency", format!("is not one: {why}")))
}

fn amount(call: &Call, currency: Currency) -> Result<MinorUnits, ErrorAnswer> {
    let written = call.query.number("amount")?;
    let written = written.ok_or_else(|| missing("amount", "give it in minor units: 1250 is 12.50 USD"))?;
    let amount = MinorUnits::new(written).filter(|amount| *amount > MinorUnits::ZERO);
    let amount = amount.ok_or_else(|| wrong("amount", "must be more than zero"))?;
    if written % currency.step() != 0 {
        let why = format!("must be a multiple of {} in {currency}: Stripe charges no other amounts", currency.step());
        return Err(wrong("amount", why));
    }
    Ok(amount)
}
