//! What a person may do at the desk: have events projected again or set aside, have emails sent that were given up, and
//! have an unknown operation looked for. What must not be done is refused, and nothing changes.

use std::time::Duration;

use chrono::TimeDelta;
use payoutd::domain::event;
use payoutd::domain::ids::OperationId;
use payoutd::domain::notice::{Notice, Outgoing};
use payoutd::domain::operation::OperationState;
use payoutd::domain::outcome::Attempted;
use payoutd::domain::rescue::Step;
use payoutd::ports::{
    Desk, EmailState, EventRef, EventState, Projected, Recorded, Sent, Store, TakenUp, Unprojected, Wish,
};
use serde_json::json;

use crate::events::{self, hour, later, minute};
use crate::world::{World, done, lease, stories, timeout};

const WINDOW: Duration = Duration::from_secs(3600);

fn zoe() -> String {
    "zoe".to_owned()
}

/// Tables that events are projected into, without the times of writing.
async fn projected_rows(w: &World) -> Vec<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    for table in
        ["payments", "payment_sources", "refunds", "disputes", "transfers", "accounts", "payouts", "holds", "emails"]
    {
        rows.push(w.sql.table(table, &["updated_at"]).await);
    }
    rows
}

fn read(event: &Unprojected) -> Projected {
    let fact = event::facts(&event.body).map(|(_, fact)| fact).map_err(|why| why.to_string());
    Projected { row_id: event.row_id, fact, retry_at: hour(2_000) }
}

/// An event that cannot be read, tried once.
async fn a_failed_event(w: &World, name: &str) -> i64 {
    let mut event = events::charge(name).told("charge.succeeded", hour(0)).arrives(minute(1));
    event.body = b"{}".to_vec();
    let by = EventRef::Stripe(event.event_id.clone());
    w.receives(&[event]).await;
    w.projects(minute(2)).await;
    let (entry, body) = w.store.find_event(by).await.expect("read").expect("there");
    assert_eq!((entry.state, entry.attempts, body.as_slice()), (EventState::Failed, 1, b"{}".as_slice()));
    entry.id
}

async fn event_state(w: &World, id: i64) -> EventState {
    w.store.find_event(EventRef::Row(id)).await.expect("read").expect("there").0.state
}

async fn audited(w: &World) -> Vec<Vec<serde_json::Value>> {
    w.sql.rows("actor, action, subject_kind, subject_id, detail", "audit_log WHERE actor = 'zoe' ORDER BY id").await
}

fn alert(subject: &str) -> Outgoing {
    let notice = Notice::BreakerOpened { why: subject.into(), at: hour(0) };
    Outgoing::to_admin(notice, "breaker_opened", subject, None)
}

/// Emails that went out as one and were given up.
async fn given_up_together(w: &World) -> Vec<i64> {
    w.store.tell(vec![alert("a"), alert("b")], minute(0)).await.expect("written");
    let letter = w.store.due_letters(10, WINDOW, lease("mail", minute(0)), minute(0)).await.expect("leased").remove(0);
    w.store.letter_sent(letter.clone(), Sent::GivenUp("550 no".into()), minute(1)).await.expect("recorded");
    assert_eq!(letter.row_ids.len(), 2);
    letter.row_ids
}

/// An operation whose request was not answered, at [`later`].
async fn an_unknown_operation(w: &World) -> OperationId {
    let op = w.payment_on_the_wire("a").await;
    w.writes(&op, timeout(), later()).await;
    op.id
}

stories! {
    /// Given events of every kind that were projected, when all are replayed, in the wrong order, then no row changes, no
    /// email is written and no payment is woken.
    async fn a_replay_of_what_was_projected_changes_nothing(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.hears([
            events::refund("r", "b", 4_000, "succeeded").told("refund.created", hour(1)),
            events::dispute("d", "a", "needs_response").told("charge.dispute.created", hour(2)),
            events::dispute("d", "a", "won").told("charge.dispute.closed", hour(3)),
            events::account("m1", "inactive").told("account.updated", hour(4)).of_account("acct_m1"),
            events::account("m1", "active").told("account.updated", hour(5)).of_account("acct_m1"),
            events::payout("p", "paid").told("payout.paid", hour(6)),
        ]).await;
        w.picks(later()).await;
        let op = w.submits("a", later()).await;
        w.writes(&op, done(&op, "tr_a"), later()).await;
        let before = projected_rows(&w).await;
        let ids = w.sql.rows("id", "webhook_events ORDER BY id DESC").await;
        assert!(ids.len() >= 8, "{ids:?}");
        for (nth, id) in ids.iter().enumerate() {
            let id = id[0].as_i64().expect("a number");
            let at = hour(1_500) + TimeDelta::seconds(i64::try_from(nth).expect("few"));
            assert!(w.store.replay_event(id, zoe(), at).await.expect("put back"));
            assert_eq!(event_state(&w, id).await, EventState::Projected, "its facts are in the rows while it waits");
            assert_eq!(w.store.unprojected(10, Vec::new(), at).await.expect("read").len(), 1);
            w.projects(at).await;
        }
        assert_eq!(projected_rows(&w).await, before);
        assert_eq!(w.sql.count("webhook_events WHERE state = 'projected' AND attempts = 2 AND next_attempt_at IS NULL").await,
            i64::try_from(ids.len()).expect("few"));
        assert_eq!(w.status("a").await, "transferred");
        assert!(!w.store.replay_event(999, zoe(), hour(1)).await.expect("asked"));
    }

    /// Given an event that could not be read, when it is replayed by a payoutd that can, then it is projected.
    async fn a_failed_event_is_tried_at_once(w: World) {
        let id = a_failed_event(&w, "a").await;
        assert!(w.store.unprojected(10, Vec::new(), minute(2)).await.expect("read").is_empty(), "not yet");
        assert!(w.store.replay_event(id, zoe(), minute(3)).await.expect("put back"));
        assert_eq!(event_state(&w, id).await, EventState::Pending);
        let fact = Ok(events::charge("a").told("charge.succeeded", hour(0)).fact());
        let readable = Projected { row_id: id, fact, retry_at: minute(9) };
        assert!(w.store.project(vec![readable], minute(3)).await.expect("projected"));
        assert_eq!(event_state(&w, id).await, EventState::Projected);
        assert_eq!(w.sql.count("payments").await, 1);
        assert_eq!(audited(&w).await, [[json!("zoe"), json!("replay"), json!("event"), json!(id.to_string()), json!("")]]);
    }

    /// Given many events that failed, then they are replayed part by part, each once, and no other.
    async fn all_failed_events_are_replayed_part_by_part(w: World) {
        let mut failed = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            failed.push(a_failed_event(&w, name).await);
        }
        w.paid_charges(&["good"]).await;
        assert_eq!(w.store.count_failed_events().await.expect("counted"), 5);
        let first = w.store.replay_failed_events(0, 3, zoe(), minute(5)).await.expect("put back");
        // Those that fail again meanwhile do not come round.
        w.projects(minute(6)).await;
        assert_eq!(w.store.count_failed_events().await.expect("counted"), 5);
        let rest = w.store.replay_failed_events(first[2], 3, zoe(), minute(7)).await.expect("put back");
        assert_eq!([first, rest.clone()].concat(), failed);
        assert!(w.store.replay_failed_events(rest[1], 3, zoe(), minute(7)).await.expect("put back").is_empty());
        assert_eq!(audited(&w).await.len(), 5);
    }

    /// Given events in each state, then only one that is not projected can be set aside; and that can be taken back.
    async fn only_what_is_not_projected_can_be_ignored(w: World) {
        w.paid_charges(&["good"]).await;
        let projected = w.sql.value("max(id)", "webhook_events").await.as_i64().expect("a number");
        let ignore = async |id: i64| w.store.ignore_event(id, zoe(), "not ours".into(), minute(5)).await.expect("asked");
        assert_eq!(ignore(projected).await, Wish::Refused(EventState::Projected));
        assert!(w.store.replay_event(projected, "bo".into(), minute(4)).await.expect("put back"));
        assert_eq!(ignore(projected).await, Wish::Refused(EventState::Projected), "also while it waits to be again");
        assert_eq!(ignore(999).await, Wish::NoSuchRow);
        assert!(audited(&w).await.is_empty());

        let failed = a_failed_event(&w, "a").await;
        assert_eq!(ignore(failed).await, Wish::Granted);
        assert_eq!(ignore(failed).await, Wish::Refused(EventState::Ignored));
        let (entry, _) = w.store.find_event(EventRef::Row(failed)).await.expect("read").expect("there");
        assert_eq!((entry.state, entry.note.as_deref()), (EventState::Ignored, Some("by zoe: not ours")));
        assert!(w.store.unprojected(10, Vec::new(), hour(9_000)).await.expect("read").iter().all(|event| event.row_id != failed));
        assert_eq!(audited(&w).await,
            [[json!("zoe"), json!("ignore"), json!("event"), json!(failed.to_string()), json!("not ours")]]);
        assert!(w.store.replay_event(failed, zoe(), minute(6)).await.expect("put back"));
        assert_eq!(event_state(&w, failed).await, EventState::Pending);
    }

    /// Given an event that was read to be projected, when a person sets it aside in that moment, or another daemon has
    /// projected it, then it is left alone.
    async fn what_was_settled_since_it_was_read_is_left_alone(w: World) {
        w.receives(&["a", "b"].map(|name| events::charge(name).told("charge.succeeded", hour(0)).arrives(minute(1)))).await;
        let waiting = w.store.unprojected(10, Vec::new(), minute(1)).await.expect("read");
        let [aside, done] = waiting.as_slice() else { panic!("{waiting:?}") };
        let wish = w.store.ignore_event(aside.row_id, zoe(), "not ours".into(), minute(2)).await.expect("asked");
        assert_eq!(wish, Wish::Granted);
        assert!(w.another_store().project(vec![read(done)], minute(2)).await.expect("projected"));
        assert!(w.store.project(waiting.iter().map(read).collect(), minute(3)).await.expect("projected"));
        assert_eq!(w.sql.rows("state, attempts", "webhook_events ORDER BY id").await,
            [[json!("ignored"), json!(0)], [json!("projected"), json!(1)]]);
        assert_eq!(w.sql.rows("stripe_charge_id", "payments").await, [[json!("ch_b")]]);
    }

    /// Given an email of several rows that was given up, when one of them is retried, then all go out again as one, with
    /// fresh attempts, under the same name.
    async fn an_email_that_was_given_up_is_sent_again_whole(w: World) {
        let rows = given_up_together(&w).await;
        let name = w.sql.value("min(id)", "emails").await;
        assert_eq!(w.store.count_failed_emails().await.expect("counted"), 2);
        assert_eq!(w.store.retry_email(rows[1], zoe(), minute(5)).await.expect("asked"), Wish::Granted);
        assert_eq!(w.store.retry_email(rows[0], zoe(), minute(5)).await.expect("asked"), Wish::Refused(EmailState::Queued));
        let again = w.store.due_letters(10, WINDOW, lease("mail", minute(5)), minute(5)).await.expect("leased");
        assert_eq!(again.len(), 1);
        assert_eq!((&again[0].row_ids, again[0].attempts), (&rows, 1));
        assert!(again[0].message_id.starts_with(&format!("payoutd-{name}-")), "{}", again[0].message_id);
        w.store.letter_sent(again[0].clone(), Sent::Accepted, minute(6)).await.expect("recorded");
        assert_eq!(w.store.retry_email(rows[1], zoe(), minute(7)).await.expect("asked"), Wish::Refused(EmailState::Sent));
        assert!(w.store.due_letters(10, WINDOW, lease("mail", hour(9)), hour(9)).await.expect("leased").is_empty());
        assert_eq!(w.store.retry_email(999, zoe(), minute(7)).await.expect("asked"), Wish::NoSuchRow);
        assert_eq!(audited(&w).await, [[json!("zoe"), json!("retry"), json!("email"), json!(rows[1].to_string()), json!("")]]);
    }

    /// Given emails that were given up, then all are queued again part by part, and those that were sent are not.
    async fn all_emails_that_were_given_up(w: World) {
        let rows = given_up_together(&w).await;
        w.store.tell(vec![alert("c")], hour(3)).await.expect("written");
        let sent = w.store.due_letters(10, WINDOW, lease("mail", hour(3)), hour(3)).await.expect("leased").remove(0);
        w.store.letter_sent(sent, Sent::Accepted, hour(3)).await.expect("recorded");
        let first = w.store.retry_failed_emails(0, 1, zoe(), hour(4)).await.expect("queued");
        assert_eq!(first, rows[..1]);
        assert!(w.store.retry_failed_emails(rows[0], 10, zoe(), hour(4)).await.expect("queued").is_empty(),
            "the second went with the first");
        assert_eq!(w.store.count_failed_emails().await.expect("counted"), 0);
        assert_eq!(w.sql.rows("state, attempts", "emails ORDER BY id").await,
            [[json!("queued"), json!(0)], [json!("queued"), json!(0)], [json!("sent"), json!(1)]]);
    }

    /// Given an unknown operation that is not due yet, when a person asks, then it is leased as the rescuer leases it,
    /// but to look and not to send; the rescuer passes it over meanwhile.
    async fn an_unknown_operation_is_taken_up_to_look(w: World) {
        let id = an_unknown_operation(&w).await;
        let now = later() + TimeDelta::milliseconds(1);
        let TakenUp::Leased(taken) = w.store.take_up_unknown(id, zoe(), lease("desk", now), now).await.expect("asked") else {
            panic!("not taken up")
        };
        assert_eq!((taken.step.clone(), taken.operation.maybe_done), (Step::Look, true));
        assert_eq!((taken.operation.lease_epoch, taken.operation.last_sent_at), (2, Some(later())), "a look is no sending");
        let submitting = w.store.take_up_unknown(id, zoe(), lease("other", now), now).await.expect("asked");
        assert!(matches!(submitting, TakenUp::Refused(OperationState::Submitting)), "{submitting:?}");
        assert!(w.store.reclaim(10, lease("two", now), now).await.expect("taken up").is_empty());
        let payment = w.payment_id("a").await.to_string();
        assert_eq!(audited(&w).await,
            [[json!("zoe"), json!("resolve"), json!("payment"), json!(payment), json!(format!("operation {id}"))]]);
        assert!(w.store.timeline(w.payment_id("a").await).await.expect("read").iter()
            .any(|entry| entry.what == format!("resolve by zoe: operation {id}")));

        let written = w.writes(&taken.operation, done(&taken.operation, "tr_1"), now).await;
        assert_eq!((written.next.state, w.status("a").await.as_str()), (OperationState::Confirmed, "transferred"));
        let confirmed = w.store.take_up_unknown(id, zoe(), lease("desk", now), now).await.expect("asked");
        assert!(matches!(confirmed, TakenUp::Refused(OperationState::Confirmed)), "{confirmed:?}");
        let nothing = w.store.take_up_unknown(OperationId(999), zoe(), lease("desk", now), now).await.expect("asked");
        assert!(matches!(nothing, TakenUp::NoSuchRow), "{nothing:?}");
    }

    /// Given a person whose process died with the lease, when that runs out, then the rescuer takes over, and what the
    /// person's look brought late is not written.
    async fn a_look_whose_lease_ran_out_writes_nothing(w: World) {
        let id = an_unknown_operation(&w).await;
        let now = later() + TimeDelta::milliseconds(1);
        let TakenUp::Leased(taken) = w.store.take_up_unknown(id, zoe(), lease("desk", now), now).await.expect("asked") else {
            panic!("not taken up")
        };
        let over = now + TimeDelta::minutes(3);
        assert_eq!(w.store.reclaim(10, lease("two", over), over).await.expect("taken up").len(), 1);
        assert!(matches!(w.concludes(&taken.operation, Attempted::NotFound, over).await, Recorded::LeaseLost));
        assert_eq!(w.status("a").await, "releasing");
    }

    /// Given a look that finds nothing too early to prove anything, then the operation stays unknown, and what would be
    /// sent again under its key is not put off; once the grace is over, the same look gives the payment back.
    async fn absence_is_proven_only_after_the_grace(w: World) {
        let id = an_unknown_operation(&w).await;
        let early = later() + TimeDelta::milliseconds(1);
        let TakenUp::Leased(taken) = w.store.take_up_unknown(id, zoe(), lease("desk", early), early).await.expect("asked") else {
            panic!("not taken up")
        };
        let next = w.writes(&taken.operation, Attempted::NotFound, early).await.next;
        assert_eq!((next.state, next.attempts), (OperationState::Unknown, 1));
        let again = next.next_attempt_at.expect("again");
        assert!(again <= early + TimeDelta::seconds(1), "the repeat under its key is not put off: {again}");

        let settled = later() + TimeDelta::minutes(15);
        let TakenUp::Leased(taken) = w.store.take_up_unknown(id, zoe(), lease("desk", settled), settled).await.expect("asked")
        else {
            panic!("not taken up")
        };
        let written = w.writes(&taken.operation, Attempted::NotFound, settled).await;
        assert_eq!(written.next.state, OperationState::Rejected);
        assert_eq!(w.sql.value("error_code", "operations").await, json!("absent"));
        assert_eq!((w.status("a").await.as_str(), w.picks_ready(settled).await), ("pending", vec!["a".to_owned()]));
    }

    /// Given a look too early of an operation that would not be sent again, because of a flag, then it waits for the end
    /// of the grace.
    async fn a_look_too_early_waits_for_the_grace_where_nothing_is_sent(w: World) {
        let id = an_unknown_operation(&w).await;
        w.person_runs("UPDATE payments SET dispute_requested = true").await;
        let early = later() + TimeDelta::minutes(1);
        let TakenUp::Leased(taken) = w.store.take_up_unknown(id, zoe(), lease("desk", early), early).await.expect("asked") else {
            panic!("not taken up")
        };
        let next = w.writes(&taken.operation, Attempted::NotFound, early).await.next;
        assert_eq!((next.state, next.next_attempt_at), (OperationState::Unknown, Some(later() + TimeDelta::minutes(15))));
    }
}
