//! What follows a transfer, in the rows: debts are netted once, whoever comes at the same time.

use chrono::TimeDelta;
use payoutd::domain::adjust::Action;
use payoutd::domain::operation::Order;
use payoutd::ports::{Claimed, Store};
use serde_json::json;

use crate::events::{hour, later};
use crate::world::{World, done, lease, minor, policy, refused, stories};

stories! {
    /// Given a debt and two payments of its mentor that are claimed at the same time, then it is netted once.
    async fn a_debt_is_netted_once(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.person_runs("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('m1', 'usd', 5000)").await;
        w.picks(later()).await;
        let (a, b) = tokio::join!(w.submits("a", later()), w.submits("b", later()));
        let netted = |op: &payoutd::domain::operation::Operation| match &op.order {
            Order::Transfer(order) => order.netted.get(),
            other => panic!("{other:?}"),
        };
        assert_eq!(netted(&a) + netted(&b), 5_000);
        assert_eq!(a.order.amount().get() + b.order.amount().get(), 13_000);
        assert_eq!(w.sql.value("outstanding", "mentor_debts").await, json!(0));
    }

    /// Given a netted transfer that Stripe refuses, then what was netted is owed again.
    async fn a_refused_transfer_gives_the_debt_back(w: World) {
        w.paid_charges(&["a"]).await;
        w.person_runs("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('m1', 'usd', 5000)").await;
        w.picks(later()).await;
        let op = w.submits("a", later()).await;
        assert_eq!(op.order.amount(), minor(4_000));
        w.writes(&op, refused(400, "parameter_invalid"), later()).await;
        assert_eq!(w.sql.value("outstanding", "mentor_debts").await, json!(5_000));
        let kinds = w.sql.rows("kind, amount", "debt_entries ORDER BY id").await;
        assert_eq!(kinds, [[json!("netted"), json!(5_000)], [json!("returned"), json!(5_000)]]);
    }

    /// Given a debt that is as large as what is due, then nothing is sent and the payment is netted; a smaller rest than
    /// the minimum is never sent.
    async fn a_payment_may_be_netted_wholly(w: World) {
        w.paid_charges(&["a"]).await;
        w.person_runs("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('m1', 'usd', 20000)").await;
        w.picks(later()).await;
        assert!(matches!(w.claims("a", later()).await, Claimed::Adjusted(_)));
        assert_eq!(w.status("a").await, "netted");
        assert_eq!(w.sql.value("outstanding", "mentor_debts").await, json!(11_000));
        assert_eq!(w.sql.count("operations").await, 0);
        assert!(w.picks_ready(hour(99)).await.is_empty());
        let position = w.payment("a").await.case.position.expect("it was paid");
        assert_eq!((position.held(), position.first.netted), (9_000, minor(9_000)));
    }

    /// Given a paid payment that is refunded, then a reversal is picked and claimed once, and nothing else follows the
    /// transfer while it is under way.
    async fn one_thing_at_a_time_follows_a_transfer(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        w.person_runs("INSERT INTO refunds (stripe_refund_id, stripe_charge_id, amount, currency, status, told_at, rank, event_id) \
            VALUES ('re_1', 'ch_a', 5000, 'usd', 'succeeded', '2027-01-18T09:00:00.000Z', 3, 'evt_1')").await;
        w.person_runs("UPDATE payments SET refunded_amount = 5000").await;
        let paid = w.picks(hour(80)).await.asked;
        assert_eq!(paid.len(), 1);
        let adjustment = payoutd::domain::adjust::adjust(&paid[0], &policy()).expect("due");
        assert!(matches!(adjustment.action, Action::Order(Order::Reversal(_))));
        let reversal = w.submits("a", hour(80)).await;
        assert_eq!(reversal.key.as_str(), "payoutd:reversal:pi_a:re_1:1");
        assert_eq!(reversal.order.amount(), minor(4_500));
        assert_eq!(w.status("a").await, "transferred");
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'x'").await;
        assert!(w.picks(hour(81)).await.asked.is_empty());
        assert!(matches!(w.claims("a", hour(81)).await, Claimed::Adjusted(_)));
        assert_eq!(w.sql.count("operations").await, 2);
        // Its lease runs out: it is taken up again, to be sent under the same key.
        let at = hour(80) + TimeDelta::hours(1);
        let again = w.store.reclaim(10, lease("two", at), at).await.expect("reclaimed");
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].operation.key, reversal.key);
    }
}
