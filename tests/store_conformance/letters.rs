//! Letters: a dispute's turns are told once in whatever order they come; a chore of a day is done once, by one daemon; what
//! a digest and the platform's limit are told from; and what is true of a payment after it was paid again.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payoutd::domain::digest::{Chore, Digest, HeldFor, Sum};
use payoutd::domain::facts::ReversalFact;
use payoutd::domain::ids::{ReversalId, TransferId};
use payoutd::domain::notice::Notice;
use payoutd::domain::operation::{Done, Operation, Order};
use payoutd::domain::outcome::Attempted;
use payoutd::ports::{Chores, Desk, Page, PaymentFilter, Store};
use serde_json::json;

use crate::events::{self, hour, later};
use crate::world::{World, done, lease, minor, refused, stories, transfer_of, usd};

fn dispute(status: &str) -> events::Object {
    let evidence = json!({ "due_by": hour(200).timestamp() });
    events::dispute("d", "a", status).set("evidence_details", evidence)
}

/// Emails about disputes, as `admin dispute_opened`, in the order of their writing.
async fn told(w: &World) -> Vec<String> {
    let emails = w.emails().await;
    emails.into_iter().filter(|email| email.contains("disput")).collect()
}

async fn notices(w: &World, kind: &str) -> Vec<Notice> {
    let rows = w.sql.rows("CAST(notice AS TEXT)", &format!("emails WHERE kind = '{kind}' ORDER BY id")).await;
    let notice = |row: &Vec<serde_json::Value>| match row[0].as_str() {
        Some(text) => serde_json::from_str(text),
        None => serde_json::from_value(row[0].clone()),
    };
    rows.iter().map(|row| notice(row).expect("a notice")).collect()
}

const OPENED: [&str; 2] = ["admin dispute_opened admin@example.com", "mentor payment_disputed m1@example.com"];
const CLOSED: [&str; 2] = ["admin dispute_closed admin@example.com", "mentor dispute_decided m1@example.com"];

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// Stripe took all of a transfer back.
fn taken_back(op: &Operation, of: &Operation, transfer: &str) -> Attempted {
    let transfer = payoutd::domain::facts::TransferFact { reversed: of.order.amount(), ..transfer_of(of, transfer) };
    Attempted::Done(Done::Reversal(ReversalFact {
        id: ReversalId::new("trr_1"),
        transfer,
        amount: op.order.amount(),
        currency: usd(),
        operation_key: Some(op.key.as_str().to_owned()),
        created_at: hour(81),
    }))
}

stories! {
    /// Given a dispute that is opened, reviewed and won, with each told twice and one late, then its opening and its end are
    /// told once, with until when to answer.
    async fn each_turn_is_told_once(w: World) {
        w.paid_charges(&["a"]).await;
        let opened = dispute("needs_response").told("charge.dispute.created", hour(1));
        w.hears([opened.clone(), dispute("under_review").told("charge.dispute.updated", hour(2))]).await;
        assert_eq!(told(&w).await, OPENED);
        let [Notice::Dispute(brief)] = &notices(&w, "dispute_opened").await[..] else { panic!("one dispute") };
        assert_eq!((brief.due_by, brief.reason.as_str(), brief.untold.as_deref()), (Some(hour(200)), "fraudulent", None));
        w.hears([dispute("won").told("charge.dispute.closed", hour(4))]).await;
        w.hears([dispute("under_review").told("charge.dispute.funds_withdrawn", hour(3))]).await;
        w.hears([dispute("won").told("charge.dispute.funds_reinstated", hour(5))]).await;
        assert_eq!(told(&w).await, [OPENED, CLOSED].concat());
    }

    /// Given an end that is told before its beginning, then the end alone is told.
    async fn a_stale_beginning_is_not_told(w: World) {
        w.paid_charges(&["a"]).await;
        w.hears([dispute("lost").told("charge.dispute.closed", hour(4))]).await;
        w.hears([dispute("needs_response").told("charge.dispute.created", hour(1))]).await;
        assert_eq!(told(&w).await, CLOSED);
    }

    /// Given a dispute that is told before its payment, and then is read from Stripe again, then it is told with the
    /// payment, once.
    async fn a_dispute_that_came_first_is_told_with_its_payment(w: World) {
        w.mentor("m1").await;
        w.hears([dispute("needs_response").told("charge.dispute.created", hour(1))]).await;
        assert_eq!(told(&w).await, [""; 0]);
        w.hears([events::charge("a").told("charge.succeeded", hour(0))]).await;
        assert_eq!(told(&w).await, OPENED);
        let payoutd::domain::facts::Fact::Dispute(read) = dispute("needs_response").told("x", hour(3)).fact() else { return };
        w.store.learn_disputes(vec![read], hour(3)).await.expect("learned");
        assert_eq!(told(&w).await, OPENED);
    }

    /// Given an inquiry that becomes a dispute, then both are told; and a mentor without an address is no error: the admin
    /// reads that they were not told.
    async fn an_inquiry_that_becomes_a_dispute(w: World) {
        w.paid_charges(&["a"]).await;
        w.person_runs("UPDATE mentors SET email = NULL").await;
        w.hears([dispute("warning_needs_response").told("charge.dispute.created", hour(1)),
            dispute("needs_response").told("charge.dispute.updated", hour(2))]).await;
        assert_eq!(told(&w).await, [OPENED[0]; 2]);
        for notice in notices(&w, "dispute_opened").await {
            let Notice::Dispute(brief) = notice else { panic!("{notice:?}") };
            assert_eq!(brief.untold.as_deref(), Some("the mentor: no address of theirs is known"));
        }
    }

    /// Given two daemons, when both want to do the same chore of a day, then one does; when it dies, another takes it up
    /// after its lease, and what the first still brings is not written.
    async fn a_chore_of_a_day_is_done_once(w: World) {
        let (today, now) = (day("2027-01-15"), hour(0));
        let other = w.another_store();
        let mine = w.store.begin_chore(Chore::Digest, today, lease("one", now), now).await.expect("asked");
        let mut mine = mine.expect("free");
        assert_eq!(mine.last_ended, None);
        assert!(other.begin_chore(Chore::Digest, today, lease("two", now), now).await.expect("asked").is_none());
        assert!(other.begin_chore(Chore::Audit, today, lease("two", now), now).await.expect("asked").is_some(), "another");
        let longer = now + TimeDelta::minutes(4);
        assert!(w.store.go_on_with_chore(&mut mine, longer).await.expect("gone on"));
        let at = now + TimeDelta::minutes(3);
        assert!(other.begin_chore(Chore::Digest, today, lease("two", at), at).await.expect("asked").is_none());
        let theirs = other.begin_chore(Chore::Digest, today, lease("two", longer), longer).await.expect("asked");
        let theirs = theirs.expect("the lease is over");
        let something = || Digest { unknown: payoutd::domain::digest::Standing { count: 1, oldest: None },
            ..Digest::empty(hour(-24), hour(0)) };
        let letter = || Vec::from_iter(something().letter(today));
        assert!(!w.store.go_on_with_chore(&mut mine, hour(2)).await.expect("asked"), "it was lost");
        assert!(!w.store.end_chore(mine, letter(), "late".into(), longer).await.expect("asked"));
        assert_eq!(w.emails().await, [""; 0]);
        assert!(other.end_chore(theirs, letter(), "told".into(), longer).await.expect("ended"));
        assert_eq!(w.emails().await, ["admin digest admin@example.com"]);
        assert!(w.store.begin_chore(Chore::Digest, today, lease("one", hour(9)), hour(9)).await.expect("asked").is_none());
        // The next day goes on where this one ended.
        let next = w.store.begin_chore(Chore::Digest, day("2027-01-16"), lease("one", hour(24)), hour(24)).await;
        assert_eq!(next.expect("asked").expect("free").last_ended, Some(longer));
    }

    /// Given a day on which something of each kind happened, then the digest has the figures.
    async fn a_digest_tells_what_was_done_and_what_stands_open(w: World) {
        let none = w.store.digest(hour(0), hour(80)).await.expect("read");
        assert!(none.is_empty(), "{none:?}");
        w.paid_charges(&["a", "b", "c", "d", "e"]).await;
        w.person_runs("UPDATE payments SET dispute_requested = true WHERE stripe_charge_id = 'ch_c'").await;
        w.hears([dispute("needs_response").set("charge", "ch_d").told("charge.dispute.created", hour(1))]).await;
        w.hears([events::dispute("gone", "e", "lost").told("charge.dispute.closed", hour(1))]).await;
        w.picks(later()).await;
        let paid = w.submits("a", later()).await;
        w.writes(&paid, done(&paid, "tr_a"), later()).await;
        let failed = w.submits("b", later()).await;
        w.writes(&failed, refused(400, "parameter_invalid"), later()).await;
        w.person_runs("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('m1', 'usd', 500), ('m2', 'usd', 0)").await;
        w.hears([events::refund("r", "c", 2_500, "succeeded").told("refund.created", hour(70))]).await;
        let digest = w.store.digest(hour(60), hour(80)).await.expect("read");
        let one = |amount| vec![Sum { count: 1, amount_minor: minor(amount), currency: usd() }];
        assert_eq!((digest.paid, digest.failed, digest.refunded), (one(9_000), one(9_000), one(2_500)));
        assert_eq!((digest.debts, digest.disputes, digest.taken_back), (one(500), one(10_000), vec![]));
        assert_eq!(digest.evidence_due_by, Some(hour(200)));
        let held = |reason: &str| HeldFor { reason: reason.into(), count: 1, oldest: Some(hour(0)) };
        let mut reasons = digest.held;
        reasons.sort_by(|a, b| a.reason.cmp(&b.reason));
        assert_eq!(reasons, [held("dispute_open"), held("flagged")], "what is lost for good is not listed");
        let next = w.store.digest(hour(80), hour(104)).await.expect("read");
        assert_eq!((next.paid, next.refunded), (vec![], vec![]), "told once");
    }

    /// Given payments of which one is held, one paid and one refunded, then on day 75 the held one is told of, and on day 85
    /// again; the figures count it.
    async fn what_is_on_the_platform_for_long_is_told(w: World) {
        w.paid_charges(&["held", "paid", "back"]).await;
        w.person_runs("UPDATE payments SET dispute_requested = true WHERE stripe_charge_id = 'ch_held'").await;
        w.hears([events::refund("r", "back", 10_000, "succeeded").told("refund.created", hour(1))]).await;
        w.picks(later()).await;
        let paid = w.submits("paid", later()).await;
        w.writes(&paid, done(&paid, "tr_1"), later()).await;
        let days = |days: i64| hour(24 * days);
        let near = async |now: DateTime<Utc>| {
            let near = w.store.near_limit(now).await.expect("read");
            let told = w.store.limit_warnings(near, now).await.expect("read");
            told.into_iter().map(|told| told.once_key).collect::<Vec<_>>()
        };
        assert_eq!(near(days(75) - TimeDelta::seconds(1)).await, [""; 0]);
        let id = w.payment_id("held").await;
        assert_eq!(near(days(75)).await, [format!("admin:platform_limit:{id}:first")]);
        assert_eq!(near(days(85)).await, [format!("admin:platform_limit:{id}:last")]);
        assert_eq!(w.store.status(days(75)).await.expect("read").near_limit, 1);
        assert_eq!(w.store.status(days(74)).await.expect("read").near_limit, 0);
        let digest = w.store.digest(days(79), days(80)).await.expect("read");
        assert_eq!(digest.near_limit, [Sum { count: 1, amount_minor: minor(9_000), currency: usd() }]);
        assert_eq!(digest.limit_at, Some(days(90)));
        let filter = PaymentFilter { on_platform_since: Some(days(1)), ..PaymentFilter::default() };
        let found = w.store.search_payments(filter, Page::newest(9)).await.expect("read");
        assert_eq!(found.into_iter().map(|view| view.expect("readable").case.payment.id).collect::<Vec<_>>(), [id]);
    }

    /// Given a flag that is raised, lifted and raised again after the payment was paid, then the admin is told twice, however
    /// often it is looked at.
    async fn a_flag_raised_again_is_told_again(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        let alerts = "emails WHERE kind = 'paid_despite'";
        for raised in 1..=2 {
            w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'in doubt'").await;
            w.picks(hour(80)).await;
            w.person_runs("UPDATE payments SET dispute_reason = 'still in doubt', next_check_at = created_at").await;
            w.picks(hour(2_000_000)).await;
            assert_eq!(w.sql.count(alerts).await, raised);
            w.person_runs("UPDATE payments SET dispute_requested = false").await;
            w.picks(hour(82)).await;
        }
    }

    /// Given a transfer that was taken back and paid again, then its status is what is true now.
    async fn what_was_paid_again_is_paid(w: World) {
        let status = async || w.sql.value("transfer_status", "payments").await;
        let first = w.payment_on_the_wire("a").await;
        w.writes(&first, done(&first, "tr_1"), later()).await;
        w.hears([events::refund("r", "a", 10_000, "succeeded").told("refund.created", hour(79))]).await;
        w.picks(hour(80)).await;
        let reversal = w.submits("a", hour(80)).await;
        w.writes(&reversal, taken_back(&reversal, &first, "tr_1"), hour(81)).await;
        assert_eq!(status().await, json!("reversed"));
        w.hears([events::refund("r", "a", 10_000, "failed").told("refund.failed", hour(82))]).await;
        w.picks(hour(83)).await;
        let restore = w.submits("a", hour(83)).await;
        assert!(matches!(restore.order, Order::Restore(_)), "{restore:?}");
        w.writes(&restore, done(&restore, "tr_2"), hour(83)).await;
        assert_eq!(status().await, json!("paid"));
        assert_eq!(w.payment("a").await.case.payment.transfer_id, Some(TransferId::new("tr_1")));
        // Whatever of it is told again.
        let told = payoutd::domain::facts::TransferFact { reversed: first.order.amount(), ..transfer_of(&first, "tr_1") };
        assert_eq!(told.amount, minor(9_000));
        w.hears([events::transfer("1", "a").set("amount_reversed", 9_000).metadata("payoutd_operation", first.key.as_str())
            .told("transfer.updated", hour(84))]).await;
        assert_eq!(status().await, json!("paid"));
    }

    /// Given a payment and an operation that a person has made unreadable, then lists show them as such, and the others as
    /// they are.
    async fn lists_show_what_cannot_be_read(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        w.picks(later()).await;
        for name in ["a", "b", "c"] {
            w.submits(name, later()).await;
        }
        let broken = w.payment_id("b").await;
        w.tampers(&format!("UPDATE payments SET currency = 'zzz' WHERE id = {}", broken.0)).await;
        let listed = w.store.search_payments(PaymentFilter::default(), Page::newest(9)).await.expect("listed");
        let shown: Vec<Result<i64, i64>> =
            listed.iter().map(|row| row.as_ref().map(|view| view.case.payment.id.0).map_err(|row| row.id)).collect();
        let ids = ["c", "b", "a"].map(|name| (name, format!("ch_{name}")));
        let mut expected = Vec::new();
        for (name, charge) in ids {
            let id = w.sql.value("id", &format!("payments WHERE stripe_charge_id = '{charge}'")).await.as_i64().expect("a number");
            expected.push(if name == "b" { Err(id) } else { Ok(id) });
        }
        assert_eq!(shown, expected);
        let why = listed.iter().find_map(|row| row.as_ref().err()).expect("one").unreadable.clone();
        assert!(why.contains("cannot be read") && why.contains("zzz"), "{why}");
        if !w.sql.is_postgres() {
            // A time that is none; PostgreSQL takes no such thing.
            w.tampers("UPDATE operations SET created_at = 'yesterday' WHERE id = 2").await;
            let operations = w.store.operations(Vec::new(), Page::newest(9)).await.expect("listed");
            assert_eq!(operations.len(), 3);
            let unreadable = operations.iter().find_map(|row| row.as_ref().err()).expect("one");
            assert!(unreadable.id == 2 && unreadable.unreadable.contains("created_at"), "{unreadable:?}");
        }
    }
}
