//! What the sandbox answers is what Stripe answers: every object and every event validates against Stripe's own
//! schemas. The schemas are data beside the project, not in it; without them these tests say so and pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use payoutd::sandbox::{
    AccountChange, CapabilityStatus, Core, DisputeStatus, Ending, NewAccount, NewDispute, NewRefund, Outcome,
    PaidThrough, Pay, PayResult, Request, Settings, StripeFees,
};
use serde_json::{Value, json};

const KEY: &str = "sk_test_sandbox";
const NOW: i64 = 1_795_000_000;

/// Stripe's schemas, or the reason why they cannot be checked against.
struct Schemas {
    roots: Value,
    definitions: Value,
}

impl Schemas {
    fn load() -> Option<Self> {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/stripe");
        let folder = std::env::var_os("PAYOUTD_STRIPE_DATA").map_or_else(beside, PathBuf::from);
        let file = folder.join("schemas-2026-10-28.json");
        let Ok(text) = std::fs::read_to_string(&file) else {
            eprintln!("SKIPPED: no Stripe schemas at {}; set PAYOUTD_STRIPE_DATA to their folder", file.display());
            return None;
        };
        let mut document: Value = serde_json::from_str(&text).expect("the schema file is JSON");
        let (roots, definitions) = (document["roots"].take(), document["$defs"].take());
        Some(Self { roots, definitions })
    }

    fn has(&self, root: &str) -> bool {
        self.roots.get(root).is_some()
    }

    /// Every way in which these instances miss the schema of this root.
    fn errors(&self, root: &str, instances: &[Value]) -> Vec<String> {
        let reference = &self.roots[root]["$ref"];
        assert!(reference.is_string(), "the schemas have no root {root}");
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": reference,
            "$defs": self.definitions,
        });
        let validator = jsonschema::validator_for(&schema).expect("the schema compiles");
        let miss =
            |instance| validator.iter_errors(instance).map(|error| format!("{} at {}", error, error.instance_path()));
        instances.iter().flat_map(miss).map(|error| format!("{root}: {error}")).collect()
    }
}

/// A Stripe that has lived through everything.
struct World {
    core: Core,
    answers: BTreeMap<&'static str, Vec<Value>>,
}

impl World {
    fn new() -> Self {
        let fees = StripeFees { charge_basis_points: 290, charge_fixed_minor: 30, dispute_minor: 1_500 };
        let core = Core::new(Settings { fees, webhook_endpoints: 1, ..Settings::default() });
        Self { core, answers: BTreeMap::new() }
    }

    /// Keeps the answer to a GET as an example of this kind.
    fn get(&mut self, kind: &'static str, path: &str) -> Value {
        self.ask(kind, Request::get(KEY, path, ""))
    }

    fn post(&mut self, kind: &'static str, path: &str, form: &str) -> Value {
        self.ask(kind, Request::post(KEY, path, form))
    }

    fn ask(&mut self, kind: &'static str, request: Request) -> Value {
        let path = request.path.clone();
        let Outcome::Answer(answer) = self.core.request(NOW + 10, request) else {
            panic!("{path} was not answered");
        };
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        self.answers.entry(kind).or_default().push(answer.json());
        answer.json()
    }

    fn pay(&mut self, pay: Pay) -> payoutd::sandbox::Paid {
        let pay =
            pay.by("Ada Customer", "ada@example.com").metadata("bookingId", "b-1").metadata("mentorUserId", "m-1");
        self.core.pay(NOW, pay).expect("a customer pays")
    }

    /// Customers pay in every way there is.
    fn customers_pay(&mut self) {
        let done = self.pay(Pay::new(12_500, "usd").transfer_group("b-1"));
        let declined = self.pay(Pay::new(4_000, "gbp").result(PayResult::Fails));
        let converted = self.pay(Pay::new(10_000, "eur").settles_as(10_800, "usd").through(PaidThrough::PaymentIntent));
        let bare = self.pay(Pay::new(900, "jpy").through(PaidThrough::Charge));
        let slow = self.pay(Pay::new(7_000, "eur").result(PayResult::Processes));
        let failing = self.pay(Pay::new(7_100, "eur").result(PayResult::Processes));
        self.get("charge", &format!("/v1/charges/{}", slow.charge));
        self.core.end_async_payment(NOW, &slow.charge, Ending::Succeeds).expect("it goes through");
        self.core.end_async_payment(NOW, &failing.charge, Ending::Fails).expect("it fails");
        for paid in [done, declined, converted, bare, slow, failing] {
            self.get("charge", &format!("/v1/charges/{}", paid.charge));
            if let Some(id) = paid.payment_intent {
                self.get("payment_intent", &format!("/v1/payment_intents/{id}"));
            }
            if let Some(id) = paid.session {
                self.get("checkout.session", &format!("/v1/checkout/sessions/{id}"));
            }
        }
    }

    fn cards_are_held(&mut self) {
        let held = self.pay(Pay::new(5_000, "usd").result(PayResult::Authorizes));
        let intent = held.payment_intent.expect("an intent");
        self.get("charge", &format!("/v1/charges/{}", held.charge));
        self.post("payment_intent", &format!("/v1/payment_intents/{intent}/capture"), "amount_to_capture=4000");
        let let_go = self.pay(Pay::new(5_000, "usd").result(PayResult::Authorizes));
        let intent = let_go.payment_intent.expect("an intent");
        let form = "cancellation_reason=requested_by_customer";
        self.post("payment_intent", &format!("/v1/payment_intents/{intent}/cancel"), form);
        self.get("charge", &format!("/v1/charges/{}", let_go.charge));
    }

    fn mentors_are_paid(&mut self) {
        let form = "type=express&country=US&email=mentor@example.com&capabilities[transfers][requested]=true";
        let account = self.post("account", "/v1/accounts", form);
        let id = account["id"].as_str().expect("an id").to_owned();
        let link =
            format!("account={id}&type=account_onboarding&refresh_url=https://x.example&return_url=https://x.example");
        self.post("account_link", "/v1/account_links", &link);
        self.get("capability", &format!("/v1/accounts/{id}/capabilities/transfers"));
        let onboarded = AccountChange::Transfers { status: CapabilityStatus::Active, disabled_reason: None };
        self.core.change_account(NOW, &id, onboarded).expect("onboarded");
        self.get("account", &format!("/v1/accounts/{id}"));
        self.get("capability", &format!("/v1/accounts/{id}/capabilities/transfers"));
        self.post("account", &format!("/v1/accounts/{id}"), "metadata[mentor]=m-1");

        let paid = self.pay(Pay::new(12_500, "usd"));
        let form =
            format!("amount=11250&currency=usd&destination={id}&source_transaction={}&metadata[a]=b", paid.charge);
        let transfer = self.post("transfer", "/v1/transfers", &form);
        let transfer = format!("/v1/transfers/{}", transfer["id"].as_str().expect("an id"));
        self.post("transfer", &transfer, "description=for+the+session");
        self.post("transfer_reversal", &format!("{transfer}/reversals"), "amount=250");
        self.get("transfer", &transfer);
        self.post("transfer_reversal", &format!("{transfer}/reversals"), "metadata[why]=refund");
        self.get("transfer", &transfer);
        self.core.change_account(NOW, &id, AccountChange::Deauthorize).expect("gone");
        let closed = self.core.add_account(NOW, NewAccount::default()).expect("an account");
        self.core.change_account(NOW, &closed, AccountChange::Close).expect("closed");
        self.get("account", &format!("/v1/accounts/{closed}"));
    }

    fn money_goes_back(&mut self) {
        let paid = self.pay(Pay::new(12_500, "usd"));
        let form = format!("charge={}&amount=2500&reason=requested_by_customer", paid.charge);
        let refund = self.post("refund", "/v1/refunds", &form);
        let path = format!("/v1/refunds/{}", refund["id"].as_str().expect("an id"));
        self.post("refund", &path, "metadata[why]=late");
        let pending = NewRefund { charge: paid.charge.clone(), amount_minor: Some(500), pending: true };
        let pending = self.core.refund_in_dashboard(NOW, pending).expect("a refund");
        self.get("refund", &format!("/v1/refunds/{pending}"));
        self.core.settle_refund(NOW, &pending, Ending::Fails).expect("it comes back");
        self.get("refund", &format!("/v1/refunds/{pending}"));
    }

    /// Every status a dispute can have, each way it can end.
    fn customers_dispute(&mut self) {
        use DisputeStatus::{
            AppealNeedsResponse, AppealUnderReview, Lost, NeedsResponse, Prevented, UnderReview, WarningClosed,
            WarningUnderReview, Won,
        };
        for path in [&[UnderReview, Won][..], &[Lost, AppealNeedsResponse, AppealUnderReview, Won], &[Prevented]] {
            self.dispute(NewDispute::chargeback, path);
        }
        for path in [&[WarningUnderReview, WarningClosed][..], &[NeedsResponse, Lost]] {
            self.dispute(NewDispute::inquiry, path);
        }
    }

    fn dispute(&mut self, how: fn(&str) -> NewDispute, path: &[DisputeStatus]) {
        let paid = self.pay(Pay::new(10_000, "eur").settles_as(10_800, "usd"));
        let id = self.core.open_dispute(NOW, how(&paid.charge)).expect("a dispute");
        for &status in path {
            self.get("dispute", &format!("/v1/disputes/{id}"));
            self.core.set_dispute_status(NOW, &id, status).expect("it moves on");
        }
        self.get("dispute", &format!("/v1/disputes/{id}"));
    }

    fn banks_pay_out(&mut self) {
        self.core.set_available_balance(NOW, "usd", 100_000).expect("a balance");
        self.get("balance", "/v1/balance");
        for ending in [Ending::Succeeds, Ending::Fails] {
            let payout = self.post("payout", "/v1/payouts", "amount=1000&currency=usd");
            let id = payout["id"].as_str().expect("an id").to_owned();
            self.core.settle_payout(NOW, &id, ending).expect("it ends");
            self.get("payout", &format!("/v1/payouts/{id}"));
        }
        let payout = self.post("payout", "/v1/payouts", "amount=1000&currency=usd");
        let id = payout["id"].as_str().expect("an id").to_owned();
        self.post("payout", &format!("/v1/payouts/{id}/cancel"), "");
        let mentor = self.core.add_account(NOW, NewAccount::default()).expect("an account");
        self.post("transfer", "/v1/transfers", &format!("amount=2000&currency=usd&destination={mentor}"));
        let of_mentor = |request| Request { stripe_account: Some(mentor.clone()), ..request };
        self.ask("balance", of_mentor(Request::get(KEY, "/v1/balance", "")));
        let form = "amount=1000&currency=usd&method=instant&metadata[a]=b";
        self.ask("payout", of_mentor(Request::post(KEY, "/v1/payouts", form)));
        let manual = "settings[payouts][schedule][interval]=manual";
        self.post("account", &format!("/v1/accounts/{mentor}"), manual);
        let page = self.ask("list", Request::get(KEY, "/v1/balance_transactions", "limit=100"));
        let transactions = page["data"].as_array().expect("a list").clone();
        self.answers.insert("balance_transaction", transactions);
    }

    fn live(mut self) -> Self {
        self.customers_pay();
        self.cards_are_held();
        self.mentors_are_paid();
        self.money_goes_back();
        self.customers_dispute();
        self.banks_pay_out();
        self.answers.remove("list");
        self
    }

    fn events(&self) -> BTreeMap<String, Vec<Value>> {
        let mut events = BTreeMap::<String, Vec<Value>>::new();
        for event in self.core.events() {
            events.entry(event.kind.clone()).or_default().push(event.json());
        }
        events
    }
}

#[test]
fn every_object_is_as_stripe_describes_it() {
    let Some(schemas) = Schemas::load() else { return };
    let world = World::new().live();
    let kinds = [
        "transfer",
        "transfer_reversal",
        "account",
        "account_link",
        "charge",
        "payment_intent",
        "refund",
        "dispute",
        "balance",
        "balance_transaction",
        "payout",
        "capability",
        "checkout.session",
    ];
    assert_eq!(world.answers.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(kinds));
    let errors: Vec<_> = world.answers.iter().flat_map(|(kind, all)| schemas.errors(kind, all)).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn every_event_is_as_stripe_describes_it() {
    let Some(schemas) = Schemas::load() else { return };
    let mut errors = Vec::new();
    for (kind, events) in World::new().live().events() {
        let root = format!("event:{kind}");
        if schemas.has(&root) {
            errors.extend(schemas.errors(&root, &events));
        } else {
            errors.extend(without_a_schema(&schemas, &kind, &events));
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// Some event types have no schema of their own: their envelope is that of any other, and their object has one.
fn without_a_schema(schemas: &Schemas, kind: &str, events: &[Value]) -> Vec<String> {
    let mut errors = Vec::new();
    for event in events {
        let object = event["data"]["object"].clone();
        let name = object["object"].as_str().expect("an object says what it is").to_owned();
        if schemas.has(&name) {
            errors.extend(schemas.errors(&name, &[object]));
        } else {
            assert_eq!(kind, "account.application.deauthorized", "{name} has no schema");
        }
        let mut envelope = event.clone();
        envelope["type"] = json!("transfer.created");
        envelope["data"] = schemas_example();
        errors.extend(schemas.errors("event:transfer.created", &[envelope]));
    }
    errors.into_iter().map(|error| format!("{kind}: {error}")).collect()
}

/// The data of some valid event, to check an envelope with.
fn schemas_example() -> Value {
    let world = World::new().live();
    let event = world.core.events().find(|event| event.kind == "transfer.created").expect("a transfer").json();
    event["data"].clone()
}

/// A check that lets everything through would pass too: these schemas do not.
#[test]
fn the_schemas_refuse_what_stripe_never_sends() {
    let Some(schemas) = Schemas::load() else { return };
    let world = World::new().live();
    let transfer = world.answers["transfer"][0].clone();
    let spoilt = |spoil: fn(&mut Value)| {
        let mut object = transfer.clone();
        spoil(&mut object);
        schemas.errors("transfer", &[object]).len()
    };
    assert_eq!(spoilt(|_| {}), 0);
    assert_eq!(spoilt(|object| object["amount"] = json!("11250")), 1);
    assert_eq!(spoilt(|object| object["status"] = json!("paid")), 1);
    assert_eq!(spoilt(|object| drop(object.as_object_mut().map(|fields| fields.remove("reversed")))), 1);
}

#[test]
fn the_sandbox_sends_every_event_that_payoutd_projects() {
    let sent: BTreeSet<String> = World::new().live().events().into_keys().collect();
    let wanted = [
        "account.application.deauthorized",
        "account.updated",
        "capability.updated",
        "charge.captured",
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.refunded",
        "charge.succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "payout.failed",
        "payout.paid",
        "refund.created",
        "refund.failed",
        "refund.updated",
        "transfer.created",
        "transfer.reversed",
        "transfer.updated",
    ];
    let missing: Vec<_> = wanted.iter().filter(|kind| !sent.contains(**kind)).collect();
    assert!(missing.is_empty(), "never sent: {missing:?}");
}
