//! The operator's desk: a person has an unknown outcome looked for, and events projected again.

use super::*;
use payoutd::app::sandbox::Fault;
use payoutd::domain::ids::OperationId;
use payoutd::domain::operation::{About, OperationState};
use payoutd::jobs::Found;
use payoutd::ports::{Desk, Page};

/// A town where a transfer was asked for and no answer came. Nothing is tried again by itself for an hour.
async fn in_doubt(db: TestDb, fault: Fault, absence_grace: &str) -> (Town, OperationId) {
    let town = Town::plan()
        .with("retry.base", "\"1h\"")
        .with("retry.max", "\"1h\"")
        .with("release.preflight_retry", "\"1h\"")
        .with("rescue.absence_grace", format!("{absence_grace:?}"))
        .found(db)
        .await;
    town.mentor("ada").await;
    town.known_charge("B-1", "ada").await;
    town.trouble("B-1", fault);
    town.run().await;
    let unknown = town.store.operations(vec![OperationState::Unknown], Page::newest(9)).await.expect("read");
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    let id = unknown[0].as_ref().expect("readable").id;
    (town, id)
}

async fn resolve(town: &Town, id: OperationId) -> Found {
    let jobs = town.house().daemon().worker().jobs.clone();
    jobs.resolve(&town.store, id, "zoe".into()).await.expect("asked")
}

on_both_databases! {
    /// Given a transfer that was made and whose answer got lost, when a person has it looked for, then it is found and
    /// taken over: paid once, and nothing was sent a second time.
    async fn a_transfer_whose_answer_got_lost_is_adopted(db: TestDb) {
        let (town, id) = in_doubt(db, Fault::ResetAfterEffect, "15m").await;
        let found = resolve(&town, id).await;
        let view = town.paid_once("B-1", 9_000).await;
        let transfer = view.case.payment.transfer_id.clone().expect("paid");
        assert_eq!(found, Found::Adopted(About::Payment(view.case.payment.id), transfer.into_string()));
        assert_eq!(town.calls("B-1").await, ["create -", "look_up 200"]);
        assert_eq!(town.operations("B-1").await, ["confirmed 1 1"]);
        assert_eq!(resolve(&town, id).await, Found::NotUnknown(OperationState::Confirmed));
        town.run().await;
        town.paid_once("B-1", 9_000).await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.find("ada@example.org", "You were paid").len(), 1);
        assert_eq!(town.sql.count("audit_log WHERE actor = 'zoe' AND action = 'resolve'").await, 1);
    }

    /// Given a request that was never carried out, when a person has it looked for too early, then it stays unknown and
    /// nothing is sent; once the grace is over its absence is proven, and the next run pays, once.
    async fn a_request_that_was_never_carried_out_is_given_back(db: TestDb) {
        let (town, id) = in_doubt(db, Fault::ResetBeforeEffect, "3s").await;
        let Found::Unknown { why, next_attempt_at, .. } = resolve(&town, id).await else { panic!("too early") };
        assert!(why.contains("not found yet") && next_attempt_at.is_some(), "{why}");
        town.not_paid("B-1");
        assert_eq!(town.calls("B-1").await, ["create -", "look_up 200"]);
        let absent = Found::Absent(About::Payment(town.payment("B-1").await.case.payment.id));
        town.until("its absence is proven", async || resolve(&town, id).await == absent).await;
        town.not_paid("B-1");
        town.run().await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.operations("B-1").await, ["rejected 1 1", "confirmed 2 0"]);
    }

    /// Given a look that Stripe does not answer, then the operation is as unknown as before, and keeps its claim.
    async fn a_look_without_an_answer_changes_nothing(db: TestDb) {
        let (town, id) = in_doubt(db, Fault::ResetAfterEffect, "15m").await;
        let rule = payoutd::app::sandbox::FaultMatch::reads("/v1/transfers");
        town.sandbox.add_fault(payoutd::app::sandbox::FaultRule::once(rule, Fault::ResetBeforeEffect));
        let found = resolve(&town, id).await;
        assert!(matches!(found, Found::Unknown { .. }), "{found:?}");
        assert_eq!(town.operations("B-1").await, ["unknown 1 1"]);
        assert!(matches!(resolve(&town, id).await, Found::Adopted(..)));
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a payment that is paid, when every event of it is replayed, then the daemon projects them again and nothing
    /// goes backwards.
    async fn replayed_events_change_nothing(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.run().await;
        town.deliver().await;
        town.paid_once("B-1", 9_000).await;
        town.mail_sent().await;
        let events = town.store.events(Default::default(), Page::newest(100)).await.expect("read");
        for event in &events {
            assert!(town.store.replay_event(event.id, "zoe".into(), event.received_at).await.expect("put back"));
        }
        town.house().daemon().worker().jobs.signals().events.notify_one();
        let again = async || town.sql.count("webhook_events WHERE next_attempt_at IS NOT NULL").await == 0;
        town.until("all are projected again", again).await;
        assert_eq!(town.sql.count("webhook_events WHERE attempts < 2").await, 0);
        town.run().await;
        town.paid_once("B-1", 9_000).await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.all().len(), 1);
    }
}
