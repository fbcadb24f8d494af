//! Several daemons on one PostgreSQL, and many payments at once.

use super::*;
use payoutd::app::sandbox::{PaidThrough, Pay};

const MANY: usize = 200;

/// Given two daemons on one database and 200 payments that are due, when both run at once, then each payment is paid
/// once, and both had a part in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_share_200_payments_and_pay_each_once() {
    let plan = Town::plan().with("window.dispute_window", "\"72h\"").with("release.batch_size", 20);
    let town = plan.with("stripe.concurrency", 8).found(TestDb::postgres().await).await;
    town.mentor("ada").await;
    for number in 1..=MANY {
        let booking = format!("B-{number}");
        let pay = Pay::new(10_000, "usd").through(PaidThrough::Charge).transfer_group(&booking);
        town.sandbox
            .pay(pay.charge_metadata("mentorUserId", "ada").charge_metadata("bookingId", &booking))
            .expect("valid");
    }
    town.deliver_only(&["charge.succeeded"]).await;
    town.run().await;
    let other = town.another_house().await;
    let past = town.sql.seconds_from_now(-1);
    assert_eq!(town.sql.run(&format!("UPDATE payments SET dispute_period_ends = {past}")).await, MANY);

    let (one, two) = tokio::join!(town.house().begin_run(), other.begin_run());
    let (one, two) = (one.expect("no panic").transferred, two.expect("no panic").transferred);
    assert_eq!(one + two, MANY);
    assert!(one > 0 && two > 0, "{one} and {two}");
    let books = town.sandbox.books();
    assert_eq!((books.transfers.len(), books.duplicates), (MANY, 0));
    assert!(books.transfers.iter().all(|transfer| transfer.amount_minor == 9_000));
    assert_eq!(town.sql.count("payments WHERE status = 'transferred'").await, 200);
    assert_eq!(town.sql.count("operation_attempts").await, 200);
    town.mail_sent().await;
    let told = town.sql.count("emails WHERE kind = 'paid'").await;
    assert_eq!(told, 200);
    assert!(other.close().await);
}

/// Given a daemon with a call on the wire, when another on the same database runs and rescues, then it leaves that
/// payment alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_daemon_has_leased_the_other_leaves_alone() {
    let db = TestDb::postgres().await;
    let town = Town::plan().with("stripe.call_timeout", "\"4s\"").found(db).await;
    town.mentor("ada").await;
    town.known_charge("B-1", "ada").await;
    town.trouble("B-1", payoutd::app::sandbox::Fault::Delay { ms: 800 });
    let other = town.another_house().await;
    let run = town.house().begin_run();
    town.until("the call is on the wire", async || town.sandbox.faults()[0].fired == 1).await;
    assert_eq!(other.run().await.looked_at, 0);
    assert_eq!(run.await.expect("no panic").transferred, 1);
    town.paid_once("B-1", 9_000).await;
    assert_eq!(town.calls("B-1").await, ["create 200"]);
    assert!(other.close().await);
}
