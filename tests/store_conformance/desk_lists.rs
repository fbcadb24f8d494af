//! What a person looks up at the desk: newest first, narrowed, and page by page.

use std::time::Duration;

use chrono::TimeDelta;
use payoutd::domain::hold::Subject;
use payoutd::domain::ids::{MentorId, OperationId};
use payoutd::domain::operation::{Operation, OperationState};
use payoutd::domain::payment::PaymentStatus;
use payoutd::ports::{
    AttemptRecord, Desk, EmailFilter, EmailState, EventFilter, EventState, Listed, OperationRef, OperationStory,
    Outcome, Page, PaymentFilter, PaymentRef, RunCounts, Sent, Store, Trigger,
};

use crate::events::{self, hour, later, minute};
use crate::world::{World, done, lease, refused, stories, timeout};

const ALL: Page = Page { limit: 100, before: None };

async fn found(w: &World, filter: PaymentFilter) -> Vec<String> {
    let views: Vec<_> = readable(w.store.search_payments(filter, ALL).await.expect("read"));
    let charge = |view: &payoutd::ports::PaymentView| view.case.payment.charge_id.as_ref().map(ToString::to_string);
    views.iter().filter_map(charge).map(|charge| charge.trim_start_matches("ch_").to_owned()).collect()
}

/// None of the rows is broken.
fn readable<T>(rows: Vec<Listed<T>>) -> Vec<T> {
    rows.into_iter().map(|row| row.expect("readable")).collect()
}

stories! {
    /// Given payments of all kinds, then each way to narrow finds its own, newest first.
    async fn payments_are_found_by_what_is_asked(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        w.mentor_without_account("m2").await;
        w.hears([
            events::charge("d").metadata("mentorUserId", "m2").told("charge.succeeded", hour(1)),
            events::charge("e").set("created", hour(10).timestamp()).told("charge.succeeded", hour(10)),
        ]).await;
        let place = Subject::Payment(w.payment_id("b").await);
        w.store.place_hold(place, "zoe".into(), "why".into(), hour(2)).await.expect("placed");
        w.person_runs("UPDATE payments SET dispute_requested = true WHERE stripe_charge_id IN ('ch_b', 'ch_c')").await;
        w.picks(later()).await;
        let op = w.submits("a", later()).await;
        w.writes(&op, done(&op, "tr_a"), later()).await;

        let any = PaymentFilter::default;
        assert_eq!(found(&w, any()).await, ["e", "d", "c", "b", "a"]);
        let statuses = vec![PaymentStatus::Transferred, PaymentStatus::Held];
        assert_eq!(found(&w, PaymentFilter { statuses, ..any() }).await, ["d", "c", "b", "a"]);
        assert_eq!(found(&w, PaymentFilter { mentor: Some(MentorId::new("m2")), ..any() }).await, ["d"]);
        assert_eq!(found(&w, PaymentFilter { flagged: true, ..any() }).await, ["c", "b"]);
        for (code, expected) in
            [("flagged", &["c", "b"][..]), ("payment_hold", &["b"]), ("no_account", &["d"]), ("hold", &[]), ("mentor_hold", &[])]
        {
            assert_eq!(found(&w, PaymentFilter { held_for: Some(code.into()), ..any() }).await, expected, "{code}");
        }
        let paid = |since: i64, before: i64| PaymentFilter {
            paid_since: Some(hour(since)), paid_before: Some(hour(before)), ..any()
        };
        assert_eq!(found(&w, paid(10, 11)).await, ["e"]);
        assert_eq!(found(&w, paid(9, 10)).await, [""; 0]);
        assert_eq!(found(&w, paid(0, 10)).await, ["d", "c", "b", "a"]);
        w.person_runs("UPDATE payments SET dispute_requested = false WHERE stripe_charge_id = 'ch_c'").await;
        assert_eq!(found(&w, PaymentFilter { due_by: Some(later()), ..any() }).await, ["c"]);
    }

    /// Given more payments than fit a page, then the pages follow each other without a gap.
    async fn pages_follow_each_other(w: World) {
        w.paid_charges(&["a", "b", "c", "d", "e"]).await;
        let mut pages = Vec::new();
        let mut page = Page::newest(2);
        loop {
            let views = readable(w.store.search_payments(PaymentFilter::default(), page).await.expect("read"));
            let Some(last) = views.last() else { break };
            page.before = Some(last.case.payment.id.0);
            pages.push(views.len());
        }
        assert_eq!(pages, [2, 2, 1]);
    }

    /// Given runs that went well, failed, and did not end, then each is told as it is.
    async fn runs_are_listed(w: World) {
        let counts = RunCounts { looked_at: 6, transferred: 1, held: 2, waiting: 3, failed: 4, unfinished: 5 };
        let good = w.store.begin_run(Trigger::Schedule, minute(0)).await.expect("begun");
        w.store.finish_run(good, counts, None, minute(0) + TimeDelta::milliseconds(1_500)).await.expect("ended");
        let bad = w.store.begin_run(Trigger::Cron, minute(1)).await.expect("begun");
        w.store.finish_run(bad, RunCounts::default(), Some("Stripe is away".into()), minute(2)).await.expect("ended");
        let going_on = w.store.begin_run(Trigger::Cli, minute(3)).await.expect("begun");

        let runs = w.store.runs(false, ALL).await.expect("read");
        assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [going_on.0, bad.0, good.0]);
        assert_eq!((runs[0].trigger.as_str(), runs[0].finished_at, runs[0].duration_ms), ("cli", None, None));
        let told = &runs[2];
        assert_eq!((told.started_at, told.duration_ms), (minute(0), Some(1_500)));
        let all = [told.looked_at, told.transferred, told.held, told.waiting, told.failed, told.unfinished];
        assert_eq!(all, [6, 1, 2, 3, 4, 5]);
        let failed = w.store.runs(true, ALL).await.expect("read");
        assert_eq!((failed.len(), failed[0].error.as_deref()), (1, Some("Stripe is away")));
        let older = w.store.runs(false, Page { limit: 5, before: Some(bad.0) }).await.expect("read");
        assert_eq!(older.iter().map(|run| run.id).collect::<Vec<_>>(), [good.0]);
    }

    /// Given events, then they are listed by state and type, with the payment that each is about.
    async fn events_are_listed(w: World) {
        w.paid_charges(&["a"]).await;
        let mut bad = events::charge("b").told("charge.succeeded", hour(0)).arrives(minute(1));
        bad.body = b"{}".to_vec();
        w.receives(&[bad]).await;
        w.projects(minute(2)).await;
        let list = async |state: Option<EventState>, kind: Option<&str>| {
            let filter = EventFilter { state, kind: kind.map(str::to_owned) };
            let events = w.store.events(filter, ALL).await.expect("read");
            events.into_iter().map(|event| (event.kind, event.state, event.payment)).collect::<Vec<_>>()
        };
        let payment = Some(w.payment_id("a").await);
        let charge = || "charge.succeeded".to_owned();
        let failed = (charge(), EventState::Failed, None);
        let projected = (charge(), EventState::Projected, payment);
        let account = ("account.updated".to_owned(), EventState::Projected, None);
        assert_eq!(list(None, None).await, [failed.clone(), projected.clone(), account]);
        assert_eq!(list(Some(EventState::Failed), None).await, std::slice::from_ref(&failed));
        assert_eq!(list(None, Some("charge.succeeded")).await, [failed, projected.clone()]);
        assert_eq!(list(Some(EventState::Projected), Some("charge.succeeded")).await, [projected]);
        assert_eq!(list(Some(EventState::Ignored), None).await, []);
        let newest = w.store.events(EventFilter::default(), Page::newest(1)).await.expect("read").remove(0);
        assert!(newest.note.is_some() && newest.next_attempt_at.is_some());
        assert_eq!((newest.attempts, newest.received_at, newest.created_at), (1, minute(1), hour(0)));
    }

    /// Given emails to several, then they are listed by state, kind and whom they are for.
    async fn emails_are_listed(w: World) {
        w.paid_charges(&["a"]).await;
        w.mentor_without_account("m2").await;
        w.hears([events::charge("b").metadata("mentorUserId", "m2").told("charge.succeeded", hour(0))]).await;
        w.picks(later()).await;
        let op = w.submits("a", later()).await;
        w.writes(&op, done(&op, "tr_a"), later()).await;
        for letter in w.store.due_letters(1, Duration::ZERO, lease("mail", later()), later()).await.expect("leased") {
            w.store.letter_sent(letter, Sent::Accepted, later()).await.expect("recorded");
        }
        let list = async |filter: EmailFilter| {
            let emails = w.store.emails(filter, ALL).await.expect("read");
            emails.into_iter().map(|email| format!("{} {} {}", email.kind, email.to, email.state)).collect::<Vec<_>>()
        };
        let (paid, held) = ("paid m1@example.com queued".to_owned(), "on_hold m2@example.com sent".to_owned());
        let any = EmailFilter::default;
        assert_eq!(list(any()).await, [paid.clone(), held.clone()]);
        assert_eq!(list(EmailFilter { state: Some(EmailState::Sent), ..any() }).await, std::slice::from_ref(&held));
        assert_eq!(list(EmailFilter { kind: Some("paid".into()), ..any() }).await, std::slice::from_ref(&paid));
        assert_eq!(list(EmailFilter { to: Some("m2@example.com".into()), ..any() }).await, [held]);
        assert_eq!(list(EmailFilter { to: Some("m1".into()), ..any() }).await, [paid]);
        let emails = w.store.emails(any(), ALL).await.expect("read");
        assert_eq!(emails[0].payment, Some(w.payment_id("a").await));
        assert_eq!((emails[0].next_attempt_at, emails[0].sent_at), (Some(later()), None));
        assert_eq!((emails[1].next_attempt_at, emails[1].sent_at, emails[1].attempts), (None, Some(later()), 1));
    }

    /// Given a payment whose first operation was refused, then both are found by any name, with their calls.
    async fn operations_are_found_by_any_name(w: World) {
        let first = w.payment_on_the_wire("a").await;
        let call = AttemptRecord {
            kind: "create", started_at: later(), took: Duration::from_millis(120), status: Some(402),
            error_code: Some("card".into()), error: Some("no".into()), request_id: Some("req_1".into()),
        };
        let outcome = Outcome { operation: first.clone(), attempts: vec![call], attempted: refused(400, "balance_insufficient") };
        w.store.conclude(vec![outcome], later()).await.expect("recorded");
        let now = later() + TimeDelta::hours(2);
        w.picks(now).await;
        let second = w.submits("a", now).await;
        let open = readable(w.store.operations(vec![OperationState::Submitting, OperationState::Unknown], ALL).await.expect("read"));
        assert_eq!(open.iter().map(|op| op.id).collect::<Vec<_>>(), [second.id]);
        assert_eq!((open[0].lease_owner.as_deref(), open[0].lease_until), (Some("one"), Some(now + TimeDelta::minutes(2))));
        w.writes(&second, timeout(), now).await;
        let open = readable(w.store.operations(vec![OperationState::Unknown], ALL).await.expect("read"));
        assert_eq!((open.len(), open[0].maybe_done, open[0].unknown_since, open[0].attempts), (1, true, Some(now), 1));
        let second = take_again(&w, now + TimeDelta::hours(1)).await;
        w.writes(&second, done(&second, "tr_a"), now).await;

        let ids = async |by: OperationRef| -> Vec<OperationId> {
            let found = w.store.find_operations(by).await.expect("read");
            found.iter().map(|story: &OperationStory| story.operation.id).collect()
        };
        let payment = w.payment_id("a").await;
        assert_eq!(ids(OperationRef::Row(first.id)).await, [first.id]);
        assert_eq!(ids(OperationRef::Payment(PaymentRef::Number(payment))).await, [first.id, second.id]);
        assert_eq!(ids(OperationRef::Payment(PaymentRef::Text("ch_a".into()))).await, [first.id, second.id]);
        assert_eq!(ids(OperationRef::Payment(PaymentRef::Text("ch_none".into()))).await, []);
        assert_eq!(ids(OperationRef::Text("tr_a".into())).await, [second.id]);
        assert_eq!(ids(OperationRef::Text(first.key.as_str().into())).await, [first.id]);
        assert_eq!(ids(OperationRef::Text("tr_none".into())).await, []);
        assert_eq!(ids(OperationRef::Row(OperationId(999))).await, []);
        let story = w.store.find_operations(OperationRef::Row(first.id)).await.expect("read").remove(0);
        assert_eq!((story.operation.state, story.operation.generation), (OperationState::Rejected, 1));
        let call = &story.calls[0];
        assert_eq!((call.kind.as_str(), call.duration_ms, call.http_status), ("create", 120, Some(402)));
        assert_eq!((call.request_id.as_deref(), call.error.as_deref()), (Some("req_1"), Some("no")));
        assert_eq!(w.store.operations(Vec::new(), ALL).await.expect("read").len(), 2);
        let older = Page { limit: 9, before: Some(second.id.0) };
        assert_eq!(w.store.operations(Vec::new(), older).await.expect("read").len(), 1);
    }
}

/// The operation that the rescuer takes up.
async fn take_again(w: &World, now: chrono::DateTime<chrono::Utc>) -> Operation {
    let mut taken = w.store.reclaim(10, lease("two", now), now).await.expect("taken up");
    assert_eq!(taken.len(), 1);
    taken.remove(0).operation
}
