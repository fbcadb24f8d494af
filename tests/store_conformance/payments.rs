//! What a payment's events mean for paying the mentor: paid or not, refunded, disputed, for whom, for how much.

use serde_json::json;

use crate::events::{charge, dispute, hour, intent, later, minute, refund, session};
use crate::world::{World, minor, stories};

stories! {
    /// Given a session that asks for a bank debit, then nothing is paid until the money is there; then the window runs.
    async fn an_async_payment_waits_for_its_money(w: World) {
        w.mentor("m1").await;
        w.hears([session("a").set("payment_status", "unpaid").told("checkout.session.completed", hour(-70))]).await;
        assert_eq!(w.sql.row("status, collection, paid_at, dispute_period_ends", "payments").await,
            [json!("unpaid"), json!("awaiting"), json!(null), json!(null)]);
        assert!(w.picks_ready(later()).await.is_empty());

        w.hears([
            session("a").told("checkout.session.async_payment_succeeded", hour(0)),
            charge("a").told("charge.succeeded", hour(0)),
        ]).await;
        assert!(w.picks_ready(hour(71)).await.is_empty());
        assert_eq!(w.status("a").await, "pending");
        assert_eq!(w.picks_ready(hour(72)).await, ["a"], "to the second");
    }

    /// Given a bank debit that fails, or an intent that is canceled, then nothing is ever paid.
    async fn a_payment_that_fails_or_is_canceled_is_not_paid(w: World) {
        w.mentor("m1").await;
        w.hears([
            session("a").set("payment_status", "unpaid").told("checkout.session.completed", hour(-2)),
            session("a").set("payment_status", "unpaid").told("checkout.session.async_payment_failed", hour(0)),
            intent("b").set("status", "canceled").told("payment_intent.canceled", hour(0)),
        ]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        let rows = w.sql.rows("payment_key, collection, status, hold_reasons", "payments ORDER BY payment_key").await;
        assert_eq!(rows, [
            [json!("pi_a"), json!("failed"), json!("unpaid"), json!("not_paid")],
            [json!("pi_b"), json!("canceled"), json!("unpaid"), json!("not_paid")],
        ]);
        assert!(w.emails().await.is_empty(), "nobody is bothered");
    }

    /// Given a charge of which a part is refunded, then the mentor's share shrinks in proportion.
    async fn a_partial_refund_shrinks_what_is_due(w: World) {
        w.paid_charges(&["a"]).await;
        w.hears([charge("a").set("amount_refunded", 2_500).told("charge.refunded", hour(1))]).await;
        let picked = w.picks(later()).await;
        assert_eq!(picked.ready[0].0.amount, minor(6_750));
        assert_eq!(w.payment("a").await.mentor_due_minor, 6_750);
    }

    /// Given a charge that is refunded in full, then it is never paid; unless that refund fails.
    async fn a_full_refund_stops_the_payment_until_it_fails(w: World) {
        w.paid_charges(&["a"]).await;
        w.hears([
            refund("1", "a", 10_000, "succeeded").told("refund.created", hour(1)),
            charge("a").set("amount_refunded", 10_000).told("charge.refunded", hour(1)),
        ]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!((w.status("a").await.as_str(), w.hold_reasons("a").await.as_str()), ("refunded", "refunded"));
        assert!(!w.is_awake("a", hour(10_000)).await, "it costs no further look");

        w.hears([refund("1", "a", 10_000, "failed").told("refund.failed", hour(80))]).await;
        assert_eq!(w.picks_ready(hour(80)).await, ["a"]);
    }

    /// Given a dispute that comes before its charge, then the payment is held as soon as it exists.
    async fn a_dispute_before_its_charge_holds(w: World) {
        w.mentor("m1").await;
        w.hears([dispute("1", "a", "needs_response").told("charge.dispute.created", hour(1))]).await;
        w.hears([charge("a").told("charge.succeeded", hour(0))]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "dispute_open");
    }

    /// Given an inquiry, a status that nobody knows, or a lost dispute, then the payment is held; won, it is released.
    async fn a_disputes_status_decides(w: World) {
        let statuses = ["warning_needs_response", "under_review", "lost", "charge_refunded", "won", "warning_closed"];
        w.paid_charges(&statuses).await;
        for status in statuses {
            w.hears([dispute(status, status, status).told("charge.dispute.updated", hour(2))]).await;
        }
        assert_eq!(w.picks_ready(later()).await, ["warning_closed", "won"]);
        assert_eq!(w.hold_reasons("charge_refunded").await, "dispute_unclear");
        let emails = w.emails().await;
        let attention = emails.iter().filter(|email| email.contains("needs_attention")).count();
        assert_eq!(attention, 1, "about the unknown status only: {emails:?}");
    }

    /// Given a closed dispute, when the news of its opening comes late, then it stays closed.
    async fn a_stale_telling_never_undoes_a_later_one(w: World) {
        w.paid_charges(&["a"]).await;
        w.hears([
            dispute("1", "a", "won").told("charge.dispute.closed", hour(5)),
            dispute("1", "a", "needs_response").told("charge.dispute.created", hour(1)),
            refund("1", "a", 300, "failed").told("refund.failed", hour(5)),
            refund("1", "a", 300, "succeeded").told("refund.created", hour(1)),
        ]).await;
        assert_eq!(w.sql.row("disputes.status, refunds.status", "disputes, refunds").await, [json!("won"), json!("failed")]);
        assert_eq!(w.picks_ready(later()).await, ["a"]);
    }

    /// Given a charge that says it is disputed while no dispute has been told, then the payment is held.
    async fn a_disputed_charge_without_its_dispute_holds(w: World) {
        w.paid_charges(&["a"]).await;
        w.hears([charge("a").set("disputed", true).told("charge.updated", hour(1))]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "dispute_unread");
        w.hears([dispute("1", "a", "won").told("charge.dispute.closed", hour(2))]).await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
    }

    /// Given a charge for a mentor that nobody registered, or for nobody, then it is recorded, held, and the admin told.
    async fn an_unknown_mentor_is_recorded_and_held(w: World) {
        let nobody = charge("b").set("metadata", json!({}));
        w.hears([charge("a").told("charge.succeeded", hour(0)), nobody.told("charge.succeeded", hour(0))]).await;
        assert!(w.picks_ready(minute(1)).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "mentor_unknown");
        assert_eq!(w.hold_reasons("b").await, "mentor_unnamed");
        assert_eq!(w.emails().await, ["admin unassigned admin@example.com"; 2]);

        w.mentor("m1").await;
        assert_eq!(w.picks_ready(later()).await, ["a"], "released by itself once the mentor is there");
    }

    /// Given a fee in the metadata, then it wins where it adds up; where it does not, the payment is held and the admin
    /// told, until the metadata is mended.
    async fn a_fee_in_the_metadata_wins_or_holds(w: World) {
        w.mentor("m1").await;
        let wrong = charge("b").metadata("platformFee", "2000").metadata("mentorAmount", "9000");
        w.hears([
            charge("a").metadata("platformFee", "2000").told("charge.succeeded", hour(0)),
            wrong.told("charge.succeeded", hour(0)),
        ]).await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
        assert_eq!(w.payment("a").await.mentor_due_minor, 8_000);
        assert_eq!(w.hold_reasons("b").await, "fee_conflict");
        let conflict = w.sql.value("fee_conflict", "payments WHERE payment_key = 'pi_b'").await;
        assert!(conflict.as_str().expect("words").contains("do not add up to 10000"), "{conflict}");
        assert_eq!(w.emails().await, ["admin needs_attention admin@example.com"]);

        w.hears([wrong.metadata("mentorAmount", "8000").told("charge.updated", hour(73))]).await;
        assert_eq!(w.picks_ready(hour(73)).await, ["b"]);
    }

    /// Given a payment of live mode on a daemon with a test key, then it is recorded and not paid.
    async fn a_payment_of_the_other_mode_is_held(w: World) {
        w.mentor("m1").await;
        w.hears([charge("a").set("livemode", true).told("charge.succeeded", hour(0))]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "other_mode");
        assert_eq!(w.sql.value("livemode", "payments").await, json!(1));
    }

    /// Given a charge that Stripe moves on by itself, one that settles in another currency, and one under the minimum,
    /// then they are held and the admin told.
    async fn what_only_a_person_can_settle_is_held(w: World) {
        w.mentor("m1").await;
        let balance = json!({ "id": "txn_1", "object": "balance_transaction", "currency": "eur" });
        w.hears([
            charge("a").set("transfer_data", json!({ "destination": "acct_m1" })).told("charge.succeeded", hour(0)),
            charge("b").set("balance_transaction", balance).told("charge.succeeded", hour(0)),
            charge("c").set("amount", 50).set("amount_captured", 50).told("charge.succeeded", hour(0)),
        ]).await;
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "destination_charge");
        assert_eq!(w.hold_reasons("b").await, "other_settlement_currency");
        assert_eq!(w.hold_reasons("c").await, "below_minimum");
        assert_eq!(w.emails().await.len(), 3);
    }

    /// Given a held payment, when it is looked at again and again for the same reason, then the admin is told once.
    async fn the_same_reason_is_told_once(w: World) {
        w.hears([charge("a").told("charge.succeeded", hour(0))]).await;
        for minutes in 1..4 {
            w.picks(minute(minutes)).await;
            w.person_runs("UPDATE payments SET next_check_at = created_at").await;
        }
        assert_eq!(w.emails().await.len(), 1);
    }

    /// Given a window that an admin moved by hand, when more is told of the payment, then it stays moved.
    async fn a_window_that_a_person_moved_stays_moved(w: World) {
        w.paid_charges(&["a"]).await;
        w.person_runs("UPDATE payments SET dispute_period_ends = '2027-02-15T08:00:00.000Z'").await;
        w.hears([session("a").told("checkout.session.completed", minute(3))]).await;
        assert_eq!(w.sql.value("dispute_period_ends", "payments").await, json!("2027-02-15T08:00:00.000Z"));
        assert!(w.picks_ready(later()).await.is_empty());
    }
}
