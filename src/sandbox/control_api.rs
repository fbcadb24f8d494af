//! The control of a sandbox as JSON over HTTP, below `/_sandbox/`, for other processes. See the module's table.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::control::Control;
use super::core::{DisputeStatus, Ending};
use super::options::WebhookEndpoint;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    ending: Ending,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    status: DisputeStatus,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Balance {
    currency: String,
    amount_minor: i64,
}

/// Status and body of the answer.
pub(super) async fn answer(control: &Control, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
    let segments: Vec<&str> = path.split('/').collect();
    let result = match (method, segments.as_slice()) {
        ("GET", segments) => look(control, segments),
        ("DELETE", ["faults"]) => {
            control.clear_faults();
            Ok(json!({}))
        }
        ("POST", ["events", id, "deliver"]) => match control.deliver(id).await {
            Ok(statuses) => Ok(json!({"statuses": statuses})),
            Err(error) => Err(error.to_string()),
        },
        ("POST", ["wait"]) => {
            control.wait_for_deliveries().await;
            Ok(json!({}))
        }
        ("POST", segments) => act(control, segments, body),
        _ => Err(unknown(method, path)),
    };
    match result {
        Ok(answer) => (200, answer),
        Err(message) => (400, json!({"error": {"message": message}})),
    }
}

fn look(control: &Control, segments: &[&str]) -> Result<Value, String> {
    match segments {
        ["books"] => Ok(json!(control.books())),
        ["faults"] => Ok(json!(control.faults())),
        ["events"] => Ok(control.undelivered().iter().map(|event| event.json()).collect()),
        _ => Err(unknown("GET", &segments.join("/"))),
    }
}

fn act(control: &Control, segments: &[&str], body: &[u8]) -> Result<Value, String> {
    let id = |id: String| json!({"id": id});
    let done = |(): ()| json!({});
    match segments {
        ["accounts"] => text(control.create_account(read(body)?)).map(id),
        ["accounts", account] => text(control.change_account(account, read(body)?)).map(done),
        ["pay"] => text(control.pay(read(body)?)).map(|paid| json!(paid)),
        ["charges", charge, "end"] => text(control.end_async_payment(charge, read::<End>(body)?.ending)).map(done),
        ["refunds"] => text(control.refund(read(body)?)).map(id),
        ["refunds", refund] => text(control.settle_refund(refund, read::<End>(body)?.ending)).map(done),
        ["disputes"] => text(control.open_dispute(read(body)?)).map(id),
        ["disputes", dispute] => text(control.set_dispute_status(dispute, read::<Status>(body)?.status)).map(done),
        ["payouts", payout] => text(control.settle_payout(payout, read::<End>(body)?.ending)).map(done),
        ["balance"] => {
            let Balance { currency, amount_minor } = read(body)?;
            text(control.set_available_balance(&currency, amount_minor)).map(done)
        }
        ["faults"] => Ok(json!({"id": control.add_fault(read(body)?)})),
        ["webhooks"] => {
            let WebhookEndpoint { url, secret } = read(body)?;
            control.add_webhook(&url, &secret);
            Ok(json!({}))
        }
        _ => Err(unknown("POST", &segments.join("/"))),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not what this call takes: {error}"))
}

fn text<T>(result: Result<T, impl ToString>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn unknown(method: &str, path: &str) -> String {
    format!("no such control call: {method} /_sandbox/{path}")
}
