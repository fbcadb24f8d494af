//! The database is an earlier copy of itself, or webhooks never came: what was done since is found at Stripe before anything
//! is paid. Idempotency keys do not help here, since Stripe forgets them after a day.

use super::*;
use payoutd::app::sandbox::{Fault, FaultMatch, FaultRule, NewRefund};
use payoutd::ports::{Clock, Reconciling, Span, Store};

/// What Stripe keeps of idempotency keys is gone for payoutd after this, so that stories need no clock to be moved.
const KEYS_LAST: &str = "\"1s\"";

async fn town(db: TestDb) -> Town {
    let town =
        Town::plan().with("rescue.key_max_age", KEYS_LAST).with("rescue.absence_grace", "\"1ms\"").found(db).await;
    town.mentor("ada").await;
    town
}

/// What a daemon did of whose work this database does not know, since it is an earlier copy: the transfer, under the
/// payment's own key. No event of it arrives. Answers its id.
async fn was_paid_since(town: &Town, booking: &str) -> String {
    let payment = town.payment(booking).await.case.payment;
    let (intent, charge) = (payment.intent_id.expect("one"), payment.charge_id.expect("one"));
    let account = town.sql.words("stripe_account_id", "mentors").await.remove(0);
    let form = format!(
        "amount=9000&currency=usd&destination={account}&source_transaction={charge}&transfer_group={booking}\
         &metadata[payoutd_operation]=payoutd:transfer:{intent}:1&metadata[payoutd_payment]={}",
        payment.id
    );
    let made = town.by_hand("/v1/transfers", None, &form).await;
    assert_eq!(town.sql.run("UPDATE continuity SET beat_at = NULL").await, 1);
    made.json()["id"].as_str().expect("an id").to_owned()
}

/// The sandbox forgets its idempotency keys, as Stripe does after a day.
async fn keys_are_gone(town: &Town) {
    town.sandbox.forget_keys();
    town.next_second().await;
    town.next_second().await;
}

on_both_databases! {
    /// Given charges whose webhooks never came, when payoutd catches up, then they are found and paid; a second time
    /// finds nothing, and status says so.
    async fn events_that_no_webhook_brought_are_found(db: TestDb) {
        let town = town(db).await;
        // Its own first time is over: the next is in an hour.
        let done = async || town.sql.count("continuity WHERE caught_up_at IS NOT NULL").await == 1;
        town.until("it caught up", done).await;
        town.charge("B-1", "ada");
        assert!(town.daemon().worker().jobs.catch_up().await.expect("caught up") > 0);
        town.all_read().await;
        town.paid_once("B-1", 9_000).await;
        town.daemon().worker().jobs.catch_up().await.expect("caught up");
        assert_eq!(town.daemon().worker().jobs.catch_up().await.expect("caught up"), 0);
        let figures = town.store.status(payoutd::app::SystemClock.now()).await.expect("read");
        let known = figures.continuity.expect("a row");
        assert_eq!(known.caught_up_found, 0);
        assert!(known.caught_up_at.is_some() && known.caught_up_to >= known.caught_up_at);
    }

    /// Given a daemon that cannot list Stripe's events and last did so long ago, when a run is due, then nothing is paid,
    /// and the run says why; once they are listed, it is.
    async fn nothing_is_paid_before_it_has_caught_up(db: TestDb) {
        let town = Town::plan().with("catch_up.interval", "\"1ms\"").with("catch_up.max_age", "\"1ms\"").found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        let rule = FaultRule { times: Some(1_000), ..FaultRule::once(FaultMatch::reads("/v1/events"), Fault::Garbage) };
        town.sandbox.add_fault(rule);
        town.run().await;
        town.not_paid("B-1");
        let errors = town.sql.words("coalesce(error, '')", "runs ORDER BY id DESC LIMIT 1").await;
        assert!(errors[0].contains("events cannot be listed"), "{errors:?}");
        town.sandbox.clear_faults();
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a database that was restored, and keys that Stripe has forgotten, when the payment is due again, then its
    /// transfer is looked for first, adopted, and not paid twice, though no event tells of it.
    async fn a_restored_database_looks_before_it_pays(db: TestDb) {
        let town = town(db).await;
        town.known_charge("B-1", "ada").await;
        let before = was_paid_since(&town, "B-1").await;
        keys_are_gone(&town).await;
        let after = town.paid_once("B-1", 9_000).await.case.payment.transfer_id;
        assert_eq!(Some(before.as_str()), after.as_ref().map(|id| id.as_str()));
        assert_eq!(town.calls("B-1").await, ["look_up 200"], "nothing was sent");
    }

    /// Given the same with a list of transfers that cannot be read, then the payment waits: what was not seen is not absent.
    async fn a_restored_database_that_cannot_look_does_not_pay(db: TestDb) {
        let town = town(db).await;
        town.known_charge("B-1", "ada").await;
        was_paid_since(&town, "B-1").await;
        keys_are_gone(&town).await;
        let rule = FaultRule { times: Some(3), ..FaultRule::once(FaultMatch::reads("/v1/transfers"), Fault::Garbage) };
        town.sandbox.add_fault(rule);
        town.run().await;
        assert_eq!(town.operations("B-1").await, [] as [String; 0]);
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a restored database and a payment that was not paid before, then it is looked for, not found, and paid.
    async fn what_was_not_paid_before_the_restore_is_paid(db: TestDb) {
        let town = town(db).await;
        town.known_charge("B-1", "ada").await;
        town.sql.run("UPDATE continuity SET beat_at = NULL").await;
        keys_are_gone(&town).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.calls("B-1").await, ["create 200"]);
    }

    /// Given differences of several kinds, when compared, then each is a row with a command; taking in adopts what is
    /// safe and leaves the rest, and what is gone is closed.
    async fn stripe_and_the_database_are_compared_both_ways(db: TestDb) {
        let town = town(db).await;
        for booking in ["B-1", "B-2", "B-3"] {
            town.known_charge(booking, "ada").await;
            town.paid_once(booking, 9_000).await;
        }
        town.deliver().await;
        let charge = town.payment("B-2").await.case.payment.charge_id.expect("known").to_string();
        let jobs = town.daemon().worker().jobs.clone();
        let span = || {
            let now = payoutd::app::SystemClock.now();
            Span { since: now - chrono::TimeDelta::hours(1), until: now }
        };
        let agreed = jobs.reconcile(span(), false, None, &|_, _| {}).await.expect("compared");
        assert_eq!((agreed.found, agreed.compared), (0, 3), "{agreed:?}");

        // Another amount here, one that Stripe does not have, and a refund whose events are lost.
        town.sql.run("UPDATE transfers SET amount = 8000 WHERE transfer_group = 'B-1'").await;
        let made_up = "INSERT INTO transfers (stripe_transfer_id, destination, amount, amount_reversed, currency, created_at) \
            SELECT 'tr_made_up', destination, 1, 0, currency, created_at FROM transfers WHERE transfer_group = 'B-1'";
        town.sql.run(made_up).await;
        town.sandbox.refund(NewRefund { charge, amount_minor: Some(1_000), pending: false }).expect("refundable");
        town.daemon().worker().jobs.catch_up().await.expect("caught up");
        town.all_read().await;
        town.sql.run("DELETE FROM refunds").await;
        let found = jobs.reconcile(span(), false, None, &|_, _| {}).await.expect("compared");
        assert_eq!((found.found, found.new), (3, 3), "{found:?}");
        let open = town.sql.words("kind || ' ' || subject", "discrepancies WHERE closed_at IS NULL ORDER BY kind").await;
        assert_eq!(open, ["amount transfer", "missing_here refund", "missing_there transfer"]);
        town.email(ADMIN, "do not agree").await;

        let fixed = jobs.reconcile(span(), true, None, &|_, _| {}).await.expect("compared");
        assert_eq!((fixed.found, fixed.new, fixed.taken_in, fixed.closed), (2, 0, 1, 1), "{fixed:?}");
        assert_eq!(town.sql.count("refunds").await, 1);
        town.sql.run("UPDATE transfers SET amount = 9000 WHERE transfer_group = 'B-1'").await;
        town.sql.run("DELETE FROM transfers WHERE stripe_transfer_id = 'tr_made_up'").await;
        let agreed = jobs.reconcile(span(), false, None, &|_, _| {}).await.expect("compared");
        assert_eq!((agreed.found, agreed.closed), (0, 2), "{agreed:?}");
        assert_eq!(town.store.open_discrepancies(10).await.expect("read").0, 0);
    }

    /// Given a restored database, when compared with `fix`, then what was paid since is adopted at once, without a run.
    async fn taking_in_adopts_a_transfer(db: TestDb) {
        let town = town(db).await;
        town.known_charge("B-1", "ada").await;
        was_paid_since(&town, "B-1").await;
        // It would not be due: a person flagged it in the meantime.
        town.sql.run("UPDATE payments SET dispute_requested = true").await;
        keys_are_gone(&town).await;
        let now = payoutd::app::SystemClock.now();
        let span = Span { since: now - chrono::TimeDelta::hours(1), until: now };
        let jobs = town.daemon().worker().jobs.clone();
        let fixed = jobs.reconcile(span, true, None, &|_, _| {}).await.expect("compared");
        assert_eq!(fixed.found, 0, "{fixed:?}");
        jobs.rescue().await.expect("looked up");
        town.paid_once("B-1", 9_000).await;
        town.email(ADMIN, "was sent, perhaps wrongly").await;
    }
}

/// Given a backup made while the daemon works, when what is paid after it is lost with the database and the backup is put in
/// its place, then the daemon that is started on it pays nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn the_restore_drill() {
    let mut town = town(TestDb::sqlite()).await;
    town.known_charge("B-1", "ada").await;
    town.known_charge("B-2", "ada").await;
    let done = async || town.sql.count("continuity WHERE caught_up_at IS NOT NULL").await == 1;
    town.until("it caught up", done).await;
    town.sql
        .run("UPDATE payments SET wait_until = '2999-01-01T00:00:00.000Z', wait_reason = 'funds', next_check_at = NULL")
        .await;
    let copy = town.dir().join("copy.db");
    town.store.backup(&copy).await.expect("a backup");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&copy).expect("there").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let again = town.store.backup(&copy).await.expect_err("never written over").to_string();
    assert!(again.contains("cannot be made"), "{again}");

    let woken = "wait_until = NULL, wait_reason = NULL, next_check_at = '1970-01-01T00:00:00.000Z'";
    town.sql.run(&format!("UPDATE payments SET {woken} WHERE booking_id = 'B-1'")).await;
    town.paid_once("B-1", 9_000).await;
    assert!(town.take_house().close().await);
    keys_are_gone(&town).await;
    town.put_in_place(&copy).await;
    town.start().await;
    // The copy's last time is a moment ago, but not this daemon's: it does not wait for the hour to be over.
    let done = async || town.sql.count("continuity WHERE caught_up_at >= known_since").await == 1;
    town.until("it caught up at once", done).await;
    town.sql.run(&format!("UPDATE payments SET {woken}")).await;
    town.paid_once("B-1", 9_000).await;
    town.paid_once("B-2", 9_000).await;
    assert_eq!(town.sandbox.books().transfers.len(), 2);
}
