//! What is told of connected accounts, transfers and payouts.

use chrono::TimeDelta;
use payoutd::domain::ids::{AccountId, ChargeId, EventId, MentorId};
use payoutd::domain::mentor::{Capability, NOT_FOUND};
use payoutd::ports::{MentorChange, Store};
use serde_json::json;

use crate::events::{Event, account, capability, charge, deauthorized, dispute, hour, later, minute, payout, transfer};
use crate::world::{World, done, stories};

fn updated(transfers: &str, at: i64) -> Event {
    account("m1", transfers).told("account.updated", minute(at)).of_account("acct_m1")
}

fn capability_updated(status: &str, at: i64) -> Event {
    capability("m1", status).told("capability.updated", minute(at)).of_account("acct_m1")
}

async fn heard_in_both_orders(w: &World, events: &[Event]) -> Vec<Vec<String>> {
    let mut ends = Vec::new();
    for reversed in [false, true] {
        w.sql.run("DELETE FROM accounts").await;
        w.sql.run("DELETE FROM webhook_events").await;
        let mut order = events.to_vec();
        if reversed {
            order.reverse();
        }
        w.hears(order).await;
        ends.push(w.sql.table("accounts", &[]).await);
    }
    assert_eq!(ends[0], ends[1]);
    ends.remove(0)
}

stories! {
    /// Given news of an account and of its capability, when they come in any order, then each keeps its latest.
    async fn an_account_is_as_it_was_last_told(w: World) {
        for (events, transfers) in [
            (vec![updated("inactive", 1), capability_updated("active", 2)], "active"),
            (vec![updated("active", 1), capability_updated("inactive", 2)], "inactive"),
            (vec![capability_updated("active", 1), updated("inactive", 2)], "inactive"),
            (vec![updated("inactive", 1), capability_updated("pending", 2), updated("active", 3)], "active"),
            // In the same second the more careful telling counts.
            (vec![capability_updated("active", 1), updated("inactive", 1)], "inactive"),
        ] {
            heard_in_both_orders(&w, &events).await;
            assert_eq!(w.sql.value("transfers", "accounts").await, json!(transfers), "{events:?}");
        }
        assert_eq!(w.sql.row("details_submitted, payouts_enabled", "accounts").await, [json!(1), json!(1)]);
    }

    /// Given an account that is disconnected, and connected again later, when this comes in any order, then the latest
    /// counts.
    async fn an_account_that_left_and_came_back(w: World) {
        let left = deauthorized("m1", minute(5));
        for (events, gone) in [
            (vec![updated("active", 1), left.clone()], true),
            (vec![updated("active", 1), left.clone(), updated("active", 9)], false),
            (vec![capability_updated("active", 1), left.clone()], true),
            (vec![left.clone(), updated("active", 5)], true),
        ] {
            heard_in_both_orders(&w, &events).await;
            let at = w.sql.value("deauthorized_at", "accounts").await;
            assert_eq!(!at.is_null(), gone, "{events:?}");
            assert_eq!(w.sql.value("transfers", "accounts").await, json!("active"), "{events:?}");
        }
    }

    /// Given payments of a mentor without an account, when the account comes and becomes active, then they are paid;
    /// while it is disconnected they are not.
    async fn payments_follow_the_account(w: World) {
        w.mentor_without_account("m1").await;
        w.hears([charge("a").told("charge.succeeded", hour(0))]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "no_account");

        let change = MentorChange { account_id: Some(AccountId::new("acct_m1")), ..MentorChange::default() };
        w.store.put_mentor(MentorId::new("m1"), change, "cli".into(), hour(1)).await.expect("recorded");
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "account_unread");

        w.hears([updated("pending", 60)]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "transfers_inactive");

        w.hears([capability_updated("active", 70)]).await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
        w.hears([deauthorized("m1", minute(80))]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "account_disconnected");
        w.hears([updated("active", 90)]).await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
        assert_eq!(w.emails().await, ["mentor on_hold m1@example.com"; 3], "no account, being checked, disconnected");
    }

    /// Given mentors' accounts that nothing is known of, or that were not in order long ago, then they are to be read,
    /// until they were.
    async fn accounts_that_are_to_be_read(w: World) {
        let change = |name: &str| MentorChange {
            account_id: Some(AccountId::new(format!("acct_{name}"))),
            ..MentorChange::default()
        };
        for name in ["m1", "m2", "m3"] {
            w.store.put_mentor(MentorId::new(name), change(name), "cli".into(), hour(0)).await.expect("recorded");
        }
        w.mentor_without_account("m4").await;
        w.hears([updated("inactive", 0), account("m3", "active").told("account.updated", hour(0)),
            account("stranger", "inactive").told("account.updated", hour(0))]).await;
        let to_read = async |stale_before| {
            let ids = w.store.accounts_to_read(stale_before, 10).await.expect("read");
            ids.into_iter().map(AccountId::into_string).collect::<Vec<_>>()
        };
        assert_eq!(to_read(hour(0)).await, ["acct_m2"]);
        assert_eq!(to_read(hour(1)).await, ["acct_m2", "acct_m1"]);

        for event in [updated("inactive", 120), account("m2", "active").told("account.updated", hour(2))] {
            let payoutd::domain::facts::Fact::Account(fact) = event.fact() else { panic!("an account") };
            w.store.learn_account(fact, hour(2)).await.expect("learned");
        }
        assert!(to_read(hour(2)).await.is_empty());
        assert_eq!(to_read(hour(2) + TimeDelta::seconds(1)).await, ["acct_m1"]);
    }

    /// Given an account that one daemon read and another did not find in the same second, then it is as it was read; and
    /// given one of which only the capability is told after it was not found, then it is to be read again.
    async fn an_account_that_was_not_found(w: World) {
        let learn = async |event: Event, found: bool| {
            let payoutd::domain::facts::Fact::Account(mut fact) = event.fact() else { panic!("an account") };
            if let (Some(details), false) = (&mut fact.details, found) {
                fact.transfers = Capability::Inactive;
                fact.stamp.rank = i16::MIN;
                (details.details_submitted, details.disabled_reason) = (false, Some(NOT_FOUND.into()));
            }
            fact.stamp.event_id = EventId::new("");
            w.store.learn_account(fact, hour(2)).await.expect("learned");
        };
        for (name, first) in [("m1", true), ("m2", false)] {
            w.mentor(name).await;
            for found in [first, !first] {
                learn(account(name, "active").told("account.updated", hour(1)), found).await;
            }
            let row = format!("accounts WHERE stripe_account_id = 'acct_{name}'");
            let row = w.sql.row("transfers, disabled_reason", &row).await;
            assert_eq!(row, [json!("active"), json!(null)], "found first: {first}");
        }
        learn(account("m1", "active").told("account.updated", hour(2)), false).await;
        w.hears([capability_updated("active", 180)]).await;
        assert_eq!(w.sql.value("transfers", "accounts WHERE stripe_account_id = 'acct_m1'").await, json!("active"));
        let again = w.store.accounts_to_read(hour(4), 10).await.expect("read");
        assert_eq!(again, [AccountId::new("acct_m1")]);
    }

    /// Given disputes of which nothing was heard for long, then Stripe is to be asked about those that are not over, the
    /// longest silent first, and about each once until as long again has passed.
    async fn disputes_that_are_to_be_read(w: World) {
        let heard = |id: &str, status: &str, at: i64| dispute(id, id, status).told("charge.dispute.updated", hour(at));
        w.hears([heard("a", "needs_response", 3), heard("b", "under_review", 2), heard("c", "won", 1), heard("d", "lost", 1),
            heard("e", "warning_closed", 1), heard("f", "prevented", 1), heard("g", "a_word_of_next_year", 1)]).await;
        let to_read = async |stale_before, at| {
            let charges = w.store.disputes_to_read(stale_before, 2, at).await.expect("read");
            charges.into_iter().map(ChargeId::into_string).collect::<Vec<_>>()
        };
        assert_eq!(to_read(hour(1), hour(25)).await, [""; 0]);
        assert_eq!(to_read(hour(4), hour(28)).await, ["ch_g", "ch_b"], "two at a time");
        assert_eq!(to_read(hour(4), hour(28)).await, ["ch_a"]);
        assert_eq!(to_read(hour(5), hour(29)).await, [""; 0], "asked, whether it was answered or not");
        w.hears([heard("b", "won", 30), heard("a", "under_review", 30)]).await;
        assert_eq!(to_read(hour(29), hour(53)).await, ["ch_g"], "b is over, and a was heard of");
        assert_eq!(to_read(hour(54), hour(78)).await, ["ch_g", "ch_a"]);
    }

    /// Given a transfer of the charge that payoutd did not make, then the payment is held, until it is reversed in full.
    async fn a_foreign_transfer_holds_the_payment(w: World) {
        w.paid_charges(&["a"]).await;
        w.hears([transfer("x", "a").told("transfer.created", hour(2))]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "transferred_elsewhere");

        w.hears([transfer("x", "a").set("amount_reversed", 8_999).told("transfer.reversed", hour(80))]).await;
        assert!(w.picks_ready(hour(81)).await.is_empty());
        w.hears([transfer("x", "a").set("amount_reversed", 9_000).told("transfer.reversed", hour(82))]).await;
        assert_eq!(w.picks_ready(hour(82)).await, ["a"]);
        w.hears([transfer("x", "a").told("transfer.updated", hour(3))]).await;
        assert_eq!(w.sql.value("amount_reversed", "transfers").await, json!(9_000), "a stale telling gives nothing back");
    }

    /// Given a transfer that payoutd made, when its webhooks come before and after the answer, then it is ours, and
    /// reversals show in the payment.
    async fn our_own_transfer_is_known_as_ours(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let ours = transfer("ours", "a").metadata("payoutd_operation", op.key.as_str());
        w.hears([ours.told("transfer.created", later())]).await;
        assert_eq!(w.payment("a").await.case.foreign_transfer, None);
        w.writes(&op, done(&op, "tr_ours"), later()).await;
        assert_eq!(w.sql.row("transfer_id, transfer_status", "payments").await, [json!("tr_ours"), json!("paid")]);

        w.hears([ours.clone().set("amount_reversed", 100).told("transfer.reversed", hour(80))]).await;
        assert_eq!(w.sql.value("transfer_status", "payments").await, json!("partly_reversed"));
        w.hears([ours.set("amount_reversed", 9_000).told("transfer.reversed", hour(81))]).await;
        assert_eq!(w.sql.value("transfer_status", "payments").await, json!("reversed"));
        assert_eq!(w.status("a").await, "transferred");
    }

    /// Given a transfer that carries the payment's own key, which this database never gave out, then nothing is sent: it is
    /// taken for the payment's, to be looked up, though it was taken back since.
    async fn a_transfer_of_a_lost_database_is_adopted(w: World) {
        w.paid_charges(&["a", "b"]).await;
        for (name, reversed) in [("a", 0), ("b", 9_000)] {
            let lost = transfer(name, name).metadata("payoutd_operation", &format!("payoutd:transfer:pi_{name}:1"));
            w.hears([lost.set("amount_reversed", reversed).told("transfer.created", hour(1))]).await;
        }
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!((w.status("a").await, w.status("b").await), ("releasing".into(), "releasing".into()));
        let operations = w.sql.rows("state, maybe_done, generation, amount", "operations").await;
        let unknown = [json!("unknown"), json!(1), json!(1), json!(9_000)];
        assert_eq!(operations, [unknown.clone(), unknown]);
    }

    /// Given a transfer under the payment's own key that is not what is due, then nothing is sent, and a person has to look.
    async fn a_transfer_of_a_lost_database_that_does_not_fit_holds(w: World) {
        w.paid_charges(&["a"]).await;
        let lost = transfer("old", "a").metadata("payoutd_operation", "payoutd:transfer:pi_a:1").set("amount", 4_711);
        w.hears([lost.told("transfer.created", hour(1))]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "transferred_elsewhere");
        assert_eq!(w.sql.count("operations").await, 0);
    }

    /// Given news of payouts in any order, then the latest is kept, with its account.
    async fn payouts_are_kept_as_last_told(w: World) {
        let failed = payout("1", "failed").set("failure_message", "The bank account is closed");
        w.hears([
            failed.told("payout.failed", hour(3)).of_account("acct_m1"),
            payout("1", "paid").told("payout.paid", hour(2)).of_account("acct_m1"),
            payout("2", "paid").told("payout.paid", hour(2)),
        ]).await;
        let rows = w.sql.rows("stripe_account_id, amount, status, failure", "payouts ORDER BY stripe_payout_id").await;
        assert_eq!(rows, [
            [json!("acct_m1"), json!(9_000), json!("failed"), json!("The bank account is closed")],
            [json!(null), json!(9_000), json!("paid"), json!(null)],
        ]);
    }
}
