//! Stripe's list of events: what no webhook brought is caught up from it, and nothing is paid before that.

use chrono::TimeDelta;

use super::{Finding, in_time};
use crate::app::SystemClock;
use crate::domain::heard::HEARD;
use crate::ports::{Clock, Span, StripeGateway};
use crate::stripe::Client;

const NAME: &str = "stripe events";

/// Asks for those of the last minute.
pub(super) async fn look(stripe: Option<&Client>) -> Finding {
    let Some(stripe) = stripe else { return Finding::skipped(NAME, "needs a key that Stripe takes") };
    let until = SystemClock.now();
    let span = Span { since: until - TimeDelta::minutes(1), until };
    let failure = match in_time(stripe.events(HEARD[0], span, None)).await {
        Ok(called) => match called.result {
            Ok(_) => return Finding::ok(NAME, "the key may list them: what no webhook brings is caught up"),
            Err(failure) => failure,
        },
        Err(silence) => return Finding::warn(NAME, silence, "try again"),
    };
    match failure.status() {
        Some(403) => Finding::fail(
            NAME,
            "the key may not list events",
            "let the restricted key read events: payoutd pays nothing unless it can ask for those that no webhook brought",
        ),
        _ => Finding::warn(NAME, format!("events could not be listed: {}", failure.message()), "try again"),
    }
}
