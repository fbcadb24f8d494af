//! What the queries read on a database that has grown: counted by PostgreSQL itself, in the plans of the very
//! statements that the store runs and in the statistics of the tables.

use std::time::Duration;

use payoutd::domain::event;
use payoutd::domain::facts::Fact;
use payoutd::domain::hold::Subject;
use payoutd::domain::ids::{MentorId, PaymentId};
use payoutd::domain::money::Currency;
use payoutd::domain::retention::Kept as What;
use payoutd::domain::sweep::Sweep;
use payoutd::ports::{
    COUNTED_TO, Chores, Desk, Histories, HistoryPlace, Page, PaymentFilter, PaymentRef, Payouts, Projected, Store,
    Sweeps, Unprojected,
};
use payoutd::store::Database;
use serde_json::json;

use crate::events::{charge, hour, later};
use crate::grown::grown;
use crate::reading::{Plan, assert_reads_little, log_plans, reading};
use crate::sql::literal;
use crate::world::{World, lease, open};
/// Given a million payments, 100,000 of them held and 100 due, when the due ones are picked, then hundreds of rows are
/// read, not thousands; and nothing else that runs often reads a whole table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_depends_on_what_is_due() {
    let w = grown().await;
    log_plans(&w).await;

    let (picked, read) = reading(&w, async |s| s.pick_due(100, hour(90), later()).await).await;
    assert_eq!(picked.expect("picked").ready.len(), 100);
    let pick = read.plans.iter().find(|plan| plan.statement.contains("SKIP LOCKED")).expect("the pick");
    assert_eq!(pick.rows_read(), 100, "{:#}", pick.root);
    assert!(pick.nodes().iter().any(|node| node["Index Name"] == json!("payments_to_check")), "{:#}", pick.root);
    assert_reads_little("a pick", &read, 999);

    let (picked, read) = reading(&w, async |s| s.pick_due(100, hour(90), later()).await).await;
    assert_eq!(picked.expect("picked").looked_at, 0);
    assert_reads_little("a pick of nothing", &read, 10);

    let ready = |id| payoutd::ports::Preflighted { payment_id: PaymentId(id), asked_at: later(), facts: Vec::new() };
    let batch = (1..=50).map(|n| ready(n * 10_000)).collect();
    let (claimed, read) = reading(&w, async |s| s.claim(batch, lease("one", later()), later()).await).await;
    let submitted = claimed.expect("claimed").len();
    assert_eq!(submitted, 50);
    assert_reads_little("a claim of 50", &read, 999);

    let sweep = Sweep { covers_from: hour(0), began: hour(90), good_until: hour(91) };
    let pick = async |s: &Database| s.pick_by_sweep(100, sweep, lease("one", hour(90)), hour(99), hour(90)).await;
    let (picked, read) = reading(&w, pick).await;
    assert_eq!(picked.expect("picked").claimed.len(), 50);
    let by_sweep = read.plans.iter().find(|plan| plan.statement.contains("SKIP LOCKED")).expect("the pick");
    assert_eq!(by_sweep.rows_read(), 50, "{:#}", by_sweep.root);
    assert_reads_little("a pick by sweep, with the claim of 50", &read, 1_200);
    let (standing, read) = reading(&w, async |s| s.sweep_standing(hour(90)).await.expect("read")).await;
    assert!(!standing.is_due);
    assert_reads_little("how sweeping stands", &read, 10);
    let ids: Vec<String> = (1..=100).map(|n| format!("evt_{n}")).collect();
    let (unread, read) = reading(&w, async |s| s.unread_events(ids).await.expect("read")).await;
    assert_eq!(unread, []);
    assert_reads_little("a look at a page of events", &read, 200);

    let (taken, read) = reading(&w, async |s| s.reclaim(100, lease("two", hour(80)), hour(80)).await).await;
    // Those that were claimed by the sweep have their leases for longer.
    assert_eq!(taken.expect("taken up").len(), 50);
    assert_reads_little("a reclaim of 50", &read, 999);

    let window = Duration::from_secs(60);
    let (letters, read) = reading(&w, async |s| s.due_letters(10, window, lease("m", later()), later()).await).await;
    assert!(letters.expect("leased").is_empty());
    assert_reads_little("a look for emails", &read, 10);
    questions_are_answered_through_indexes(&w).await;
    daily_chores_read_what_is_open(&w).await;
    figures_cost_the_same(&w).await;
    removing_costs_what_is_removed(&w).await;
    pages_cost_what_they_hold(&w).await;
    a_burst_is_found_by_number(&w).await;
}

/// Given a database whose statistics were gathered while next to nothing was on record, when a daemon projects 600 charges, then no
/// statement and no foreign key reads a whole table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_database_is_read_through_its_indexes() {
    let w = World::postgres().await;
    let kept: Vec<_> =
        (0..601).map(|n| charge(&format!("n{n}")).told("charge.succeeded", hour(0)).arrives(hour(1))).collect();
    let project = async |s: &Database| {
        let events = s.unprojected(200, Vec::new(), later()).await.expect("read");
        let projected = |event: Unprojected| Projected {
            row_id: event.row_id,
            fact: Ok(event::facts(&event.body).expect("readable").1),
            retry_at: later(),
        };
        assert!(s.project(events.into_iter().map(projected).collect(), later()).await.expect("projected"));
    };
    {
        let store = open(w.url());
        store.keep_events(kept[..1].to_vec()).await.expect("kept");
        project(&store).await;
    }
    w.sql.run("VACUUM ANALYZE").await;
    log_plans(&w).await;
    let all = async |s: &Database| {
        s.keep_events(kept[1..].to_vec()).await.expect("kept");
        for _ in 0..3 {
            project(s).await;
        }
    };
    let ((), read) = reading(&w, all).await;
    assert_eq!(w.sql.count("ledger_entries").await, 4 * 601);
    assert!(read.plans.iter().any(|plan| plan.statement.contains("FOR KEY SHARE")), "foreign keys were looked at");
    // Twenty lookups for each.
    assert_reads_little("600 charges in a new database", &read, 600 * 20);
}

/// Given statistics that were gathered while no event waited, and 20,000 that wait now, when a hundred are projected, then they
/// are found by their numbers: through the index of what waits, all of it would be read for each hundred.
async fn a_burst_is_found_by_number(w: &World) {
    let burst = "INSERT INTO webhook_events (event_id, type, stripe_created, livemode, body, received_at, state, next_attempt_at) \
        SELECT 'evt_burst_' || n, 'charge.succeeded', '{paid}', false, '', '{paid}', 'pending', '{paid}' \
        FROM generate_series(1, 20000) AS n";
    w.sql.run(&burst.replace("{paid}", &literal(hour(0)))).await;
    let project = async |s: &Database| {
        let events = s.unprojected(100, Vec::new(), later()).await.expect("read");
        let projected = |event: Unprojected| Projected {
            row_id: event.row_id,
            fact: Ok(Fact::Nothing("it says nothing")),
            retry_at: later(),
        };
        assert!(s.project(events.into_iter().map(projected).collect(), later()).await.expect("projected"));
    };
    let ((), read) = reading(w, project).await;
    assert_eq!(w.sql.count("webhook_events WHERE state = 'ignored'").await, 100);
    let by_number: Vec<&Plan> =
        read.plans.iter().filter(|plan| plan.statement.contains("WHERE (\"webhook_events\".\"id\" = ANY")).collect();
    assert_eq!(by_number.len(), 1, "events are locked by their numbers");
    for node in by_number[0].nodes().iter().filter(|node| node.get("Index Name").is_some()) {
        assert_eq!(node["Index Name"], json!("webhook_events_pkey"), "{:#}", by_number[0].root);
    }
    assert_reads_little("a hundred events of 20,000 that wait", &read, 999);
    let ahead = async |s: &Database| {
        let these =
            s.unprojected(100, Vec::new(), later()).await.expect("read").iter().map(|event| event.row_id).collect();
        s.unprojected(100, these, later()).await.expect("read").len()
    };
    let (next, read) = reading(w, ahead).await;
    assert_eq!(next, 100);
    assert_reads_little("a hundred events, and the hundred after them", &read, 300);
}

/// With 100,000 payments held and as many pending, figures are counted where payments move; and once all of these are due and
/// near the limit, counting goes as far as it is shown.
async fn figures_cost_the_same(w: &World) {
    // The 100 that were due are on their way, and one was recorded.
    let (figures, read) = reading(w, async |s| s.status(later()).await.expect("read")).await;
    assert_eq!((figures.payments["held"], figures.payments["pending"]), (100_000, 100_001));
    assert_eq!(figures.held["flagged"], 100_000);
    assert_eq!(figures.near_limit, 0);
    assert_reads_little("figures", &read, 6_000);
    // A connection that stays open would be waited for.
    let adding = open(w.url());
    while adding.fold_counts().await.expect("added up") {}
    drop(adding);
    let (again, read) = reading(w, async |s| s.status(later()).await.expect("read")).await;
    assert_eq!(again.payments, figures.payments);
    assert_reads_little("figures that were added up", &read, 800);
    let much_later = hour(24 * 365);
    let (figures, read) = reading(w, async |s| s.status(much_later).await.expect("read")).await;
    assert_eq!((figures.due, figures.near_limit), (COUNTED_TO + 1, COUNTED_TO + 1));
    assert_reads_little("figures when all is due", &read, 800 + 2 * 10_001);
}

/// What is done once a day reads what is recent, old or open, and no whole table.
async fn daily_chores_read_what_is_open(w: &World) {
    // As autovacuum leaves it: what is asked of an index alone is answered by it.
    w.sql.run("VACUUM payments").await;
    let (near, read) = reading(w, async |s| s.near_limit(later()).await).await;
    assert_eq!(near.expect("read"), [], "nothing is that old");
    assert_reads_little("a look at the limit", &read, 10);
    let (digest, read) = reading(w, async |s| s.digest(hour(60), later()).await).await;
    assert_eq!(digest.expect("read").held[0].count, 100_000);
    for plan in &read.plans {
        assert!(plan.seq_scans().is_empty(), "the digest scans a whole table: {}\n{:#}", plan.statement, plan.root);
        assert!(plan.rows_read() <= 100_000, "more than what is held: {}\n{:#}", plan.statement, plan.root);
    }
}

/// 100,000 events are old, and as many calls and emails; a page of each is what is read.
async fn removing_costs_what_is_removed(w: &World) {
    for (what, before, removed) in [
        (What::Events, hour(24), 500),
        (What::Events, hour(-1), 0),
        // The database keeps calls for 90 days, by its own clock.
        (What::Attempts, hour(-1), 0),
        (What::Emails, hour(24), 400),
        (What::ApiWrites, hour(24), 500),
        (What::Runs, hour(24), 500),
    ] {
        let (page, read) = reading(w, async |s| s.remove_old(what, before, 0, 500).await.expect("removed")).await;
        assert_eq!(page.removed, removed, "{what}");
        assert_reads_little(&format!("removing {what}"), &read, 2_600);
    }
}

/// Mentor m1 has a history of 100,000 entries, of which a page is read; and where it ends, the next goes on.
async fn pages_cost_what_they_hold(w: &World) {
    let mentor = || MentorId::new("m1");
    let mut after = None;
    for page in ["the first page", "the second", "the third"] {
        let (found, read) = reading(w, async |s| s.history(mentor(), after, 50).await.expect("read")).await;
        assert_eq!(found.len(), 50, "{page}");
        assert_reads_little(&format!("{page} of a history"), &read, 400);
        after = found.last().map(|last| HistoryPlace { journal: last.journal, currency: last.currency });
    }
    let deep = Some(HistoryPlace { journal: 100_000, currency: Currency::parse("usd").expect("known") });
    let (_, read) = reading(w, async |s| s.history(mentor(), deep, 50).await.expect("read")).await;
    assert_reads_little("a page far down a history", &read, 400);
    let filter = PaymentFilter { mentor: Some(MentorId::new("m9")), ..PaymentFilter::default() };
    let page = Page::newest(10);
    let (found, read) = reading(w, async |s| s.search_payments(filter, page).await.expect("read")).await;
    assert_eq!(found.len(), 10);
    assert_reads_little("a page of a mentor's payments", &read, 200);
}

/// What people and webhooks ask is answered by what they ask for, however much is stored.
async fn questions_are_answered_through_indexes(w: &World) {
    for text in ["ch_123", "pi_123", "tr_123", "booking that is not there"] {
        let by = PaymentRef::Text(text.into());
        let (found, read) = reading(w, async |s| s.find_payment(by).await).await;
        assert_eq!(found.expect("read").is_some(), text.ends_with("123"));
        assert_reads_little(&format!("finding {text}"), &read, 60);
    }
    let (_, read) = reading(w, async |s| s.timeline(PaymentId(123)).await.expect("read")).await;
    assert_reads_little("a timeline", &read, 20);
    let (_, read) = reading(w, async |s| s.unprojected(100, Vec::new(), hour(999)).await.expect("read")).await;
    assert_reads_little("a look at the inbox", &read, 10);
    let (_, read) = reading(w, async |s| s.oldest_unprojected().await.expect("read")).await;
    assert_reads_little("the oldest event", &read, 10);
    let (_, read) = reading(w, async |s| s.next_operation_at().await.expect("read")).await;
    assert_reads_little("the next operation", &read, 10);
    let (picked, read) =
        reading(w, async |s| s.pick_withdrawals(100, hour(2_000), hour(999)).await.expect("picked").0).await;
    assert_eq!(picked.len(), 1);
    assert_reads_little("a look at withdrawals", &read, 20);
    let (_, read) = reading(w, async |s| s.accounts_to_schedule(20).await.expect("read")).await;
    assert_reads_little("a look at accounts", &read, 10);
    let (silent, read) = reading(w, async |s| s.disputes_to_read(hour(999), 20, hour(999)).await.expect("read")).await;
    assert_eq!(silent, [], "all are over");
    assert_reads_little("a look at disputes", &read, 10);
    let (_, read) = reading(w, async |s| s.post_payouts(hour(999)).await.expect("posted")).await;
    assert_reads_little("posting payouts", &read, 10);

    // Mentor m9 has 50 payments, of which the triggers wake those that are not transferred.
    let on = Subject::Mentor(payoutd::domain::ids::MentorId::new("m9"));
    let (_, read) =
        reading(w, async |s| s.place_hold(on, "ada".into(), "x".into(), later()).await.expect("held")).await;
    assert_reads_little("a hold on a mentor", &read, 300);
    let on = Subject::Payment(PaymentId(19));
    let (_, read) =
        reading(w, async |s| s.place_hold(on, "ada".into(), "x".into(), later()).await.expect("held")).await;
    assert_reads_little("a hold on a payment", &read, 50);
    let facts = [
        crate::events::charge("new").told("charge.succeeded", hour(0)),
        crate::events::dispute("new", "123", "needs_response").told("charge.dispute.created", hour(1)),
        crate::events::refund("new", "123", 5, "succeeded").told("refund.created", hour(1)),
        crate::events::account("9", "inactive").told("account.updated", hour(1)).of_account("acct_9"),
    ];
    let inbox = open(w.url());
    inbox.keep_events(facts.map(|event| event.arrives(hour(1))).to_vec()).await.expect("kept");
    let waiting = inbox.unprojected(10, Vec::new(), hour(1)).await.expect("read");
    // A connection that stays open would keep its statistics to itself.
    drop(inbox);
    let batch = waiting.into_iter().map(|event| payoutd::ports::Projected {
        row_id: event.row_id,
        fact: Ok(payoutd::domain::event::facts(&event.body).expect("readable").1),
        retry_at: hour(2),
    });
    let batch = batch.collect();
    let (_, read) = reading(w, async |s| s.project(batch, hour(1)).await.expect("projected")).await;
    assert_reads_little("a projection", &read, 500);
}
