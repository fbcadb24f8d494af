//! When Stripe or the platform's own account is in trouble: nothing is tried, nothing is burned, health says so, and
//! it heals by itself.

use super::*;
use payoutd::app::sandbox::{Fault, FaultMatch, FaultRule, ServerErrorPoint};

async fn with_payments(town: &Town, count: usize) {
    town.mentor("ada").await;
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

    /// Given a key that is refused for transfers alone, when payments are due, then what was claimed is not burned.
    async fn a_key_that_may_not_transfer_burns_nothing(db: TestDb) {
        let town = Town::new(db).await;
        with_payments(&town, 3).await;
        let refused = Fault::Refuse { status: 403, code: String::new(), message: "The key may not do that.".into() };
        town.sandbox.add_fault(FaultRule::always(FaultMatch::transfers(), refused));
        let probed = async || {
            town.run().await;
            town.sandbox.faults()[0].fired >= 4
        };
        town.until("it probes", probed).await;
        assert_eq!(town.readyz().await.status, 503);
        assert_eq!(town.sql.count("operations WHERE attempts > 0 OR state = 'rejected'").await, 0);
        town.email(town::ADMIN, "stopped sending payments").await;
        town.sandbox.clear_faults();
        all_paid(&town, 3).await;
        let ready = async || town.readyz().await.status == 200;
        town.until("health is back", ready).await;
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
