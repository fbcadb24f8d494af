//! Stripe's answers, or what a proxy made of them: an answer counts only when it is about what was asked.

use std::time::Duration;

use chrono::{DateTime, Utc};
use payoutd::domain::event;
use payoutd::domain::ids::{AccountId, ChargeId, IdempotencyKey, PaymentId};
use payoutd::domain::money::{Currency, MinorUnits};
use payoutd::domain::operation::{Done, Order, TransferOrder};
use payoutd::domain::triage::{Verdict, triage};
use payoutd::ports::StripeGateway;
use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::mutate::{corpus, hold, mutated, run};
use crate::scripted_server::{Act, ScriptedServer, client, settings};

const KEY: &str = "payoutd:transfer:pi_1:0";

fn order() -> TransferOrder {
    TransferOrder {
        amount: MinorUnits::new(9_000).expect("not negative"),
        currency: Currency::parse("usd").expect("known"),
        destination: AccountId::new("acct_1"),
        source_transaction: Some(ChargeId::new("ch_1")),
        transfer_group: "booking_7".into(),
        payment_id: PaymentId(42),
        netted: MinorUnits::ZERO,
        kept: MinorUnits::new(10_000).expect("not negative"),
        refunds: vec![],
        carried: MinorUnits::ZERO,
        converted: None,
    }
}

#[test]
fn objects_at_random() {
    hold("answers", vec![], |body| {
        let Ok(object) = serde_json::from_slice::<&RawValue>(body) else { return };
        let told_at = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let errors = [
            event::charge_read(object, told_at).err(),
            event::intent_read(object, told_at).err(),
            event::dispute_read(object, told_at).err(),
            event::transfer_read(object, told_at).err(),
            event::refund_read(object, told_at).err(),
            event::reversal_read(object, told_at).err(),
            event::payout_read(object, told_at).err(),
            event::account_read(object, told_at).err(),
        ];
        for error in errors.into_iter().flatten() {
            assert!(error.to_string().starts_with("GET "), "{error}");
        }
    });
}

/// Over a connection, as the client meets them: with any status, whole or cut off.
#[test]
fn answers_at_random() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let statuses = proptest::sample::select(vec![
        200_u16, 200, 200, 201, 204, 301, 400, 401, 402, 403, 404, 409, 429, 500, 503, 599,
    ]);
    let answers = (mutated(corpus("answers")), statuses, any::<bool>());
    for body in corpus("answers") {
        runtime.block_on(judge(&body, 200, true));
    }
    run(&answers, |(body, status, whole)| runtime.block_on(judge(&body, status, whole)));
}

async fn judge(body: &[u8], status: u16, whole: bool) {
    let text = String::from_utf8_lossy(body).into_owned();
    let act = || match whole {
        true => Act::json(status, &text),
        false => Act::Raw(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len() + 1)),
    };
    let server = ScriptedServer::start([act(), act()]).await;
    let client = client(settings(&server.base));
    let key = IdempotencyKey::new(KEY);
    let order = Order::Transfer(order());
    let asked =
        async { (client.carry_out(&key, &order, DateTime::<Utc>::MAX_UTC).await, client.find(&key, &order).await) };
    let (made, found) = tokio::time::timeout(Duration::from_secs(10), asked).await.expect("it hangs");
    match made.result {
        Ok(Done::Transfer(transfer)) => {
            assert!(whole && (200..300).contains(&status), "{status}: {text}");
            assert_eq!((transfer.amount.get(), transfer.currency.code()), (9_000, "usd"), "{text}");
            assert_eq!(transfer.destination.as_str(), "acct_1", "{text}");
        }
        Ok(other) => panic!("not what was asked: {other:?}"),
        Err(failure) => {
            // What may have been done is never called refused.
            let unclear = !whole || (200..400).contains(&status) || status >= 500;
            assert!(!(unclear && triage(&failure) == Verdict::Reject), "{status} {text}: {failure:?}");
        }
    }
    if let Ok(Some(Done::Transfer(transfer))) = found.result {
        assert_eq!(transfer.operation_key.as_deref(), Some(KEY), "{text}");
    }
}
