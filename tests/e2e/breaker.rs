//! When Stripe or the platform's own account is in trouble: nothing is tried, nothing is burned, health says so, and
//! it heals by itself.

use super::*;
use payoutd::app::sandbox::{Fault, FaultMatch, FaultRule, ServerErrorPoint};

async fn with_payments(town: &Town, count: usize) {
    town.mentor("ada").await;
    // The account is read now, so that nothing but payments is left to call for.
    town.run().await;
    for number in 1..=count {
        town.charge(&format!("B-{number}"), "ada");
    }
    town.deliver().await;
}

async fn all_paid(town: &Town, count: usize) {
    for number in 1..=count {
        town.paid_once(&format!("B-{number}"), 9_000).await;
    }
}

on_both_databases! {
    /// Given a key that Stripe no longer takes, when payments are due, then no attempt is burned, health says 503 and
    /// why, and the admin is told once; when the key works again, all are paid.
    async fn a_refused_key_stops_everything_and_burns_nothing(db: TestDb) {
        let town = Town::new(db).await;
        with_payments(&town, 6).await;
        assert_eq!(town.readyz().await.status, 200);
        let refused = Fault::Refuse { status: 401, code: String::new(), message: "Invalid API Key provided.".into() };
        town.sandbox.add_fault(FaultRule::always(FaultMatch::default(), refused));
        let probed = async || {
            town.run().await;
            town.sandbox.faults()[0].fired >= 4
        };
        town.until("it probes", probed).await;
        let ready = town.readyz().await;
        assert_eq!(ready.status, 503);
        let says = ready.json();
        assert_eq!((says["ready"].as_bool(), says["database"].as_str()), (Some(false), Some("ok")));
        assert!(says["breaker"].as_str().is_some_and(|why| why.contains("Invalid API Key")), "{says}");
        let burned = town.sql.count("operations WHERE attempts > 0 OR state = 'rejected'").await;
        assert_eq!(burned, 0);
        assert_eq!(town.sql.count("payments WHERE status IN ('failed', 'transferred')").await, 0);
        let told = town.email(town::ADMIN, "stopped sending payments").await;
        assert!(told.text.contains("Invalid API Key"), "{told:?}");
        town.sandbox.clear_faults();
        all_paid(&town, 6).await;
        let burned = town.sql.count("operations WHERE attempts > 0 OR state <> 'confirmed'").await;
        assert_eq!(burned, 0);
        assert_eq!(town.readyz().await.status, 200);
        town.mail_sent().await;
        assert_eq!(town.mailbox.find(town::ADMIN, "").len(), 1, "{:#?}", town.mailbox.find(town::ADMIN, ""));
    }

    /// Given a key that may read and not transfer, when payments are due, then the readings that succeed do not hide
    /// it: calls stop, the admin is told once, and no attempt is burned. Stripe replays such a refusal under its key;
    /// once that has aged, a new one pays.
    async fn a_key_that_may_not_transfer_burns_nothing(db: TestDb) {
        let town = Town::plan().with("rescue.key_max_age", "\"1s\"").found(db).await;
        with_payments(&town, 3).await;
        let refused = Fault::Refuse { status: 403, code: String::new(), message: "The key may not do that.".into() };
        town.sandbox.add_fault(FaultRule::always(FaultMatch::transfers(), refused));
        let probed = async || {
            town.run().await;
            let refused = town.sql.count("operation_attempts WHERE http_status = 403").await;
            assert_eq!(town.readyz().await.status, if refused > 0 { 503 } else { 200 });
            refused >= 6
        };
        town.until("it probes", probed).await;
        assert_eq!(town.sql.count("operations WHERE attempts > 0").await, 0);
        assert_eq!(town.sql.count("payments WHERE status IN ('failed', 'transferred')").await, 0);
        town.email(town::ADMIN, "stopped sending payments").await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.find(town::ADMIN, "").len(), 1, "{:#?}", town.mailbox.find(town::ADMIN, ""));
        town.sandbox.clear_faults();
        all_paid(&town, 3).await;
        assert_eq!(town.readyz().await.status, 200);
    }

    /// Given transfers that answer 503 while charges can be read, when the limit is reached, then the breaker opens all
    /// the same, and heals by itself.
    async fn charges_that_can_be_read_do_not_hide_that_transfers_fail(db: TestDb) {
        let town = Town::plan().with("breaker.failures_to_open", 3).found(db).await;
        with_payments(&town, 5).await;
        let down = Fault::ServerError { status: 503, at: ServerErrorPoint::BeforeExecution };
        town.sandbox.add_fault(FaultRule::always(FaultMatch::transfers(), down));
        let open = async || {
            town.run().await;
            town.readyz().await.status == 503
        };
        town.until("the breaker opens", open).await;
        town.email(town::ADMIN, "stopped sending payments").await;
        town.sandbox.clear_faults();
        all_paid(&town, 5).await;
        assert_eq!(town.readyz().await.status, 200);
    }

    /// Given a row of 500s, when the limit is reached, then calls stop but for probes, and one that is answered
    /// heals it.
    async fn a_row_of_500s_opens_the_breaker_and_a_probe_heals_it(db: TestDb) {
        let town = Town::plan().with("breaker.failures_to_open", 3).with("breaker.open_for", "\"1s\"").found(db).await;
        with_payments(&town, 12).await;
        let down = Fault::ServerError { status: 500, at: ServerErrorPoint::BeforeExecution };
        town.sandbox.add_fault(FaultRule::always(FaultMatch::default(), down));
        town.run().await;
        let fired = town.sandbox.faults()[0].fired;
        assert!((3..=12).contains(&fired), "{fired} calls");
        let ready = town.readyz().await;
        assert_eq!(ready.status, 503, "{ready:?}");
        assert!(ready.json()["breaker"].as_str().is_some_and(|why| why.contains("500")), "{ready:?}");
        // While it is open, no run calls.
        for _ in 0..5 {
            town.run().await;
        }
        assert_eq!(town.sandbox.faults()[0].fired, fired);
        town.email(town::ADMIN, "stopped sending payments").await;
        town.sandbox.clear_faults();
        all_paid(&town, 12).await;
        assert_eq!(town.readyz().await.status, 200);
    }
}
