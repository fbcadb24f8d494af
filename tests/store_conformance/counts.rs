//! How many payments there are, as `payoutd status` says it: counted where they move, whoever moves them, and never by reading
//! them all.

use std::collections::BTreeMap;

use payoutd::ports::{AuditCheck, Books, Chores, Store};

use crate::events::{charge, hour, later};
use crate::sql::Sql;
use crate::world::{World, done, stories};

/// What there is, by reading it all: status, what holds it where it is held, how many.
async fn by_reading(w: &World) -> (BTreeMap<String, i64>, BTreeMap<String, i64>) {
    let (mut payments, mut held) = (BTreeMap::new(), BTreeMap::new());
    for row in w.sql.rows("status, hold_reasons", "payments WHERE status <> 'transferred'").await {
        let (status, reasons) = (row[0].as_str().expect("text"), row[1].as_str().expect("text"));
        *payments.entry(status.to_owned()).or_insert(0) += 1;
        for reason in reasons.split(',').filter(|reason| status == "held" && !reason.is_empty()) {
            *held.entry(reason.to_owned()).or_insert(0) += 1;
        }
    }
    (payments, held)
}

async fn counts_are_right(w: &World, when: &str) {
    let figures = w.store.status(later()).await.expect("read");
    let nothing = |counts: &mut BTreeMap<String, i64>| counts.retain(|_, count| *count != 0);
    let (mut payments, mut held) = (figures.payments, figures.held);
    nothing(&mut payments);
    nothing(&mut held);
    assert_eq!((payments, held), by_reading(w).await, "{when}");
    assert_eq!(w.store.audit_mentors().await.expect("looked"), [], "{when}");
}

/// Statements that move payments back and forth, so many times.
async fn much_moves(w: &World, times: usize) {
    for _ in 0..times / 2 {
        w.person_runs("UPDATE payments SET status = 'held', hold_reasons = 'flagged' WHERE status = 'pending'").await;
        w.person_runs("UPDATE payments SET status = 'pending', hold_reasons = '' WHERE status = 'held'").await;
    }
}

stories! {
    /// Given payments that are recorded, held, paid, changed and deleted, by payoutd or by a person, then the counts are what
    /// there is at each moment.
    async fn counts_follow_the_payments(w: World) {
        counts_are_right(&w, "nothing there").await;
        w.paid_charges(&["a", "b", "c"]).await;
        counts_are_right(&w, "recorded").await;
        w.person_runs("UPDATE payments SET dispute_requested = true WHERE stripe_charge_id = 'ch_b'").await;
        assert_eq!(w.picks_ready(later()).await, ["a", "c"]);
        counts_are_right(&w, "one is flagged").await;
        w.person_runs("INSERT INTO holds (payment_id, reason) SELECT id, 'asked' FROM payments WHERE stripe_charge_id = 'ch_b'").await;
        w.picks(later()).await;
        assert_eq!(w.hold_reasons("b").await, "flagged,payment_hold");
        counts_are_right(&w, "for two reasons").await;
        let op = w.submits("a", later()).await;
        counts_are_right(&w, "on its way").await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        assert_eq!(w.status("a").await, "transferred");
        counts_are_right(&w, "paid").await;
        w.person_runs("UPDATE payments SET hold_reasons = 'mentor_hold' WHERE status = 'pending'").await;
        counts_are_right(&w, "reasons of what is not held").await;
        w.person_runs("UPDATE payments SET status = 'failed', hold_reasons = ''").await;
        counts_are_right(&w, "what was paid is failed").await;
        w.hears([charge("d").told("charge.succeeded", hour(0))]).await;
        w.person_runs("DELETE FROM ledger_entries WHERE FALSE; UPDATE payments SET booking_id = 'x'").await;
        counts_are_right(&w, "nothing moved").await;
    }

    /// Given thousands of changes, when they are added up, by two at once too, then few rows are left that say the same.
    async fn adding_up_changes_no_count(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        much_moves(&w, 400).await;
        let before = w.sql.count("payment_counts").await;
        assert!(before >= 800, "{before}");
        let other = w.another_store();
        let fold = async |store: &payoutd::store::Database| while store.fold_counts().await.expect("added up") {};
        tokio::join!(fold(&w.store), fold(&other));
        let after = w.sql.count("payment_counts").await;
        assert!(after < 500, "{before} before, {after} after");
        counts_are_right(&w, "added up").await;
        assert!(!w.store.fold_counts().await.expect("looked"), "few rows are left alone");
        assert_eq!(w.sql.count("payment_counts").await, after);
    }

    /// Given counts that somebody changed, then the audit says so, and counting anew sets them right, once.
    async fn wrong_counts_are_found_and_set_right(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.person_runs("INSERT INTO payment_counts (status, hold_reasons, payments) VALUES ('held', 'flagged', 7), ('pending', '', -1)").await;
        let found = w.store.audit_mentors().await.expect("looked");
        let told: Vec<String> = found.iter().map(|found| format!("{} {}: {}", found.subject, found.sentence(), found.what)).collect();
        assert_eq!(told, [
            "payment_counts there are not as many payments as were counted: should be 0, is 7: \
             payments that are held for flagged, and how many `payoutd status` counts",
            "payment_counts there are not as many payments as were counted: should be 2, is 1: \
             payments that are pending, and how many `payoutd status` counts",
        ]);
        assert!(found.iter().all(|found| found.check == AuditCheck::Count));
        let other = w.another_store();
        let (one, two) = tokio::join!(w.store.recount(), other.recount());
        assert_eq!(one.expect("counted") + two.expect("counted"), 2, "each was mended once");
        counts_are_right(&w, "counted anew").await;
    }
}

/// Given a transaction that moved a payment and goes on, when another one moves its own payment in the same way, then it waits for
/// nobody; and what is rolled back was never counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_makes_nobody_wait() {
    let w = World::postgres().await;
    w.paid_charges(&["a", "b"]).await;
    let slow = Sql::open(w.url()).await;
    slow.run("BEGIN; UPDATE payments SET status = 'held', hold_reasons = 'flagged' WHERE stripe_charge_id = 'ch_a'")
        .await;
    w.person_runs("SET lock_timeout = '1s'; UPDATE payments SET status = 'held', hold_reasons = 'flagged' WHERE stripe_charge_id = 'ch_b'").await;
    counts_are_right(&w, "one is under way").await;
    w.store.fold_counts().await.expect("looked");
    slow.run("ROLLBACK").await;
    counts_are_right(&w, "it was rolled back").await;
}

/// Given a person who may change payments and nothing else, then they need not be allowed to count them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_needs_no_right_of_its_own() {
    let w = World::postgres().await;
    w.paid_charges(&["a"]).await;
    let name = w.sql.value("current_database()::text", "(SELECT 1) AS one").await;
    let role = format!("desk_of_{}", name.as_str().expect("a name"));
    w.person_runs(&format!(
        "CREATE ROLE \"{role}\"; GRANT SELECT, UPDATE ON payments TO \"{role}\"; SET ROLE \"{role}\";
         CREATE TEMPORARY TABLE payment_counts (status text, hold_reasons text, payments bigint);
         UPDATE payments SET status = 'held', hold_reasons = 'flagged'; DROP TABLE payment_counts;
         RESET ROLE; DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""
    ))
    .await;
    counts_are_right(&w, "moved by somebody with few rights").await;
}
