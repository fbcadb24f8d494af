//! Parts that are too small to be sent alone, in the rows: kept once, sent once, put back when the transfer was not made,
//! and never beside a debt.

use std::sync::Arc;

use payoutd::domain::adjust::adjust;
use payoutd::domain::operation::{Operation, Order, TransferOrder};
use payoutd::domain::policy::{Policy, SendingPolicy, SmallAmounts};
use payoutd::domain::rescue::{Step, next_step};
use payoutd::ports::{Books, Claimed, Preflighted, Store};
use payoutd::store::Database;
use serde_json::{Value, json};

use crate::events::{charge, hour, later};
use crate::world::{World, done, lease, minor, policy, refused, stories, usd};

/// Nothing below 10.00 USD is sent.
fn carrying() -> Policy {
    let sending = SendingPolicy { small_amounts: SmallAmounts::Carry, ..SendingPolicy::default() };
    Policy { minimums: [(usd(), minor(1_000))].into(), sending, ..policy() }
}

/// Charges of 5.00 USD, of which 4.50 are the mentor's, and of 100.00 where the name begins with `big`.
async fn carrying_world(mut w: World, names: &[&str]) -> World {
    w.store = Database::open(w.url(), Arc::new(carrying())).expect("openable");
    w.mentor("m1").await;
    for name in names {
        let amount = if name.starts_with("big") { 10_000 } else { 500 };
        let charge = charge(name).set("amount", amount).set("amount_captured", amount);
        w.hears([charge.told("charge.succeeded", hour(0))]).await;
    }
    w.picks(later()).await;
    w
}

async fn is_carried(w: &World, name: &str) {
    assert!(matches!(w.claims(name, later()).await, Claimed::Adjusted(_)));
    assert_eq!(w.status(name).await, "carried");
}

fn order(op: &Operation) -> &TransferOrder {
    match &op.order {
        Order::Transfer(order) => order,
        other => panic!("{other:?}"),
    }
}

/// What the mentor owes, and what is kept for them.
async fn stands(w: &World) -> (Value, Value) {
    let row = w.sql.row("outstanding, credit", "mentor_debts").await;
    (row[0].clone(), row[1].clone())
}

async fn is_clean(w: &World) {
    assert_eq!(w.store.audit_payments(0, 100).await.expect("audited").differences, []);
    assert_eq!(w.store.audit_mentors().await.expect("audited"), []);
}

async fn refunded(w: &World, name: &str) {
    w.person_runs(&format!("INSERT INTO refunds (stripe_refund_id, stripe_charge_id, amount, currency, status, told_at, rank, \
        event_id) VALUES ('re_{name}', 'ch_{name}', 500, 'usd', 'succeeded', '2027-01-18T09:00:00.000Z', 3, 'evt_{name}'); \
        UPDATE payments SET refunded_amount = 500 WHERE payment_key = 'pi_{name}'")).await;
    assert_eq!(w.picks(hour(80)).await.asked.len(), 1);
    assert!(matches!(w.claims(name, hour(80)).await, Claimed::Adjusted(_)));
}

stories! {
    /// Given small payments, then they are kept until together they pass the minimum, and are sent once, out of the
    /// platform's balance, since no charge has as much.
    async fn they_are_sent_together(w: World) {
        let w = carrying_world(w, &["a", "b", "c"]).await;
        is_carried(&w, "a").await;
        is_clean(&w).await;
        is_carried(&w, "b").await;
        assert_eq!(stands(&w).await, (json!(0), json!(900)));
        assert_eq!(w.sql.count("operations").await, 0);
        assert_eq!(w.trial_balance().await, ["mentor_credit -900", "mentor_payable -450", "platform_balance 1500", "platform_revenue -150"]);
        let op = w.submits("c", later()).await;
        let sent = order(&op);
        assert_eq!((sent.amount, sent.carried, &sent.source_transaction), (minor(1_350), minor(900), &None));
        assert_eq!(stands(&w).await, (json!(0), json!(0)));
        is_clean(&w).await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        assert_eq!(w.status("c").await, "transferred");
        is_clean(&w).await;
        let position = w.payment("c").await.case.position.expect("it was paid");
        assert_eq!((position.held(), position.taken, position.first.gross), (450, minor(900), minor(450)));
        let position = w.payment("a").await.case.position.expect("it was paid");
        assert_eq!((position.held(), position.carried), (450, minor(450)));
        assert_eq!(w.trial_balance().await, ["connected_balance 1350", "mentor_funds -1350", "platform_balance 150", "platform_revenue -150"]);
        let balance = w.store.balances(payoutd::domain::ids::MentorId::new("m1")).await.expect("read").remove(0);
        assert_eq!((balance.earned_minor, balance.carried_minor, balance.paid_minor), (1_350, 0, 1_350));
        let kinds = w.sql.rows("kind, amount", "debt_entries ORDER BY id").await;
        assert_eq!(kinds, [[json!("carried"), json!(450)], [json!("carried"), json!(450)], [json!("taken"), json!(900)]]);
    }

    /// Given credit, when a payment that can be sent alone is due, then as much goes along as its charge has.
    async fn credit_goes_along(w: World) {
        let w = carrying_world(w, &["a", "b", "big"]).await;
        is_carried(&w, "a").await;
        is_carried(&w, "b").await;
        let op = w.submits("big", later()).await;
        let sent = order(&op);
        assert_eq!((sent.amount, sent.carried), (minor(9_900), minor(900)));
        assert_eq!(sent.source_transaction.as_ref().map(|id| id.as_str()), Some("ch_big"));
        w.writes(&op, done(&op, "tr_1"), later()).await;
        is_clean(&w).await;
    }

    /// Given a transfer with credit in it that Stripe refuses, then the credit is there again, and goes with the next.
    async fn a_refused_transfer_puts_it_back(w: World) {
        let w = carrying_world(w, &["a", "big", "big2"]).await;
        is_carried(&w, "a").await;
        let op = w.submits("big", later()).await;
        assert_eq!(stands(&w).await, (json!(0), json!(0)));
        w.writes(&op, refused(400, "parameter_invalid"), later()).await;
        assert_eq!((stands(&w).await, w.status("big").await), ((json!(0), json!(450)), "failed".to_owned()));
        is_clean(&w).await;
        assert_eq!(order(&w.submits("big2", later()).await).carried, minor(450));
    }

    /// Given a transfer whose outcome is not known, then what it took stays its own: it may be sent again as it is.
    async fn what_it_took_stays_its_own(w: World) {
        let w = carrying_world(w, &["a", "b", "c"]).await;
        is_carried(&w, "a").await;
        is_carried(&w, "b").await;
        let op = w.submits("c", later()).await;
        let at = later() + chrono::TimeDelta::hours(1);
        let again = w.store.reclaim(10, lease("two", at), at).await.expect("reclaimed").remove(0);
        assert_eq!((again.operation.order.clone(), again.step), (op.order.clone(), Step::Send));
        assert_eq!(next_step(&op, &w.payment("c").await.case, &carrying(), later()), Step::Send);
        w.writes(&again.operation, done(&op, "tr_1"), at).await;
        assert_eq!(w.emails().await.iter().filter(|email| email.starts_with("admin")).count(), 0, "nobody objects");
    }

    /// Given a payment that was carried over, when it is refunded, then it comes out of the credit while that is there.
    async fn a_refund_takes_from_the_credit(w: World) {
        let w = carrying_world(w, &["a", "b"]).await;
        is_carried(&w, "a").await;
        is_carried(&w, "b").await;
        refunded(&w, "a").await;
        assert_eq!(stands(&w).await, (json!(0), json!(450)));
        is_clean(&w).await;
        // The refund comes back: it is credit again.
        w.person_runs("UPDATE refunds SET status = 'failed'; UPDATE payments SET refunded_amount = 0").await;
        for _ in 0..2 {
            w.picks(hour(81)).await;
            assert!(matches!(w.claims("a", hour(81)).await, Claimed::Adjusted(_)));
        }
        assert_eq!(stands(&w).await, (json!(0), json!(900)));
        assert_eq!(adjust(&w.payment("a").await.case, &carrying()), None);
        is_clean(&w).await;
    }

    /// Given one whose credit was sent already, then it is owed, and what is carried over next pays that off first.
    async fn a_refund_of_what_was_sent_is_owed(w: World) {
        let w = carrying_world(w, &["a", "big", "b", "c"]).await;
        is_carried(&w, "a").await;
        let op = w.submits("big", later()).await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        refunded(&w, "a").await;
        assert_eq!(stands(&w).await, (json!(450), json!(0)));
        is_clean(&w).await;
        assert!(matches!(w.claims("b", later()).await, Claimed::Adjusted(_)));
        assert_eq!((w.status("b").await, stands(&w).await), ("netted".to_owned(), (json!(0), json!(0))));
        is_carried(&w, "c").await;
        assert_eq!(stands(&w).await, (json!(0), json!(450)));
        is_clean(&w).await;
    }

    /// Given several payments of one mentor that are claimed together, then none sends the credit, or pays off the debt,
    /// that the one before it did.
    async fn those_claimed_together_know_of_each_other(w: World) {
        let w = carrying_world(w, &["a", "big", "big2"]).await;
        is_carried(&w, "a").await;
        let claim = async |names: &[&str]| {
            let mut ready = Vec::new();
            for name in names {
                ready.push(Preflighted { payment_id: w.payment_id(name).await, asked_at: later(), facts: Vec::new() });
            }
            w.store.claim(ready, lease("one", later()), later()).await.expect("claimed")
        };
        let claimed = claim(&["big", "big2"]).await;
        let taken: Vec<i64> = claimed
            .iter()
            .map(|claimed| match claimed {
                Claimed::Submit(op) => order(op).carried.get(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(taken, [450, 0]);
        is_clean(&w).await;

        w.person_runs("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('m2', 'usd', 5000)").await;
        w.mentor("m2").await;
        for name in ["big3", "big4"] {
            w.hears([charge(name).metadata("mentorUserId", "m2").told("charge.succeeded", hour(0))]).await;
        }
        w.picks(later()).await;
        let sent: i64 = claim(&["big3", "big4"]).await
            .iter()
            .map(|claimed| match claimed {
                Claimed::Submit(op) => op.order.amount().get(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(sent, 13_000, "the debt is netted once");
    }

    /// Given an operator who carries nothing over, then a small payment waits for a person, unless earlier credit makes it
    /// enough.
    async fn without_it_a_person_is_asked(w: World) {
        let w = carrying_world(w, &["a", "b", "big"]).await;
        is_carried(&w, "a").await;
        let mut w = w;
        let hold = Policy { sending: SendingPolicy::default(), ..carrying() };
        w.store = Database::open(w.url(), Arc::new(hold)).expect("openable");
        assert!(matches!(w.claims("b", later()).await, Claimed::Held(..)));
        assert_eq!(w.hold_reasons("b").await, "below_minimum");
        assert_eq!(order(&w.submits("big", later()).await).carried, minor(450), "what was kept before is not lost");
    }
}
