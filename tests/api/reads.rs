//! What is read: balances, commissions, payments and the report, in the words and figures of the command line.

use serde_json::{Value, json};

use crate::site::Site;
use crate::support::on_both_databases;

/// The numbers of the balance's one currency, in order.
fn balance(body: &Value) -> Vec<i64> {
    let one = &body["balances"][0];
    ["earned", "pending", "held", "available", "paid", "withdrawn", "owed"]
        .map(|name| one[format!("{name}_minor")].as_i64().expect("a number"))
        .to_vec()
}

on_both_databases! {
    /// Given a mentor with one payment on its way, one held and one paid, then the balance says where everything is.
    async fn a_balance_says_where_everything_is(db: TestDb) {
        let site = Site::open(db).await;
        let empty = site.get("/v1/mentors/ada/balance").await;
        assert_eq!((empty.status, &empty.body), (200, &json!({ "mentor": "ada", "balances": [] })));
        site.paid("b1", "ada").await;
        assert_eq!(balance(&site.get("/v1/mentors/ada/balance").await.body), [9_000, 0, 0, 9_000, 0, 0, 0]);
        site.transferred("b1").await;
        site.paid("b2", "ada").await;
        let held = site.post("/v1/payments/b2/holds", "k", json!({ "reason": "a complaint" })).await;
        assert_eq!(held.status, 201);
        site.run().await;
        assert_eq!(balance(&site.get("/v1/mentors/ada/balance").await.body), [18_000, 0, 9_000, 0, 9_000, 0, 0]);

        // A mentor whom a payment names is known before they are registered.
        site.paid("b3", "mary").await;
        assert_eq!(balance(&site.get("/v1/mentors/mary/balance").await.body)[0], 9_000);
        let nobody = site.get("/v1/mentors/nobody/balance").await;
        assert_eq!((nobody.status, nobody.code(), nobody.field()), (404, "mentor_not_found", "id"));
        site.close().await;
    }

    /// Given amounts and currencies, then the commission is what a payment's split would be.
    async fn a_commission_is_the_split_of_a_payment(db: TestDb) {
        let site = Site::open(db).await;
        for (query, fee, due) in [
            ("amount=10000&currency=usd", 1_000, 9_000),
            ("amount=12345&currency=GBP", 1_235, 11_110),
            ("amount=1&currency=usd", 0, 1),
            ("amount=9999&currency=jpy", 1_000, 8_999),
            ("amount=12340&currency=kwd", 1_230, 11_110),
            ("amount=10500&currency=isk&mentor=ada", 1_100, 9_400),
            ("amount=9223372036854775807&currency=usd", 922_337_203_685_477_581, 8_301_034_833_169_298_226_i64),
        ] {
            let answer = site.get(&format!("/v1/commission?{query}")).await;
            let parts = (answer.body["platform_fee"].as_i64(), answer.body["mentor_due"].as_i64());
            assert_eq!((answer.status, parts), (200, (Some(fee), Some(due))), "{query}");
        }
        let paid = site.paid("b1", "ada").await;
        let shown = site.get(&format!("/v1/payments/{}", paid.charge)).await.body;
        assert_eq!((&shown["platform_fee"], &shown["mentor_due"]), (&json!(1_000), &json!(9_000)));
        for (query, status, field) in [
            ("", 400, "currency"),
            ("amount=100", 400, "currency"),
            ("currency=usd", 400, "amount"),
            ("amount=0&currency=usd", 400, "amount"),
            ("amount=-5&currency=usd", 400, "amount"),
            ("amount=12.5&currency=usd", 400, "amount"),
            ("amount=9223372036854775808&currency=usd", 400, "amount"),
            ("amount=12345&currency=kwd", 400, "amount"),
            ("amount=100&currency=xyz", 400, "currency"),
            ("amount=100&currency=usd&mentor=nobody", 404, "mentor"),
            ("amount=100&currency=usd&fee=5", 400, "fee"),
            ("amount=100&amount=200&currency=usd", 400, "amount"),
        ] {
            let answer = site.get(&format!("/v1/commission?{query}")).await;
            assert_eq!((answer.status, answer.field()), (status, field), "{query}: {answer:?}");
        }
        site.close().await;
    }

    /// Given a payment, then it is found by each of its ids, and shown as the command line shows it.
    async fn a_payment_is_shown_by_any_of_its_ids(db: TestDb) {
        let site = Site::open(db).await;
        let paid = site.paid("a booking/1", "ada").await;
        site.transferred("a booking/1").await;
        let number = site.number("a booking/1").await;
        let by_number = site.get(&format!("/v1/payments/{number}")).await;
        let story = by_number.body["timeline"].as_array().expect("a story").len();
        assert!(by_number.status == 200 && story > 3, "{by_number:?}");
        assert_eq!(by_number.body["position"]["held_by_mentor_minor"], json!(9_000));
        let transfer = by_number.body["transfer_id"].as_str().expect("paid").to_owned();
        for id in [&*paid.charge, "a%20booking%2F1", &transfer, &format!("%23{number}")] {
            assert_eq!(site.get(&format!("/v1/payments/{id}")).await.body["id"], json!(number), "{id}");
        }
        for id in ["999999", "ch_nothing", "%20", "-1", "99999999999999999999"] {
            let answer = site.get(&format!("/v1/payments/{id}")).await;
            assert_eq!((answer.status, answer.code()), (404, "payment_not_found"), "{id}");
        }
        site.close().await;
    }

    /// Given payments, then lists are narrowed, and go on from a cursor without gaps while new ones come in.
    async fn lists_of_payments_go_on_where_they_ended(db: TestDb) {
        let site = Site::open(db).await;
        for n in 1..=5 {
            site.paid(&format!("b{n}"), if n == 3 { "grace" } else { "ada" }).await;
        }
        let bookings = |answer: &crate::web::Answer| -> Vec<String> {
            answer.data().iter().map(|line| line["booking"].as_str().expect("a booking").to_owned()).collect()
        };
        let first = site.get("/v1/payments?limit=2").await;
        assert_eq!(bookings(&first), ["b5", "b4"]);
        site.paid("b6", "ada").await;
        let cursor = first.body["next_cursor"].as_str().expect("there is more").to_owned();
        let second = site.get(&format!("/v1/payments?limit=2&cursor={cursor}")).await;
        assert_eq!(bookings(&second), ["b3", "b2"]);
        let cursor = second.body["next_cursor"].as_str().expect("there is more");
        let last = site.get(&format!("/v1/payments?limit=2&cursor={cursor}")).await;
        assert_eq!((bookings(&last), &last.body["next_cursor"]), (vec!["b1".to_owned()], &Value::Null));
        assert_eq!(bookings(&site.get("/v1/payments?mentor=grace").await), ["b3"]);
        assert_eq!(site.get("/v1/payments?mentor=grace&status=transferred").await.data().len(), 0);
        for (query, status, field) in [
            ("status=gone", 400, "status"),
            ("limit=0", 400, "limit"),
            ("limit=101", 400, "limit"),
            ("limit=two", 400, "limit"),
            ("cursor=", 400, "cursor"),
            ("cursor=2", 400, "cursor"),
            ("cursor=686973746f72793a313a757364", 400, "cursor"),
            ("mentor=nobody", 404, "mentor"),
            ("mentor=%00", 400, "mentor"),
            ("before=3", 400, "before"),
        ] {
            let answer = site.get(&format!("/v1/payments?{query}")).await;
            assert_eq!((answer.status, answer.field()), (status, field), "{query}");
        }
        site.close().await;
    }

    /// Given a transfer, then the report has it, by day, week or month.
    async fn the_report_is_the_command_lines(db: TestDb) {
        let site = Site::open(db).await;
        site.paid("b1", "ada").await;
        site.transferred("b1").await;
        site.paid("b2", "ada").await;
        let report = site.get("/v1/report").await;
        let period = &report.body["periods"][0];
        assert_eq!((&period["payments"], &period["transferred_minor"]), (&json!(2), &json!(9_000)), "{report:?}");
        assert_eq!(report.body["pending_payouts"], json!([{ "currency": "usd", "payments": 1, "amount_minor": 9_000 }]));
        for (query, by, periods) in
            [("by=month", "month", 1), ("by=week&since=2020-01-01", "week", 1), ("until=2020-01-01&since=2019-12-01T00:00:00Z", "day", 0)]
        {
            let report = site.get(&format!("/v1/report?{query}")).await;
            let found = report.body["periods"].as_array().expect("a list").len();
            assert_eq!((report.status, &report.body["by"], found), (200, &json!(by), periods), "{query}");
        }
        for (query, field) in
            [("by=year", "by"), ("since=yesterday", "since"), ("since=2026-01-02&until=2026-01-01T00:00:00Z", "until")]
        {
            let report = site.get(&format!("/v1/report?{query}")).await;
            assert_eq!((report.status, report.field()), (400, field), "{query}");
        }
        site.close().await;
    }
}
