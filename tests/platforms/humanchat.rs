//! HumanChat: payment intents, experts paid once the conversation took place, cancellations refunded in full, and the
//! figures that the platform's own pages show.

use super::*;
use payoutd::app::sandbox::{PaidThrough, Pay};

fn conversation(id: &str, amount: i64) -> Pay {
    let pay = Pay::new(amount, "usd").through(PaidThrough::PaymentIntent).transfer_group(id);
    pay.intent_metadata("expertId", "grace").intent_metadata("bookingId", id)
}

/// The one period of a report.
fn figures(humanchat: &Platform) -> serde_json::Value {
    humanchat.json(&["report", "--since", "30d", "--by", "month"])
}

on_both_databases! {
    async fn a_week_at_humanchat(db: TestDb) {
        let humanchat = Platform::opens(db, "humanchat", 74).await;
        humanchat.mentor("grace", "US", "usd");

        // Three were booked 74 hours ago; one was cancelled at once, for one nobody said that it took place.
        let held = humanchat.pays(conversation("H-held", 20_000));
        let silent = humanchat.pays(conversation("H-silent", 4_000));
        let start = humanchat.in_minutes(60);
        let cancelled = humanchat.pays(conversation("H-cancelled", 6_000).intent_metadata("startTime", &start));
        humanchat.time_passes(0);
        humanchat.webhooks_arrive().await;

        // Paid 74 hours ago, and not due: nobody said that it took place.
        let waits = humanchat.reaches("H-silent", "held").await;
        assert_eq!(waits["reasons"][0]["code"], "not_completed");

        // The platform's program sets the column when the conversation ends; the window counts from then.
        let ended = humanchat.sql.seconds_from_now(-73 * 3_600);
        let set = format!("UPDATE payments SET session_completed_at = {ended} WHERE booking_id = 'H-held'");
        assert_eq!(humanchat.sql.run(&set).await, 1);
        humanchat.reaches("H-held", "transferred").await;
        assert_eq!(humanchat.left(&held), 17_000);
        humanchat.cli(&["complete", "H-silent"]);
        let waits = humanchat.reaches("H-silent", "pending").await;
        assert_eq!(waits["reasons"][0]["code"], "window");

        // A customer cancels an hour before: all of it goes back, by the policy.
        let payment = humanchat.column("H-cancelled", "id").await;
        let ask = format!("INSERT INTO refund_requests (payment_id, by_policy, reason) VALUES ({payment}, true, 'cancelled')");
        assert_eq!(humanchat.sql.run(&ask).await, 1);
        humanchat.reaches("H-cancelled", "refunded").await;
        assert_eq!(humanchat.left(&cancelled), 0);
        humanchat.email("casey@example.com", "60.00 USD").await;

        // What cannot be is refused in words, and nothing moves.
        let too_much = humanchat.says(&["refund", "H-silent", "--amount", "4001", "--reason", "test"]);
        assert_ne!(too_much.code, Some(0));
        assert!(too_much.text.contains("more than"), "{}", too_much.text);
        assert_eq!(humanchat.status("H-silent").await, "pending");
        assert_eq!(humanchat.left(&silent), 0);

        // The pages of the platform: pending payouts, revenue, success rate, refunds.
        let report = figures(&humanchat);
        assert_eq!(report["pending_payouts"][0]["amount_minor"], 3_400, "{report}");
        let month = |name: &str| {
            let periods = report["periods"].as_array().expect("periods");
            periods.iter().filter_map(|period| period[name].as_i64()).sum::<i64>()
        };
        assert_eq!((month("charged_minor"), month("revenue_minor"), month("transferred_minor")), (30_000, 3_600, 17_000));
        assert_eq!((month("refunded_minor"), month("disputes")), (6_000, 0));
        let csv = humanchat.cli(&["report", "--since", "30d", "--by", "month", "--csv"]);
        assert!(csv.lines().count() >= 2 && csv.starts_with("period,"), "{csv}");
        let people = humanchat.cli(&["report", "--since", "30d", "--by", "month"]);
        assert!(people.contains("100.0 %"), "{people}");
        humanchat.books_are_right().await;
    }
}
