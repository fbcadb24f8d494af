//! What the daemon does once a day: the digest, and the look at the books.

use super::*;

async fn finished(town: &Town, chore: &str) {
    let done = format!("daily_chores WHERE chore = '{chore}' AND finished_at IS NOT NULL");
    town.until("the chore is done", async || town.sql.count(&done).await == 1).await;
}

/// What was done today counts as done on an earlier day.
async fn a_day_passes(town: &Town) {
    town.sql.run("DELETE FROM daily_chores WHERE day < '2001'").await;
    town.sql.run("UPDATE daily_chores SET day = '2000-01-01'").await;
}

on_both_databases! {
    /// Given a day on which one mentor was paid and one payment is held, when the digest is due, then the admin reads both,
    /// once, however often the daemon starts and however many there are.
    async fn the_digest_is_told_once_a_day(db: TestDb) {
        let several = db.is_postgres();
        let mut town = Town::plan().with("mail.digest", "\"* * * * * *\"").found(db).await;
        finished(&town, "digest").await;
        assert_eq!(town.mailbox.find(ADMIN, "Payouts on").len(), 0, "there was nothing to say");
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.paid_once("B-1", 9_000).await;
        town.known_charge("B-2", "nobody").await;
        town.run().await;
        a_day_passes(&town).await;
        town.restart().await;
        let others = if several { vec![town.another_house().await, town.another_house().await] } else { vec![] };
        let digest = town.email(ADMIN, "Payouts on").await;
        assert!(digest.subject.ends_with(": 1 paid, 1 held"), "{digest:?}");
        assert!(digest.text.contains("1 (90.00 USD)") && digest.text.contains("mentor unknown"), "{digest:?}");
        town.restart().await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.find(ADMIN, "Payouts on").len(), 1);
        // The next day tells only what is new, and what stands open still.
        a_day_passes(&town).await;
        town.sql.run("UPDATE emails SET once_key = 'yesterday' WHERE kind = 'digest'").await;
        town.restart().await;
        town.email(ADMIN, ": 1 held").await;
        for other in others {
            other.close().await;
        }
    }

    /// Given books that are right, when they are looked at, then nobody is told; given a row changed by hand, then the admin is,
    /// once, with what differs and the command.
    async fn the_books_are_looked_at_once_a_day(db: TestDb) {
        let mut town = Town::plan().with("audit.schedule", "\"* * * * * *\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.paid_once("B-1", 9_000).await;
        finished(&town, "audit").await;
        a_day_passes(&town).await;
        town.restart().await;
        finished_again(&town).await;
        assert_eq!(town.mailbox.find(ADMIN, "The books do not agree").len(), 0);
        town.sql.run("UPDATE transfers SET amount = 8000").await;
        a_day_passes(&town).await;
        town.restart().await;
        let alert = town.email(ADMIN, "The books do not agree").await;
        assert!(alert.text.contains("payoutd audit") && alert.text.contains("should be 9000, is 8000"), "{alert:?}");
        town.restart().await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.find(ADMIN, "The books do not agree").len(), 1);
    }
}

on_both_databases! {
    /// Given a payment that was made and paid long ago, when what is old is removed, then its events and emails are, once a day, it is
    /// told what and how much, and the payment and its books stay as they are.
    async fn what_is_old_is_removed_once_a_day(db: TestDb) {
        let mut town = Town::plan().with("retention.schedule", "\"* * * * * *\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        town.paid_once("B-1", 9_000).await;
        town.mail_sent().await;
        finished(&town, "retention").await;
        assert_eq!(town.sql.count("retention").await, 0, "nothing is old");
        let old = "'2020-01-01T00:00:00.000Z'";
        town.sql.run(&format!("UPDATE webhook_events SET received_at = {old}")).await;
        town.sql.run(&format!("UPDATE emails SET sent_at = {old}")).await;
        let events = town.sql.count("webhook_events WHERE state IN ('projected', 'ignored')").await;
        let (entries, calls) = (town.sql.count("ledger_entries").await, town.sql.count("operation_attempts").await);
        assert!(events > 0 && entries > 0 && calls > 0);
        a_day_passes(&town).await;
        town.restart().await;
        let again = "daily_chores WHERE chore = 'retention' AND day > '2001' AND finished_at IS NOT NULL";
        town.until("what is old is removed", async || town.sql.count(again).await == 1).await;
        let told = format!("{again} AND note LIKE 'removed: {events} events, 0 attempts, %'");
        assert_eq!(town.sql.count(&told).await, 1, "{told}");
        assert_eq!(town.sql.count("emails WHERE state = 'sent'").await, 0);
        assert_eq!(town.sql.count("ledger_entries").await, entries);
        assert_eq!(town.sql.count("operation_attempts").await, calls);
        assert_eq!(town.sql.count("payments WHERE status = 'transferred'").await, 1);
    }
}

async fn finished_again(town: &Town) {
    let done = "daily_chores WHERE chore = 'audit' AND day > '2001' AND finished_at IS NOT NULL";
    town.until("the books are looked at", async || town.sql.count(done).await == 1).await;
}
