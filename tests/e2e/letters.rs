//! Letters about disputes and about money that is on the platform for long, as their readers get them.

use super::*;
use payoutd::app::sandbox::{DisputeStatus, NewDispute};

on_both_databases! {
    /// Given a dispute before the payment is paid, when it is opened, told again and won, then mentor and admin read of both
    /// turns once, and the mentor is paid.
    async fn a_dispute_is_told_at_each_turn(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"1h\"").with("mail.dispute_acknowledgement", true).found(db).await;
        town.mentor("ada").await;
        let paid = town.known_charge("B-1", "ada").await;
        let id = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.deliver().await;
        let admin = town.email(ADMIN, "is disputed: 100.00 USD").await;
        assert!(admin.text.contains("Reason fraudulent") && admin.text.contains("Answer by"), "{admin:?}");
        assert!(admin.text.contains("payoutd explain"), "{admin:?}");
        let mentor = town.email("ada@example.org", "is disputed").await;
        assert!(mentor.text.contains("Your 90.00 USD wait until it is over"), "{mentor:?}");
        let customer = town.email("casey@example.com", "Your bank told us").await;
        assert!(customer.text.contains("your payment of 100.00 USD for booking B-1"), "{customer:?}");
        town.next_second().await;
        town.sandbox.set_dispute_status(&id, DisputeStatus::UnderReview).expect("open");
        town.deliver().await;
        town.next_second().await;
        town.sandbox.set_dispute_status(&id, DisputeStatus::Won).expect("open");
        town.deliver().await;
        town.email(ADMIN, "was won: 100.00 USD").await;
        let mentor = town.email("ada@example.org", "was won").await;
        assert!(mentor.text.contains("Your 90.00 USD go out when they are due"), "{mentor:?}");
        town.window_ends("B-1").await;
        town.reaches("B-1", status::Transferred).await;
        town.mail_sent().await;
        let about = town.mailbox.all().into_iter().filter(|email| email.subject.contains("disput") || email.text.contains("disput"));
        assert_eq!(about.count(), 5, "two turns for two, and one for the customer: {:#?}", town.mailbox.all());
    }

    /// Given a payment that was paid, when it is disputed and lost, then the mentor reads that they keep it for now, and then
    /// that it is taken back.
    async fn a_dispute_after_the_transfer(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        let paid = town.known_charge("B-1", "ada").await;
        town.paid_once("B-1", 9_000).await;
        let id = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.deliver().await;
        town.run().await;
        let mentor = town.email("ada@example.org", "is disputed").await;
        assert!(mentor.text.contains("keep them for now"), "{mentor:?}");
        town.email(ADMIN, "payoutd leaves the money with them").await;
        town.next_second().await;
        town.sandbox.set_dispute_status(&id, DisputeStatus::Lost).expect("open");
        town.deliver().await;
        town.email("ada@example.org", "we have to take back what belongs to it").await;
        let taken = async || {
            town.run().await;
            town.left("B-1") == 0
        };
        town.until("it is taken back", taken).await;
        town.email("ada@example.org", "We had to take back 90.00 USD").await;
        assert_eq!(town.mailbox.find(ADMIN, "perhaps wrongly").len(), 0, "the dispute was told already");
    }

    /// Given a payment that was held for 76 days, then the daemon tells of it once, and again on day 86; `explain` and the
    /// list know it.
    async fn money_that_stays_for_long_is_told(db: TestDb) {
        let mut town = Town::new(db).await;
        town.known_charge("B-1", "nobody").await;
        town.run().await;
        let paid_days_ago = async |town: &Town, days: i64| {
            town.sql.run(&format!("UPDATE payments SET paid_at = {}", town.sql.seconds_from_now(-days * 86_400))).await;
            // A day later.
            town.sql.run("DELETE FROM daily_chores WHERE chore = 'platform_limit'").await;
        };
        let looked = async || {
            town.sql.count("daily_chores WHERE chore = 'platform_limit' AND finished_at IS NOT NULL").await == 1
        };
        town.until("it is looked at", looked).await;
        for (days, emails) in [(74, 0), (76, 1), (77, 1), (86, 2), (87, 2)] {
            paid_days_ago(&town, days).await;
            town.restart().await;
            let looked = async || town.sql.count("daily_chores WHERE chore = 'platform_limit' AND finished_at IS NOT NULL").await == 1;
            town.until("it is looked at", looked).await;
            town.mail_sent().await;
            assert_eq!(town.mailbox.find(ADMIN, "must leave the platform").len(), emails, "day {days}");
        }
        let email = town.mailbox.find(ADMIN, "must leave the platform").remove(0);
        assert!(email.text.contains("90.00 USD") && email.text.contains("payoutd payments --near-limit"), "{email:?}");
    }
}
