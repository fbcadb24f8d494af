//! The webhook listener of a whole daemon: what is believed is kept whatever it is, what is not leaves no trace, and
//! while the database is away nothing is acknowledged.

use super::*;
use crate::support::proxy::Proxy;
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{Fault, signature_header};
use payoutd::ports::{Clock, Store};
use serde_json::{Value, json};

fn now() -> i64 {
    SystemClock.now().timestamp()
}

/// The body of this booking's `charge.succeeded`, changed.
fn forged(town: &Town, id: &str, change: impl FnOnce(&mut Value)) -> String {
    let events = town.sandbox.events();
    let event = events.iter().find(|event| event.kind == "charge.succeeded").expect("a charge");
    let mut body = event.json();
    body["id"] = json!(id);
    change(&mut body);
    body.to_string()
}

async fn note_of(town: &Town, id: &str) -> Vec<String> {
    town.all_read().await;
    town.sql.words("state || ': ' || note", &format!("webhook_events WHERE event_id = '{id}'")).await
}

on_both_databases! {
    /// Given posts that are not Stripe's, when they come, then each is refused with a reason, and none leaves a row.
    async fn what_is_not_stripes_is_refused(db: TestDb) {
        let town = Town::new(db).await;
        let url = town.webhook_url();
        let body = br#"{"id":"evt_1","type":"charge.succeeded","created":1}"#.to_vec();
        let old = signature_header(town::WEBHOOK_SECRET, now() - 3_600, &body);
        let ahead = signature_header(town::WEBHOOK_SECRET, now() + 3_600, &body);
        let wrong = signature_header("whsec_wrong", now(), &body);
        let right = signature_header(town::WEBHOOK_SECRET, now(), b"another body");
        for (header, says) in [
            (old.as_str(), "too_old"),
            (&ahead, "in_future"),
            (&wrong, "mismatch"),
            (&right, "mismatch"),
            ("t=soon,v1=zz", "malformed"),
            ("", "malformed"),
        ] {
            let answer = town.web.post(&url, &[("Stripe-Signature", header)], body.clone()).await;
            assert_eq!(answer.status, 400, "{header}: {answer:?}");
            assert!(answer.body.contains(says), "{header}: {answer:?}");
        }
        let answer = town.web.post(&url, &[], body.clone()).await;
        assert!(answer.status == 400 && answer.body.contains("signature_missing"), "{answer:?}");
        let huge = vec![b'x'; 300 * 1024];
        let signed = signature_header(town::WEBHOOK_SECRET, now(), &huge);
        let answer = town.web.post(&url, &[("Stripe-Signature", &signed)], huge).await;
        assert_eq!(answer.status, 413, "{answer:?}");
        assert_eq!(town.sql.count("webhook_events").await, 0);
    }

    /// Given authentic bodies that are no events, when they come, then each is kept, byte for byte, and shown; real
    /// ones go on.
    async fn authentic_nonsense_is_kept_and_shown(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        let url = town.webhook_url();
        let bodies: [&[u8]; 7] = [
            b"",
            b"{\"id\":\"evt_cut\",\"type\":\"charge.suc",
            b"\xff\xfe\x00\x01 not UTF-8",
            b"hello, this is no JSON",
            b"[]",
            b"{\"id\":7,\"type\":null}",
            b"{\"id\":\"evt_nul\\u0000\",\"type\":\"charge.succeeded\",\"created\":1}",
        ];
        for body in bodies {
            for _ in 0..2 {
                let answer = town.post_signed(&url, body).await;
                assert_eq!(answer.status, 200, "{body:?}: {answer:?}");
            }
        }
        town.known_charge("B-1", "ada").await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.sql.count("webhook_events WHERE state = 'failed' AND note <> ''").await, 7);
        let figures = town.store.status(SystemClock.now()).await.expect("readable");
        assert_eq!(figures.events, [("failed".to_owned(), 7)].into(), "status shows them");
    }

    /// Given authentic events with amounts and currencies that cannot be, when read, then each stays with an error
    /// that names the field, and no payment comes of it.
    async fn impossible_amounts_and_currencies_stay_with_a_clear_error(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        let url = town.webhook_url();
        for (id, field, value) in [
            ("evt_negative", "amount", json!(-1)),
            ("evt_beyond_i64", "amount", json!(9_223_372_036_854_775_808_u64)),
            ("evt_fraction", "amount", json!(12.5)),
            ("evt_words", "amount", json!("a lot")),
            ("evt_currency", "currency", json!("zzz")),
            ("evt_no_currency", "currency", json!(null)),
            ("evt_refunded", "amount_refunded", json!(-5)),
        ] {
            let body = forged(&town, id, |body| {
                if field == "amount" {
                    body["data"]["object"]["amount_captured"] = value.clone();
                }
                body["data"]["object"][field] = value;
            });
            assert_eq!(town.post_signed(&url, &body).await.status, 200);
            let note = note_of(&town, id).await;
            assert!(note.len() == 1 && note[0].starts_with("failed: charge.succeeded"), "{id}: {note:?}");
            assert!(note[0].contains(field), "{id}: {note:?}");
        }
        // The true event may have been caught up with by now; nothing of the forged ones is in its payment.
        let forged = "payments WHERE amount <> 10000 OR currency <> 'usd' OR refunded_amount <> 0";
        assert_eq!(town.sql.count(forged).await, 0);
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a charge of nothing, when it comes, then nothing is ever sent for it, and its event says why or its
    /// payment is held.
    async fn a_charge_of_nothing_is_not_paid(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        let zero = forged(&town, "evt_zero", |body| {
            let charge = &mut body["data"]["object"];
            for field in ["amount", "amount_captured"] {
                charge[field] = json!(0);
            }
        });
        assert_eq!(town.post_signed(&town.webhook_url(), &zero).await.status, 200);
        let note = note_of(&town, "evt_zero").await;
        let failed = note[0].starts_with("failed: charge.succeeded") && note[0].contains("amount");
        let held = match town.find("B-1").await {
            Some(_) => town.held_for("B-1").await.contains("below_minimum"),
            None => false,
        };
        assert!(failed || held, "{note:?}");
        town.run().await;
        town.not_paid("B-1");
    }

    /// Given the largest amount that fits, when its fee is taken, then nothing overflows.
    async fn the_largest_amount_does_not_overflow(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"72h\"").found(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        let body = forged(&town, "evt_largest", |body| {
            for field in ["amount", "amount_captured"] {
                body["data"]["object"][field] = json!(i64::MAX);
            }
        });
        assert_eq!(town.post_signed(&town.webhook_url(), &body).await.status, 200);
        town.all_read().await;
        let view = town.payment("B-1").await;
        assert_eq!(view.case.payment.amount.get(), i64::MAX);
        assert_eq!(view.platform_fee_minor + view.mentor_due_minor, i64::MAX);
    }

    /// Given a live event on a daemon with a test key, when its payment is due, then it is held and the admin told.
    async fn the_wrong_mode_is_held(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        let live = forged(&town, "evt_live", |body| {
            body["livemode"] = json!(true);
            body["data"]["object"]["livemode"] = json!(true);
        });
        assert_eq!(town.post_signed(&town.webhook_url(), &live).await.status, 200);
        town.all_read().await;
        assert_eq!(town.held_for("B-1").await, "other_mode");
        town.not_paid("B-1");
        town.email(town::ADMIN, "mode").await;
    }

    /// Given event types that payoutd does not know, when they come, then they are kept and left.
    async fn unknown_types_are_kept_and_left(db: TestDb) {
        let town = Town::new(db).await;
        town.charge("B-1", "ada");
        let body = forged(&town, "evt_new", |body| body["type"] = json!("something.new"));
        assert_eq!(town.post_signed(&town.webhook_url(), &body).await.status, 200);
        assert!(note_of(&town, "evt_new").await[0].starts_with("ignored"));
        assert_eq!(town.sql.count("webhook_events WHERE event_id = 'evt_new' AND payment_key IS NULL").await, 1);
    }

    /// Given thousands of junk posts at once, when real webhooks come between them, then those are taken and paid.
    async fn junk_does_not_stop_real_webhooks(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        for number in 1..=5 {
            town.charge(&format!("B-{number}"), "ada");
        }
        let junk: Vec<_> = (0..16)
            .map(|sender| {
                let (web, url) = (town.web.clone(), town.webhook_url());
                tokio::spawn(async move {
                    for post in 0..150 {
                        let header = format!("t={},v1={sender:064}", now());
                        let headers = [("Stripe-Signature", header.as_str())];
                        let answer = web.post(&url, &headers, vec![b'{'; 64 * (post % 32)]).await;
                        assert_eq!(answer.status, 400, "{answer:?}");
                    }
                })
            })
            .collect();
        town.deliver().await;
        for number in 1..=5 {
            town.paid_once(&format!("B-{number}"), 9_000).await;
        }
        for sender in junk {
            sender.await.expect("every junk post was answered");
        }
        assert_eq!(town.sql.count("webhook_events WHERE state NOT IN ('projected', 'ignored')").await, 0);
    }
}

/// Given a database that is away, when webhooks come, then they are refused with 503 and kept when Stripe sends them
/// again; health says so meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_nothing_is_acknowledged_and_nothing_lost() {
    let db = TestDb::postgres().await;
    let proxy = Proxy::before(db.url()).await;
    let town = Town::plan().database_at(proxy.url()).found(db).await;
    town.mentor("ada").await;
    town.charge("B-1", "ada");
    assert_eq!(town.readyz().await.status, 200);
    proxy.cut();
    for event in town.sandbox.undelivered() {
        assert_eq!(town.sandbox.deliver(&event.id).await.expect("the listener is there"), [503]);
    }
    let ready = town.readyz().await;
    assert_eq!(ready.status, 503);
    assert_ne!(ready.json()["database"], "ok");
    proxy.restore();
    assert_eq!(town.sql.count("webhook_events").await, 0);
    // Stripe sends again; what comes while connections are made anew, it sends once more.
    let taken = async || {
        for event in town.sandbox.undelivered() {
            town.sandbox.deliver(&event.id).await.expect("the listener is there");
        }
        town.sandbox.undelivered().is_empty()
    };
    town.until("every event is taken", taken).await;
    town.all_read().await;
    town.paid_once("B-1", 9_000).await;
    assert_eq!(town.readyz().await.status, 200);
}

/// Given a transfer on the wire, when the database goes away before its outcome is written, then the outcome is kept
/// and written when the database is back; there is one transfer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_waits_for_the_database() {
    let db = TestDb::postgres().await;
    let proxy = Proxy::before(db.url()).await;
    let plan = Town::plan().database_at(proxy.url()).with("stripe.call_timeout", "\"4s\"");
    let town = plan.found(db).await;
    town.mentor("ada").await;
    town.known_charge("B-1", "ada").await;
    town.trouble("B-1", Fault::Delay { ms: 400 });
    let _a_run_without_an_end = town.house().begin_run();
    town.until("the call is on the wire", async || town.sandbox.faults()[0].fired == 1).await;
    proxy.cut();
    town.until("Stripe has done it", async || !town.transferred("B-1").is_empty()).await;
    assert_eq!(town.operations("B-1").await, ["submitting 1 0"]);
    proxy.restore();
    let written = async || town.operations("B-1").await == ["confirmed 1 0"];
    town.until("the outcome is written", written).await;
    assert_eq!(town.calls("B-1").await, ["create 200"]);
    assert_eq!(town.sandbox.books().duplicates, 0);
}
