//! FX-Orleans: 800 USD, 80/20, authorised at the booking, captured half an hour after the consultation, cancelled by a
//! policy of 24, 4 and 2 hours.

use super::*;
use payoutd::app::sandbox::{Paid, PaidThrough, Pay, PayResult};

/// Booked for a consultation that begins in so many minutes, and takes an hour.
fn consultation(fx: &Platform, id: &str, begins_in: i64) -> Paid {
    let pay =
        Pay::new(80_000, "usd").through(PaidThrough::PaymentIntent).result(PayResult::Authorizes).transfer_group(id);
    let pay = pay.intent_metadata("partnerId", "marie").intent_metadata("bookingId", id);
    let pay = pay.intent_metadata("startTime", &fx.in_minutes(begins_in));
    fx.pays(pay.intent_metadata("endTime", &fx.in_minutes(begins_in + 60)))
}

async fn cancels(fx: &Platform, booking: &str) {
    let payment = fx.column(booking, "id").await;
    let ask =
        format!("INSERT INTO refund_requests (payment_id, by_policy, reason) VALUES ({payment}, true, 'cancelled')");
    assert_eq!(fx.sql.run(&ask).await, 1);
}

/// What Stripe kept of the customer's money for a booking, captured and not given back.
fn kept(fx: &Platform, paid: &Paid) -> i64 {
    let events = fx.sandbox.events();
    let mut about = events.iter().map(|event| event.json()["data"]["object"].clone());
    let last = about.rfind(|object| object["id"] == paid.charge.as_str()).expect("it was told of");
    // Of an authorisation that was let go of Stripe says that it was refunded, too.
    let captured = last["amount_captured"].as_i64().unwrap_or(0);
    (captured - last["amount_refunded"].as_i64().unwrap_or(0)).max(0)
}

on_both_databases! {
    async fn a_week_at_fx_orleans(db: TestDb) {
        let fx = Platform::opens(db, "fx_orleans", 30).await;
        fx.mentor("marie", "US", "usd");

        // Booked 30 hours ago. One ended 31 minutes ago, one 29 minutes ago, and three are to come.
        let held = consultation(&fx, "F-held", -91);
        let just_over = consultation(&fx, "F-just-over", -89);
        let in_time = consultation(&fx, "F-in-time", 25 * 60);
        let half = consultation(&fx, "F-half", 5 * 60);
        let quarter = consultation(&fx, "F-quarter", 3 * 60);
        let too_late = consultation(&fx, "F-too-late", 60);
        fx.time_passes(0);
        fx.webhooks_arrive().await;
        assert_eq!(fx.status("F-held").await, "authorized");

        // Half an hour after the consultation it is captured; the window counts from there.
        fx.reaches("F-held", "pending").await;
        assert_eq!((kept(&fx, &held), kept(&fx, &just_over)), (80_000, 0));
        assert_eq!(fx.status("F-just-over").await, "authorized");

        // Cancellations: nothing is charged, half, a quarter goes back, nothing.
        for booking in ["F-in-time", "F-half", "F-quarter", "F-too-late"] {
            cancels(&fx, booking).await;
        }
        fx.reaches("F-in-time", "unpaid").await;
        fx.reaches("F-half", "pending").await;
        fx.reaches("F-quarter", "pending").await;
        fx.until("the refunds are made", async || {
            fx.cron().await;
            fx.webhooks_arrive().await;
            (kept(&fx, &half), kept(&fx, &quarter)) == (40_000, 60_000)
        }).await;
        assert_eq!((kept(&fx, &in_time), kept(&fx, &too_late)), (0, 0));
        assert_eq!(fx.status("F-too-late").await, "authorized");
        let why = fx.sql.words("outcome", "refund_requests WHERE state = 'refused'").await;
        assert_eq!(why.len(), 1, "{why:?}");
        fx.email("casey@example.com", "F-in-time").await;

        // The window is 72 hours; an admin lets three partners have their money earlier.
        let end = fx.sql.seconds_from_now(-1);
        fx.sql.run(&format!("UPDATE payments SET dispute_period_ends = {end} WHERE status = 'pending'")).await;
        fx.reaches("F-held", "transferred").await;
        fx.reaches("F-half", "transferred").await;
        fx.reaches("F-quarter", "transferred").await;
        assert_eq!((fx.left(&held), fx.left(&half), fx.left(&quarter)), (64_000, 32_000, 48_000));
        fx.email("marie@example.org", "640.00 USD").await;
        fx.books_are_right().await;
    }
}
