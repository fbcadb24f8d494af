//! Leases: who may write an outcome, and who takes over from a worker that is gone.

use chrono::TimeDelta;
use payoutd::domain::matter::Matter;
use payoutd::domain::operation::OperationState;
use payoutd::domain::outcome::Attempted;
use payoutd::domain::rescue::Step;
use payoutd::ports::{Outcome, Recorded, Store};
use serde_json::json;

use crate::events::{hour, later, transfer};
use crate::world::{World, done, lease, refused, stories, timeout};

stories! {
    /// Given a worker that is gone with a call on the wire, when its lease runs out, then another takes the operation
    /// up, as one that may have been done; and what the first brings late is not written.
    async fn a_lost_lease_writes_nothing(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let expiry = later() + TimeDelta::minutes(2);
        assert!(w.store.reclaim(10, lease("two", expiry), expiry).await.expect("taken up").is_empty(), "not before");
        let now = expiry + TimeDelta::milliseconds(1);
        let taken = w.store.reclaim(10, lease("two", now), now).await.expect("taken up");
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].step.clone(), taken[0].operation.maybe_done), (Step::Send, true));
        assert_eq!(taken[0].operation.unknown_since, Some(now));
        assert!(w.store.reclaim(10, lease("three", now), now).await.expect("taken up").is_empty());

        let before = w.sql.table("operations", &[]).await;
        let call = payoutd::ports::AttemptRecord {
            kind: "create", started_at: later(), took: std::time::Duration::from_secs(130), status: Some(200),
            error_code: None, error: None, request_id: Some("req_late".into()),
        };
        let late = Outcome { operation: op.clone(), attempts: vec![call], attempted: done(&op, "tr_1") };
        let recorded = w.store.conclude(vec![late], now).await.expect("recorded");
        assert!(matches!(recorded.as_slice(), [Recorded::LeaseLost]), "{recorded:?}");
        assert_eq!(w.sql.table("operations", &[]).await, before);
        assert_eq!(w.status("a").await, "releasing");
        assert_eq!(w.sql.value("request_id", "operation_attempts").await, json!("req_late"), "the call is on record");
        assert!(w.emails().await.is_empty());

        w.writes(&taken[0].operation, done(&op, "tr_1"), now).await;
        assert!(matches!(w.concludes(&taken[0].operation, done(&op, "tr_1"), now).await, Recorded::LeaseLost), "once");
        assert_eq!((w.status("a").await.as_str(), w.emails().await.len()), ("transferred", 1));
    }

    /// Given a call that may have gone through, when something speaks against the payment by the time of the repeat,
    /// then it is only looked for.
    async fn what_may_be_done_is_looked_for_when_it_may_not_be_sent(w: World) {
        w.payment_on_the_wire("a").await;
        w.person_runs("UPDATE payments SET dispute_requested = true").await;
        let now = hour(74);
        let taken = w.store.reclaim(10, lease("two", now), now).await.expect("taken up");
        assert_eq!(taken[0].step, Step::Look);
        assert!(matches!(&taken[0].matter, Matter::Payment(case) if case.payment.flag.is_some()));
        assert_eq!(taken[0].operation.last_sent_at, Some(later()), "a look is no sending");
        w.writes(&taken[0].operation, Attempted::NotFound, now).await;
        assert_eq!(w.sql.value("error_code", "operations").await, json!("absent"));
        assert!(w.picks_ready(now).await.is_empty());
        assert_eq!((w.status("a").await.as_str(), w.hold_reasons("a").await.as_str()), ("held", "flagged"));
    }

    /// Given a claim whose worker stopped before its turn came, then another has it at once: under the same key, known not to
    /// have been sent, and withdrawn where something speaks against it by then.
    async fn what_was_never_begun_is_due_at_once(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let next = w.writes(&op, Attempted::NotBegun, later()).await.next;
        assert_eq!((next.state, next.attempts), (OperationState::Planned, 0));
        let taken = w.store.reclaim(10, lease("two", later()), later()).await.expect("taken up");
        let operation = &taken[0].operation;
        assert_eq!((&taken[0].step, &operation.key, operation.maybe_done), (&Step::Send, &op.key, false));
        w.writes(operation, Attempted::NotBegun, later()).await;
        w.person_runs("UPDATE payments SET dispute_requested = true").await;
        let taken = w.store.reclaim(10, lease("three", later()), later()).await.expect("taken up");
        assert!(matches!(taken[0].step, Step::Withdraw(_)), "{:?}", taken[0].step);
        assert!(w.emails().await.is_empty());
    }

    /// Given a transfer that was concluded to be absent, and that Stripe carries out after all, then nothing else is sent: it is
    /// taken up again, only to be looked for, and is the payment's.
    async fn what_was_taken_for_absent_and_is_there_is_adopted(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.person_runs("UPDATE payments SET dispute_requested = true").await;
        let (proven, told) = (hour(74), hour(75));
        let taken = w.store.reclaim(10, lease("two", proven), proven).await.expect("taken up");
        w.writes(&taken[0].operation, Attempted::NotFound, proven).await;
        w.picks(proven).await;
        assert_eq!(w.status("a").await, "held");

        let late = transfer("late", "a").metadata("payoutd_operation", op.key.as_str());
        w.hears([late.told("transfer.created", told)]).await;
        assert!(w.picks_ready(told).await.is_empty());
        assert_eq!(w.status("a").await, "releasing");
        let taken = w.store.reclaim(10, lease("three", told), told).await.expect("taken up");
        assert_eq!((taken[0].operation.id, taken[0].step.clone()), (op.id, Step::Look), "not sent again");
        w.writes(&taken[0].operation, done(&op, "tr_late"), told).await;
        assert_eq!(w.sql.row("status, transfer_id", "payments").await, [json!("transferred"), json!("tr_late")]);
        assert_eq!(w.sql.row("state, error_code", "operations").await, [json!("confirmed"), json!(null)]);
    }

    /// Given the same of another amount than was asked for, then a person has to look.
    async fn what_was_taken_for_absent_and_is_something_else_holds(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let (proven, told) = (hour(98), hour(99));
        let taken = w.store.reclaim(10, lease("two", proven), proven).await.expect("taken up");
        w.writes(&taken[0].operation, Attempted::NotFound, proven).await;
        let other = transfer("late", "a").metadata("payoutd_operation", op.key.as_str()).set("amount", 4_711);
        w.hears([other.told("transfer.created", told)]).await;
        assert!(w.picks_ready(told).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "transferred_elsewhere");
        assert_eq!(w.sql.value("state", "operations").await, json!("rejected"));
    }

    /// Given a key that is too old to be sent again, then what may have been done is looked for.
    async fn an_old_key_is_not_sent_again(w: World) {
        w.payment_on_the_wire("a").await;
        let now = later() + TimeDelta::hours(23);
        let taken = w.store.reclaim(10, lease("two", now), now).await.expect("taken up");
        assert_eq!(taken[0].step, Step::Look);
    }

    /// Given a call that surely was not done, then it is planned, and sent again when due; or withdrawn, if something
    /// speaks against it by then.
    async fn a_planned_operation_is_sent_when_due(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let busy = w.writes(&op, refused(429, "rate_limit"), later()).await;
        assert_eq!(w.sql.row("state, maybe_done, attempts", "operations").await, [json!("planned"), json!(0), json!(0)]);
        let due = busy.next.next_attempt_at.expect("again");
        let early = due - TimeDelta::milliseconds(1);
        assert!(w.store.reclaim(10, lease("two", early), early).await.expect("taken up").is_empty());
        let taken = w.store.reclaim(10, lease("two", due), due).await.expect("taken up");
        assert_eq!((taken[0].step.clone(), taken[0].operation.maybe_done), (Step::Send, false));
        assert_eq!(taken[0].operation.last_sent_at, Some(due));

        w.writes(&taken[0].operation, refused(429, "rate_limit"), due).await;
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'stop'").await;
        let now = due + TimeDelta::minutes(1);
        let taken = w.store.reclaim(10, lease("two", now), now).await.expect("taken up");
        assert_eq!(taken[0].step, Step::Withdraw("flagged by an admin: stop".into()));
    }

    /// Given several outcomes of which the database refuses one, then the others are written.
    async fn one_refused_outcome_does_not_fail_the_others(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        w.picks(later()).await;
        let mut outcomes = Vec::new();
        for name in ["a", "b", "c"] {
            let operation = w.submits(name, later()).await;
            // Stripe never gives two transfers the same id; were it so, the second must not take the first one's place.
            let id = if name == "c" { "tr_c" } else { "tr_same" };
            outcomes.push(Outcome { attempted: done(&operation, id), operation, attempts: Vec::new() });
        }
        let recorded = w.store.conclude(outcomes, later()).await.expect("recorded");
        assert!(matches!(recorded.as_slice(), [Recorded::Written(_), Recorded::Refused(_), Recorded::Written(_)]), "{recorded:?}");
        assert_eq!(w.sql.rows("state", "operations ORDER BY id").await, [[json!("confirmed")], [json!("submitting")], [json!("confirmed")]]);
        assert_eq!(w.status("b").await, "releasing", "the rescuer takes it when its lease runs out");
    }

    /// Given operations that are due and some whose worker is gone, when two daemons take up at once, then none is taken
    /// by both, and each takes at most its limit.
    async fn two_daemons_never_take_up_the_same_operation(w: World) {
        let names: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
        w.paid_charges(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        w.picks(later()).await;
        for (n, name) in names.iter().enumerate() {
            let op = w.submits(name, later()).await;
            if n % 2 == 0 {
                w.writes(&op, timeout(), later()).await;
            }
        }
        let other = w.another_store();
        let mut taken = Vec::new();
        while taken.len() < 10 {
            let (one, two) = tokio::join!(
                w.store.reclaim(3, lease("one", hour(80)), hour(80)),
                other.reclaim(3, lease("two", hour(80)), hour(80)),
            );
            let (one, two) = (one.expect("taken up"), two.expect("taken up"));
            assert!(one.len() <= 3 && two.len() <= 3);
            taken.extend(one.iter().chain(&two).map(|reclaimed| reclaimed.operation.id.0));
        }
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 10);
        assert_eq!(w.sql.count("operations WHERE lease_epoch = 2 AND maybe_done").await, 10);
    }
}
