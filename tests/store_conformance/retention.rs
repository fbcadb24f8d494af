//! Retention: what is finished and old is removed, a few rows at a time; what is open, young or of the books stays, whatever
//! its age, and what was removed and comes again changes nothing.

use chrono::{DateTime, Utc};
use payoutd::domain::retention::Kept as What;
use payoutd::ports::{Chores, Kept, Removed, Store};
use serde_json::json;

use crate::events::{charge, hour, later, refund};
use crate::sql::literal;
use crate::world::{World, done, stories, timeout};

/// Long after.
fn then() -> DateTime<Utc> {
    hour(24 * 200)
}

/// Removes what was finished before, page by page. Answers how many rows, and the pages that it took.
async fn removes(w: &World, what: What, before: DateTime<Utc>, page: i64) -> (usize, usize) {
    let (mut removed, mut pages, mut after) = (0, 0, 0);
    loop {
        let done = w.store.remove_old(what, before, after, page).await.expect("removed");
        assert!(done.removed <= usize::try_from(page).expect("few"), "a page at a time");
        (removed, pages) = (removed + done.removed, pages + 1);
        match done.last {
            Some(last) => after = last,
            None => return (removed, pages),
        }
    }
}

/// All that must not change, as it stands.
async fn the_books(w: &World) -> Vec<Vec<Vec<String>>> {
    let mut books = Vec::new();
    for table in [
        "payments",
        "payment_sources",
        "operations",
        "transfers",
        "refunds",
        "disputes",
        "payouts",
        "payout_requests",
        "refund_requests",
        "mentor_debts",
        "debt_entries",
        "ledger_journals",
        "ledger_entries",
        "audit_log",
        "holds",
        "mentors",
        "accounts",
    ] {
        books.push(w.sql.table(table, &["updated_at", "next_check_at"]).await);
    }
    books
}

stories! {
    /// Given events that were projected, that wait, that cannot be read and that are young, when old ones are removed, then it is
    /// those that are finished; and when Stripe sends one of them again, then it changes nothing.
    async fn events_that_are_finished(w: World) {
        w.paid_charges(&["a", "b"]).await;
        let told = [charge("a").told("charge.succeeded", hour(0)), refund("r1", "b", 500, "succeeded").told("refund.created", hour(2))];
        w.hears([told[1].clone()]).await;
        w.picks(later()).await;
        let op = w.submits("a", later()).await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        let mut unread = charge("c").told("charge.succeeded", hour(3)).arrives(hour(3));
        unread.body = b"{}".to_vec();
        w.receives(&[unread]).await;
        w.projects(hour(3)).await;
        assert_eq!(w.sql.count("webhook_events WHERE state = 'failed'").await, 1);
        w.receives(&[charge("late").told("charge.succeeded", hour(4)).arrives(hour(4))]).await;
        w.receives(&[charge("young").told("charge.succeeded", hour(4)).arrives(then())]).await;
        w.person_runs("UPDATE webhook_events SET state = 'projected', next_attempt_at = NULL WHERE event_id LIKE 'evt_ch_young%'").await;
        w.person_runs(&format!("UPDATE payments SET created_at = '{}'", literal(hour(0)))).await;
        let (books, finished) = (the_books(&w).await, w.sql.count("webhook_events WHERE state = 'projected'").await);
        let story = w.store.timeline(w.payment_id("a").await).await.expect("read");
        assert!(story.iter().any(|line| line.kind == "event"), "{story:?}");

        let (removed, pages) = removes(&w, What::Events, hour(24 * 100), 2).await;
        assert_eq!(i64::try_from(removed), Ok(finished - 1));
        assert!(pages > 2, "{pages}");
        let left = w.sql.rows("event_id, state", "webhook_events ORDER BY id").await;
        let left: Vec<String> = left.iter().map(|row| format!("{} {}", row[0].as_str().expect("text"), row[1])).collect();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left[0].starts_with("evt_ch_c") && left[1].starts_with("evt_ch_late") && left[2].starts_with("evt_ch_young"), "{left:?}");
        assert_eq!(the_books(&w).await, books);
        assert_eq!(removes(&w, What::Events, hour(24 * 100), 2).await.0, 0, "nothing is left to remove");
        assert_eq!(w.sql.row("kind, removed_before, removed", "retention").await,
            [json!("events"), json!(literal(hour(24 * 100))), json!(finished - 1)]);

        let story = w.store.timeline(w.payment_id("a").await).await.expect("read");
        assert!(story.iter().all(|line| line.kind != "event"), "{story:?}");
        let gap: Vec<_> = story.iter().filter(|line| line.kind == "retention").collect();
        assert_eq!(gap.len(), 1);
        assert_eq!((gap[0].at, gap[0].what.as_str()),
            (hour(24 * 100), "events of before this were removed once they had been kept long enough (retention.events)"));

        let emails = w.emails().await;
        for event in told {
            assert_eq!(w.receives(&[event.arrives(then())]).await, [Kept::New], "nobody knows it any more");
        }
        w.person_runs("UPDATE webhook_events SET next_attempt_at = NULL WHERE event_id LIKE 'evt_ch_late%'").await;
        w.projects(then()).await;
        assert_eq!(the_books(&w).await, books, "what it says was known");
        assert_eq!(w.emails().await, emails);
    }

    /// Given calls of operations, when old ones are removed, then not those of an operation that is under way or unknown; and the
    /// database lets nobody remove young ones.
    async fn calls_of_operations_at_their_end(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.picks(later()).await;
        let (ended, unknown) = (w.submits("a", later()).await, w.submits("b", later()).await);
        w.writes(&ended, done(&ended, "tr_1"), later()).await;
        w.writes(&unknown, timeout(), later()).await;
        let call = |op: i64, at: &str| format!("INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms) \
            VALUES ({op}, 'create', '{at}', 5)");
        for (op, at) in [(ended.id.0, "2025-01-15T08:00:00.000Z"), (unknown.id.0, "2025-01-15T08:00:01.000Z"), (ended.id.0, "2027-02-15T08:00:00.000Z")] {
            w.person_runs(&call(op, at)).await;
        }
        let before = "2026-01-01T00:00:00Z".parse().expect("a time");
        assert_eq!(removes(&w, What::Attempts, before, 10).await.0, 1);
        let left = w.sql.rows("operation_id", "operation_attempts ORDER BY id").await;
        assert_eq!(left, [[json!(unknown.id.0)], [json!(ended.id.0)]]);
        for statement in ["DELETE FROM operation_attempts WHERE started_at < '2026-01-01'", "DELETE FROM operation_attempts WHERE started_at > '2026-01-01'"] {
            assert!(w.sql.refusal_of(statement).await.contains("append-only"), "{statement}");
        }
        let young = w.store.remove_old(What::Attempts, hour(24 * 1_000), 0, 10).await.expect_err("it is younger than 90 days").to_string();
        assert!(young.contains("append-only"), "{young}");
    }

    /// Given emails that were sent, failed and wait, about payments that are paid and that are held, when old ones are removed,
    /// then it is those that were sent and are about nothing that is open.
    async fn emails_that_were_sent(w: World) {
        w.paid_charges(&["paid", "held"]).await;
        w.person_runs("UPDATE payments SET dispute_requested = true WHERE stripe_charge_id = 'ch_held'").await;
        w.picks(later()).await;
        let op = w.submits("paid", later()).await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        w.person_runs("DELETE FROM emails").await;
        let (paid, held) = (w.payment_id("paid").await.0, w.payment_id("held").await.0);
        for (key, payment, state) in [("1", paid, "sent"), ("2", paid, "failed"), ("3", paid, "queued"), ("4", held, "sent"), ("5", paid, "sent")] {
            let at = literal(if key == "5" { then() } else { later() });
            w.person_runs(&format!("INSERT INTO emails (once_key, kind, recipient, to_address, payment_id, notice, state, created_at, \
                sent_at) VALUES ('{key}', 'paid', 'admin', 'a@example.com', {payment}, '{{}}', '{state}', '{at}', '{at}')")).await;
        }
        w.person_runs(&format!("INSERT INTO emails (once_key, kind, recipient, to_address, notice, state, created_at, sent_at) \
            VALUES ('6', 'digest', 'admin', 'a@example.com', '{{}}', 'sent', '{0}', '{0}')", literal(later()))).await;
        assert_eq!(removes(&w, What::Emails, hour(24 * 100), 2).await.0, 2);
        let left = w.sql.rows("once_key", "emails ORDER BY id").await;
        assert_eq!(left, [[json!("2")], [json!("3")], [json!("4")], [json!("5")]]);
    }

    /// Given keys of writes and runs, old and young, when old ones are removed, then the last run stays however old it is, and one
    /// that has not ended.
    async fn keys_of_writes_and_runs(w: World) {
        for n in 1..=5 {
            let at = literal(hour(24 * n));
            w.person_runs(&format!("INSERT INTO api_writes (key, actor, content, answer, at) VALUES ('k{n}', 'ada', '{{}}', '{{}}', '{at}');
                INSERT INTO runs (trigger, started_at, finished_at) VALUES ('cli', '{at}', '{at}')")).await;
        }
        w.person_runs("UPDATE runs SET finished_at = NULL WHERE id = 2").await;
        assert_eq!(removes(&w, What::ApiWrites, hour(24 * 4), 2).await, (3, 3));
        assert_eq!(w.sql.rows("key", "api_writes ORDER BY key").await, [[json!("k4")], [json!("k5")]]);
        assert_eq!(removes(&w, What::Runs, hour(24 * 90), 2).await.0, 3);
        assert_eq!(w.sql.rows("id", "runs ORDER BY id").await, [[json!(2)], [json!(5)]]);
    }

    /// Given a database in which nothing is old, when that is looked for, then one page of each is read and nothing recorded.
    async fn what_is_young_is_not_looked_through(w: World) {
        w.paid_charges(&["a", "b", "c", "d"]).await;
        for what in What::ALL.iter().copied() {
            let looked = w.store.remove_old(what, hour(-1), 0, 2).await.expect("looked");
            assert_eq!(looked, Removed::default(), "{what}");
        }
        assert_eq!(w.sql.count("retention").await, 0);
    }
}
