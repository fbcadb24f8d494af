//! What the database itself refuses, whoever writes: parts that do not add up, doubles, changed history.

use crate::events::{hour, later};
use crate::world::{World, done, refused, stories};

stories! {
    /// Given a payment, when somebody writes what can never be true of one, then the database refuses, by name.
    async fn what_must_always_be_true_of_a_payment(w: World) {
        w.paid_charges(&["a"]).await;
        let before = w.sql.table("payments", &[]).await;
        for (set, constraint) in [
            ("platform_fee = 1001", "payments_parts_add_up"),
            ("amount = 9999", "payments_parts_add_up"),
            ("platform_fee = -1, mentor_amount = 10001", "payments_fee_not_negative"),
            ("platform_fee = 10001, mentor_amount = -1", "payments_mentor_amount_not_negative"),
            ("amount = -1, platform_fee = 0, mentor_amount = -1", "not_negative"),
            ("currency = 'USD'", "payments_currency_lower_case"),
            ("currency = 'usdc'", "payments_currency_lower_case"),
            ("settlement_currency = 'EUR'", "payments_settlement_currency_lower_case"),
            ("refunded_amount = 10001", "payments_refunded_within_amount"),
            ("refunded_amount = -1", "payments_refunded_within_amount"),
            ("platform_fee_bps = 10001", "payments_fee_at_most_all"),
            ("status = 'paid'", "payments_status_known"),
            ("status = 'transferred'", "payments_transferred_has_transfer"),
            ("collection = 'maybe'", "payments_collection_known"),
            ("wait_reason = 'rain'", "payments_wait_reason_known"),
        ] {
            let words = w.sql.refusal_of(&format!("UPDATE payments SET {set}")).await;
            assert!(words.contains(constraint), "{set}: {words}");
        }
        assert_eq!(w.sql.table("payments", &[]).await, before);
    }

    /// Given two payments, when one is given the other's id at Stripe, then the unique keys refuse.
    async fn no_two_payments_share_an_id(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.person_runs("UPDATE payments SET transfer_id = 'tr_1', stripe_checkout_session_id = 'cs_1' WHERE id = 1").await;
        for set in ["payment_key = 'pi_a'", "stripe_payment_intent_id = 'pi_a'", "stripe_charge_id = 'ch_a'",
            "transfer_id = 'tr_1'", "stripe_checkout_session_id = 'cs_1'"] {
            let words = w.sql.refusal_of(&format!("UPDATE payments SET {set} WHERE id = 2")).await;
            assert!(words.to_lowercase().contains("unique"), "{set}: {words}");
        }
        let words = w.sql.refusal_of("INSERT INTO mentors (id, stripe_account_id) VALUES ('m2', 'acct_m1')").await;
        assert!(words.to_lowercase().contains("unique"), "{words}");
    }

    /// Given holds, then each stands on exactly one subject, says why, and stands once for each who placed it.
    async fn holds_are_on_one_subject_and_say_why(w: World) {
        w.paid_charges(&["a"]).await;
        for (values, words) in [
            ("(payment_id, mentor_id, reason) VALUES (1, 'm1', 'x')", "holds_on_one_subject"),
            ("(reason) VALUES ('x')", "holds_on_one_subject"),
            ("(payment_id, reason) VALUES (1, '')", "holds_reason_given"),
            ("(payment_id, reason, source) VALUES (1, 'x', 'rain')", "holds_source_known"),
            ("(payment_id, reason) VALUES (99, 'x')", "foreign key"),
        ] {
            let refusal = w.sql.refusal_of(&format!("INSERT INTO holds {values}")).await;
            assert!(refusal.to_lowercase().contains(words), "{values}: {refusal}");
        }
        w.person_runs("INSERT INTO holds (payment_id, reason) VALUES (1, 'x')").await;
        let refusal = w.sql.refusal_of("INSERT INTO holds (payment_id, reason) VALUES (1, 'again')").await;
        assert!(refusal.to_lowercase().contains("unique"), "{refusal}");
        w.person_runs("UPDATE holds SET lifted_at = placed_at").await;
        w.person_runs("INSERT INTO holds (payment_id, reason) VALUES (1, 'once more')").await;
    }

    /// Given a transfer that is under way or done, then the database refuses another live one of the same payment.
    async fn one_live_transfer_a_payment(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let another = |generation: i32| format!(
            "INSERT INTO operations (kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, \
             parameters, state, created_at, updated_at) SELECT kind, payment_id, mentor_id, {generation}, \
             'key {generation}', amount, currency, parameters, 'planned', created_at, updated_at FROM operations \
             WHERE generation = 1");
        assert!(w.sql.refusal_of(&another(2)).await.to_lowercase().contains("unique"));
        w.writes(&op, done(&op, "tr_1"), later()).await;
        assert!(w.sql.refusal_of(&another(3)).await.to_lowercase().contains("unique"));
        assert_eq!(w.sql.count("operations").await, 1);
    }

    /// Given a transfer that was refused, then another may follow, under another generation and key only.
    async fn a_refused_transfer_leaves_room_for_another(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.writes(&op, refused(400, "parameter_invalid"), later()).await;
        let again = |generation: i32, key: &str| format!(
            "INSERT INTO operations (kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, \
             parameters, state, created_at, updated_at) SELECT kind, payment_id, mentor_id, {generation}, '{key}', \
             amount, currency, parameters, 'planned', created_at, updated_at FROM operations WHERE generation = 1");
        assert!(w.sql.refusal_of(&again(1, "new")).await.to_lowercase().contains("unique"));
        assert!(w.sql.refusal_of(&again(2, op.key.as_str())).await.to_lowercase().contains("unique"));
        w.person_runs(&again(2, "new")).await;
    }

    /// Given a committed intent, then its parameters can never change, and its state only to what can be.
    async fn an_operations_parameters_are_frozen(w: World) {
        w.payment_on_the_wire("a").await;
        for set in ["amount = 1", "currency = 'eur'", "idempotency_key = 'other'", "parameters = '{}'"] {
            let words = w.sql.refusal_of(&format!("UPDATE operations SET {set}")).await;
            assert!(words.contains("never change under a key"), "{set}: {words}");
        }
        for (set, constraint) in [
            ("state = 'confirmed'", "operations_confirmed_has_id"),
            ("lease_until = NULL", "operations_submitting_is_leased"),
            ("state = 'lost'", "operations_state_known"),
        ] {
            let words = w.sql.refusal_of(&format!("UPDATE operations SET {set}")).await;
            assert!(words.contains(constraint), "{set}: {words}");
        }
    }

    /// Given the audit log and the calls that were made, then nobody changes or deletes them.
    async fn history_is_append_only(w: World) {
        w.payment_on_the_wire("a").await;
        w.person_runs("INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms) \
            VALUES (1, 'create', '2027-01-15T08:00:00.000Z', 5)").await;
        for statement in [
            "UPDATE audit_log SET actor = 'nobody'",
            "DELETE FROM audit_log",
            "UPDATE operation_attempts SET duration_ms = 0",
            "DELETE FROM operation_attempts",
        ] {
            let words = w.sql.refusal_of(statement).await;
            assert!(words.contains("append-only"), "{statement}: {words}");
        }
        assert!(w.sql.count("audit_log").await > 0);
        assert!(w.payment("a").await.paid_at == Some(hour(0)));
    }
}
