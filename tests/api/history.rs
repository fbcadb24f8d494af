//! A mentor's history: newest first, in pages that stay as they are, and adding up to the balance.

use payoutd::app::sandbox::NewRefund;
use serde_json::Value;

use crate::site::Site;
use crate::support::on_both_databases;

/// `kind due account owed`
fn line(entry: &Value) -> String {
    let number = |name: &str| entry[name].as_i64().expect("a number");
    let kind = entry["kind"].as_str().expect("a word");
    format!("{kind} {} {} {}", number("due_minor"), number("account_minor"), number("owed_minor"))
}

/// Every page from the first to the last.
async fn pages(site: &Site, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = site.get(&format!("/v1/mentors/ada/history?limit={limit}{cursor}")).await;
        assert!(page.data().len() <= limit);
        all.extend(page.data().to_vec());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

on_both_databases! {
    /// Given a charge, its transfer and a refund of half of it, then the history tells each, and adds up to the balance.
    async fn a_history_tells_what_happened_and_adds_up(db: TestDb) {
        let site = Site::open(db).await;
        assert_eq!(site.get("/v1/mentors/ada/history").await.data().len(), 0);
        let paid = site.paid("b1", "ada").await;
        site.transferred("b1").await;
        let half = NewRefund { charge: paid.charge.clone(), amount_minor: Some(5_000), pending: false };
        site.sandbox.refund(half).expect("refunded");
        site.deliver().await;
        let reversed = async || {
            site.run().await;
            site.sql.count("ledger_journals WHERE kind = 'reversal'").await == 1
        };
        site.until("half of it is taken back", reversed).await;
        let history = site.get("/v1/mentors/ada/history").await;
        let told: Vec<String> = history.data().iter().map(line).collect();
        let expected =
            ["reversal 4500 -4500 0", "refund -4500 0 0", "transfer -9000 9000 0", "fee -1000 0 0", "charge 10000 0 0"];
        assert_eq!(told, expected);
        assert!(history.data().iter().all(|entry| entry["booking"] == "b1" && entry["currency"] == "usd"));

        let sum = |name: &str| history.data().iter().map(|entry| entry[name].as_i64().expect("a number")).sum::<i64>();
        let balance = site.get("/v1/mentors/ada/balance").await.body["balances"][0].clone();
        let whole = |names: &[&str]| names.iter().map(|name| balance[*name].as_i64().expect("a number")).sum::<i64>();
        assert_eq!(sum("due_minor"), whole(&["pending_minor", "held_minor", "available_minor"]));
        assert_eq!(sum("account_minor"), whole(&["paid_minor"]));
        assert_eq!(sum("owed_minor"), whole(&["owed_minor"]));
        assert_eq!(balance["earned_minor"], 4_500);

        let other = site.get("/v1/mentors/grace/history").await;
        assert_eq!((other.status, other.data().len()), (200, 0), "another mentor's is another matter");
        assert_eq!(site.get("/v1/mentors/nobody/history").await.code(), "mentor_not_found");
        site.close().await;
    }

    /// Given a history in pages, when more happens between two of them, then no row comes twice and none is left out.
    async fn pages_stay_as_they_are(db: TestDb) {
        let site = Site::open(db).await;
        for n in 1..=4 {
            site.paid(&format!("b{n}"), "ada").await;
        }
        let before = pages(&site, 100).await;
        assert_eq!(before.len(), 8, "a charge and a fee of each");
        for limit in [1, 3, 8] {
            assert_eq!(pages(&site, limit).await, before, "pages of {limit}");
        }
        let (mut read, mut cursor) = (Vec::new(), String::new());
        for n in 5.. {
            let page = site.get(&format!("/v1/mentors/ada/history?limit=3{cursor}")).await;
            read.extend(page.data().to_vec());
            let Some(next) = page.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
            site.paid(&format!("b{n}"), "ada").await;
        }
        assert_eq!(read, before);
        assert_eq!(pages(&site, 5).await[4..], before[..], "what came in between is at the head");

        let list = site.get("/v1/payments?limit=1").await;
        let foreign = list.body["next_cursor"].as_str().expect("there is more");
        for cursor in ["", "x", "ff", foreign, "686973746f72793a313a787878", "686973746f72793a78"] {
            let answer = site.get(&format!("/v1/mentors/ada/history?cursor={cursor}")).await;
            assert_eq!((answer.status, answer.field()), (400, "cursor"), "{cursor}");
        }
        site.close().await;
    }
}
