//! What a batch costs the database, counted in statements and transactions: it must not depend on how many payments are in
//! it. Counts are the same on any machine; how fast they are is for `benches`.

mod support;

#[allow(dead_code, reason = "this file needs a part of it")]
#[path = "store_conformance/events.rs"]
mod events;
#[allow(dead_code, reason = "this file needs a part of it")]
#[path = "store_conformance/sql.rs"]
mod sql;
#[allow(dead_code, unused_macros, unused_imports, reason = "this file needs a part of it")]
#[path = "store_conformance/world.rs"]
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use payoutd::domain::event;
use payoutd::domain::facts::Fact;
use payoutd::domain::sweep::Sweep;
use payoutd::ports::{AttemptRecord, Claimed, Outcome, Preflighted, Recorded, Store, Sweeps};
use serde_json::json;

use events::{charge, hour, later};
use world::{World, done, lease};

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);
static TRANSACTIONS: AtomicUsize = AtomicUsize::new(0);

fn counting() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::StartQuery { .. } => drop(STATEMENTS.fetch_add(1, Ordering::Relaxed)),
        InstrumentationEvent::BeginTransaction { depth, .. } if depth.get() == 1 => {
            TRANSACTIONS.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    }))
}

/// Statements and transactions of something.
async fn cost<T>(of: impl Future<Output = T>) -> ((usize, usize), T) {
    let before = (STATEMENTS.load(Ordering::Relaxed), TRANSACTIONS.load(Ordering::Relaxed));
    let came_to = of.await;
    let after = (STATEMENTS.load(Ordering::Relaxed), TRANSACTIONS.load(Ordering::Relaxed));
    ((after.0 - before.0, after.1 - before.1), came_to)
}

/// What each step costs for so many payments: keeping their events, projecting them, looking at them while their windows are
/// open, picking, claiming, recording.
async fn steps(w: &World, prefix: &str, payments: usize) -> [(usize, usize); 6] {
    let names: Vec<String> = (0..payments).map(|n| format!("{prefix}{n}")).collect();
    let told: Vec<_> = names.iter().map(|name| charge(name).told("charge.succeeded", hour(0))).collect();
    let (keeping, _) = cost(w.receives(&told.iter().map(|event| event.arrives(event.at)).collect::<Vec<_>>())).await;
    let (projecting, ()) = cost(w.projects(hour(1))).await;

    let (looking, picked) = cost(w.picks(hour(1))).await;
    assert_eq!((picked.waiting, picked.ready.len()), (payments, 0), "all of them wait for their windows");
    let (picking, picked) = cost(w.picks(later())).await;
    assert_eq!(picked.ready.len(), payments, "all of them are due");
    let settled = json!({"id": "txn", "object": "balance_transaction", "amount": 10_000, "currency": "usd"});
    let read = |(plan, case): &(payoutd::domain::release::Plan, payoutd::domain::release::Case)| {
        let name = plan.charge_id.as_str().trim_start_matches("ch_");
        let read = charge(name).set("balance_transaction", settled.clone()).told("charge.updated", later());
        let (_, fact) = event::facts(&read.body()).expect("readable");
        assert!(matches!(fact, Fact::Payment(_)));
        Preflighted { payment_id: case.payment.id, asked_at: later(), facts: vec![fact] }
    };
    let ready: Vec<Preflighted> = picked.ready.iter().map(read).collect();
    let (claiming, claimed) = cost(w.store.claim(ready, lease("one", later()), later())).await;
    let outcomes: Vec<Outcome> = claimed.expect("claimed").into_iter().map(outcome).collect();
    assert_eq!(outcomes.len(), payments);
    let (recording, recorded) = cost(w.store.conclude(outcomes, later())).await;
    let recorded = recorded.expect("recorded");
    assert!(recorded.iter().all(|one| matches!(one, Recorded::Written(_))), "{recorded:?}");
    [keeping, projecting, looking, picking, claiming, recording]
}

fn outcome(claimed: Claimed) -> Outcome {
    let Claimed::Submit(operation) = claimed else { panic!("not claimed: {claimed:?}") };
    let call = AttemptRecord {
        kind: "create",
        started_at: later(),
        took: std::time::Duration::from_millis(7),
        status: Some(200),
        error_code: None,
        error: None,
        request_id: Some(format!("req_{}", operation.id.0)),
    };
    let attempted = done(&operation, &format!("tr_{}", operation.id.0));
    Outcome { operation: *operation, attempts: vec![call], attempted }
}

async fn batches_cost_the_same(w: &World, postgres: bool) {
    w.mentor("m1").await;
    let few = steps(w, "few", 10).await;
    let many = steps(w, "many", 80).await;
    let names = ["keeping", "projecting", "looking", "picking", "claiming", "recording"];
    // SQLite has no round trips to save: there an event is a statement, and all of them are a transaction.
    let skipped = usize::from(!postgres);
    for (what, (few, many)) in names.into_iter().zip(few.into_iter().zip(many)).skip(skipped) {
        assert_eq!(few, many, "{what}: statements and transactions for 10 and for 80");
        assert!(many.0 <= 60 && many.1 <= 1, "{what}: {many:?}");
    }
    let all: usize = many.iter().skip(skipped + 1).map(|(statements, _)| statements).sum();
    assert!(all <= 120, "a batch costs {all} statements from its projection or pick to the outcome: {many:?}");
    // And nothing was left out for it.
    for (table, rows) in [
        ("payments WHERE status = 'transferred'", 90),
        ("operations WHERE state = 'confirmed' AND stripe_request_id IS NOT NULL", 90),
        ("operation_attempts", 90),
        ("transfers", 90),
        ("emails WHERE kind = 'paid'", 90),
        ("ledger_journals WHERE kind = 'transfer'", 90),
        ("ledger_journals WHERE kind = 'charge'", 90),
    ] {
        let found = w.sql.rows("count(*)", table).await;
        assert_eq!(found[0][0], json!(rows), "{table}");
    }
}

/// What picking by sweep costs for so many payments, which is the claim, too.
async fn by_sweep(w: &World, prefix: &str, payments: usize) -> (usize, usize) {
    let names: Vec<String> = (0..payments).map(|n| format!("{prefix}{n}")).collect();
    let told: Vec<_> = names.iter().map(|name| charge(name).told("charge.succeeded", hour(0))).collect();
    w.receives(&told.iter().map(|event| event.arrives(event.at)).collect::<Vec<_>>()).await;
    w.projects(hour(1)).await;
    let settled = json!({"id": "txn", "object": "balance_transaction", "amount": 10_000, "currency": "usd"});
    let read = |name: &String| charge(name).set("balance_transaction", settled.clone()).told("charge.updated", hour(1));
    w.store.take_in_listed(names.iter().map(|name| read(name).fact()).collect(), hour(1)).await.expect("taken in");
    let sweep = Sweep { covers_from: hour(0), began: later(), good_until: later() + chrono::TimeDelta::minutes(1) };
    let pick = w.store.pick_by_sweep(100, sweep, lease("one", later()), hour(99), later());
    let (cost, picked) = cost(pick).await;
    let outcomes: Vec<Outcome> = picked.expect("picked").claimed.into_iter().map(outcome).collect();
    assert_eq!(outcomes.len(), payments, "all of them are claimed");
    w.store.conclude(outcomes, later()).await.expect("recorded");
    cost
}

async fn a_pick_by_sweep_costs_the_same(w: &World) {
    let few = by_sweep(w, "swept few", 10).await;
    let many = by_sweep(w, "swept many", 80).await;
    assert_eq!(few, many, "statements and transactions of picking and claiming 10 and 80");
    assert!(many.0 <= 45 && many.1 == 1, "{many:?}");
    println!("pick and claim by sweep: {many:?}");
}

/// Given a batch of ten payments and one of eighty, then both cost the same statements, from the webhook to the outcome.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_costs_the_same_however_many_are_in_it() {
    set_default_instrumentation(counting).expect("once");
    let (sqlite, postgres) = (World::sqlite().await, World::postgres().await);
    batches_cost_the_same(&sqlite, false).await;
    batches_cost_the_same(&postgres, true).await;
    a_pick_by_sweep_costs_the_same(&sqlite).await;
    a_pick_by_sweep_costs_the_same(&postgres).await;
}
