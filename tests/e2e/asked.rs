//! What is asked of a payment beside its transfer: refunds by rows, in full, in part, by the policy; authorised payments,
//! captured after the session or let go of; and the completion gate.

use super::*;
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{Ending, Fault, FaultMatch, FaultRule, Paid, Pay, PayResult};
use payoutd::domain::request::{Ask, RequestState};
use payoutd::ports::{Asks, Clock, NewRefundRequest, Request};

async fn town(db: TestDb) -> Town {
    let town = Town::new(db).await;
    town.mentor("ada").await;
    town
}

/// What the platform's developer types.
async fn ask(town: &Town, booking: &str, columns: &str, values: &str) {
    let payment = town.payment(booking).await.case.payment.id;
    let insert =
        format!("INSERT INTO refund_requests (payment_id, reason, {columns}) VALUES ({payment}, 'asked', {values})");
    assert_eq!(town.sql.run(&insert).await, 1);
}

/// `done 2500`, `refused -`, in the order in which they were asked for.
async fn requests(town: &Town) -> Vec<String> {
    let what = "state || ' ' || coalesce(CAST(refunded_amount AS TEXT), '-')";
    town.sql.words(what, "refund_requests ORDER BY id").await
}

/// Runs until every request is at its end.
async fn answered(town: &Town, expected: &[&str]) {
    let there = async || {
        town.run().await;
        requests(town).await == expected
    };
    town.until(&format!("requests are {expected:?}"), there).await;
    // And stay so, whatever is told again.
    town.deliver().await;
    town.run().await;
    assert_eq!(requests(town).await, expected);
}

/// What Stripe really gave back of a charge.
fn refunded(town: &Town, paid: &Paid) -> Vec<i64> {
    let events = town.sandbox.events();
    let made = events.iter().filter(|event| event.kind == "refund.created").map(|event| event.json());
    let of_charge = made.filter(|event| event["data"]["object"]["charge"] == paid.charge.as_str());
    of_charge.filter_map(|event| event["data"]["object"]["amount"].as_i64()).collect()
}

fn matching(path: &str) -> FaultMatch {
    FaultMatch { method: Some("POST".into()), path_prefix: Some(path.into()), ..FaultMatch::default() }
}

fn authorize(town: &Town, booking: &str) -> Paid {
    let pay = Pay::new(10_000, "usd").by("Casey Customer", "casey@example.com").transfer_group(booking);
    let pay = pay.metadata("mentorUserId", "ada").metadata("bookingId", booking).result(PayResult::Authorizes);
    town.sandbox.pay(pay).expect("a valid payment")
}

/// How often Stripe told of this about the payment's intent or charge.
fn told(town: &Town, kind: &str) -> usize {
    town.sandbox.events().iter().filter(|event| event.kind == kind).count()
}

async fn completed(town: &Town, booking: &str, seconds: i64) {
    let at = town.sql.seconds_from_now(seconds);
    let set = format!("UPDATE payments SET session_completed_at = {at} WHERE booking_id = '{booking}'");
    assert_eq!(town.sql.run(&set).await, 1);
}

on_both_databases! {
    /// Given a payment that is due, when a row asks for part of it back, then that is refunded first, customer and mentor
    /// are told, and the mentor gets their part of the rest.
    async fn a_part_is_refunded_before_the_transfer(db: TestDb) {
        let town = town(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        ask(&town, "B-1", "amount", "2500").await;
        answered(&town, &["done 2500"]).await;
        town.reaches("B-1", status::Transferred).await;
        assert_eq!(refunded(&town, &paid), [2_500]);
        assert_eq!(town.left("B-1"), 6_750);
        let to_customer = town.email("casey@example.com", "25.00 USD").await;
        assert!(to_customer.text.contains("Hello Casey Customer,"), "{to_customer:?}");
        town.email("ada@example.org", "What is left for you is 67.50 USD").await;
    }

    /// Given a payment that is due, when all of it is asked for, then all goes back, and nobody is paid.
    async fn all_is_refunded(db: TestDb) {
        let town = town(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        ask(&town, "B-1", "requested_by", "'booking service'").await;
        answered(&town, &["done 10000"]).await;
        town.reaches("B-1", status::Refunded).await;
        town.not_paid("B-1");
        assert_eq!(refunded(&town, &paid), [10_000]);
    }

    /// Given an answer that is lost after the effect, when it is found out, then the customer was refunded once.
    async fn a_lost_answer_refunds_once(db: TestDb) {
        let town = town(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        town.sandbox.add_fault(FaultRule::times(2, matching("/v1/refunds"), Fault::ResetAfterEffect));
        ask(&town, "B-1", "amount", "2500").await;
        answered(&town, &["done 2500"]).await;
        town.reaches("B-1", status::Transferred).await;
        assert_eq!(refunded(&town, &paid), [2_500]);
        assert_eq!(town.left("B-1"), 6_750);
    }

    /// Given requests that cannot be, when a run looks at them, then each is refused in words, an admin is told, and
    /// nothing moves but the transfer that was due.
    async fn what_cannot_be_is_refused(db: TestDb) {
        let town = town(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        for (columns, values) in [("amount", "10001"), ("amount", "0"), ("amount", "-5"), ("amount, currency", "100, 'eur'")] {
            ask(&town, "B-1", columns, values).await;
        }
        ask(&town, "B-1", "by_policy", "true").await;
        answered(&town, &["refused -"; 5]).await;
        let words = town.sql.words("outcome", "refund_requests ORDER BY id").await;
        assert!(words[0].contains("100.01 USD is more than the 100.00 USD"), "{words:?}");
        assert!(words[3].contains("asked for in eur"), "{words:?}");
        town.paid_once("B-1", 9_000).await;
        assert_eq!(refunded(&town, &paid), [0; 0]);
        town.email("admin@example.com", "could not").await;
    }

    /// Given a payment that was paid, when a refund is asked for, then the customer has it, and the mentor's share of it is
    /// taken back.
    async fn a_refund_after_the_transfer_takes_the_share_back(db: TestDb) {
        let town = town(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        town.paid_once("B-1", 9_000).await;
        ask(&town, "B-1", "amount", "5000").await;
        answered(&town, &["done 5000"]).await;
        let back = async || {
            town.run().await;
            town.left("B-1") == 4_500
        };
        town.until("the share is back", back).await;
        assert_eq!(refunded(&town, &paid), [5_000]);
        town.email("ada@example.org", "because the customer was refunded").await;
    }

    /// Given a refund that was made, when the bank sends it back, then the request has failed, an admin is told what to do,
    /// and the payment is held for them.
    async fn a_refund_that_comes_back_is_for_a_person(db: TestDb) {
        let town = town(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        ask(&town, "B-1", "requested_by", "'booking service'").await;
        answered(&town, &["done 10000"]).await;
        let refund = town.sql.words("stripe_refund_id", "refund_requests").await.remove(0);
        town.next_second().await;
        town.sandbox.settle_refund(&refund, Ending::Fails).expect("it can come back");
        town.deliver().await;
        assert_eq!(requests(&town).await, ["failed 10000"]);
        assert_eq!(town.held_for("B-1").await, "payment_hold");
        town.email("admin@example.com", "the money came back from").await;
        town.not_paid("B-1");
        assert_eq!(refunded(&town, &paid), [10_000]);
    }

    /// Given Stripe that will not refund, when it says so, then the request has failed, and the payment is held.
    async fn what_stripe_refuses_is_for_a_person(db: TestDb) {
        let town = town(db).await;
        town.known_charge("B-1", "ada").await;
        let refusal = Fault::Refuse { status: 400, code: "charge_declined".into(), message: "No.".into() };
        town.sandbox.add_fault(FaultRule::always(matching("/v1/refunds"), refusal));
        ask(&town, "B-1", "amount", "2500").await;
        answered(&town, &["failed -"]).await;
        assert_eq!(town.held_for("B-1").await, "payment_hold");
        town.email("admin@example.com", "payoutd lift").await;
    }

    /// Given a key, when the same is asked for again, then it is the same request; something else under it is refused.
    async fn a_key_is_one_request(db: TestDb) {
        let town = town(db).await;
        let paid = town.known_charge("B-1", "ada").await;
        let payment_id = town.payment("B-1").await.case.payment.id;
        let wanted = |ask| NewRefundRequest {
            payment_id,
            ask,
            currency: None,
            reason: "asked".into(),
            request_key: Some("ticket-1".into()),
            requested_by: "e2e".into(),
        };
        let ask = async |ask| town.store.ask_refund(wanted(ask), SystemClock.now()).await.expect("recorded");
        assert!(matches!(ask(Ask::Amount(2_500)).await, Request::Recorded(view) if view.state == RequestState::Open));
        assert!(matches!(ask(Ask::Amount(2_500)).await, Request::Known(_)));
        assert!(matches!(ask(Ask::Amount(2_600)).await, Request::KeyTaken(_)));
        assert!(matches!(ask(Ask::All).await, Request::KeyTaken(_)));
        answered(&town, &["done 2500"]).await;
        assert!(matches!(ask(Ask::Amount(2_500)).await, Request::Known(view) if view.state == RequestState::Done));
        assert_eq!(refunded(&town, &paid), [2_500]);
    }

    /// Given a currency without decimals and one with three, when parts are refunded, then the amounts are exact.
    async fn currencies_without_and_with_three_decimals(db: TestDb) {
        let town = town(db).await;
        for (booking, amount, currency, part, left) in
            [("B-JPY", 10_001, "jpy", 3_000, 6_301), ("B-KWD", 10_010, "kwd", 5_000, 4_510)]
        {
            let paid = town.pay(booking, "ada", amount, currency);
            town.deliver().await;
            ask(&town, booking, "amount", &part.to_string()).await;
            town.reaches(booking, status::Transferred).await;
            assert_eq!((refunded(&town, &paid), town.left(booking)), (vec![part], left), "{booking}");
        }
    }

    /// Given an authorised payment, when its session is completed, then it is captured after the delay, once, and paid.
    async fn an_authorised_payment_is_captured_after_the_session(db: TestDb) {
        let town = Town::plan().with("capture.delay", "\"30m\"").found(db).await;
        town.mentor("ada").await;
        authorize(&town, "B-1");
        town.deliver().await;
        town.reaches("B-1", status::Authorized).await;
        completed(&town, "B-1", -60).await;
        town.run().await;
        assert_eq!(told(&town, "charge.captured"), 0, "not before the delay");
        town.next_second().await;
        town.sandbox.add_fault(FaultRule::once(matching("/v1/payment_intents"), Fault::ResetAfterEffect));
        completed(&town, "B-1", -31 * 60).await;
        let view = town.reaches("B-1", status::Transferred).await;
        assert_eq!((told(&town, "charge.captured"), town.left("B-1")), (1, 9_000));
        assert!(view.paid_at > view.case.payment.authorized_at, "{view:?}");
    }

    /// Given an authorised payment, when it is asked back in full, then nothing is ever charged.
    async fn an_authorisation_is_let_go_of(db: TestDb) {
        let town = town(db).await;
        let paid = authorize(&town, "B-1");
        town.deliver().await;
        ask(&town, "B-1", "requested_by", "'booking service'").await;
        answered(&town, &["done 10000"]).await;
        town.reaches("B-1", status::Unpaid).await;
        assert_eq!((told(&town, "payment_intent.canceled"), told(&town, "charge.captured")), (1, 0));
        assert_eq!(refunded(&town, &paid), [0; 0]);
        town.email("casey@example.com", "You have not been charged").await;
    }

    /// Given an authorised payment that is flagged, when it is about to run out, then an admin is warned, and it is let go
    /// of at the end, although the session is over.
    async fn a_flagged_authorisation_is_never_captured(db: TestDb) {
        let town = town(db).await;
        authorize(&town, "B-1");
        town.deliver().await;
        town.reaches("B-1", status::Authorized).await;
        town.sql.run("UPDATE payments SET dispute_requested = true, dispute_reason = 'it did not take place'").await;
        completed(&town, "B-1", -86_400).await;
        let days = |days: i64, more: i64| town.sql.seconds_from_now(-days * 86_400 - more);
        town.sql.run(&format!("UPDATE payments SET authorized_at = {}", days(6, 60))).await;
        town.run().await;
        town.email("admin@example.com", "about to run out").await;
        assert_eq!(told(&town, "payment_intent.canceled"), 0);
        town.sql.run(&format!("UPDATE payments SET authorized_at = {}", days(7, -1_800))).await;
        let gone = async || {
            town.run().await;
            told(&town, "payment_intent.canceled") == 1
        };
        town.until("it is let go of", gone).await;
        assert_eq!(told(&town, "charge.captured"), 0);
        town.email("admin@example.com", "let go of").await;
    }

    /// Given Stripe that will not capture, when it says so, then an admin is told, and it is tried again until it does.
    async fn a_capture_that_fails_is_tried_again(db: TestDb) {
        let town = town(db).await;
        authorize(&town, "B-1");
        town.deliver().await;
        completed(&town, "B-1", -86_400).await;
        let refusal =
            Fault::Refuse { status: 402, code: "card_declined".into(), message: "The card said no.".into() };
        town.sandbox.add_fault(FaultRule::once(matching("/v1/payment_intents"), refusal));
        let view = town.reaches("B-1", status::Transferred).await;
        assert_eq!((told(&town, "charge.captured"), town.left("B-1")), (1, 9_000), "{view:?}");
        town.email("admin@example.com", "The card said no.").await;
    }

    /// Given an operator who waits for the session, when nobody says that it took place, then the mentor is not paid; when
    /// somebody does, they are.
    async fn the_completion_gate(db: TestDb) {
        let town = Town::plan().with("release.require_completion", true).found(db).await;
        town.mentor("ada").await;
        town.known_charge("B-1", "ada").await;
        assert_eq!(town.held_for("B-1").await, "not_completed");
        town.not_paid("B-1");
        let payment = town.payment("B-1").await.case.payment.id;
        let now = SystemClock.now();
        town.store.complete(payment, now, "e2e".into(), now).await.expect("recorded");
        town.paid_once("B-1", 9_000).await;
    }
}
