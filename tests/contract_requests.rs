//! What payoutd sends is what Stripe's published API takes, and what Stripe publishes as examples payoutd reads.
//! The data is not part of the project: without it these tests say so and pass.

mod scripted_server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use payoutd::domain::discrepancy::Compared;
use payoutd::domain::event;
use payoutd::domain::facts::Fact;
use payoutd::domain::heard::HEARD;
use payoutd::domain::ids::{
    AccountId, ChargeId, IdempotencyKey, IntentId, MentorId, PaymentId, RequestId, WithdrawalId,
};
use payoutd::domain::money::{Currency, MinorUnits};
use payoutd::domain::onboarding::{AccountOrder, AccountType, ScheduleOrder};
use payoutd::domain::operation::{IntentOrder, Order, RefundOrder, TransferOrder};
use payoutd::domain::withdrawal::{PayoutOrder, Speed};
use payoutd::ports::{NewAccountLink, Span, StripeGateway};
use payoutd::stripe::API_VERSION;
use scripted_server::{Act, ScriptedServer, Seen, client, settings};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

const OPENAPI: &str = "openapi-subset-2023-08-16.json";
const SCHEMAS: &str = "schemas-2026-10-28.json";

/// Where the data lies: `PAYOUTD_STRIPE_DATA`, or `../shared/stripe` beside the project.
fn data() -> Option<PathBuf> {
    let set = std::env::var_os("PAYOUTD_STRIPE_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/stripe");
    let named = set.is_some();
    let path = set.unwrap_or(beside);
    if path.join(OPENAPI).is_file() {
        return Some(path);
    }
    assert!(!named, "PAYOUTD_STRIPE_DATA is {}, where there is no {OPENAPI}", path.display());
    eprintln!("SKIPPED: no {OPENAPI} in {}; set PAYOUTD_STRIPE_DATA to the directory that has it", path.display());
    None
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Every request that payoutd makes, as it left. The server's answers make the lists go on to a second page.
async fn requests() -> Vec<Seen> {
    let transfer = json!({
        "id": "tr_1", "amount": 9_000, "currency": "usd", "created": 1, "destination": "acct_1",
        "source_transaction": "ch_1", "metadata": {},
    });
    let dispute = json!({ "id": "du_1", "charge": "ch_1", "amount": 1, "currency": "usd", "status": "won" });
    let refund = json!({
        "id": "re_1", "charge": "ch_1", "amount": 2_500, "currency": "usd", "status": "succeeded", "metadata": {},
    });
    let intent = |status: &str| json!({ "id": "pi_1", "livemode": false, "amount": 9_000, "amount_received": 9_000, "currency": "usd", "status": status });
    let page = |object: &Value, more: bool| Act::json(200, json!({ "data": [object], "has_more": more }));
    let manual = json!({ "id": "acct_1", "settings": { "payouts": { "schedule": { "interval": "manual" } } } });
    let charge =
        json!({ "id": "ch_1", "livemode": false, "amount": 1, "created": 1, "currency": "usd", "status": "failed" });
    let server = ScriptedServer::start(
        [
            Act::json(200, &transfer),
            page(&transfer, true),
            page(&transfer, false),
            page(&dispute, true),
            page(&dispute, false),
            Act::json(200, &charge),
            Act::json(200, json!({ "id": "acct_1" })),
            Act::json(200, &refund),
            page(&refund, true),
            page(&refund, false),
            Act::json(200, intent("succeeded")),
            Act::json(200, intent("succeeded")),
            Act::json(200, intent("canceled")),
            Act::json(200, json!({ "id": "po_1", "amount": 5_000, "currency": "usd", "status": "pending" })),
            Act::json(200, json!({ "id": "acct_1" })),
            Act::json(200, &manual),
            Act::json(200, json!({ "available": [{ "amount": 1, "currency": "usd" }] })),
            Act::json(200, json!({ "url": "https://example.com/x", "expires_at": 1 })),
        ]
        .into_iter()
        .chain((0..LISTS).map(|_| Act::json(200, json!({ "data": [], "has_more": false })))),
    )
    .await;
    let client = client(settings(&server.base));
    let (key, charge) = (IdempotencyKey::new("payoutd:transfer:pi_1:0"), ChargeId::new("ch_1"));
    let order = TransferOrder {
        amount: MinorUnits::new(9_000).unwrap(),
        currency: Currency::parse("usd").unwrap(),
        destination: AccountId::new("acct_1"),
        source_transaction: Some(charge.clone()),
        transfer_group: "group & [brackets] = 100 % ü".into(),
        payment_id: PaymentId(42),
        netted: MinorUnits::ZERO,
        kept: MinorUnits::new(10_000).unwrap(),
        refunds: vec![],
        carried: MinorUnits::ZERO,
        converted: None,
    };
    let order = Order::Transfer(order);
    client.carry_out(&key, &order, chrono::DateTime::<chrono::Utc>::MAX_UTC).await.result.unwrap();
    client.find(&key, &order).await.result.unwrap();
    client.disputes_of(&charge).await.result.unwrap();
    client.charge(&charge).await.result.unwrap();
    client.account(&AccountId::new("acct_1")).await.result.unwrap();
    for order in asked(&charge) {
        client.carry_out(&key, &order, chrono::DateTime::<chrono::Utc>::MAX_UTC).await.result.unwrap();
        if !matches!(order, Order::Cancel(_)) {
            client.find(&key, &order).await.result.unwrap();
        }
    }
    on_accounts(&client, &key).await;
    lists(&client).await;
    server.seen()
}

/// How many lists by time are asked for.
const LISTS: usize = HEARD.len() + 3;

/// What is asked to catch up and to compare. The data has no list of payouts.
async fn lists(client: &impl StripeGateway) {
    let since = chrono::DateTime::<chrono::Utc>::UNIX_EPOCH;
    let span = Span { since, until: since + chrono::TimeDelta::days(1) };
    for types in HEARD {
        client.events(types, span, Some("evt_1")).await.result.unwrap();
    }
    for what in [Compared::Transfer, Compared::Refund, Compared::Dispute] {
        client.made(what, span, Some("id_1")).await.result.unwrap();
    }
}

/// What is asked of connected accounts.
async fn on_accounts(client: &impl StripeGateway, key: &IdempotencyKey) {
    let account_id = AccountId::new("acct_1");
    let since = chrono::DateTime::<chrono::Utc>::UNIX_EPOCH;
    let payout = PayoutOrder {
        amount: MinorUnits::new(5_000).unwrap(),
        currency: Currency::parse("usd").unwrap(),
        account_id: account_id.clone(),
        speed: Speed::Instant,
        withdrawal_id: WithdrawalId(7),
        reference: "key:w-17".into(),
        since,
    };
    let account = AccountOrder {
        mentor_id: MentorId::new("ada"),
        account_type: AccountType::Express,
        email: Some("ada@example.com".into()),
        country: Some("US".into()),
        since,
    };
    let schedule = ScheduleOrder { account_id: account_id.clone() };
    for order in [Order::Payout(payout), Order::Account(account), Order::Schedule(schedule)] {
        client.carry_out(key, &order, chrono::DateTime::<chrono::Utc>::MAX_UTC).await.result.unwrap();
    }
    client.funds_of(&account_id).await.result.unwrap();
    let page = |path: &str| format!("https://example.com/{path}");
    let link = NewAccountLink { account_id, refresh_url: page("again"), return_url: page("back") };
    client.link_account(key, &link).await.result.unwrap();
}

/// What is asked for beside a transfer.
fn asked(charge: &ChargeId) -> [Order; 3] {
    let currency = Currency::parse("usd").unwrap();
    let refund = RefundOrder {
        amount: MinorUnits::new(2_500).unwrap(),
        currency,
        charge_id: charge.clone(),
        payment_id: PaymentId(42),
        request_id: RequestId(7),
    };
    let intent = IntentOrder {
        amount: MinorUnits::new(9_000).unwrap(),
        currency,
        intent_id: IntentId::new("pi_1"),
        payment_id: PaymentId(42),
        request_id: None,
    };
    [Order::Refund(refund), Order::Capture(intent.clone()), Order::Cancel(intent)]
}

/// An operation of the OpenAPI document: its parameters (of the query or the form) as one object's schema.
struct Operation {
    name: String,
    parameters: Value,
}

fn operation(openapi: &Value, seen: &Seen) -> Operation {
    let path = seen.target.split('?').next().unwrap();
    let fits = |template: &str| {
        let (t, p): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        t.len() == p.len() && t.iter().zip(&p).all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()))
    };
    let method = seen.method.to_lowercase();
    let paths = openapi["paths"].as_object().unwrap();
    let (template, item) = paths.iter().find(|(template, _)| fits(template)).unwrap_or_else(|| panic!("no {path}"));
    let described = item.get(&method).unwrap_or_else(|| panic!("no {method} {template}"));
    let parameters = match &*method {
        "post" => described["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"].clone(),
        _ => query_schema(described),
    };
    Operation { name: format!("{} {template}", seen.method), parameters }
}

fn query_schema(described: &Value) -> Value {
    let in_query = described["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "query");
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in in_query {
        properties.insert(parameter["name"].as_str().unwrap().into(), parameter["schema"].clone());
        if parameter["required"] == true {
            required.push(parameter["name"].clone());
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// Decodes a form or query the way Stripe does, `a[b]=c`, `a[0]=c` and `a[]=c` included, with numbers where the schema has them.
fn decode(encoded: &str, schema: &Value) -> Value {
    let mut object = Map::new();
    for (name, value) in url::form_urlencoded::parse(encoded.as_bytes()) {
        let (outer, inner) =
            name.split_once('[').map_or((&*name, None), |(outer, rest)| (outer, rest.strip_suffix(']')));
        let of = &schema["properties"][outer];
        let value = match of["type"].as_str() {
            Some("integer") => json!(value.parse::<i64>().unwrap_or_else(|_| panic!("{name} is {value}"))),
            _ => json!(value),
        };
        match (inner, of["type"].as_str()) {
            (None, _) => assert!(object.insert(outer.into(), value).is_none(), "{name} twice"),
            (Some(index), Some("array")) => {
                let list = object.entry(outer).or_insert_with(|| json!([])).as_array_mut().unwrap();
                assert!(index.is_empty() || index == list.len().to_string(), "{name} out of order");
                list.push(value);
            }
            (Some(path), _) => {
                let (names, inside) = (path.split("]["), object.entry(outer).or_insert_with(|| json!({})));
                let range = of["anyOf"].as_array().is_some_and(|forms| forms.contains(&json!({ "type": "integer" })));
                let value = match value.as_str() {
                    Some("true") => json!(true),
                    Some(number) if range => {
                        json!(number.parse::<i64>().unwrap_or_else(|_| panic!("{name} is {number}")))
                    }
                    _ => value,
                };
                *names.fold(inside, |place, name| &mut place[name]) = value;
            }
        }
    }
    Value::Object(object)
}

fn validator(schemas: &Value, root: &str) -> Option<Validator> {
    let reference = schemas["roots"][root]["$ref"].as_str()?;
    Some(jsonschema::validator_for(&json!({ "$ref": reference, "$defs": schemas["$defs"] })).unwrap())
}

#[track_caller]
fn assert_valid(validator: &Validator, instance: &Value, what: &str) {
    let faults: Vec<_> = validator.iter_errors(instance).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(faults.is_empty(), "{what} {instance}: {faults:#?}");
}

#[tokio::test]
async fn what_payoutd_sends_is_what_stripe_takes() {
    let Some(data) = data() else { return };
    let (openapi, schemas) = (read(&data.join(OPENAPI)), read(&data.join(SCHEMAS)));
    let mut checked = BTreeMap::new();
    for seen in requests().await {
        let operation = operation(&openapi, &seen);
        let query = seen.target.split_once('?').map_or("", |(_, query)| query);
        assert!(seen.method == "GET" || query.is_empty(), "{}: a POST with a query", operation.name);
        let sent = decode(if seen.method == "POST" { &seen.body } else { query }, &operation.parameters);
        let old = jsonschema::validator_for(&operation.parameters).unwrap();
        assert_valid(&old, &sent, &operation.name);
        let current = validator(&schemas, &format!("params:{}", operation.name));
        if let Some(current) = &current {
            assert_valid(current, &sent, &operation.name);
        }
        checked.insert(operation.name, current.is_some());
    }
    let expected = [
        ("GET /v1/accounts/{account}", false),
        ("GET /v1/balance", false),
        ("GET /v1/charges/{charge}", false),
        ("GET /v1/disputes", true),
        ("GET /v1/events", true),
        ("GET /v1/payment_intents/{intent}", false),
        ("GET /v1/refunds", true),
        ("GET /v1/transfers", true),
        ("POST /v1/account_links", true),
        ("POST /v1/accounts", true),
        ("POST /v1/accounts/{account}", false),
        ("POST /v1/payment_intents/{intent}/cancel", false),
        ("POST /v1/payment_intents/{intent}/capture", false),
        ("POST /v1/payouts", true),
        ("POST /v1/refunds", true),
        ("POST /v1/transfers", true),
    ];
    assert_eq!(checked, expected.map(|(name, current)| (name.to_owned(), current)).into());
}

/// The checks above would be worth nothing if they let everything pass.
#[test]
fn the_check_finds_what_is_wrong() {
    let Some(data) = data() else { return };
    let (openapi, schemas) = (read(&data.join(OPENAPI)), read(&data.join(SCHEMAS)));
    let seen = Seen { method: "POST".into(), target: "/v1/transfers".into(), headers: vec![], body: String::new() };
    let parameters = operation(&openapi, &seen).parameters;
    let old = jsonschema::validator_for(&parameters).unwrap();
    let current = validator(&schemas, "params:POST /v1/transfers").unwrap();
    let good = "currency=usd&destination=acct_1&amount=1&metadata[a]=b";
    assert_valid(&old, &decode(good, &parameters), "good");
    for bad in ["currency=usd", "currency=usd&destination=a&mentor=1", "currency=usd&destination=a&metadata=b"] {
        let sent = decode(bad, &parameters);
        assert!(!old.is_valid(&sent) && !current.is_valid(&sent), "{bad}");
    }
}

#[test]
fn the_pinned_version_is_the_one_that_was_checked_against() {
    let Some(data) = data() else { return };
    let source = read(&data.join(SCHEMAS))["x-source"].as_str().unwrap().to_owned();
    assert!(source.contains(API_VERSION), "{API_VERSION} is not in: {source}");
}

fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Payment(_) => "payment",
        Fact::Refund(_) => "refund",
        Fact::Dispute(_) => "dispute",
        Fact::Transfer(_) => "transfer",
        Fact::Account(_) => "account",
        Fact::Deauthorized(..) => "deauthorized",
        Fact::Payout(_) => "payout",
        Fact::GroupRead(_) => "group",
        Fact::Nothing(_) => "nothing",
    }
}

fn events(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(data.join("events")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_published_event_is_read_as_what_it_is() {
    let Some(data) = data() else { return };
    for (name, body) in events(&data) {
        let expected = match name.split('.').next().unwrap() {
            _ if name.starts_with("charge.dispute.") => "dispute",
            "charge" | "checkout" | "payment_intent" => "payment",
            "capability" => "account",
            other => other,
        };
        let (head, fact) = event::facts(&body).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(kind(&fact), expected, "{name}");
        assert!(name.starts_with(&head.kind), "{name}: {}", head.kind);
    }
}

#[derive(Deserialize)]
struct Published {
    data: PublishedData,
}

#[derive(Deserialize)]
struct PublishedData {
    object: Box<RawValue>,
}

#[test]
fn every_published_object_is_read_as_the_api_answers_it() {
    let Some(data) = data() else { return };
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut read = BTreeMap::<_, usize>::new();
    for (name, body) in events(&data) {
        let object = serde_json::from_slice::<Published>(&body).unwrap().data.object;
        let kind = serde_json::from_str::<Value>(object.get()).unwrap()["object"].as_str().unwrap().to_owned();
        let result = match &*kind {
            "charge" => event::charge_read(&object, now).map(drop),
            "dispute" => event::dispute_read(&object, now).map(drop),
            "transfer" => event::transfer_read(&object, now).map(drop),
            "account" => event::account_read(&object, now).map(drop),
            _ => continue,
        };
        result.unwrap_or_else(|e| panic!("{name}: {e}"));
        *read.entry(kind).or_default() += 1;
    }
    assert_eq!(read.keys().collect::<Vec<_>>(), ["account", "charge", "dispute", "transfer"]);
}
