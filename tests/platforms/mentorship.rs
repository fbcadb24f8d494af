//! Mentorship: GBP, four prices, webhooks that come twice, balances, and mentors who ask for their money.

use super::*;
use payoutd::app::sandbox::{Paid, Pay};

/// What the customer pays, what the platform keeps, what is the mentor's.
const SPLIT: [(i64, i64, i64); 4] =
    [(5_000, 1_000, 4_000), (10_000, 2_000, 8_000), (15_000, 3_000, 12_000), (20_000, 4_000, 16_000)];

fn session(id: &str, amount: i64) -> Pay {
    Pay::new(amount, "gbp").metadata("mentorId", "ada").metadata("sessionId", id).transfer_group(id)
}

on_both_databases! {
    async fn a_week_of_mentorship(db: TestDb) {
        let mentorship = Platform::opens(db, "mentorship", 73).await;
        mentorship.mentor("ada", "GB", "gbp");

        // One session at each price, 73 hours ago, and one that is in its window.
        let paid: Vec<Paid> = SPLIT.iter().map(|(amount, ..)| mentorship.pays(session(&format!("S-{amount}"), *amount))).collect();
        mentorship.time_passes(2);
        mentorship.pays(session("S-today", 5_000));
        mentorship.time_passes(0);

        // Each webhook comes twice, and the second time in the other order.
        let events: Vec<String> = mentorship.sandbox.events().into_iter().map(|event| event.id).collect();
        mentorship.webhooks_arrive().await;
        for event in events.iter().rev() {
            mentorship.webhook_arrives(event).await;
        }
        assert_eq!(mentorship.sql.count("payments").await, 5);
        assert_eq!(mentorship.sql.count("webhook_events").await, i64::try_from(events.len()).unwrap());

        for ((amount, fee, share), paid) in SPLIT.iter().zip(&paid) {
            let booking = format!("S-{amount}");
            let explained = mentorship.reaches(&booking, "transferred").await;
            assert_eq!((&explained["platform_fee"], &explained["amount"]), (&(*fee).into(), &(*amount).into()));
            assert_eq!(mentorship.left(paid), *share, "{booking}");
        }
        mentorship.email("ada@example.org", "160.00 GBP").await;

        let balance = &mentorship.json(&["mentor", "balance", "ada"])["balances"][0];
        let of = |name: &str| balance[name].as_i64().unwrap_or_else(|| panic!("{name}: {balance}"));
        assert_eq!((of("earned_minor"), of("paid_minor"), of("pending_minor"), of("owed_minor")), (44_000, 40_000, 4_000, 0));
        mentorship.books_are_right().await;
    }
}
