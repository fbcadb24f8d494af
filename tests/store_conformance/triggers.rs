//! Plain SQL by a person: it wakes the payments that it concerns, is on record, and cannot write what must never be.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::events::{account, charge, dispute, hour, later, transfer};
use crate::world::{World, done, stories};

/// Parks every payment: picked, settled, asleep.
async fn asleep(w: &World, charges: &[&str]) {
    w.picks(hour(1)).await;
    for charge in charges {
        assert!(!w.is_awake(charge, hour(71)).await, "{charge} sleeps");
    }
}

async fn awake(w: &World, charges: &[&str]) -> Vec<String> {
    let mut awake = Vec::new();
    for charge in charges {
        if w.is_awake(charge, hour(1)).await {
            awake.push((*charge).to_owned());
        }
    }
    awake
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("a time").parse().expect("a time")
}

stories! {
    /// Given a payment, when an admin flags it with the statement that the README shows, then it is looked at, held,
    /// and on record with who and when; when the flag is taken back, then it is paid.
    async fn the_readmes_flag(w: World) {
        w.paid_charges(&["a"]).await;
        asleep(&w, &["a"]).await;
        let before = w.sql.value("updated_at", "payments").await;
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'Customer called' WHERE id = 1").await;

        assert!(w.is_awake("a", hour(1)).await);
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!((w.status("a").await.as_str(), w.hold_reasons("a").await.as_str()), ("held", "flagged"));
        assert!(time(&w.sql.value("updated_at", "payments").await) > time(&before));
        let flags = w.sql.rows("actor, action, subject_kind, subject_id, detail", "audit_log WHERE action <> 'mentor'").await;
        let who = if w.sql.is_postgres() { "payoutd" } else { "sql" };
        assert_eq!(flags, [[json!(who), json!("flag"), json!("payment"), json!("1"), json!("Customer called")]]);
        let at = time(&w.sql.value("at", "audit_log WHERE action = 'flag'").await);
        assert!((Utc::now() - at).num_seconds().abs() < 600, "{at}");

        w.person_runs("UPDATE payments SET dispute_requested = false, flagged_by = 'ada' WHERE id = 1").await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
        assert_eq!(w.sql.value("actor", "audit_log WHERE action = 'unflag'").await, json!("ada"));
    }

    /// Given a flag with the same words, when other columns change, then nothing more is recorded.
    async fn only_changes_of_the_flag_are_audited(w: World) {
        w.paid_charges(&["a"]).await;
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'x' WHERE id = 1").await;
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'x', booking_id = 'b' WHERE id = 1").await;
        assert_eq!(w.sql.count("audit_log WHERE action = 'flag'").await, 1);
    }

    /// Given sleeping payments, when a hold is placed, moved, lifted or deleted by SQL, then those it concerns wake.
    async fn holds_by_sql_wake(w: World) {
        let all = ["a", "b"];
        w.paid_charges(&all).await;
        for (statement, woken) in [
            ("INSERT INTO holds (payment_id, reason) VALUES (1, 'asked by support')", vec!["a"]),
            ("UPDATE holds SET payment_id = 2", vec!["a", "b"]),
            ("DELETE FROM holds", vec!["b"]),
            ("INSERT INTO holds (mentor_id, reason) VALUES ('m1', 'asked by support')", vec!["a", "b"]),
            ("UPDATE holds SET lifted_at = placed_at, lifted_by = 'ada'", vec!["a", "b"]),
            ("INSERT INTO holds (mentor_id, reason) VALUES ('m2', 'another')", vec![]),
        ] {
            asleep(&w, &all).await;
            w.person_runs(statement).await;
            assert_eq!(awake(&w, &all).await, woken, "{statement}");
        }
        assert_eq!(w.picks_ready(later()).await, all);
    }

    /// Given sleeping payments, when disputes and transfers of a charge appear, change or go by SQL, then it wakes.
    async fn disputes_and_transfers_wake(w: World) {
        let all = ["a", "b"];
        w.paid_charges(&all).await;
        w.hears([
            dispute("1", "a", "needs_response").told("charge.dispute.created", hour(0)),
            transfer("1", "a").told("transfer.created", hour(0)),
        ]).await;
        for (statement, woken) in [
            ("UPDATE disputes SET status = 'won'", vec!["a"]),
            ("UPDATE disputes SET stripe_charge_id = 'ch_b'", vec!["a", "b"]),
            ("DELETE FROM disputes", vec!["b"]),
            ("UPDATE transfers SET amount_reversed = amount", vec!["a"]),
            ("DELETE FROM transfers", vec!["a"]),
        ] {
            asleep(&w, &all).await;
            w.person_runs(statement).await;
            assert_eq!(awake(&w, &all).await, woken, "{statement}");
        }
    }

    /// Given payments of a mentor whom nobody knows, when the mentor is added, gets an account, and the account becomes
    /// active, then each time all of that mentor's payments wake, and nobody else's.
    async fn mentors_and_accounts_wake(w: World) {
        let all = ["a", "b", "other"];
        for name in ["a", "b"] {
            w.hears([charge(name).told("charge.succeeded", hour(0))]).await;
        }
        w.hears([charge("other").metadata("mentorUserId", "m2").told("charge.succeeded", hour(0))]).await;
        for statement in [
            "INSERT INTO mentors (id) VALUES ('m1')",
            "UPDATE mentors SET stripe_account_id = 'acct_m1'",
            "INSERT INTO accounts (stripe_account_id, transfers, transfers_told_at, transfers_rank, transfers_event_id) \
             VALUES ('acct_m1', 'pending', '2027-01-15T08:00:00.000Z', 0, '')",
            "UPDATE accounts SET transfers = 'active'",
            "UPDATE accounts SET deauthorized_at = transfers_told_at",
            "UPDATE accounts SET deauthorized_at = NULL",
            "UPDATE mentors SET stripe_account_id = NULL",
        ] {
            asleep(&w, &all).await;
            w.person_runs(statement).await;
            assert_eq!(awake(&w, &all).await, ["a", "b"], "{statement}");
        }
        asleep(&w, &all).await;
        w.person_runs("UPDATE mentors SET name = 'Ada Mentor'").await;
        w.person_runs("UPDATE accounts SET payouts_enabled = true").await;
        assert!(awake(&w, &all).await.is_empty(), "what decides nothing wakes nobody");
    }

    /// Given a sleeping payment, when an admin changes what the decision looks at, then it wakes.
    async fn facts_of_a_payment_wake_it(w: World) {
        w.paid_charges(&["a"]).await;
        for set in [
            "mentor_id = 'm2'", "refunded_amount = 100", "dispute_period_ends = '2027-01-15T09:00:00.000Z'",
            "livemode = true", "fee_conflict = 'x'", "settlement_currency = 'eur'", "settlement_amount = 1", "charge_disputed = true",
            "platform_fee = 0, mentor_amount = amount", "collection = 'failed'", "currency = 'eur'",
            "destination_charge = true", "stripe_charge_id = 'ch_z'",
        ] {
            w.picks(hour(1)).await;
            assert_eq!(w.sql.count("payments WHERE next_check_at > '2027-01-15T08:00:00.000Z' OR next_check_at IS NULL").await, 1);
            w.person_runs(&format!("UPDATE payments SET {set}")).await;
            assert_eq!(w.sql.value("next_check_at", "payments").await, json!("1970-01-01T00:00:00.000Z"), "{set}");
        }
    }

    /// Given a payment that Stripe refused for good, when an admin sets it back by SQL, then it is looked at; so is one
    /// whose pause is taken away.
    async fn a_status_or_a_pause_changed_by_hand_wakes(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.writes(&op, crate::world::refused(400, "parameter_invalid"), later()).await;
        assert_eq!(w.status("a").await, "failed");
        w.person_runs("UPDATE payments SET status = 'pending', hold_reasons = ''").await;
        assert_eq!(w.picks_ready(hour(74)).await, ["a"]);

        let op = w.submits("a", hour(74)).await;
        w.writes(&op, crate::world::refused(400, "balance_insufficient"), hour(74)).await;
        assert!(!w.is_awake("a", hour(74)).await);
        w.person_runs("UPDATE payments SET wait_until = NULL, wait_reason = NULL").await;
        assert_eq!(w.picks_ready(hour(74)).await, ["a"]);
    }

    /// Given a payment that is paid, then it is looked at again only for what may ask for money back.
    async fn a_paid_payment_wakes_for_what_may_ask_for_money_back(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.person_runs("INSERT INTO holds (mentor_id, reason) VALUES ('m1', 'late')").await;
        assert_eq!(w.sql.value("next_check_at", "payments").await, json!(null), "on the wire");
        w.writes(&op, done(&op, "tr_1"), later()).await;
        w.person_runs("INSERT INTO holds (payment_id, reason) VALUES (1, 'late')").await;
        w.hears([account("m1", "inactive").told("account.updated", hour(90)).of_account("acct_m1")]).await;
        assert_eq!(w.sql.value("next_check_at", "payments").await, json!(null));
        for wakes in [
            "UPDATE payments SET dispute_requested = true, dispute_reason = 'late'",
            "UPDATE payments SET dispute_requested = false",
            "UPDATE payments SET refunded_amount = 1",
            "UPDATE transfers SET amount_reversed = 1",
        ] {
            w.person_runs(wakes).await;
            assert_ne!(w.sql.value("next_check_at", "payments").await, json!(null), "{wakes}");
            w.person_runs("UPDATE payments SET next_check_at = NULL").await;
        }
        // Stripe tells of our own transfer: nothing new.
        w.person_runs("UPDATE transfers SET amount_reversed = 1").await;
        assert_eq!(w.sql.value("next_check_at", "payments").await, json!(null));
    }
}
