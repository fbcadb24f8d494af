//! What is looked for or read: all pages of it, and only as it was ordered.

use super::*;

#[tokio::test]
async fn a_transfer_is_found_by_its_key_on_whatever_page_it_is() {
    let pages = [
        page(&[transfer("tr_3", Some("payoutd:transfer:pi_1:1")), transfer("tr_2", None)], true),
        page(&[transfer("tr_1", Some(OPERATION))], false),
    ];
    let (server, client) = scripted(pages).await;
    let found = find_transfer(&client, &key(), &order()).await.result.unwrap().unwrap();
    assert_eq!(found.id.as_str(), "tr_1");
    let targets: Vec<_> = server.seen().into_iter().map(|seen| seen.target).collect();
    let expected = ["limit=100&transfer_group=booking_7", "limit=100&starting_after=tr_2&transfer_group=booking_7"];
    assert_eq!(targets, expected.map(|query| format!("/v1/transfers?{query}")));
}

#[tokio::test]
async fn a_transfer_is_absent_only_when_every_page_was_read() {
    let (_server, client) = scripted([page(&[transfer("tr_2", None)], true), page(&[], false)]).await;
    assert_eq!(find_transfer(&client, &key(), &order()).await.result, Ok(None));

    let first = || page(&[transfer("tr_2", None)], true);
    for second in [
        Act::json(500, "{}"),
        Act::Close,
        Act::json(200, json!({ "data": [] })),
        page(&[json!({ "id": "tr_1" })], false),
        page(&[], true),
        first(),
    ] {
        let (_server, client) = scripted([first(), second.clone()]).await;
        let called = find_transfer(&client, &key(), &order()).await;
        assert!(called.result.is_err(), "{second:?}: {called:?}");
    }
}

#[tokio::test]
async fn a_transfer_under_our_key_that_is_not_as_ordered_is_unreadable() {
    let other = changed(transfer("tr_1", Some(OPERATION)), "amount", json!(1));
    let (_server, client) = scripted([page(&[other], false)]).await;
    assert_unreadable(&find_transfer(&client, &key(), &order()).await, 200);
}

#[tokio::test]
async fn of_two_transfers_under_our_key_the_first_is_adopted() {
    let later = changed(transfer("tr_0", Some(OPERATION)), "created", json!(1_799_999_500));
    let (_server, client) = scripted([page(&[later, transfer("tr_1", Some(OPERATION))], false)]).await;
    let found = find_transfer(&client, &key(), &order()).await.result.unwrap().unwrap();
    assert_eq!(found.id.as_str(), "tr_1");
}

#[tokio::test]
async fn all_disputes_of_a_charge_are_read() {
    let pages = [page(&[dispute("du_2", "ch_1")], true), page(&[dispute("du_1", "ch_1")], false)];
    let (server, client) = scripted(pages).await;
    let disputes = client.disputes_of(&ChargeId::new("ch_1")).await.result.unwrap();
    let ids: Vec<_> = disputes.iter().map(|found| found.dispute.id.as_str()).collect();
    assert_eq!(ids, ["du_2", "du_1"]);
    assert_eq!(server.seen()[1].target, "/v1/disputes?charge=ch_1&limit=100&starting_after=du_2");
}

#[tokio::test]
async fn an_answer_about_something_else_is_unreadable() {
    let (_server, client) = scripted([
        Act::json(200, charge("ch_2")),
        page(&[dispute("du_1", "ch_2")], false),
        Act::json(200, json!({ "id": "acct_2", "object": "account" })),
    ])
    .await;
    assert_unreadable(&client.charge(&ChargeId::new("ch_1")).await, 200);
    assert_unreadable(&client.disputes_of(&ChargeId::new("ch_1")).await, 200);
    assert_unreadable(&client.account(&AccountId::new("acct_1")).await, 200);
}

#[tokio::test]
async fn an_account_is_read() {
    let account = json!({
        "id": "acct_1", "object": "account", "capabilities": { "transfers": "active" },
        "details_submitted": true, "payouts_enabled": true, "requirements": { "disabled_reason": null },
    });
    let (server, client) = scripted([Act::json(200, account)]).await;
    let fact = client.account(&AccountId::new("acct_1")).await.result.unwrap();
    assert!(fact.details.unwrap().details_submitted);
    assert_eq!(server.seen()[0].target, "/v1/accounts/acct_1");
}
