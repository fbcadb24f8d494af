//! Lists, and what is expanded in an answer.

use payoutd::sandbox::Pay;
use serde_json::{Value, json};

use crate::sandbox_support::{START, Stripe};

#[tokio::test]
async fn lists_page_both_ways_and_filter() {
    let stripe = Stripe::start().await;
    stripe.sandbox.set_available_balance("usd", 100_000).expect("a balance");
    let (ada, ben) = (stripe.mentor(), stripe.mentor());
    let mut newest_first = Vec::new();
    for number in 0..25 {
        let account = if number % 5 == 0 { &ben } else { &ada };
        let form = format!("amount=100&currency=usd&destination={account}&transfer_group=g{}", number % 2);
        newest_first.insert(0, stripe.post("/v1/transfers", &form).await.id());
        stripe.clock.advance(10);
    }

    let first = stripe.get("/v1/transfers").await;
    assert_eq!((first.ids(), &first.json()["has_more"]), (newest_first[..10].to_vec(), &json!(true)));
    let last = stripe.get(&format!("/v1/transfers?limit=20&starting_after={}", newest_first[9])).await;
    assert_eq!((last.ids(), &last.json()["has_more"]), (newest_first[10..].to_vec(), &json!(false)));
    let before = stripe.get(&format!("/v1/transfers?limit=3&ending_before={}", newest_first[9])).await;
    assert_eq!((before.ids(), &before.json()["has_more"]), (newest_first[6..9].to_vec(), &json!(true)));

    assert_eq!(stripe.get("/v1/transfers?limit=100&transfer_group=g1").await.ids().len(), 12);
    assert_eq!(stripe.get(&format!("/v1/transfers?limit=100&destination={ben}")).await.ids().len(), 5);
    let range = format!("created[gte]={}&created[lt]={}", START + 50, START + 80);
    assert_eq!(stripe.get(&format!("/v1/transfers?{range}")).await.ids(), newest_first[17..20].to_vec());
    assert_eq!(stripe.get("/v1/transfers?limit=101").await.error().2, "limit");
    assert_eq!(stripe.get("/v1/transfers?starting_after=tr_no").await.error().2, "starting_after");
}

#[tokio::test]
async fn events_are_listed_by_type_and_time_and_name_their_request() {
    let stripe = Stripe::start().await;
    let (mentor, charge) = (stripe.mentor(), stripe.pay(Pay::new(1_000, "usd")).charge);
    stripe.clock.advance(100);
    let form = format!("amount=900&currency=usd&destination={mentor}&source_transaction={charge}");
    let transfer = stripe.post_with_key("/v1/transfers", &form, "k1").await;

    let listed = stripe.get("/v1/events?type=transfer.created").await.json();
    let event = &listed["data"][0];
    assert_eq!(event["data"]["object"]["id"], transfer.id());
    assert_eq!(event["request"], json!({"id": transfer.header("Request-Id"), "idempotency_key": "k1"}));
    let one = stripe.get(&format!("/v1/events/{}", event["id"].as_str().expect("an id"))).await.json();
    assert_eq!(&one, event);

    let two = stripe.get("/v1/events?types[]=charge.*&types[]=payment_intent.succeeded").await;
    assert_eq!(two.ids().len(), 3);
    assert_eq!(stripe.get(&format!("/v1/events?created[gt]={START}")).await.ids().len(), 1);
    let types = |many| "types[]=charge.refunded&".repeat(many);
    assert_eq!(stripe.get(&format!("/v1/events?{}", types(20))).await.status, 200);
    let refused = stripe.get(&format!("/v1/events?{}", types(21))).await;
    assert_eq!((refused.status, refused.json()["error"]["param"].clone()), (400, json!("types")));
    let paid: Vec<Value> = stripe.sandbox.events().iter().map(|event| event.json()["request"]["id"].clone()).collect();
    assert_eq!(paid[0], Value::Null, "no API request caused the customer's payment");
}

#[tokio::test]
async fn objects_are_expanded_on_request() {
    let stripe = Stripe::start().await;
    let paid = stripe.pay(Pay::new(10_000, "eur").settles_as(10_800, "usd"));
    let one = stripe.get(&format!("/v1/charges/{}?expand[]=balance_transaction", paid.charge)).await.json();
    assert_eq!(one["balance_transaction"]["currency"], "usd");
    assert_eq!(one["balance_transaction"]["amount"], 10_800);
    assert_eq!(one["balance_transaction"]["exchange_rate"], 1.08);

    let intent = paid.payment_intent.expect("an intent");
    let path = format!("/v1/charges?payment_intent={intent}&expand[]=data.balance_transaction");
    assert_eq!(stripe.get(&path).await.json()["data"][0]["balance_transaction"]["net"], 10_800);
    let path = format!("/v1/payment_intents/{intent}?expand[]=latest_charge.balance_transaction");
    assert_eq!(stripe.get(&path).await.json()["latest_charge"]["balance_transaction"]["status"], "pending");
    let wrong = stripe.get(&format!("/v1/charges/{}?expand[]=nonsense", paid.charge)).await;
    assert_eq!(wrong.message(), "This property cannot be expanded (nonsense).");
}
