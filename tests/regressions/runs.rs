//! Runs that begin from everywhere at once.

use super::*;

const MANY: usize = 30;

on_both_databases! {
    /// Given payments that become due while webhooks arrive, when the schedule, the command line, three times over, and (where
    /// the database can be shared) a second daemon run at once, then each is paid once.
    async fn runs_from_everywhere_at_once_pay_once(db: TestDb) {
        let shared = db.is_postgres();
        let plan = Town::plan().with("release.schedule", "\"* * * * * *\"").with_automatic_webhooks();
        let town = plan.found(db).await;
        town.mentor("ada").await;
        let other = if shared { Some(town.another_house().await) } else { None };
        let mut begun = Vec::new();
        for number in 1..=MANY {
            town.charge(&format!("B-{number}"), "ada");
            if number % 10 == 0 {
                begun.extend((0..3).map(|_| town.house().begin_run()));
                begun.extend(other.iter().map(|other| other.begin_run()));
            }
        }
        for run in begun {
            run.await.expect("no panic");
        }
        town.sandbox.wait_for_deliveries().await;
        for number in 1..=MANY {
            town.paid_once(&format!("B-{number}"), 9_000).await;
        }
        let books = town.sandbox.books();
        assert_eq!((books.transfers.len(), books.duplicates), (MANY, 0));
        assert_eq!(town.sql.count("operations").await, i64::try_from(MANY).expect("few"));
        town.mail_sent().await;
        assert_eq!(town.sql.count("emails WHERE kind = 'paid'").await, i64::try_from(MANY).expect("few"));
        if let Some(other) = other {
            assert!(other.close().await);
        }
    }
}
