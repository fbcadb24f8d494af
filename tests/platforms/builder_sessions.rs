//! Builder sessions: `checkout.session.completed` and failed payments, refunds in the dashboard, GBP, and books that are
//! compared with Stripe's.

use super::*;
use payoutd::app::sandbox::{NewRefund, Pay, PayResult};

fn session(id: &str) -> Pay {
    Pay::new(12_000, "gbp").metadata("builderId", "linus").metadata("sessionId", id).transfer_group(id)
}

on_both_databases! {
    async fn a_week_of_builder_sessions(db: TestDb) {
        let builders = Platform::opens(db, "builder_sessions", 80).await;
        builders.mentor("linus", "GB", "gbp");

        // One is paid, one is declined, one is refunded before its window ends and one after.
        let paid = builders.pays(session("P-paid"));
        builders.pays(session("P-declined").result(PayResult::Fails));
        let early = builders.pays(session("P-early"));
        let late = builders.pays(session("P-late"));
        builders.time_passes(40);
        let refund = |charge: &str, amount_minor| NewRefund { charge: charge.to_owned(), amount_minor, pending: false };
        builders.sandbox.refund(refund(&early.charge, None)).expect("refundable");
        builders.time_passes(0);
        builders.webhooks_arrive().await;

        builders.reaches("P-paid", "transferred").await;
        builders.reaches("P-late", "transferred").await;
        builders.reaches("P-early", "refunded").await;
        builders.reaches("P-declined", "unpaid").await;
        assert_eq!((builders.left(&paid), builders.left(&late), builders.left(&early)), (10_800, 10_800, 0));
        builders.email("linus@example.org", "108.00 GBP").await;

        // Half of one goes back in the dashboard after its transfer: half of the builder's part does, too.
        builders.sandbox.refund(refund(&late.charge, Some(6_000))).expect("refundable");
        builders.webhooks_arrive().await;
        builders.cron().await;
        builders.until("half is taken back", async || {
            builders.cron().await;
            builders.left(&late) == 5_400
        }).await;
        builders.webhooks_arrive().await;
        builders.email("linus@example.org", "54.00 GBP").await;

        // A quarter more goes back, and no webhook tells of it: whoever compares with Stripe catches up first.
        builders.sandbox.refund(refund(&late.charge, Some(3_000))).expect("refundable");
        let compared = builders.says(&["reconcile", "--days", "2"]);
        assert!(compared.code == Some(0) && compared.text.contains("payoutd and Stripe agree"), "{}", compared.text);
        builders.until("a quarter more is taken back", async || {
            builders.cron().await;
            builders.left(&late) == 2_700
        }).await;
        let agrees = builders.json(&["reconcile", "--days", "2"]);
        assert_eq!((&agrees["open_count"], &agrees["found"]), (&0.into(), &0.into()), "{agrees}");

        // What is lost here, events tell no more: comparing with Stripe finds it, and takes it in.
        builders.sql.run("DELETE FROM refunds WHERE amount = 3000").await;
        let differs = builders.says(&["reconcile", "--days", "2"]);
        assert!(differs.code == Some(1) && differs.text.contains("refund"), "{}", differs.text);
        let mended = builders.says(&["reconcile", "--days", "2", "--fix"]);
        assert_eq!(mended.code, Some(0), "{}", mended.text);
        let agrees = builders.json(&["reconcile", "--days", "2"]);
        assert_eq!((&agrees["open_count"], &agrees["found"]), (&0.into(), &0.into()), "{agrees}");
        assert_eq!(builders.sql.count("refunds WHERE amount = 3000").await, 1);
        builders.books_are_right().await;
    }
}
