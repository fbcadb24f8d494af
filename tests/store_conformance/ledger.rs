//! The ledger and its audit: posted with what it records, proven by the rules and by plain SQL, and never changed.

use payoutd::domain::ids::MentorId;
use payoutd::ports::{Balance, Books};
use serde_json::json;

use crate::events::{self, hour, later};
use crate::world::{World, done, refused, stories};

/// Every difference, as `check subject should is what`.
async fn audit(w: &World) -> Vec<String> {
    let page = w.store.audit_payments(0, 100).await.expect("audited");
    let whole = w.store.audit_mentors().await.expect("audited");
    let line = |d: &payoutd::ports::Difference| {
        let amount = |minor: Option<i64>| minor.map_or("-".to_owned(), |minor| minor.to_string());
        format!("{} {} {} {} {}", d.check, d.subject, amount(d.should_minor), amount(d.is_minor), d.what)
    };
    page.differences.iter().chain(&whole).map(line).collect()
}

async fn is_clean(w: &World) {
    assert_eq!(audit(w).await, [""; 0]);
}

async fn balance(w: &World) -> Balance {
    let mut balances = w.store.balances(MentorId::new("m1")).await.expect("read");
    assert_eq!(balances.len(), 1);
    balances.remove(0)
}

stories! {
    /// Given charges, when they are told, refunded and transferred, then each is posted in the transaction that records
    /// it, and the audit finds nothing.
    async fn what_happens_is_posted(w: World) {
        w.paid_charges(&["a", "b"]).await;
        assert_eq!(w.trial_balance().await, ["mentor_payable -18000", "platform_balance 20000", "platform_revenue -2000"]);
        w.hears([events::refund("r", "b", 5_000, "succeeded").told("refund.created", hour(1))]).await;
        assert_eq!(w.trial_balance().await, ["mentor_payable -13500", "platform_balance 15000", "platform_revenue -1500"]);
        w.picks(later()).await;
        let op = w.submits("a", later()).await;
        is_clean(&w).await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        assert_eq!(w.trial_balance().await, ["connected_balance 9000", "mentor_funds -9000", "mentor_payable -4500",
            "platform_balance 6000", "platform_revenue -1500"]);
        is_clean(&w).await;
        let kinds = w.sql.rows("kind", "ledger_journals ORDER BY id").await;
        let kinds: Vec<&str> = kinds.iter().map(|row| row[0].as_str().expect("a word")).collect();
        assert_eq!(kinds, ["charge", "fee", "charge", "fee", "refund", "transfer"]);
    }

    /// Given events that come twice and late, when they are projected, then nothing is posted twice.
    async fn nothing_is_posted_twice(w: World) {
        w.mentor("m1").await;
        let dispute = |status: &str| events::dispute("d", "a", status);
        let history = [
            dispute("needs_response").told("charge.dispute.created", hour(2)),
            events::refund("r", "a", 1_000, "succeeded").told("refund.created", hour(1)),
            events::charge("a").told("charge.succeeded", hour(0)),
            dispute("won").told("charge.dispute.closed", hour(4)),
            dispute("under_review").told("charge.dispute.updated", hour(3)),
        ];
        w.hears(history.clone()).await;
        is_clean(&w).await;
        let trial_then = w.trial_balance().await;
        assert_eq!(trial_then, ["mentor_payable -8100", "platform_balance 9000", "platform_revenue -900"]);
        let journals = w.sql.count("ledger_journals").await;
        w.hears(history).await;
        w.picks(later()).await;
        assert_eq!((w.trial_balance().await, w.sql.count("ledger_journals").await), (trial_then, journals));
    }

    /// Given a mentor's payments, when they stand differently, then the balances say how much is where.
    async fn balances_say_how_much_is_where(w: World) {
        w.paid_charges(&["paid", "due", "held", "waiting"]).await;
        w.person_runs("UPDATE payments SET dispute_requested = true WHERE stripe_charge_id = 'ch_held'").await;
        // The view asks the database's own clock.
        w.person_runs("UPDATE payments SET dispute_period_ends = '2999-01-01T00:00:00.000Z' \
            WHERE stripe_charge_id = 'ch_waiting'").await;
        w.person_runs("UPDATE payments SET dispute_period_ends = '2020-01-01T00:00:00.000Z' \
            WHERE stripe_charge_id = 'ch_due'").await;
        w.picks(later()).await;
        let op = w.submits("paid", later()).await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        w.hears([events::payout("po", "paid").told("payout.paid", hour(5)).of_account("acct_m1")]).await;
        let withdrawn = w.sql.value("amount", "payouts").await.as_i64().expect("a number");
        let balance = balance(&w).await;
        assert_eq!(serde_json::to_value(&balance).expect("JSON"), json!({
            "currency": "usd", "earned_minor": 36_000, "pending_minor": 9_000, "held_minor": 9_000,
            "available_minor": 9_000, "carried_minor": 0, "paid_minor": 9_000, "withdrawn_minor": withdrawn, "owed_minor": 0,
        }));
        assert_eq!(w.store.balances(MentorId::new("nobody")).await.expect("read"), []);
        is_clean(&w).await;
    }

    /// Given a payment whose mentor a person sets by SQL, when it is looked at, then what was nobody's is theirs.
    async fn what_a_person_changes_is_posted_when_it_is_looked_at(w: World) {
        w.mentor("m1").await;
        let nobodys = events::charge("a").set("metadata", json!({}));
        w.hears([nobodys.told("charge.succeeded", hour(0))]).await;
        assert_eq!(w.store.balances(MentorId::new("m1")).await.expect("read"), []);
        w.person_runs("UPDATE payments SET mentor_id = 'm1', dispute_requested = true").await;
        w.picks(later()).await;
        assert_eq!(balance(&w).await.held_minor, 9_000);
        is_clean(&w).await;
    }

    /// Given a database whose payments were recorded before there was a ledger, when what is missing is posted, then the
    /// audit is content, and posting again posts nothing.
    async fn an_older_database_is_posted(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        w.forgets_the_ledger().await;
        assert_eq!(audit(&w).await.len(), 3 * 5, "four entries and a balance each");
        let first = w.store.post_missing(0, 2, later()).await.expect("posted");
        assert_eq!((first.looked_at, first.journals), (2, 4));
        let second = w.store.post_missing(first.last.expect("more"), 2, later()).await.expect("posted");
        assert_eq!((second.looked_at, second.journals), (1, 2));
        assert_eq!(w.store.post_missing(second.last.expect("it"), 2, later()).await.expect("posted").last, None);
        is_clean(&w).await;
        assert_eq!(w.store.post_missing(0, 100, later()).await.expect("posted").journals, 0);
    }

    /// Given rows that were tampered with, when the audit looks, then each difference is named.
    async fn every_difference_is_named(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        is_clean(&w).await;
        for (damage, repair, differences) in [
            ("UPDATE payments SET refunded_amount = 100", "UPDATE payments SET refunded_amount = 0", vec![
                "entries payment 1 -100 0 not posted: refund entries on platform_balance in usd",
                "entries payment 1 10 0 not posted: refund entries on platform_revenue in usd",
                "entries payment 1 90 0 not posted: refund entries on mentor_payable of m1 in usd",
                "balance payment 1 900 1000 platform_balance in usd, by its rows",
            ]),
            ("UPDATE transfers SET amount = 8000", "UPDATE transfers SET amount = 9000", vec![
                "entries payment 1 1000 0 not posted: transfer entries on platform_balance in usd",
                "entries payment 1 -1000 0 not posted: transfer entries on connected_balance in usd",
                "entries payment 1 -1000 0 not posted: transfer entries on mentor_payable of m1 in usd",
                "entries payment 1 1000 0 not posted: transfer entries on mentor_funds of m1 in usd",
                "balance payment 1 8000 9000 connected_balance in usd, by its rows",
                "balance payment 1 -8000 -9000 mentor_funds in usd, by its rows",
                "balance payment 1 2000 1000 platform_balance in usd, by its rows",
                "transfer payment 1 9000 8000 transfer tr_1: ordered, and what Stripe made",
            ]),
            ("UPDATE payments SET platform_fee = 2000, mentor_amount = 8000",
             "UPDATE payments SET platform_fee = 1000, mentor_amount = 9000", vec![
                "transfer payment 1 8000 9000 what the mentor was due when they were paid, and what they were paid",
                "entries payment 1 -1000 0 not posted: fee entries on platform_revenue in usd",
                "entries payment 1 1000 0 not posted: fee entries on mentor_payable of m1 in usd",
                "entries payment 1 1000 0 not posted: refund entries on platform_revenue in usd",
                "entries payment 1 -1000 0 not posted: refund entries on mentor_payable of m1 in usd",
            ]),
            ("UPDATE ledger_entries SET amount = 9999 WHERE account = 'platform_balance' AND amount = 10000",
             "UPDATE ledger_entries SET amount = 10000 WHERE account = 'platform_balance' AND amount = 9999", vec![
                "entries payment 1 1 0 not posted: charge entries on platform_balance in usd",
                "balance payment 1 1000 999 platform_balance in usd, by its rows",
                "journal journal 1 0 -1 its usd entries do not balance",
            ]),
            ("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('m1', 'usd', 5)", "DELETE FROM mentor_debts", vec![
                "debt mentor m1 0 5 owed in usd, by the debt's entries",
                "debt mentor m1 0 5 owed in usd, by the ledger",
            ]),
            ("UPDATE payments SET currency = 'xyz'", "UPDATE payments SET currency = 'usd'", vec![
                "unreadable payment 1 - - the database holds a payment 1 that cannot be read: currency `xyz`",
                "balance payment 1 -9000 1000 platform_balance in usd, by its rows",
                "balance payment 1 10000 0 platform_balance in xyz, by its rows",
            ]),
        ] {
            w.tampers(damage).await;
            let found = audit(&w).await;
            assert_eq!(found.len(), differences.len(), "{damage}: {found:#?}");
            for (found, expected) in found.iter().zip(differences) {
                assert!(found.starts_with(expected), "{damage}:\n{found}\n{expected}");
            }
            w.tampers(repair).await;
            is_clean(&w).await;
        }
    }

    /// Given the ledger, when somebody changes what is posted, or posts one side only, then the database refuses.
    async fn the_ledger_only_grows(w: World) {
        w.paid_charges(&["a"]).await;
        for (table, set) in [("ledger_entries", "amount = 2 * amount"), ("ledger_journals", "note = 'never mind'")] {
            for statement in [format!("UPDATE {table} SET {set}"), format!("DELETE FROM {table}")] {
                let words = w.sql.refusal_of(&statement).await;
                assert!(words.contains("append-only"), "{statement}: {words}");
            }
        }
        let entry = |values: &str| {
            format!("INSERT INTO ledger_entries (journal_id, account, mentor_id, currency, amount) VALUES {values}")
        };
        for (values, words) in [
            ("(1, 'platform_balance', NULL, 'usd', 0), (1, 'disputed', NULL, 'usd', 0)", "ledger_entries_not_nothing"),
            ("(1, 'petty_cash', NULL, 'usd', 1), (1, 'disputed', NULL, 'usd', -1)", "ledger_entries_account_known"),
            ("(99, 'platform_balance', NULL, 'usd', 1), (99, 'disputed', NULL, 'usd', -1)", "foreign key"),
        ] {
            let refusal = w.sql.refusal_of(&entry(values)).await;
            assert!(refusal.to_lowercase().contains(words), "{values}: {refusal}");
        }
        let twice = "INSERT INTO ledger_journals (key, payment_id, kind, at) \
            VALUES ('1:charge:1', 1, 'charge', '2026-11-21T00:00:00.000Z')";
        assert!(w.sql.refusal_of(twice).await.to_lowercase().contains("unique"));
        if w.sql.is_postgres() {
            for uneven in ["(1, 'platform_balance', NULL, 'usd', 5)",
                "(1, 'platform_balance', NULL, 'usd', 5), (1, 'disputed', NULL, 'eur', -5)"] {
                let refusal = w.sql.refusal_of(&entry(uneven)).await;
                assert!(refusal.contains("does not balance"), "{refusal}");
            }
            assert!(w.sql.refusal_of("TRUNCATE ledger_entries").await.contains("append-only"));
        }
        is_clean(&w).await;
    }

    /// Given a transfer that Stripe refuses, when it is concluded, then nothing is posted for it.
    async fn a_refused_transfer_leaves_no_trace(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let before = w.trial_balance().await;
        w.writes(&op, refused(400, "parameter_invalid"), later()).await;
        assert_eq!(w.trial_balance().await, before);
        is_clean(&w).await;
    }
}
