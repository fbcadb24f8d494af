//! Preflight by sweep: what changed at Stripe is listed right before a run, and most payments are paid without a read of their
//! own. A sweep that is not done to its end pays nothing.

use super::*;
use payoutd::app::sandbox::{
    DisputeStatus, Fault, FaultMatch, FaultRule, NewDispute, NewRefund, Paid, PaidThrough, Pay, ServerErrorPoint,
};

const DAY: i64 = 86_400;

/// A town that pays by sweep, and has swept for the first time: what is charged from now on is covered.
async fn town(db: TestDb) -> Town {
    sweeping(Town::plan(), db).await
}

async fn sweeping(plan: town::Plan, db: TestDb) -> Town {
    let plan = plan.with("release.preflight", "\"sweep\"").with("release.sweep_overlap", "\"1ms\"");
    let town = plan.with("window.dispute_window", "\"72h\"").found(db).await;
    town.mentor("ada").await;
    town.run().await;
    assert_eq!(town.sql.count("sweeps WHERE swept_at IS NOT NULL AND failing_since IS NULL").await, 1);
    town
}

/// Charges that payoutd knows from their webhooks, and whose windows are over.
async fn due(town: &Town, bookings: &[&str]) -> Vec<Paid> {
    let paid = bookings.iter().map(|booking| town.charge(booking, "ada")).collect();
    town.deliver().await;
    for booking in bookings {
        town.window_ends(booking).await;
    }
    // Only charges of a second that is over are listed with certainty.
    town.next_second().await;
    paid
}

/// Counts reads from now on: of single charges, and all.
fn counts_reads(town: &Town) -> impl Fn() -> (u32, u32) + '_ {
    let nothing = Fault::Delay { ms: 0 };
    let one = town.sandbox.add_fault(FaultRule::always(FaultMatch::reads("/v1/charges/"), nothing.clone()));
    let other = town.sandbox.add_fault(FaultRule::always(FaultMatch::reads("/v1/"), nothing));
    let fired = |id| town.sandbox.faults().iter().find(|report| report.id == id).expect("it").fired;
    move || (fired(one), fired(one) + fired(other))
}

fn refund(town: &Town, paid: &Paid, amount_minor: Option<i64>) {
    town.sandbox.refund(NewRefund { charge: paid.charge.clone(), amount_minor, pending: false }).expect("refundable");
}

/// Moves what was swept into the past, as a daemon leaves it that was away so long.
async fn was_away(town: &Town, days: i64) {
    let at = |seconds| town.sql.seconds_from_now(seconds);
    let (from, to) = (at(-days * DAY - DAY), at(-days * DAY));
    let set = format!("covers_from = {from}, swept_to = {to}, charges_to = {to}, swept_at = {to}");
    assert_eq!(town.sql.run(&format!("UPDATE sweeps SET {set}")).await, 1);
}

on_both_databases! {
    /// Given refunds and disputes whose webhooks were lost, when a run sweeps, then they are found; what nothing happened to
    /// is paid without a read of its own.
    async fn a_sweep_finds_what_no_webhook_told(db: TestDb) {
        let town = town(db).await;
        let paid = due(&town, &["B-1", "B-refunded", "B-part", "B-disputed"]).await;
        refund(&town, &paid[1], None);
        refund(&town, &paid[2], Some(5_000));
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid[3].charge)).expect("disputable");
        let reads = counts_reads(&town);
        town.paid_once("B-1", 9_000).await;
        town.reaches("B-refunded", status::Refunded).await;
        assert_eq!(town.held_for("B-disputed").await, "dispute_open");
        town.paid_once("B-part", 4_500).await;
        assert_eq!(reads().0, 1, "only the charge that was refunded in part is read by itself");
        town.not_paid("B-refunded");
        town.not_paid("B-disputed");
        assert_eq!(town.operations("B-refunded").await, [""; 0]);
        // It is won, and no webhook tells of that either: only the event does.
        town.next_second().await;
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        due(&town, &["B-other"]).await;
        town.paid_once("B-disputed", 9_000).await;
        assert_eq!(town.sandbox.books().duplicates, 0);
    }

    /// Given 300 payments that are due, when they are paid by sweep, then Stripe is asked a handful of times.
    async fn three_hundred_payments_take_a_handful_of_reads(db: TestDb) {
        let town = town(db).await;
        for number in 1..=300 {
            let pay = Pay::new(10_000, "usd").through(PaidThrough::Charge).transfer_group(&format!("B-{number}"));
            town.sandbox.pay(pay.charge_metadata("mentorUserId", "ada")).expect("valid");
        }
        town.deliver_only(&["charge.succeeded"]).await;
        town.next_second().await;
        let past = town.sql.seconds_from_now(-1);
        assert_eq!(town.sql.run(&format!("UPDATE payments SET dispute_period_ends = {past}")).await, 300);
        let reads = counts_reads(&town);
        let counts = town.run().await;
        assert_eq!((counts.transferred, counts.waiting, counts.unfinished), (300, 0, 0), "{counts:?}");
        let (single, all) = reads();
        assert_eq!(single, 0);
        assert!(all <= 10, "{all} reads: three pages of charges, and a page or two of each other list");
        let books = town.sandbox.books();
        assert_eq!((books.transfers.len(), books.duplicates), (300, 0));
        let confirmed = "operations WHERE state = 'confirmed' AND generation = 1 AND stripe_request_id IS NOT NULL";
        assert_eq!(town.sql.count(confirmed).await, 300);
        assert_eq!(town.sql.count("ledger_journals WHERE kind = 'transfer'").await, 300);
    }

    /// Given transfers that were claimed ahead of their turn, when the daemon is told to stop, then they are handed back, known
    /// not to be sent, and paid once after the next start.
    async fn a_stop_hands_back_what_was_claimed_ahead(db: TestDb) {
        let plan = Town::plan().with("stripe.concurrency", 2).with("stripe.call_timeout", "\"5s\"");
        let mut town = sweeping(plan, db).await;
        let bookings = ["B-1", "B-2", "B-3", "B-4", "B-5", "B-6"];
        due(&town, &bookings).await;
        town.sandbox.add_fault(FaultRule::always(FaultMatch::transfers(), Fault::Delay { ms: 1_500 }));
        let _ended_by_the_stop = town.house().begin_run();
        let fired = || usize::try_from(town.sandbox.faults()[0].fired).expect("few");
        let claimed = async || town.sql.count("operations").await;
        town.until("two are on the wire and more are claimed", async || fired() == 2 && claimed().await > 2).await;
        assert!(town.take_house().close().await, "within its grace");
        assert_eq!(town.sandbox.books().transfers.len(), 2, "none was begun after the stop");
        assert_eq!(town.sql.count("operations WHERE state = 'confirmed'").await, 2);
        let handed_back = "operations WHERE state = 'planned' AND NOT maybe_done AND lease_until IS NULL AND attempts = 0";
        assert_eq!(town.sql.count(handed_back).await + 2, town.sql.count("operations").await);
        town.sandbox.clear_faults();
        town.start().await;
        for booking in bookings {
            town.paid_once(booking, 9_000).await;
        }
        assert_eq!(town.sandbox.books().duplicates, 0);
    }

    /// Given a list that cannot be read, when a run is due, then nothing is paid by that sweep, whatever is wrong; once all
    /// lists are read, it is paid once.
    async fn a_sweep_that_fails_pays_nothing(db: TestDb) {
        let town = sweeping(Town::plan().with("release.preflight_retry", "\"60s\""), db).await;
        let paid = due(&town, &["B-1", "B-many"]).await;
        // More than fit on a page.
        for _ in 0..101 {
            refund(&town, &paid[1], Some(10));
        }
        let next_page = FaultMatch { body_contains: Some("starting_after".into()), ..FaultMatch::reads("/v1/refunds") };
        for (matching, fault) in [
            (FaultMatch::reads("/v1/events"), Fault::Garbage),
            (FaultMatch::reads("/v1/disputes"), Fault::ServerError { status: 503, at: ServerErrorPoint::BeforeExecution }),
            (next_page, Fault::TimeoutBeforeEffect { hold_ms: None }),
            (FaultMatch::reads("/v1/charges"), Fault::ResetAfterEffect),
        ] {
            town.sandbox.clear_faults();
            town.sandbox.add_fault(FaultRule::always(matching.clone(), fault));
            let woken = format!("next_check_at = {}, wait_until = NULL, wait_reason = NULL", town.sql.seconds_from_now(-1));
            town.sql.run(&format!("UPDATE payments SET {woken}")).await;
            let counts = town.run().await;
            assert_eq!((counts.transferred, counts.waiting), (0, 2), "{matching:?}: {counts:?}");
            town.not_paid("B-1");
            assert_eq!(town.operations("B-1").await, [""; 0]);
            let errors = town.sql.words("coalesce(error, '')", "runs ORDER BY id DESC LIMIT 1").await;
            assert!(errors[0].contains("what was ready waits: what changed at Stripe cannot be listed"), "{errors:?}");
            assert_eq!(town.sql.count("payments WHERE wait_reason = 'preflight'").await, 2);
        }
        assert_eq!(town.sql.count("sweeps WHERE failing_since IS NOT NULL").await, 1);
        town.sandbox.clear_faults();
        town.sql.run("UPDATE payments SET next_check_at = dispute_period_ends, wait_until = NULL, wait_reason = NULL").await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(town.sql.count("sweeps WHERE failing_since IS NOT NULL").await, 0);
        assert_eq!(town.calls("B-1").await, ["create 200"]);
    }

    /// Given sweeps that fail for longer than a payment waits whose charge could not be read, then charges are read one by
    /// one: what such a read tells holds the payment all the same.
    async fn when_sweeps_go_on_failing_charges_are_read(db: TestDb) {
        let town = town(db).await;
        let paid = due(&town, &["B-1", "B-refunded"]).await;
        refund(&town, &paid[1], None);
        let broken = FaultMatch::reads("/v1/disputes");
        town.sandbox.add_fault(FaultRule::always(broken, Fault::Garbage));
        let reads = counts_reads(&town);
        assert_eq!(town.run().await.transferred, 0);
        assert_eq!(reads().0, 0);
        town.paid_once("B-1", 9_000).await;
        town.reaches("B-refunded", status::Refunded).await;
        assert!(reads().0 >= 1);
        town.not_paid("B-refunded");
    }

    /// Given an event that tells of a change and cannot be read, then the sweep that lists it is not a good one.
    async fn an_event_that_cannot_be_read_fails_the_sweep(db: TestDb) {
        let town = sweeping(Town::plan().with("release.preflight_retry", "\"60s\""), db).await;
        let paid = due(&town, &["B-1", "B-2"]).await;
        refund(&town, &paid[1], Some(10));
        let event = town.sandbox.undelivered().into_iter().find(|event| event.kind == "charge.refunded").expect("one");
        let columns = "event_id, type, stripe_created, livemode, body, received_at, state";
        let now = town.sql.seconds_from_now(0);
        let values = format!("'{}', '{}', {now}, false, '', {now}, 'failed'", event.id, event.kind);
        town.sql.run(&format!("INSERT INTO webhook_events ({columns}) VALUES ({values})")).await;
        assert_eq!(town.run().await.transferred, 0);
        town.not_paid("B-1");
        let errors = town.sql.words("coalesce(error, '')", "runs ORDER BY id DESC LIMIT 1").await;
        assert!(errors[0].contains(&format!("event {} tells of a change", event.id)), "{errors:?}");
    }

    /// Given a daemon that sweeps, when it is started again, even a week later, then it goes on where it stopped, finds what
    /// happened meanwhile, and still pays without reading charges.
    async fn it_goes_on_where_it_stopped(db: TestDb) {
        let mut town = town(db).await;
        let paid = due(&town, &["B-1", "B-refunded"]).await;
        town.sql.run("UPDATE payments SET dispute_requested = true").await;
        town.run().await;
        let from = town.sql.words("substr(CAST(covers_from AS TEXT), 1, 19)", "sweeps").await;
        town.restart().await;
        refund(&town, &paid[1], None);
        town.sql.run("UPDATE payments SET dispute_requested = false").await;
        let reads = counts_reads(&town);
        town.reaches("B-refunded", status::Refunded).await;
        town.paid_once("B-1", 9_000).await;
        assert_eq!(reads().0, 0);
        assert_eq!(town.sql.words("substr(CAST(covers_from AS TEXT), 1, 19)", "sweeps").await, from);

        town.sandbox.clear_faults();
        let paid = due(&town, &["B-2", "B-3"]).await;
        refund(&town, &paid[1], None);
        was_away(&town, 7).await;
        let from = town.sql.words("substr(CAST(covers_from AS TEXT), 1, 19)", "sweeps").await;
        let reads = counts_reads(&town);
        town.paid_once("B-2", 9_000).await;
        town.reaches("B-3", status::Refunded).await;
        assert_eq!(reads().0, 0);
        assert!(reads().1 >= 7 * 4, "a day at a time");
        assert_eq!(town.sql.words("substr(CAST(covers_from AS TEXT), 1, 19)", "sweeps").await, from);
    }

    /// Given a daemon that was away for longer than Stripe keeps events, then sweeping begins anew, and what was charged
    /// before is read charge by charge; so is what was charged before the first sweep ever.
    async fn what_was_charged_before_is_read_by_itself(db: TestDb) {
        let town = town(db).await;
        let paid = due(&town, &["B-1", "B-refunded"]).await;
        refund(&town, &paid[1], None);
        was_away(&town, 30).await;
        town.next_second().await;
        let reads = counts_reads(&town);
        town.paid_once("B-1", 9_000).await;
        town.reaches("B-refunded", status::Refunded).await;
        assert!(reads().0 >= 1);
        town.not_paid("B-refunded");

        town.sandbox.clear_faults();
        due(&town, &["B-2"]).await;
        town.sql.run("DELETE FROM sweeps").await;
        town.next_second().await;
        let reads = counts_reads(&town);
        town.paid_once("B-2", 9_000).await;
        assert_eq!(reads().0, 1);
        town.sandbox.clear_faults();
        due(&town, &["B-3"]).await;
        let reads = counts_reads(&town);
        town.paid_once("B-3", 9_000).await;
        assert_eq!(reads().0, 0);
    }

    /// Given a charge that settled in another currency, when it is due, then the sweep has read that, and it waits for a person.
    async fn a_charge_that_settled_in_another_currency_is_held(db: TestDb) {
        let town = town(db).await;
        let pay = Pay::new(10_000, "usd").by("Casey Customer", "casey@example.com").transfer_group("B-1");
        let pay = pay.metadata("mentorUserId", "ada").metadata("bookingId", "B-1").settles_as(9_200, "eur");
        town.sandbox.pay(pay).expect("valid");
        town.deliver().await;
        town.window_ends("B-1").await;
        town.next_second().await;
        let reads = counts_reads(&town);
        assert_eq!(town.held_for("B-1").await, "other_settlement_currency");
        assert_eq!(reads().0, 0);
    }

    /// Given a payment whose first transfer was refused, when a person has it tried again, then its charge is read.
    async fn what_was_tried_before_is_read_by_itself(db: TestDb) {
        let town = town(db).await;
        due(&town, &["B-1"]).await;
        town.trouble("B-1", Fault::Refuse { status: 400, code: "transfer_refused".into(), message: "No.".into() });
        town.reaches("B-1", status::Failed).await;
        let id = town.payment("B-1").await.case.payment.id;
        let now = payoutd::ports::Clock::now(&payoutd::app::SystemClock);
        assert!(payoutd::ports::Store::retry(&town.store, id, "e2e".into(), now).await.expect("recorded"));
        let reads = counts_reads(&town);
        town.paid_once("B-1", 9_000).await;
        assert_eq!(reads().0, 1);
    }
}

/// Given two daemons on one database that both sweep, and payments of which some were refunded without a webhook, when both
/// run at once, then each is paid once, and none that was refunded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_sweep_and_pay_each_once() {
    let town = sweeping(Town::plan().with("release.batch_size", 10), TestDb::postgres().await).await;
    let charges: Vec<Paid> = (0..80).map(|number| town.charge(&format!("B-{number}"), "ada")).collect();
    town.deliver_only(&["charge.succeeded"]).await;
    town.next_second().await;
    charges.iter().step_by(8).for_each(|paid| refund(&town, paid, None));
    let other = town.another_house().await;
    let past = town.sql.seconds_from_now(-1);
    assert_eq!(town.sql.run(&format!("UPDATE payments SET dispute_period_ends = {past}")).await, 80);
    let (one, two) = tokio::join!(town.house().begin_run(), other.begin_run());
    let (one, two) = (one.expect("no panic"), two.expect("no panic"));
    assert_eq!(one.transferred + two.transferred, 70, "{one:?} {two:?}");
    let books = town.sandbox.books();
    assert_eq!((books.transfers.len(), books.duplicates), (70, 0));
    for number in (0..80).step_by(8) {
        town.not_paid(&format!("B-{number}"));
    }
    assert!(other.close().await);
}
