//! What the events about one payment come to: the same row, in whatever order they come and however often.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::events::{Event, charge, dispute, hour, intent, minute, refund, session};
use crate::world::{World, now, stories};

/// What may differ between two ways to the same end.
const MOMENTS: &[&str] = &["id", "created_at", "updated_at"];

/// Everything that was made of the events, after the release run has looked once.
async fn end_of(w: &World, events: &[Event]) -> Vec<Vec<Vec<String>>> {
    w.forgets_the_ledger().await;
    for table in ["emails", "payments", "payment_sources", "refunds", "disputes", "webhook_events"] {
        w.sql.run(&format!("DELETE FROM {table}")).await;
    }
    w.hears(events).await;
    w.picks(hour(73)).await;
    let mut end = Vec::new();
    for table in ["payments", "payment_sources", "refunds", "disputes"] {
        end.push(w.sql.table(table, MOMENTS).await);
    }
    end.push(w.trial_balance().await.into_iter().map(|line| vec![line]).collect());
    end
}

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        all.extend(permutations(&rest).into_iter().map(|tail| [vec![first.clone()], tail].concat()));
    }
    all
}

async fn any_order_ends_alike(w: &World, events: &[Event]) {
    w.mentor("m1").await;
    let expected = end_of(w, events).await;
    assert_eq!(expected[0].len(), 1, "one payment");
    for order in permutations(events) {
        let names: Vec<&str> = order.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(end_of(w, &order).await, expected, "{names:?}");
    }
}

fn random_orders_end_alike(w: &World, events: &[Event], cases: u32) {
    let expected = now(end_of(w, events));
    let order = Just((0..events.len()).collect::<Vec<_>>()).prop_shuffle();
    let repeated = prop::collection::vec(0..events.len(), 0..6);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(order, repeated), |(order, repeated)| {
        let told: Vec<Event> = order.iter().chain(&repeated).map(|at| events[*at].clone()).collect();
        prop_assert_eq!(now(end_of(w, &told)), expected.clone());
        Ok(())
    });
    outcome.unwrap_or_else(|why| panic!("{why}"));
}

stories! {
    /// Given a card payment's session, intent and charge, when they come in each order, then there is one payment, and
    /// it is the same.
    async fn session_intent_and_charge_in_any_order(w: World) {
        any_order_ends_alike(&w, &[
            session("a").told("checkout.session.completed", minute(1)),
            intent("a").told("payment_intent.succeeded", minute(0)),
            charge("a").told("charge.succeeded", minute(0)),
            charge("a").set("transfer_group", "group-7").told("charge.updated", minute(2)),
        ]).await;
        let row = w.sql.row("stripe_payment_intent_id, stripe_checkout_session_id, stripe_charge_id, booking_id, \
            mentor_id, customer_name, customer_email, currency, amount, platform_fee, mentor_amount, status, paid_at, \
            dispute_period_ends, transfer_group, livemode", "payments").await;
        assert_eq!(row, [
            json!("pi_a"), json!("cs_a"), json!("ch_a"), json!("booking-a"), json!("m1"), json!("Grace Customer"),
            json!("grace@example.org"), json!("usd"), json!(10_000), json!(1_000), json!(9_000), json!("pending"),
            json!("2027-01-15T08:00:00.000Z"), json!("2027-01-18T08:00:00.000Z"), json!("group-7"), json!(0),
        ]);
    }

    /// Given a charge that says one thing, then another, then the first again, when this comes in each order, then the
    /// last telling counts.
    async fn a_charge_that_returns_to_what_it_said_before(w: World) {
        any_order_ends_alike(&w, &[
            charge("a").set("transfer_group", "first").told("charge.succeeded", minute(0)),
            charge("a").set("transfer_group", "second").told("charge.updated", minute(1)),
            charge("a").set("transfer_group", "first").told("charge.updated", minute(2)),
        ]).await;
        assert_eq!(w.sql.value("transfer_group", "payments").await, json!("first"));
    }

    /// Given a bank debit that is asked for, fails, is tried again and arrives days later, when this comes in each
    /// order, then the payment is paid, and its window begins when the money was there.
    async fn a_payment_that_is_paid_days_later(w: World) {
        any_order_ends_alike(&w, &[
            session("a").set("payment_status", "unpaid").told("checkout.session.completed", hour(-70)),
            intent("a").set("status", "requires_payment_method").set("amount_received", 0)
                .told("payment_intent.payment_failed", hour(-60)),
            charge("a").set("status", "pending").set("paid", false).set("created", hour(-50).timestamp())
                .told("charge.updated", hour(-50)),
            session("a").told("checkout.session.async_payment_succeeded", hour(0)),
        ]).await;
        assert_eq!(w.sql.row("collection, paid_at", "payments").await, [json!("paid"), json!("2027-01-15T08:00:00.000Z")]);
    }

    /// Given refunds and a dispute that may all come before the charge, when they come in each order, then the payment
    /// knows all of them.
    async fn refunds_and_disputes_before_the_charge(w: World) {
        any_order_ends_alike(&w, &[
            charge("a").told("charge.succeeded", minute(0)),
            refund("1", "a", 2_500, "pending").told("refund.created", hour(1)),
            refund("1", "a", 2_500, "succeeded").told("refund.updated", hour(2)),
            dispute("1", "a", "needs_response").told("charge.dispute.created", hour(3)),
            dispute("1", "a", "won").told("charge.dispute.closed", hour(4)),
        ]).await;
        let row = w.sql.row("refunded_amount, status, hold_reasons", "payments").await;
        assert_eq!(row, [json!(2_500), json!("pending"), json!("")]);
    }

    /// Given a full history of a payment, when its events come in random orders, some of them again and again, then
    /// the end is the same.
    async fn a_long_history_in_random_orders(w: World) {
        w.mentor("m1").await;
        let history = [
            session("a").set("payment_status", "unpaid").told("checkout.session.completed", minute(-9)),
            session("a").told("checkout.session.async_payment_succeeded", minute(1)),
            intent("a").set("status", "canceled").told("payment_intent.canceled", minute(-5)),
            intent("a").metadata("bookingId", "from the intent").told("payment_intent.succeeded", minute(0)),
            charge("a").told("charge.succeeded", minute(0)),
            charge("a").set("amount_refunded", 4_000).told("charge.refunded", hour(1)),
            charge("a").set("amount_refunded", 4_000).set("disputed", true).told("charge.updated", hour(2)),
            charge("a").set("amount_refunded", 1_000).set("disputed", true).told("charge.updated", hour(5)),
            refund("1", "a", 3_000, "succeeded").told("refund.created", hour(1)),
            refund("1", "a", 3_000, "failed").told("refund.failed", hour(4)),
            refund("2", "a", 1_000, "succeeded").told("refund.created", hour(1)),
            dispute("1", "a", "warning_needs_response").told("charge.dispute.created", hour(2)),
            dispute("1", "a", "warning_closed").told("charge.dispute.closed", hour(6)),
            dispute("2", "a", "needs_response").told("charge.dispute.created", hour(3)),
            dispute("2", "a", "lost").told("charge.dispute.closed", hour(7)),
        ];
        random_orders_end_alike(&w, &history, if w.sql.is_postgres() { 12 } else { 60 });
        let row = w.sql.row("refunded_amount, status, hold_reasons, booking_id", "payments").await;
        assert_eq!(row, [json!(1_000), json!("held"), json!("dispute_lost"), json!("booking-a")]);
    }

    /// Given events that were all projected, when all of them are projected again in the reverse order, then nothing
    /// changes.
    async fn replaying_the_inbox_changes_nothing(w: World) {
        w.mentor("m1").await;
        w.hears([
            charge("a").told("charge.succeeded", minute(0)),
            charge("a").set("amount_refunded", 500).told("charge.refunded", hour(1)),
            refund("1", "a", 500, "succeeded").told("refund.created", hour(1)),
            dispute("1", "a", "won").told("charge.dispute.closed", hour(3)),
        ]).await;
        let before = w.sql.table("payments", &["updated_at", "next_check_at"]).await;
        let next_check = "CASE id WHEN 1 THEN '2026-01-04T00:00:00.000Z' WHEN 2 THEN '2026-01-03T00:00:00.000Z' \
            WHEN 3 THEN '2026-01-02T00:00:00.000Z' ELSE '2026-01-01T00:00:00.000Z' END";
        let next_check = if w.sql.is_postgres() { format!("({next_check})::timestamptz") } else { next_check.into() };
        w.person_runs(&format!("UPDATE webhook_events SET state = 'pending', next_attempt_at = {next_check}")).await;
        w.projects(hour(9)).await;
        assert_eq!(w.sql.table("payments", &["updated_at", "next_check_at"]).await, before);
        assert_eq!(w.sql.count("webhook_events WHERE state = 'projected' AND attempts = 2 AND payment_key = 'pi_a'").await, 4);
    }
}
