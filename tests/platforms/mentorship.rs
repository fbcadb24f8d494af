//! Mentorship: GBP, four prices, webhooks that come twice, balances, and mentors who ask for their money.

use super::*;
use payoutd::app::sandbox::{Ending, Paid, Pay};
use serde_json::json;

/// What the customer pays, what the platform keeps, what is the mentor's.
const SPLIT: [(i64, i64, i64); 4] =
    [(5_000, 1_000, 4_000), (10_000, 2_000, 8_000), (15_000, 3_000, 12_000), (20_000, 4_000, 16_000)];

fn session(id: &str, amount: i64) -> Pay {
    Pay::new(amount, "gbp").metadata("mentorId", "ada").metadata("sessionId", id).transfer_group(id)
}

on_both_databases! {
    async fn a_week_of_mentorship(db: TestDb) {
        let mentorship = Platform::opens(db, "mentorship", 73).await;
        let account = mentorship.mentor("ada", "GB", "gbp");

        // One session at each price, 73 hours ago, and one that is in its window.
        let paid: Vec<Paid> = SPLIT.iter().map(|(amount, ..)| mentorship.pays(session(&format!("S-{amount}"), *amount))).collect();
        mentorship.time_passes(2);
        mentorship.pays(session("S-today", 5_000));
        mentorship.time_passes(0);

        // Each webhook comes twice, and the second time in the other order.
        let events: Vec<String> = mentorship.sandbox.events().into_iter().map(|event| event.id).collect();
        mentorship.webhooks_arrive().await;
        for event in events.iter().rev() {
            mentorship.webhook_arrives(event).await;
        }
        assert_eq!(mentorship.sql.count("payments").await, 5);
        assert_eq!(mentorship.sql.count("webhook_events").await, i64::try_from(events.len()).unwrap());

        for ((amount, fee, share), paid) in SPLIT.iter().zip(&paid) {
            let booking = format!("S-{amount}");
            let explained = mentorship.reaches(&booking, "transferred").await;
            assert_eq!((&explained["platform_fee"], &explained["amount"]), (&(*fee).into(), &(*amount).into()));
            assert_eq!(mentorship.left(paid), *share, "{booking}");
        }
        mentorship.email("ada@example.org", "160.00 GBP").await;

        let balance = &mentorship.json(&["mentor", "balance", "ada"])["balances"][0];
        let of = |name: &str| balance[name].as_i64().unwrap_or_else(|| panic!("{name}: {balance}"));
        assert_eq!((of("earned_minor"), of("paid_minor"), of("pending_minor"), of("owed_minor")), (44_000, 40_000, 4_000, 0));

        // Ada's page on the site shows the same, and nobody else's.
        let theirs = mentorship.api_get("mentor:read", "ada", "/v1/mentors/ada/balance").await;
        assert_eq!((theirs.status, &theirs.json()["balances"][0]["paid_minor"]), (200, &40_000.into()), "{theirs:?}");
        assert_eq!(mentorship.api_get("mentor:read", "grace", "/v1/mentors/ada/balance").await.status, 403);

        // She asks for 150.00 GBP there; the site's second try is the same withdrawal, and its third asks for something else.
        let ask = async |key: &str, amount: i64| {
            mentorship.api_post("/v1/mentors/ada/withdrawals", key, json!({"amount": amount, "currency": "gbp"})).await
        };
        let asked = [ask("w-1", 15_000).await, ask("w-1", 15_000).await, ask("w-1", 20_000).await];
        assert_eq!(asked.each_ref().map(|answer| answer.status), [201, 200, 409], "{asked:?}");
        assert_eq!(asked[0].json()["id"], asked[1].json()["id"]);

        // What is too small, too much, in another currency or nothing at all is refused, and nothing moves.
        let bad = [(900, "gbp", 422), (2_000_000, "gbp", 422), (5_000, "usd", 422), (0, "gbp", 422), (-5_000, "gbp", 422)];
        for (amount, currency, status) in bad {
            let (key, body) = (format!("bad-{amount}-{currency}"), json!({"amount": amount, "currency": currency}));
            let refused = mentorship.api_post("/v1/mentors/ada/withdrawals", &key, body).await;
            assert_eq!(refused.status, status, "{amount} {currency}: {refused:?}");
        }
        let unknown = mentorship.api_post("/v1/mentors/nobody/withdrawals", "w-2", json!({"amount": 5_000})).await;
        assert_eq!(unknown.status, 404, "{unknown:?}");

        // The operator's command for 50.00 GBP, and the rest by a row.
        mentorship.cli(&["withdraw", "ada", "--amount", "5000", "--currency", "gbp"]);
        mentorship.withdrawals_are(&account, &[5_000, 15_000]).await;
        mentorship.sql.run("INSERT INTO payout_requests (mentor_id) VALUES ('ada')").await;
        mentorship.withdrawals_are(&account, &[5_000, 15_000, 20_000]).await;

        // One of them comes back from the bank after it was paid.
        let payouts = mentorship.sandbox.books().payouts;
        let of = |amount: i64| payouts.iter().find(|payout| payout.amount_minor == amount).expect("there").id.clone();
        for payout in &payouts {
            mentorship.sandbox.settle_payout(&payout.id, Ending::Succeeds).expect("it can end so");
        }
        mentorship.webhooks_arrive().await;
        mentorship.email("ada@example.org", "150.00 GBP").await;
        mentorship.sandbox.settle_payout(&of(5_000), Ending::Fails).expect("it can end so");
        mentorship.webhooks_arrive().await;
        mentorship.email(ADMIN, "50.00 GBP").await;
        let balance = &mentorship.json(&["mentor", "balance", "ada"])["balances"][0];
        assert_eq!(balance["withdrawn_minor"], 35_000, "{balance}");
        mentorship.books_are_right().await;
    }
}
