//! Refunds that are asked for: recorded here, answered by the rules, done by the next run.

use axum::http::StatusCode;
use serde_json::json;

use super::Api;
use super::answer::{Answer, Answered, key_reused, no_such_payment};
use super::call::Call;
use super::fields::wrong;
use crate::domain::hold::Subject;
use crate::domain::ids::{PaymentId, RequestId};
use crate::domain::policy::Policy;
use crate::domain::request::{self, Ask, RefundRequest, RequestState};
use crate::http::error::ErrorAnswer;
use crate::ports::{NewRefundRequest, PaymentView, RefundRequestView, Request};

pub(super) async fn list(api: &Api, call: &Call) -> Answered {
    let payment = api.payment(call).await?.case.payment.id;
    Answer::ok(json!({ "data": api.parts.asks.refund_requests(payment).await? }))
}

pub(super) async fn ask(api: &Api, call: &Call) -> Answered {
    // What is wrong with the request itself is said before the payment is looked for.
    let asked = asked(call)?;
    let view = api.payment(call).await?;
    let request = asked(view.case.payment.id);
    let (request, now) = match api.parts.asks.ask_refund(request.clone(), call.now).await? {
        Request::Recorded(made) => (made, true),
        // Asked for with other words, it is another request.
        Request::Known(known) if known.reason == request.reason => (known, false),
        Request::Known(other) | Request::KeyTaken(other) => {
            let why = format!("a refund under the key of request {} of payment {}", other.id, other.payment);
            let about = Subject::Payment(request.payment_id);
            api.parts.writes.record_refusal(about, call.caller.actor(), why, call.now).await?;
            return Err(key_reused());
        }
        Request::NoSuchPayment => return Err(no_such_payment()),
    };
    match request.state {
        RequestState::Refused => Err(refused(&request, &view, &api.parts.policy)),
        _ => Answer::made(&request, now),
    }
}

fn asked(call: &Call) -> Result<impl FnOnce(PaymentId) -> NewRefundRequest, ErrorAnswer> {
    let ask = match (call.fields.amount("amount")?, call.fields.flag("by_policy")?) {
        (Some(_), true) => return Err(wrong("by_policy", "and `amount` cannot both say how much")),
        (Some(amount), false) => Ask::Amount(amount),
        (None, true) => Ask::ByPolicy,
        (None, false) => Ask::All,
    };
    let currency = call.fields.text("currency")?.map(|code| code.to_ascii_lowercase());
    let reason = call.fields.words("reason", "say why, in words")?;
    let (request_key, requested_by) = (Some(call.kept_key("refund")), call.caller.actor());
    Ok(move |payment_id| NewRefundRequest { payment_id, ask, currency, reason, request_key, requested_by })
}

fn refused(request: &RefundRequestView, view: &PaymentView, policy: &Policy) -> ErrorAnswer {
    let why = request.outcome.as_deref().unwrap_or("no reason is recorded");
    let message = format!("refund request {} is refused: {why}; nothing was moved", request.id);
    let error = ErrorAnswer::new(StatusCode::UNPROCESSABLE_ENTITY, "refund_refused", message);
    match blamed(request, view, policy) {
        Some(field) => error.about(field),
        None => error,
    }
}

/// The field without which it would not have been refused.
fn blamed(request: &RefundRequestView, view: &PaymentView, policy: &Policy) -> Option<&'static str> {
    let possible = |ask: Ask, currency: Option<String>| {
        let request = RefundRequest { id: RequestId(0), ask, currency, requested_at: request.requested_at };
        !matches!(request::answer(&request, &view.case, policy), request::Answer::Refuse(_))
    };
    let fields = [
        ("amount", request.amount.is_some() && possible(Ask::All, request.currency.clone())),
        ("by_policy", request.by_policy && possible(Ask::All, request.currency.clone())),
        ("currency", request.currency.is_some() && possible(Ask::All, None)),
    ];
    fields.into_iter().find(|(_, blamed)| *blamed).map(|(field, _)| field)
}
