//! Discuno: checkout sessions, 72 hours, 10 %, an admin's flag, and a transfer that fails three times.

use super::*;
use payoutd::app::sandbox::{Fault, FaultMatch, FaultRule, Pay, ServerErrorPoint};

fn booking(id: &str) -> Pay {
    Pay::new(10_000, "usd").metadata("mentorUserId", "ada").metadata("bookingId", id).transfer_group(id)
}

on_both_databases! {
    async fn a_week_at_discuno(db: TestDb) {
        let discuno = Platform::opens(db, "discuno", 73).await;
        let account = discuno.mentor("ada", "US", "usd");
        let link = discuno.json(&["mentor", "onboard", "grace", "--email", "grace@example.org", "--country", "US"]);
        assert!(link["link"]["url"].as_str().is_some_and(|url| url.starts_with("https://")), "{link}");

        // 73 hours ago three customers paid, and an hour ago a fourth.
        let good = discuno.pays(booking("D-good"));
        let flagged = discuno.pays(booking("D-flagged"));
        let unlucky = discuno.pays(booking("D-unlucky"));
        discuno.time_passes(1);
        let fresh = discuno.pays(booking("D-fresh"));
        discuno.time_passes(0);
        discuno.webhooks_arrive().await;

        // The admin flags one of them, straight in the database.
        let flag = "UPDATE payments SET dispute_requested = true, dispute_reason = 'never met' WHERE booking_id = 'D-flagged'";
        assert_eq!(discuno.sql.run(flag).await, 1);

        // Stripe fails three times for another: a broken connection, a 500, a refusal.
        let once = |fault| discuno.sandbox.add_fault(FaultRule::once(FaultMatch::transfer_group("D-unlucky"), fault));
        once(Fault::ResetBeforeEffect);
        once(Fault::ServerError { status: 500, at: ServerErrorPoint::BeforeExecution });
        let message = "This transfer was refused by a rule of your Stripe account.".to_owned();
        once(Fault::Refuse { status: 400, code: "transfer_refused".into(), message });

        // The cron service asks for a run.
        let told = discuno.cron().await;
        assert_eq!(told["processed"], 1, "{told}");
        assert_eq!((&told["held"], &told["total"]), (&1.into(), &4.into()), "{told}");
        discuno.reaches("D-good", "transferred").await;
        assert_eq!(discuno.left(&good), 9_000);
        discuno.email("ada@example.org", "90.00 USD").await;

        // Ada is through with Stripe's forms: from now on her money stays in her account until she asks for it.
        discuno.until("payouts are manual", async || {
            discuno.cron().await;
            discuno.webhooks_arrive().await;
            let interval = format!("accounts WHERE stripe_account_id = '{account}'");
            discuno.sql.words("payout_interval", &interval).await == ["manual"]
        }).await;

        // Within its window nothing is paid; flagged, neither.
        let waits = discuno.json(&["explain", "D-fresh"]);
        assert_eq!((waits["decision"].as_str(), waits["reasons"][0]["code"].as_str()), (Some("wait"), Some("window")));
        let held = discuno.reaches("D-flagged", "held").await;
        assert_eq!(held["reasons"][0]["code"], "flagged");
        assert_eq!((discuno.left(&fresh), discuno.left(&flagged)), (0, 0));

        // The third failure is for good: the admin is told, mends the cause, and has it tried again.
        discuno.reaches("D-unlucky", "failed").await;
        discuno.email(ADMIN, "refused by a rule of your Stripe account").await;
        assert_eq!(discuno.left(&unlucky), 0);
        discuno.cli(&["retry", "D-unlucky"]);
        discuno.reaches("D-unlucky", "transferred").await;
        assert_eq!(discuno.left(&unlucky), 9_000);

        // The flag is taken back, and the mentor is paid.
        let lift = "UPDATE payments SET dispute_requested = false, dispute_reason = NULL WHERE booking_id = 'D-flagged'";
        assert_eq!(discuno.sql.run(lift).await, 1);
        discuno.reaches("D-flagged", "transferred").await;
        assert_eq!(discuno.left(&flagged), 9_000);
        discuno.email("ada@example.org", "stays there until you ask for it").await;

        // "What became of my money?" The fourth still waits for its window.
        let balance = &discuno.json(&["mentor", "balance", "ada"])["balances"][0];
        assert_eq!((&balance["earned_minor"], &balance["paid_minor"], &balance["pending_minor"]), (&36_000.into(), &27_000.into(), &9_000.into()));
        discuno.books_are_right().await;
    }
}
