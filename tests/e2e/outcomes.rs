//! What happens to most payments: they come in, wait out their window, and are paid, whatever way the webhooks took.

use super::*;
use payoutd::app::sandbox::{Ending, NewAccount, PaidThrough, Pay, PayResult};

on_both_databases! {
    /// Given mentors in four currencies, when their windows end, then each is paid their share, and told so in
    /// their currency's digits. The daemon's own schedule does it.
    async fn payments_in_four_currencies_are_paid_and_told(db: TestDb) {
        let town = Town::plan()
            .with("window.dispute_window", "\"1s\"")
            .with("release.schedule", "\"* * * * * *\"")
            .with_automatic_webhooks()
            .found(db)
            .await;
        for (mentor, currency) in [("ada", "usd"), ("bo", "gbp"), ("cy", "eur"), ("dan", "jpy")] {
            let new = NewAccount { default_currency: currency.into(), ..NewAccount::default() };
            town.register(mentor, Some(&town.sandbox.create_account(new).expect("free"))).await;
            town.pay(&format!("B-{currency}"), mentor, 12_345, currency);
        }
        for (mentor, currency, due, words) in [
            ("ada", "usd", 11_110, "111.10 USD"),
            ("bo", "gbp", 11_110, "111.10 GBP"),
            ("cy", "eur", 11_110, "111.10 EUR"),
            ("dan", "jpy", 11_110, "11,110 JPY"),
        ] {
            let booking = format!("B-{currency}");
            let paid = async || {
                let view = town.find(&booking).await;
                view.is_some_and(|view| view.case.payment.status == status::Transferred)
            };
            town.until("the schedule pays it", paid).await;
            assert_eq!(town.transferred(&booking), [(due, currency.to_owned())]);
            let email = town.email(&format!("{mentor}@example.org"), words).await;
            assert!(email.subject.contains("You were paid"), "{email:?}");
            assert!(!email.text.contains("tr_") && !email.text.contains("acct_"), "no Stripe ids: {email:?}");
            assert_eq!(town.calls(&booking).await, ["create 200"]);
        }
        town.sandbox.wait_for_deliveries().await;
        town.mail_sent().await;
        assert_eq!(town.mailbox.all().len(), 4, "nobody else is written to");
        assert_eq!(town.sandbox.books().duplicates, 0);
        assert!(town.sql.count("runs WHERE \"trigger\" = 'schedule' AND transferred > 0").await > 0);
    }

    /// Given a window that is open, when runs pass, then nothing is paid before its end.
    async fn nothing_is_paid_before_its_window_ends(db: TestDb) {
        let town = Town::plan().with("window.dispute_window", "\"72h\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        let first = town.run().await;
        assert_eq!((first.looked_at, first.waiting), (1, 1));
        assert_eq!(town.run().await.looked_at, 0, "not looked at again before its time");
        town.not_paid("B-1");
        town.window_ends("B-1").await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given every webhook delivered twice, when the payment is due, then it is one row and one transfer.
    async fn a_webhook_that_comes_twice_counts_once(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        for event in town.sandbox.undelivered() {
            for _ in 0..2 {
                assert_eq!(town.sandbox.deliver(&event.id).await.expect("there"), [200]);
            }
        }
        town.all_read().await;
        town.paid_once("B-1", 9_000).await;
        // And once more when all is over.
        for event in town.sandbox.events() {
            town.sandbox.deliver(&event.id).await.expect("there");
        }
        town.all_read().await;
        town.run().await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.sql.count("payments").await, 1);
        let events = i64::try_from(town.sandbox.events().len()).expect("few");
        assert_eq!(town.sql.count("webhook_events").await, events);
        town.mail_sent().await;
        assert_eq!(town.mailbox.all().len(), 1);
    }

    /// Given events that come last one first, with runs in between, when all have come, then it is paid once.
    async fn webhooks_in_the_wrong_order_end_in_the_same_rows(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        town.charge("B-1", "ada");
        let mut events = town.sandbox.undelivered();
        events.reverse();
        for event in &events {
            assert_eq!(town.sandbox.deliver(&event.id).await.expect("there"), [200]);
            town.all_read().await;
            town.run().await;
        }
        let view = town.paid_once("B-1", 9_000).await;
        assert_eq!(view.case.payment.mentor_id.map(|id| id.to_string()).as_deref(), Some("ada"));
    }

    /// Given a charge without a payment intent or a session, when it succeeds, then it is paid all the same.
    async fn a_bare_charge_is_paid(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        let pay = Pay::new(5_000, "eur").through(PaidThrough::Charge);
        let pay = pay.charge_metadata("mentorUserId", "ada").charge_metadata("bookingId", "B-1").transfer_group("B-1");
        town.sandbox.pay(pay).expect("valid");
        town.deliver().await;
        town.paid_once("B-1", 4_500).await;
    }

    /// Given a bank debit that is still processing, when it goes through, then its mentor is paid; when it comes
    /// back, never.
    async fn a_session_is_paid_only_when_its_money_came(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        let pay = |booking: &str| {
            let pay = Pay::new(10_000, "eur").result(PayResult::Processes).transfer_group(booking);
            town.sandbox.pay(pay.metadata("mentorUserId", "ada").metadata("bookingId", booking)).expect("valid")
        };
        let (comes, fails) = (pay("B-comes"), pay("B-fails"));
        town.deliver().await;
        town.run().await;
        town.not_paid("B-comes");
        town.sandbox.end_async_payment(&comes.charge, Ending::Succeeds).expect("processing");
        town.sandbox.end_async_payment(&fails.charge, Ending::Fails).expect("processing");
        town.deliver().await;
        town.paid_once("B-comes", 9_000).await;
        town.not_paid("B-fails");
        town.mail_sent().await;
        assert_eq!(town.mailbox.all().len(), 1, "an unpaid session is nobody's concern: {:?}", town.mailbox.all());
    }

    /// Given a fee in the metadata that adds up, when paid, then it wins over the percentage.
    async fn a_stated_fee_wins_if_it_adds_up(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        let pay = |booking: &str, fee: &str, rest: &str| {
            let pay = Pay::new(10_000, "usd").metadata("mentorUserId", "ada").metadata("bookingId", booking);
            let pay = pay.metadata("platformFee", fee).metadata("mentorAmount", rest).transfer_group(booking);
            town.sandbox.pay(pay).expect("valid");
        };
        pay("B-good", "2500", "7500");
        pay("B-bad", "2500", "9500");
        pay("B-words", "a quarter", "the rest");
        pay("B-less", "-1", "10001");
        pay("B-huge", "99999999999999999999", "1");
        town.deliver().await;
        town.paid_once("B-good", 7_500).await;
        for booking in ["B-bad", "B-words", "B-less", "B-huge"] {
            assert_eq!(town.held_for(booking).await, "fee_conflict", "{booking}");
            town.not_paid(booking);
            town.email(town::ADMIN, booking).await;
        }
    }
}
