//! What is asked for, as rows: what SQL alone is enough for, what wakes a payment, how a request is moved with its
//! operation, and what may never change.

use payoutd::domain::facts::{RefundFact, Stamp};
use payoutd::domain::ids::{EventId, PaymentId, RefundId};
use payoutd::domain::operation::{Done, Operation, Order};
use payoutd::domain::outcome::Attempted;
use payoutd::domain::request::{Ask, RequestState};
use payoutd::ports::{Asks, Claimed, Completed, NewRefundRequest, Request, Store};
use serde_json::json;

use crate::events::later;
use crate::world::{World, refused, stories, timeout};

/// What the README shows.
const ASK: &str = "INSERT INTO refund_requests (payment_id, amount, reason) VALUES (1, 2500, 'half was missing')";

fn wanted(ask: Ask, key: Option<&str>) -> NewRefundRequest {
    NewRefundRequest {
        payment_id: PaymentId(1),
        ask,
        currency: None,
        reason: "asked".into(),
        request_key: key.map(Into::into),
        requested_by: "tests".into(),
    }
}

async fn state(w: &World) -> String {
    let state = w.sql.value("state", "refund_requests ORDER BY id LIMIT 1").await;
    state.as_str().expect("a word").to_owned()
}

/// The refund that an operation asks for, as Stripe made it.
fn made(op: &Operation, id: &str, status: &str) -> Attempted {
    let Order::Refund(order) = &op.order else { panic!("not a refund: {op:?}") };
    Attempted::Done(Done::Refund(RefundFact {
        id: RefundId::new(id),
        charge_id: order.charge_id.clone(),
        amount: order.amount,
        currency: order.currency,
        status: status.into(),
        operation_key: Some(op.key.as_str().to_owned()),
        stamp: Stamp { told_at: later(), rank: 3, event_id: EventId::new("") },
    }))
}

/// A payment of which a refund is on the wire.
async fn refund_on_the_wire(w: &World) -> Operation {
    w.paid_charges(&["a"]).await;
    w.person_runs(ASK).await;
    assert_eq!(w.picks(later()).await.asked.len(), 1);
    w.submits("a", later()).await
}

stories! {
    /// Given a payment that is due, when a row asks for a refund, then the payment is woken and not paid, and the refund is
    /// sent under a key of its own; when Stripe has made it, then the request is done, and the rest is paid.
    async fn a_row_is_a_refund(w: World) {
        let op = refund_on_the_wire(&w).await;
        assert_eq!(op.key.as_str(), "payoutd:refund:pi_a:request_1:1");
        assert_eq!(op.order.amount().get(), 2_500);
        assert_eq!(state(&w).await, "submitted");
        assert!(w.picks_ready(later()).await.is_empty(), "the transfer waits for it");
        assert!(matches!(w.claims("a", later()).await, Claimed::Held(..)), "and so does a run that picked it before");
        w.writes(&op, made(&op, "re_1", "succeeded"), later()).await;
        let row = w.sql.rows("state, refunded_amount, stripe_refund_id", "refund_requests").await;
        assert_eq!(row, [[json!("done"), json!(2_500), json!("re_1")]]);
        assert_eq!(w.payment("a").await.case.payment.refunded.get(), 2_500);
        assert_eq!(w.picks_ready(later()).await, ["a"]);
    }

    /// Given a refund whose outcome is unknown, when it is looked at again and again, then nothing else is begun for the
    /// payment; when its absence is proven, then it is asked for again under a new key.
    async fn nothing_is_begun_beside_an_unknown_refund(w: World) {
        let op = refund_on_the_wire(&w).await;
        w.writes(&op, timeout(), later()).await;
        assert_eq!(state(&w).await, "submitted");
        w.person_runs("UPDATE payments SET next_check_at = NULL WHERE id = 1").await;
        w.person_runs("INSERT INTO refund_requests (payment_id, reason) VALUES (1, 'and the rest')").await;
        let picked = w.picks(later()).await;
        assert_eq!((picked.asked.len(), picked.ready.len()), (0, 0));
        let much_later = later() + chrono::TimeDelta::hours(1);
        let taken = w.store.reclaim(9, crate::world::lease("two", much_later), much_later).await.expect("taken up");
        let again = &taken[0].operation;
        assert_eq!(again.key, op.key);
        let end = much_later + chrono::TimeDelta::hours(1);
        w.writes(again, Attempted::NotFound, end).await;
        assert_eq!(state(&w).await, "open");
        assert_eq!(w.picks(end).await.asked.len(), 1);
        assert_eq!(w.submits("a", end).await.key.as_str(), "payoutd:refund:pi_a:request_1:2");
    }

    /// Given Stripe that refuses for good, when it says so, then the request has failed, the payment is held, and an admin
    /// is told; when a person lifts the hold, then the mentor is paid.
    async fn a_refusal_is_for_a_person(w: World) {
        let op = refund_on_the_wire(&w).await;
        w.writes(&op, refused(400, "charge_already_refunded"), later()).await;
        assert_eq!(state(&w).await, "failed");
        assert!(w.picks_ready(later()).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "payment_hold");
        assert!(w.emails().await.contains(&"admin refund_failed admin@example.com".to_owned()));
        w.person_runs("UPDATE holds SET lifted_at = placed_at, lifted_by = 'zoe' WHERE payment_id = 1").await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
    }

    /// Given a refund that was made, when it fails later, then its request has failed, once.
    async fn a_refund_may_fail_later(w: World) {
        let op = refund_on_the_wire(&w).await;
        w.writes(&op, made(&op, "re_1", "succeeded"), later()).await;
        let Attempted::Done(Done::Refund(fact)) = made(&op, "re_1", "failed") else { panic!("a refund") };
        let told_at = fact.stamp.told_at + chrono::TimeDelta::days(3);
        let failed = RefundFact { stamp: Stamp { told_at, rank: 4, event_id: EventId::new("evt_9") }, ..fact };
        for _ in 0..2 {
            let fact = payoutd::domain::facts::Fact::Refund(failed.clone());
            w.store.refresh_case(PaymentId(1), vec![fact], told_at).await.expect("taken in");
        }
        assert_eq!(state(&w).await, "failed");
        assert_eq!(w.sql.count("holds WHERE source = 'automation' AND lifted_at IS NULL").await, 1);
        assert_eq!(w.emails().await.iter().filter(|email| email.contains("refund_failed")).count(), 1);
    }

    /// Given a transfer that is under way, when a refund is asked for, then it waits for the outcome, and is answered then.
    async fn a_transfer_under_way_is_waited_for(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.person_runs(ASK).await;
        assert!(!w.is_awake("a", later()).await);
        w.writes(&op, crate::world::done(&op, "tr_1"), later()).await;
        assert!(w.is_awake("a", later()).await);
        assert_eq!(w.picks(later()).await.asked.len(), 1);
        assert_eq!(w.submits("a", later()).await.order.kind().word(), "refund");
    }

    /// Given a request, when somebody takes it back, then the payment is paid; what it asks for can neither be changed nor
    /// deleted.
    async fn a_request_is_kept_as_it_was_made(w: World) {
        w.paid_charges(&["a"]).await;
        w.person_runs(ASK).await;
        for wrong in ["UPDATE refund_requests SET amount = 1", "DELETE FROM refund_requests"] {
            let refusal = w.sql.refusal_of(wrong).await;
            assert!(refusal.contains("kept as it was made"), "{wrong}: {refusal}");
        }
        w.person_runs("UPDATE refund_requests SET state = 'withdrawn'").await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
    }

    /// Given a key, when it is used again, then it is the same request or refused; what cannot be is refused at once, on
    /// record.
    async fn asking_by_program(w: World) {
        w.paid_charges(&["a"]).await;
        let ask = async |ask, key| w.store.ask_refund(wanted(ask, key), later()).await.expect("answered");
        let Request::Recorded(first) = ask(Ask::Amount(100), Some("k")).await else { panic!("recorded") };
        assert_eq!(first.state, RequestState::Open);
        assert_eq!(ask(Ask::Amount(100), Some("k")).await, Request::Known(first.clone()));
        assert_eq!(ask(Ask::ByPolicy, Some("k")).await, Request::KeyTaken(first));
        let Request::Recorded(over) = ask(Ask::Amount(1_000_000), None).await else { panic!("recorded") };
        assert_eq!(over.state, RequestState::Refused);
        assert!(over.outcome.expect("words").contains("more than the"));
        assert_eq!(w.store.refund_requests(PaymentId(1)).await.expect("read").len(), 2);
        let nobody = NewRefundRequest { payment_id: PaymentId(9), ..wanted(Ask::All, None) };
        assert_eq!(w.store.ask_refund(nobody, later()).await.expect("answered"), Request::NoSuchPayment);
    }

    /// Given a session, when it is said to be completed, then that is on record with who said it, and stands.
    async fn a_session_is_completed_once(w: World) {
        w.paid_charges(&["a"]).await;
        let complete = async |at| w.store.complete(PaymentId(1), at, "zoe".into(), later()).await.expect("answered");
        assert_eq!(complete(later()).await, Completed::Recorded);
        assert_eq!(complete(later() + chrono::TimeDelta::hours(1)).await, Completed::Already(later()));
        assert_eq!(w.payment("a").await.case.payment.session.completed_at, Some(later()));
        assert_eq!(w.sql.count("audit_log WHERE action = 'complete' AND actor = 'zoe'").await, 1);
        let nobody = w.store.complete(PaymentId(9), later(), "zoe".into(), later()).await;
        assert_eq!(nobody.expect("answered"), Completed::NoSuchPayment);
    }
}
