//! What is decided about a payment: its session is over, it is held, its holds are lifted.

use serde_json::{Value, json};

use super::Api;
use super::answer::{Answer, Answered, key_reused};
use super::call::Call;
use crate::domain::ids::PaymentId;
use crate::domain::payment::PaymentStatus;
use crate::http::error::ErrorAnswer;
use crate::ports::{PaymentView, Write, WriteAnswer, WriteKey, Written};

const WHY: &str = "say why, in words; it is kept for ever";

pub(super) async fn complete(api: &Api, call: &Call) -> Answered {
    let completed_at = call.fields.time("completed_at")?;
    let payment = api.payment(call).await?.case.payment.id;
    let (answer, _) = once(api, call, "complete", Write::Complete { payment, completed_at }).await?;
    Answer::ok(shown(&answer))
}

pub(super) async fn hold(api: &Api, call: &Call) -> Answered {
    let reason = call.fields.words("reason", WHY)?;
    let view = api.payment(call).await?;
    let (answer, now) = once(api, call, "hold", Write::Hold { payment: view.case.payment.id, reason }).await?;
    let placed = matches!(answer, WriteAnswer::Held { hold: Some(_), .. });
    let mut body = shown(&answer);
    body["warning"] = late(&view);
    Answer::made(&body, now && placed)
}

pub(super) async fn lift(api: &Api, call: &Call) -> Answered {
    let reason = call.fields.words("reason", WHY)?;
    let payment: PaymentId = api.payment(call).await?.case.payment.id;
    let (answer, _) = once(api, call, "lift", Write::Lift { payment, reason }).await?;
    Answer::ok(shown(&answer))
}

fn shown(answer: &WriteAnswer) -> Value {
    match answer {
        WriteAnswer::Completed { payment, session_completed_at, recorded } => {
            json!({ "payment": payment, "session_completed_at": session_completed_at, "recorded": recorded })
        }
        WriteAnswer::Held { payment, hold } => json!({ "payment": payment, "hold": hold }),
        WriteAnswer::Lifted { payment, lifted } => json!({ "payment": payment, "lifted": lifted }),
    }
}

/// A hold cannot stop a call that is on its way.
fn late(view: &PaymentView) -> Value {
    match view.case.payment.status {
        PaymentStatus::Transferred => json!("it was transferred already; the hold cannot take that back"),
        PaymentStatus::Releasing => json!("its transfer is under way; should it succeed, the admin is told"),
        _ => Value::Null,
    }
}

/// The answer, and whether it was done now.
async fn once(api: &Api, call: &Call, kind: &str, write: Write) -> Result<(WriteAnswer, bool), ErrorAnswer> {
    let key = WriteKey { key: call.kept_key(kind), actor: call.caller.actor() };
    match api.parts.writes.write(key, write, call.now).await? {
        Written::Now(answer) => Ok((answer, true)),
        Written::Before(answer) => Ok((answer, false)),
        Written::KeyTaken => Err(key_reused()),
    }
}
